"""An index built anew, and syncs beside it, to be run in processes that a test kills: real files, a real state."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from acl import AclStore
from acl import create_tables as create_acl_tables
from indexer.reindexing import LiveIndex, Place, PlaceStore, Reindexing, Standing, next_generation
from indexer.state.ledger import Ledger
from indexer.state.run_history import RunReport
from indexer.state.runs import RunStore
from indexer.state.tables import create_tables
from indexer.sync import SyncSettings, run_sync
from indexer.walk import SyncPorts
from tests.fakes.kept_places import PlacesInFiles
from tests.fakes.plain_rooms import HashingEnricher, PlainTextExtractor
from tests.fakes.scripted_source import SOURCE, ScriptedSource
from vocabulary.access import Acl, Principal
from vocabulary.errors import IndexBusy, RunAborted
from vocabulary.ports import SyncMode

INDEX = "books"
DOCUMENTS = 400
LISTS = [Acl(f"node:{number}", frozenset({Principal.user(SOURCE, f"reader{number}")})) for number in range(5)]


@dataclass
class House:
    """Everything that a process opens in the folder."""

    engine: sa.Engine
    keeper: PlacesInFiles
    store: PlaceStore
    acls: AclStore

    def index(self) -> LiveIndex:
        return LiveIndex(INDEX, self.store, self.keeper.open)

    def reindexing(self) -> Reindexing:
        return Reindexing(INDEX, (SOURCE,), self.acls.numbering, self.store, self.keeper)

    async def sync(self, source: ScriptedSource, live: LiveIndex) -> RunReport:
        ports = SyncPorts(source, PlainTextExtractor(), HashingEnricher(), live, self.acls)
        settings = SyncSettings(SOURCE, delete_brake=1.0)
        return await run_sync(SyncMode.FULL, ports, settings, ledger=Ledger(self.engine), runs=RunStore(self.engine))

    async def standing(self) -> Standing:
        return await self.store.read(INDEX)


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[House]:
    engine = sa.create_engine(f"sqlite:///{folder / 'state.db'}", connect_args={"timeout": 30})

    @sa.event.listens_for(engine, "connect")
    def wal(connection: object, _: object) -> None:
        connection.execute("PRAGMA journal_mode = WAL")  # type: ignore[attr-defined]

    create_acl_tables(engine)
    create_tables(engine)
    try:
        yield House(engine, PlacesInFiles(folder), PlaceStore(engine), AclStore(engine))
    finally:
        engine.dispose()


def library(seed: int) -> ScriptedSource:
    """Some hundred documents, of which each seed has most in common with every other."""
    choice = random.Random(seed)
    source = ScriptedSource(page_size=40)
    for number in range(DOCUMENTS):
        if choice.random() < 0.1:
            continue
        is_new = choice.random() < 0.3
        name = f"d{number:03}"
        source.put(name, f"volume {number} " + (f"as of {seed}" if is_new else "as ever"), acl=choice.choice(LISTS))
        source.versions[name] = seed if is_new else 0
    return source


def switch_to_and_fro(folder: Path) -> None:
    """Build the index anew, go back, drop what is left, and begin again, until somebody kills us."""

    async def work() -> None:
        async with opened(folder) as house:
            while True:
                await once(house)

    asyncio.run(work())


async def once(house: House) -> Place:
    """Build the index anew, or finish what another process began; then back, and drop what that leaves."""
    reindexing = house.reindexing()
    standing = await house.standing()
    if standing.phase == "former":
        await reindexing.drop()
    await reindexing.build(next_generation(await house.standing()))
    await reindexing.go_back()
    await reindexing.drop()
    await reindexing.build(next_generation(await house.standing()))
    return (await house.standing()).place


def keep_syncing(folder: Path, first_seed: int) -> None:
    """Sync a source that changes between two syncs, until somebody kills us."""

    async def work() -> None:
        async with opened(folder) as house, house.index() as live:
            await live.adopt(house.acls.numbering)
            for seed in range(first_seed, first_seed + 1_000_000):
                with suppress(RunAborted, IndexBusy):  # another run is alive as far as its lease tells
                    await house.sync(library(seed), live)
                time.sleep(0.01)

    asyncio.run(work())
