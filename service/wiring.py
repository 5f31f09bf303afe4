"""Builds the system from the settings: the one place where concrete classes are chosen and rooms meet.

    open_state      the state store and everything that lives in it: ACLs, people, ledger, runs
    open_search     the model and the indexes, opened on top of the state
    open_workshop   these, and what reads text out of files
    open_source     one source system
    open_witness    the same, asked who may read what
    make_readers    what tells a reader by a token
    make_metrics    what is measured of all this

Each is an async context manager that closes what it opened, in reverse; a command opens what it needs and no more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import sqlalchemy as sa
from prometheus_client import CollectorRegistry

from acl import (
    AccessControl,
    AclStore,
    AdoptedGroups,
    IdentityMappings,
    IdentityStore,
    MappingFile,
    MappingStore,
    MatchUserBy,
    RevocationRecords,
    SourceIdentityRule,
)
from connectors.registry import CONNECTORS, SourceConnector
from embedder import LoadedModel
from indexer.extract import KreuzbergExtractor
from indexer.reindexing import LiveIndex, PlaceStore, Reindexing, Standing
from indexer.state.audits import AuditHistory
from indexer.state.ledger import Ledger
from indexer.state.runs import RunStore
from service.admin.acts import AdminActs
from service.enrichers import Enrichers
from service.late_check import LateCheck, LateCheckOptions
from service.metrics import (
    AccessCollector,
    AuditMetrics,
    LateCheckCollector,
    Metrics,
    ModelCollector,
    PlainFilterCollector,
    QueryMetrics,
    RevocationMetrics,
    SourceMetrics,
)
from service.places import IndexPlaces
from service.reader import Readers
from service.reranking import open_reranker
from service.revocation_times import RevocationTimes
from service.search import SearchService, ServedIndex
from service.settings.indexes import IndexAccess
from service.settings.settings import Settings
from service.state.store import open_engine
from service.tokens import TokenVerifier
from vocabulary.enricher import Enricher
from vocabulary.ports import Extractor, SearchBackend
from vocabulary.statements import SourceWitness


@dataclass(frozen=True, slots=True)
class State:
    """What the state store holds, by subject."""

    engine: sa.Engine
    acls: AclStore
    identities: IdentityStore
    mappings: MappingStore
    mapping_file: MappingFile | None
    access_control: AccessControl
    ledger: Ledger
    runs: RunStore
    places: PlaceStore
    acts: AdminActs
    revocations: RevocationTimes

    @classmethod
    def over(cls, engine: sa.Engine, *, mapping_file: MappingFile | None = None) -> State:
        """Look at a state store whose tables exist."""
        runs = RunStore(engine)
        return cls(
            engine=engine,
            acls=AclStore(engine),
            identities=IdentityStore(engine),
            mappings=MappingStore(engine),
            mapping_file=mapping_file,
            access_control=AccessControl(engine, mappings=IdentityMappings(engine, mapping_file)),
            ledger=Ledger(engine),
            runs=runs,
            places=PlaceStore(engine),
            acts=AdminActs(engine),
            revocations=RevocationTimes(RevocationRecords(engine), runs),
        )


@asynccontextmanager
async def open_state(settings: Settings) -> AsyncIterator[State]:
    """Open the state store, its tables made or brought to this version.

    Raises:
        SettingInvalid: `state.url` leads to no usable database, or to one of a newer version.
    """
    engine = await asyncio.to_thread(open_engine, settings.state.url)
    mapping_file = _mapping_file(settings)
    try:
        yield State.over(engine, mapping_file=mapping_file)
    finally:
        await asyncio.to_thread(engine.dispose)


@dataclass(frozen=True, slots=True)
class Search:
    """The model and the open indexes."""

    enricher: LoadedModel
    service: SearchService

    def backend(self, index: str) -> SearchBackend:
        return self.service.index(index).backend

    async def enricher_of(self, index: str) -> Enricher:
        return await self.service.enricher_of(self.service.index(index))


@asynccontextmanager
async def open_search(
    settings: Settings, state: State, *, indexes: Iterable[str] | None = None
) -> AsyncIterator[Search]:
    """Load the model and open the named indexes, or all of them, where the state store says that they are."""
    names = list(settings.indexes) if indexes is None else list(indexes)
    async with AsyncExitStack() as opened:
        enrichers = await opened.enter_async_context(Enrichers(settings.embedder))
        keeper = IndexPlaces(settings, enrichers)
        served = {}
        for name in names:
            index = await opened.enter_async_context(LiveIndex(name, state.places, keeper.open))
            ranking, threads = settings.indexes[name].ranking, settings.embedder.threads
            served[name] = ServedIndex(
                name=name,
                access=settings.indexes[name].access,
                backend=index,
                identity_rules=identity_rules(settings, name),
                late_check=await opened.enter_async_context(_late_check(settings, name)),
                reranker=await opened.enter_async_context(open_reranker(name, ranking, threads=threads)),
            )
        yield Search(
            enrichers.configured, SearchService(served, enrichers.configured, plain_filters=keeper.plain_filters)
        )


@asynccontextmanager
async def _late_check(settings: Settings, index: str) -> AsyncIterator[LateCheck | None]:
    """Open what confirms hits of an index at its sources; None where its settings want nothing confirmed."""
    configured = settings.indexes[index]
    if not configured.late_check:
        yield None
        return
    options = LateCheckOptions(
        hits=configured.late_check,
        within_s=configured.late_check_timeout_s,
        is_public=configured.access is IndexAccess.PUBLIC,
    )
    async with AsyncExitStack() as opened:
        witnesses = {
            source: await opened.enter_async_context(open_witness(settings, source))
            for source in settings.sources_of(index)
        }
        yield LateCheck(witnesses, options)


@asynccontextmanager
async def open_source(settings: Settings, source: str) -> AsyncIterator[SourceConnector]:
    """Connect to a source system."""
    configured = settings.sources[source]
    async with CONNECTORS[configured.connector].create(source, configured.connection) as connector:
        yield connector


@asynccontextmanager
async def open_witness(settings: Settings, source: str) -> AsyncIterator[SourceWitness]:
    """Open what a source is asked by whether a person may read a document."""
    configured = settings.sources[source]
    async with CONNECTORS[configured.connector].witness(source, configured.connection) as witness:
        yield witness


@dataclass(frozen=True, slots=True)
class Workshop:
    """What turns documents into searchable passages, for any number of sources."""

    search: Search
    extractor: Extractor


@asynccontextmanager
async def open_workshop(
    settings: Settings, state: State, *, indexes: Iterable[str] | None = None
) -> AsyncIterator[Workshop]:
    """Open the model, the named indexes (or all of them), and what reads text out of files."""
    async with AsyncExitStack() as opened:
        search = await opened.enter_async_context(open_search(settings, state, indexes=indexes))
        extractor = await opened.enter_async_context(KreuzbergExtractor(settings.extraction))
        yield Workshop(search, extractor)


def make_reindexing(
    settings: Settings, state: State, enrichers: Enrichers, index: str, *, on_progress: Callable[[Standing], None]
) -> Reindexing:
    """Make what builds an index anew beside the present one."""
    return Reindexing(
        index=index,
        sources=settings.sources_of(index),
        numbering=state.acls.numbering,
        store=state.places,
        keeper=IndexPlaces(settings, enrichers),
        on_progress=on_progress,
    )


def make_readers(settings: Settings, state: State) -> Readers:
    """Make what tells readers by their tokens; it opens nothing until the first token needs a published key.

    Raises:
        SettingMissing: an index asks for tokens, and no `[[tokens]]` says whose.
        SettingInvalid: the file of identity mappings cannot be used.
    """
    settings.require_issuers()
    if state.mapping_file is not None:
        state.mapping_file.require_usable()
    return Readers(state.access_control, TokenVerifier(settings.tokens))


def make_metrics(
    settings: Settings, state: State, service: SearchService | None = None, *, model: LoadedModel | None = None
) -> Metrics:
    """Make what measures this process, in a registry of its own.

    `service` answers its queries, if it answers any; `model` is the one that the settings name, once it is loaded.
    """
    registry = CollectorRegistry()
    if model is not None:
        registry.register(ModelCollector(model))
    registry.register(AccessCollector(state.access_control))
    served = service.indexes if service is not None else {}
    late_checks = {name: check for name, index in served.items() if (check := index.late_check) is not None}
    registry.register(LateCheckCollector(late_checks))
    if service is not None:
        registry.register(PlainFilterCollector(list(served), service.plain_filters))
    return Metrics(
        registry,
        queries=QueryMetrics(registry, indexes=settings.indexes),
        followed=[
            SourceMetrics(registry, modes=settings.modes(), runs=state.runs, ledger=state.ledger),
            AuditMetrics(registry, sources=settings.sources, history=AuditHistory(state.engine)),
            RevocationMetrics(registry, sources=settings.sources, times=state.revocations),
        ],
    )


def identity_rules(settings: Settings, index: str) -> tuple[SourceIdentityRule, ...]:
    """How a reader is found among the people of each source of an index."""
    return tuple(identity_rule(settings, source) for source in settings.sources_of(index))


def identity_rule(settings: Settings, source: str) -> SourceIdentityRule:
    """How a reader is found among the people of one source."""
    configured = settings.sources[source]
    adopted = configured.adopt_groups
    return SourceIdentityRule(
        source,
        MatchUserBy(configured.match_user_by),
        adopted=AdoptedGroups(adopted.issuer, adopted.prefix) if adopted is not None else None,
    )


def _mapping_file(settings: Settings) -> MappingFile | None:
    if settings.identities.file is None:
        return None
    issuers = [entry.issuer for entry in settings.tokens]
    return MappingFile(settings.identities.file, sources=settings.sources, issuers=issuers)
