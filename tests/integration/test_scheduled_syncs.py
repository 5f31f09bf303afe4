"""A revocation overtakes a crawl: due permissions interrupt it, the next query obeys, the crawl goes on and completes.

A simulated repository over HTTP, the model, the embedded index and the state store; only the scheduler's clock is
moved by the test.
"""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from acl import ReaderClaims
from connectors.alfresco.simulator import World, served_world
from connectors.alfresco.simulator.faults import delay
from indexer.state.run_history import RunReport, RunState
from service.scheduling.jobs import Jobs
from service.scheduling.scheduler import LEAST_SLICE_S, Scheduler
from service.scheduling.timetable import Job, timetable
from service.settings.settings import Settings, load_settings
from service.wiring import State, Workshop, open_state, open_workshop
from tests.fakes.scripted_clock import ScriptedClock
from tests.unit.service.programs import running as running_program
from tests.unit.service.programs import stop
from vocabulary.ports import SyncMode
from vocabulary.search import Query, SearchMode

DOCUMENTS = 240  # more than the pipeline's queues hold, so that the crawl is still listing when it is asked to stop
PATIENCE_S = 120.0
SILENCE_S = 25.0
NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
SETTINGS = """
[state]
url = "sqlite:///state.db"
[indexes.private]
engine = "embedded"
path = "private"
[sources.intranet]
connector = "alfresco"
index = "private"
url = "{url}"
auth = {{ kind = "basic", username = "admin", password = {{ file = "password" }} }}
sites = ["library"]
page_size = 10
schedule = {{ content = "0 2 * * *", permissions = "30 12 * * *", jitter_s = 0 }}
"""


@dataclass
class Scheduled:
    world: World
    shelf: str  # the folder that the crawl meets first
    settings: Settings
    state: State
    workshop: Workshop
    clock: ScriptedClock

    async def found_by(self, person: str, shelf: str) -> int:
        """How many books of a shelf a person finds now."""
        index = self.workshop.search.service.index("private")
        claims = ReaderClaims(user=f"{person}@example.com", groups=(), issuer="test")
        access = await self.state.access_control.filter_for(claims, index.identity_rules)
        page = await index.backend.search(Query(shelf, mode=SearchMode.KEYWORD, size=1), None, access)
        return page.total.value

    async def runs(self) -> list[RunReport]:
        return list(reversed(await self.state.runs.recent()))

    async def until_runs(self, count: int, *, last: RunState | None = None) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while len(runs := await self.runs()) < count or last not in (None, runs[-1].state):
                await asyncio.sleep(0.01)


@pytest.fixture
def world() -> World:
    world = World(name="scheduled")
    world.add_site("library", visibility="PRIVATE")
    for person in ("ann", "bob"):
        world.add_person(person, email=f"{person}@example.com")
    library = world.document_library("library")
    world.set_permissions(library, entries=[("bob", "Consumer")])
    for shelf in ("first", "second"):
        folder = world.add_folder(library, shelf)
        for number in range(DOCUMENTS // 2):
            text = f"Book {number} of the {shelf} shelf tells of rivers and of those who build bridges."
            world.add_file(folder, f"book-{number:03}.txt", text.encode(), "text/plain")
    return world


@pytest.fixture
def url(world: World) -> Iterator[str]:
    with served_world(world) as address:
        yield address


def prepare(url: str, folder: Path) -> None:
    (folder / "password").write_text("admin")
    (folder / "sightline.toml").write_text(SETTINGS.format(url=url))


@asynccontextmanager
async def scheduled(world: World, url: str, folder: Path) -> AsyncIterator[Scheduled]:
    prepare(url, folder)
    settings = load_settings(folder / "sightline.toml", {})
    library = world.document_library("library")
    shelf = next(child.id for child in world.subtree(library) if child.name == "first")
    async with open_state(settings) as state, open_workshop(settings, state) as workshop:
        yield Scheduled(world, shelf, settings, state, workshop, ScriptedClock(NOON))


async def until(happened: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not happened():
            await asyncio.sleep(0.01)


async def test_a_revocation_overtakes_a_crawl(world: World, url: str, tmp_path: Path) -> None:
    async with scheduled(world, url, tmp_path) as system:
        jobs = Jobs(system.settings, system.state, system.workshop)
        scheduler = Scheduler(
            timetable(system.settings), jobs.run, settings=system.settings.scheduler, clock=system.clock
        )
        slow = world.faults.add(delay(0.1), path="/content$")
        running = asyncio.create_task(scheduler.run([Job("intranet", SyncMode.FULL)]))
        try:
            await until(lambda: len(world.request_log.content_requests()) > DOCUMENTS // 20)
            world.set_permissions(system.shelf, entries=[("ann", "Consumer")], inherit=False)
            await system.clock.advance(NOON + timedelta(minutes=30, seconds=LEAST_SLICE_S))
            await system.until_runs(3)
            assert await system.found_by("bob", "first") == 0, "revoked while the crawl is under way"
            assert await system.found_by("ann", "first") > 0
            read_by_then = len(world.request_log.content_requests())
            first, permissions, _ = await system.runs()
            assert (first.mode, first.state) == (SyncMode.FULL, RunState.INTERRUPTED)
            assert first.tally.scanned == sum(first.tally.states.values()) < DOCUMENTS
            assert (permissions.mode, permissions.state) == (SyncMode.PERMISSIONS, RunState.SUCCEEDED)
            assert read_by_then < DOCUMENTS, "the crawl has not read everything yet"
            world.faults.remove(slow)
            await system.until_runs(3, last=RunState.SUCCEEDED)
        finally:
            scheduler.stop()
            await running
        # What a resumed crawl is followed by, permissions from the beginning, may have begun and been stopped.
        resumed = (await system.runs())[2]
        assert (resumed.mode, resumed.state, resumed.resumed) == (SyncMode.FULL, RunState.SUCCEEDED, True)
        assert len(world.request_log.content_requests()) == DOCUMENTS, "each document was read once"
        assert [await system.found_by("ann", shelf) for shelf in ("first", "second")] == [DOCUMENTS // 2, 0]
        assert [await system.found_by("bob", shelf) for shelf in ("first", "second")] == [0, DOCUMENTS // 2]


async def test_a_second_signal_waits_for_nothing(world: World, url: str, tmp_path: Path) -> None:
    """The source has stopped answering: the first signal lets the crawl end in order, the second one ends it."""
    silence = world.faults.add(delay(SILENCE_S), path="/content$")
    prepare(url, tmp_path)
    program = ["schedule", "--config", str(tmp_path / "sightline.toml")]
    with running_program(program, announced_by="Scheduled 2 jobs") as (process, _):
        await until(lambda: silence.hits)
        began_at = time.monotonic()
        process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=2)
        assert stop(process, signal.SIGTERM)[0] == 0
        assert time.monotonic() - began_at < SILENCE_S
    with sqlite3.connect(tmp_path / "state.db") as state:
        assert state.execute("SELECT state FROM runs").fetchall() == [("interrupted",)]
