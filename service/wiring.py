"""Builds the system from the settings: the one place where concrete classes are chosen and rooms meet.

    open_state      the state store and everything that lives in it: ACLs, people, ledger, runs
    open_search     the model and the indexes, opened on top of the state
    open_index      one index of either engine
    open_workshop   these, and what reads text out of files
    open_source     one source system
    make_readers    what tells a reader by a token

Each is an async context manager that closes what it opened, in reverse; a command opens what it needs and no more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from acl import AccessControl, AclStore, IdentityStore, MatchUserBy, SourceIdentityRule
from acl import create_tables as create_acl_tables
from connectors.registry import CONNECTORS, SourceConnector
from embedder import ModelEnricher, open_enricher
from indexer.backends.embedded import EmbeddedBackend
from indexer.extract import KreuzbergExtractor
from indexer.state.ledger import Ledger
from indexer.state.runs import RunStore
from indexer.state.tables import create_tables as create_indexer_tables
from service.index_settings import EmbeddedIndexSettings, IndexSettings
from service.reader import Readers
from service.search import SearchService, ServedIndex
from service.settings import Settings
from service.tokens import TokenVerifier
from vocabulary.errors import ConfigurationError, SettingInvalid
from vocabulary.ports import Extractor, SearchBackend

# A second process may hold the write lock while it stores a directory of a hundred thousand people.
SQLITE_BUSY_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class State:
    """What the state store holds, by subject."""

    engine: sa.Engine
    acls: AclStore
    identities: IdentityStore
    access_control: AccessControl
    ledger: Ledger
    runs: RunStore


@asynccontextmanager
async def open_state(settings: Settings) -> AsyncIterator[State]:
    """Open the state store, with its tables made where they are missing.

    Raises:
        SettingInvalid: `state.url` leads to no usable database.
    """
    engine = await asyncio.to_thread(_open_engine, settings.state.url)
    try:
        yield State(
            engine=engine,
            acls=AclStore(engine),
            identities=IdentityStore(engine),
            access_control=AccessControl(engine),
            ledger=Ledger(engine),
            runs=RunStore(engine),
        )
    finally:
        await asyncio.to_thread(engine.dispose)


@dataclass(frozen=True, slots=True)
class Search:
    """The model and the open indexes."""

    enricher: ModelEnricher
    service: SearchService

    def backend(self, index: str) -> SearchBackend:
        return self.service.index(index).backend


@asynccontextmanager
async def open_search(settings: Settings, *, indexes: Iterable[str] | None = None) -> AsyncIterator[Search]:
    """Load the model and open the named indexes, or all of them."""
    names = list(settings.indexes) if indexes is None else list(indexes)
    async with AsyncExitStack() as opened:
        enricher = await opened.enter_async_context(open_enricher(settings.embedder))
        served = {}
        for name in names:
            backend = await opened.enter_async_context(open_index(settings, name, dimensions=enricher.dimensions))
            served[name] = ServedIndex(
                name=name,
                access=settings.indexes[name].access,
                backend=backend,
                identity_rules=identity_rules(settings, name),
            )
        yield Search(enricher, SearchService(served, enricher))


@asynccontextmanager
async def open_index(settings: Settings, name: str, *, dimensions: int) -> AsyncIterator[SearchBackend]:
    """Open an index for vectors of this size; what is wrong with it is told with the setting that names it.

    Raises:
        SettingInvalid: it cannot be opened, or its engine is not installed.
        IndexBusy: its cluster does not answer.
    """
    async with AsyncExitStack() as opened:
        try:
            backend = await opened.enter_async_context(_index(name, settings.indexes[name], dimensions))
        except ConfigurationError as error:
            raise SettingInvalid(f"indexes.{name}.{settings.indexes[name].told(str(error))}") from error
        yield backend


def _index(name: str, index: IndexSettings, dimensions: int) -> AbstractAsyncContextManager[SearchBackend]:
    if isinstance(index, EmbeddedIndexSettings):
        return EmbeddedBackend(index.path, dimensions=dimensions, languages=index.languages)
    try:
        from indexer.backends.opensearch.backend import OpenSearchBackend  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise SettingInvalid('engine: "opensearch" needs the extra sightline[opensearch]') from error
    return OpenSearchBackend(index.config(name), dimensions=dimensions)


@asynccontextmanager
async def open_source(settings: Settings, source: str) -> AsyncIterator[SourceConnector]:
    """Connect to a source system."""
    configured = settings.sources[source]
    async with CONNECTORS[configured.connector].create(source, configured.connection) as connector:
        yield connector


@dataclass(frozen=True, slots=True)
class Workshop:
    """What turns documents into searchable passages, for any number of sources."""

    search: Search
    extractor: Extractor


@asynccontextmanager
async def open_workshop(settings: Settings, *, indexes: Iterable[str] | None = None) -> AsyncIterator[Workshop]:
    """Open the model, the named indexes (or all of them), and what reads text out of files."""
    async with open_search(settings, indexes=indexes) as search, KreuzbergExtractor(settings.extraction) as extractor:
        yield Workshop(search, extractor)


def make_readers(settings: Settings, state: State) -> Readers:
    """Make what tells readers by their tokens; it opens nothing until the first token needs a published key.

    Raises:
        SettingMissing: an index asks for tokens, and no `[[tokens]]` says whose.
    """
    settings.require_issuers()
    return Readers(state.access_control, TokenVerifier(settings.tokens))


def identity_rules(settings: Settings, index: str) -> tuple[SourceIdentityRule, ...]:
    """How a reader is found among the people of each source of an index."""
    return tuple(
        SourceIdentityRule(source, MatchUserBy(settings.sources[source].match_user_by))
        for source in settings.sources_of(index)
    )


def _open_engine(url: str) -> sa.Engine:
    try:
        engine = sa.create_engine(
            url, hide_parameters=True
        )  # errors are logged, and parameters are people and documents
        if engine.dialect.name == "sqlite":
            _prepare_sqlite(engine)
        create_acl_tables(engine)
        create_indexer_tables(engine)
    except ModuleNotFoundError as error:
        raise SettingInvalid(f"state.url: the database driver {error.name} is not installed") from error
    except OSError as error:
        raise SettingInvalid(f"state.url: {error.filename}: {(error.strerror or str(error)).lower()}") from error
    except SQLAlchemyError as error:
        # The words of a database server's driver may repeat the address with its password.
        words = str(error.orig) if isinstance(error, DBAPIError) and url.startswith("sqlite") else type(error).__name__
        raise SettingInvalid(f"state.url: the database cannot be opened ({words})") from error
    return engine


def _prepare_sqlite(engine: sa.Engine) -> None:
    if engine.url.database and engine.url.database != ":memory:":
        Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)

    @sa.event.listens_for(engine, "connect")
    def set_pragmas(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")  # `serve` reads while a sync writes
        # A number must never be given to a second ACL after a power cut: an index may already hold the first.
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute(f"PRAGMA busy_timeout = {round(SQLITE_BUSY_TIMEOUT_S * 1000)}")
        cursor.close()
