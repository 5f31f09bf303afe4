"""A simulated Alfresco with lanes, synced for real: the memory index, the lists and identities of a state store.

What a test asks for is what a person finds, by the names of files.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
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
from connectors.alfresco.simulator.model import Node
from connectors.alfresco.simulator.request_log import LoggedRequest
from indexer.backends.memory.backend import MemoryBackend
from indexer.state.run_history import RunReport
from indexer.state.tables import create_tables
from tests.fakes.plain_rooms import DIMENSIONS
from tests.fakes.scripted_source import SOURCE
from tests.fakes.sync_bench import Bench
from vocabulary.ports import CheckResult, SyncMode
from vocabulary.search import Query

ALICE, BOB = "alice", "bob"
EVERYTHING = {"one.txt", "two.txt", "three.txt"}


@dataclass
class Clock:
    """The repository's clock; it stands still but for what passes before each sync."""

    now: datetime = datetime(2024, 5, 1, 9, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@dataclass
class LaneSystem:
    """What a test changes (world, settings), drives (syncs) and asks (what people find)."""

    clock: Clock
    world: World
    url: str
    bench: Bench
    access_control: AccessControl
    settings: dict[str, Any] = field(default_factory=lambda: {"folders": ["Shared"]})
    account: str = "admin"

    async def furnish(self) -> None:
        """Have two people who may read all, and a folder with files and a folder below, a day before the first sync."""
        for name in (ALICE, BOB):
            self.world.add_person(name)
        plans = self.world.add_folder(self.world.shared, "plans")
        deep = self.world.add_folder(plans, "deep")
        for parent, names in ((plans, ("one.txt", "two.txt")), (deep, ("three.txt",))):
            for name in names:
                self.world.add_file(parent, name, f"words of {name}".encode())
        self.clock.now += timedelta(days=1)
        await self.sync(SyncMode.FULL)
        assert await self.find() == EVERYTHING

    def named(self, name: str) -> Node:
        """The node of the scope with this name."""
        return next(node for node in self.world.subtree(self.world.shared) if node.name == name)

    async def sync(self, mode: SyncMode = SyncMode.CHANGES) -> RunReport:
        """Let ten minutes pass and run a sync, its requests alone in the log; people are read before a full one."""
        self.clock.now += timedelta(minutes=10)
        self.world.request_log.clear()
        async with self.connected() as connector:
            if mode is SyncMode.FULL:
                await refresh_identities(SOURCE, connector, IdentityStore(self.bench.engine))
            self.bench.source = connector  # type: ignore[assignment]  # any connector will do
            return await self.bench.sync(mode, confirm_deletes=True)

    async def check(self, subject: str) -> CheckResult:
        async with self.connected() as connector:
            return next(result for result in await connector.check() if result.subject == subject)

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[AlfrescoConnector]:
        auth = {"kind": "basic", "username": self.account, "password": SecretStr(self.account)}
        config = AlfrescoConfig.model_validate({"url": self.url, "auth": auth} | self.settings)
        async with AlfrescoConnector(SOURCE, config) as connector:
            yield connector

    async def find(self, person: str = ALICE) -> set[str]:
        """Titles of what a person finds."""
        claims = ReaderClaims(user=person, groups=(), issuer="https://idp.example.com")
        rule = SourceIdentityRule(SOURCE, MatchUserBy.USERNAME)
        access = await self.access_control.filter_for(claims, [rule])
        page = await self.bench.backend.search(Query("", size=1_000), None, access)
        return {hit.title for hit in page.hits}

    def permitted(self, person: str = ALICE) -> set[str]:
        """Names of what the repository lets a person find in the scope."""
        files = [node for node in self.world.subtree(self.world.shared) if node.content is not None]
        return {node.name for node in files if self.world.may_find(person, node.id)}

    def requests(self, *paths: str) -> list[LoggedRequest]:
        """The requests of the last sync, or those whose path ends in one of these."""
        return [each for each in self.world.request_log if not paths or each.path.endswith(tuple(paths))]


@asynccontextmanager
async def lane_system(path: Path, *, lanes: Collection[str] = (), **settings: Any) -> AsyncIterator[LaneSystem]:
    """Serve an empty world and make an empty index."""
    clock = Clock()
    world = World(name="lanes", clock=clock)
    engine = sa.create_engine(f"sqlite:///{path / 'state.db'}")
    create_tables(engine)
    create_acl_tables(engine)
    async with MemoryBackend(dimensions=DIMENSIONS) as backend, running_simulator(world) as url:
        bench = Bench(engine, backend, numbering=AclStore(engine, clock=lambda: bench.now))
        system = LaneSystem(clock, world, url, bench, AccessControl(engine))
        system.settings |= {"lanes": sorted(lanes)} | settings
        yield system
    engine.dispose()
