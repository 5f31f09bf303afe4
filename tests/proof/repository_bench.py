"""A whole sync on a generated repository, fast: the real server over HTTP, connector, state store, lists and people;
plain rooms in place of text extraction and of the model.

    async with bench_on(generate_world(1_000, seed=1, clock=clock), path) as bench:
        await bench.sync()                          # people, then documents, as `sightline sync` does
        await bench.sync(SyncMode.PERMISSIONS)
        assert await bench.found("user0001") == …   # what this person finds by browsing

Time at the repository stands until it is let pass, so that readings of changes overlap only as far as they are told to.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic import SecretStr

from acl import (
    AccessControl,
    AclStore,
    IdentityStore,
    MatchUserBy,
    ReaderClaims,
    SourceIdentityRule,
    refresh_identities,
)
from acl import create_tables as create_acl_tables
from connectors.alfresco import AlfrescoConfig, AlfrescoConnector
from connectors.alfresco.simulator import World, running_simulator
from connectors.alfresco.simulator.generator import ARCHIVE
from indexer.backends.embedded import EmbeddedBackend
from indexer.backends.memory.backend import MemoryBackend
from indexer.layers import RetryPolicy
from indexer.state.ledger import Ledger
from indexer.state.run_history import RunReport
from indexer.state.runs import RunStore
from indexer.state.tables import create_tables
from indexer.sync import SyncSettings, run_sync
from indexer.walk import PipelineLimits, SyncPorts
from tests.fakes.plain_rooms import DIMENSIONS, HashingEnricher, PlainTextExtractor
from tests.proof.oracle import Oracle
from vocabulary.access import AccessFilter
from vocabulary.documents import DocumentId, PassageKind
from vocabulary.ports import SearchBackend, SyncMode
from vocabulary.search import Hit, Query

SOURCE = "repository"


@dataclass
class Clock:
    """The repository's time: after all that was generated, and standing still."""

    now: datetime = datetime(2024, 5, 1, 9, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_time(self, step: timedelta = timedelta(hours=1)) -> None:
        self.now += step


async def no_wait(_: float) -> None:
    await asyncio.sleep(0)


@dataclass
class RepositoryBench:
    """A served world, and everything that a run and a reader need."""

    world: World
    clock: Clock
    url: str
    engine: sa.Engine
    backend: SearchBackend
    settings: dict[str, Any]  # of the connector, beside its address and account
    enricher: HashingEnricher = field(default_factory=HashingEnricher)
    limits: PipelineLimits = field(default_factory=PipelineLimits)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    hits_at_once: int = 500
    sample: tuple[str, ...] = ()  # the people who are asked; empty: all of them
    decisions: int = 0  # pairs of a person and a document about which index and oracle were compared
    own_clock: Callable[[], float] | None = None  # of the machine that syncs, epoch seconds; None: the repository's

    def __post_init__(self) -> None:
        self.ledger, self.runs, self.acls = Ledger(self.engine), RunStore(self.engine), AclStore(self.engine)
        self.identities, self.access_control = IdentityStore(self.engine), AccessControl(self.engine)

    # -- syncing -------------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def connector(self) -> AsyncIterator[AlfrescoConnector]:
        auth = {"kind": "basic", "username": "admin", "password": SecretStr("admin")}
        config = AlfrescoConfig.model_validate({"url": self.url, "auth": auth, **self.settings})
        async with AlfrescoConnector(SOURCE, config) as connector:
            yield connector

    async def refresh_identities(self) -> None:
        async with self.connector() as connector:
            await self._refresh(connector)

    async def sync(
        self, mode: SyncMode = SyncMode.FULL, *, confirm_deletes: bool = False, brake: float = 0.15
    ) -> RunReport:
        """People and groups, then documents as far as the mode goes."""
        async with self.connector() as connector:
            await self._refresh(connector)
            return await self._run(mode, connector, confirm_deletes=confirm_deletes, brake=brake)

    async def sync_documents(self, mode: SyncMode, *, confirm_deletes: bool = False, brake: float = 0.15) -> RunReport:
        """Documents alone, as far as the mode goes."""
        async with self.connector() as connector:
            return await self._run(mode, connector, confirm_deletes=confirm_deletes, brake=brake)

    async def _refresh(self, connector: AlfrescoConnector) -> None:
        await self.policy.call(lambda: refresh_identities(SOURCE, connector, self.identities))

    async def _run(
        self, mode: SyncMode, connector: AlfrescoConnector, *, confirm_deletes: bool, brake: float
    ) -> RunReport:
        ports = SyncPorts(connector, PlainTextExtractor(), self.enricher, self.backend, self.acls)
        settings = SyncSettings(
            SOURCE,
            delete_brake=brake,
            confirm_deletes=confirm_deletes,
            limits=self.limits,
            policy=self.policy,
            stop=self.stop,
            clock=self.own_clock or (lambda: self.clock().timestamp()),
        )
        return await run_sync(mode, ports, settings, ledger=self.ledger, runs=self.runs)

    policy = RetryPolicy(attempts=3, sleep=no_wait)

    # -- the index -----------------------------------------------------------------------------------------------------

    async def found(self, user: str, *, by: MatchUserBy = MatchUserBy.USERNAME) -> list[str]:
        """Ids of what the person with this name finds by browsing, in the order of the answers."""
        return [hit.document_id.native_id for hit in await self._browse(await self.access_of(user, by=by))]

    async def access_of(self, user: str, *, by: MatchUserBy = MatchUserBy.USERNAME) -> AccessFilter:
        claims = ReaderClaims(user=user, groups=(), issuer="https://idp.example.com")
        return await self.access_control.filter_for(claims, [SourceIdentityRule(SOURCE, by)])

    async def _browse(self, access: AccessFilter) -> list[Hit]:
        """All pages of an answer; its total counts what they hold."""
        hits: list[Hit] = []
        cursor = None
        while True:
            query = Query("", size=self.hits_at_once, cursor=cursor, highlight=False)
            page = await self.backend.search(query, None, access)
            hits += page.hits
            cursor = page.next_cursor
            if cursor is None:
                assert page.total.value == len(hits)
                return hits

    async def stored(self) -> list[str]:
        """Ids of all documents in the index."""
        return [document_id.native_id async for document_id in self.backend.document_ids(SOURCE)]

    async def shown(self) -> dict[str, Hit]:
        """What an administrator finds, by id."""
        return {hit.document_id.native_id: hit for hit in await self._browse(await self.access_of("admin"))}

    async def texts(self, native_id: str) -> tuple[str, frozenset[tuple[str, str]]]:
        """A document's own text as it is stored, and its comments by id."""
        passages = [each.passage for each in await self.backend.stored_passages(DocumentId(SOURCE, native_id))]
        body = " ".join(word for each in passages if each.kind is PassageKind.BODY for word in each.text.split())
        comments = {(str(each.comment_id), " ".join(each.text.split())) for each in passages if each.comment_id}
        return body, frozenset(comments)

    # -- the truth -----------------------------------------------------------------------------------------------------

    def roots(self) -> list[str]:
        """The folders that are crawled: those of all sites, and the archive."""
        world = self.world
        libraries = [site.containers["documentLibrary"] for site in world.sites.values()]
        archive = world.child_named(world.root, ARCHIVE)
        return [*libraries, *([archive.id] if archive else [])]

    def in_scope(self) -> set[str]:
        return Oracle(self.world).documents_below(self.roots())

    def people(self) -> list[str]:
        return list(self.sample or self.world.directory.people)

    def content_requests(self) -> int:
        return len(self.world.request_log.content_requests())


@asynccontextmanager
async def bench_on(
    world: World, clock: Clock, path: Path, *, embedded: bool = False, **settings: Any
) -> AsyncIterator[RepositoryBench]:
    """Serve the world and open a state store and an index in `path`; nothing is synced yet."""
    async with (
        running_simulator(world) as url,
        bench_at(url, world, clock, path, embedded=embedded, **settings) as bench,
    ):
        yield bench


@asynccontextmanager
async def bench_at(
    url: str, world: World, clock: Clock, path: Path, *, embedded: bool = True, **settings: Any
) -> AsyncIterator[RepositoryBench]:
    """The same with a world that is served already, so that state store and index can be opened again for it."""
    engine = open_state(path)
    index = EmbeddedBackend(path / "index", dimensions=DIMENSIONS) if embedded else MemoryBackend(dimensions=DIMENSIONS)
    scope = settings or {"sites": "all", "folders": [ARCHIVE]}
    try:
        async with index:
            yield RepositoryBench(world, clock, url, engine, index, scope)
    finally:
        engine.dispose()


def open_state(path: Path) -> sa.Engine:
    engine = sa.create_engine(f"sqlite:///{path / 'state.db'}")

    @sa.event.listens_for(engine, "connect")
    def set_pragmas(connection: Any, _: object) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")  # nobody pulls the plug on a test

    create_acl_tables(engine)
    create_tables(engine)
    return engine
