"""A run that lost its source to another one while it slept: it ends, and nothing that it knew comes over what is known
since. Two runs at once: the second is refused."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connectors.alfresco.simulator import World
from connectors.alfresco.simulator.faults.kinds import Fault
from indexer.state.leases import LEASE_S, RunInProgress
from indexer.state.run_history import RunState
from indexer.state.runs import RunStore
from tests.proof import promises
from tests.proof.repository_bench import Clock, RepositoryBench, bench_on
from vocabulary.ports import SyncMode

DOCUMENTS_TOO = "where=%28isPrimary"  # listings of folders alone say isFolder first
MODES = (SyncMode.FULL, SyncMode.PERMISSIONS)


@dataclass
class Held:
    """An answer that the repository has given and that arrives only when it is let go."""

    is_reached: asyncio.Event = field(default_factory=asyncio.Event)
    is_let_go: bool = False

    def __post_init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def fault(self) -> Fault:
        async def apply(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
            messages: list[Message] = []

            async def keep(message: Message) -> None:
                messages.append(message)

            await app(scope, receive, keep)
            self._loop.call_soon_threadsafe(self.is_reached.set)
            while not self.is_let_go:
                await asyncio.sleep(0.002)
            for message in messages:
                await send(message)

        return Fault("held", apply)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[RepositoryBench]:
    clock = Clock()
    world = World(name="leases", clock=clock)
    for person in ("clerk", "director"):
        world.add_person(person, password=person)
    archive = world.add_folder(world.root, "Archive")
    world.set_permissions(archive, inherit=False, entries=[])
    for name in ("first", "second", "third"):
        folder = world.add_folder(archive, name)
        world.set_permissions(folder, inherit=False, entries=[("director", "Consumer")])
        for number in range(5):
            world.add_file(folder, f"{name} {number}.txt", f"text {name} {number}".encode())
    async with bench_on(world, clock, tmp_path, folders=["Archive"], page_size=3, max_connections=1) as running:
        promises.succeeded(await running.sync())
        yield running


def another(bench: RepositoryBench) -> RepositoryBench:
    """Another process on the same state and index, to which the lease of the first one looks expired."""
    other = RepositoryBench(bench.world, bench.clock, bench.url, bench.engine, bench.backend, bench.settings)
    other.runs = RunStore(bench.engine, clock=lambda: time.time() + LEASE_S + 1)
    return other


def named(bench: RepositoryBench, name: str) -> str:
    return next(node.id for node in bench.world.nodes.values() if node.name == name)


def listing_of(bench: RepositoryBench, name: str) -> str:
    return f"/nodes/{named(bench, name)}/children$"


def admit(bench: RepositoryBench, name: str, *people: str) -> None:
    entries = [(person, "Consumer") for person in people]
    bench.world.set_permissions(named(bench, name), inherit=False, entries=entries)


@pytest.mark.parametrize("mode", [SyncMode.FULL, SyncMode.PERMISSIONS, SyncMode.CHANGES])
async def test_a_second_run_is_refused_while_the_first_is_alive(bench: RepositoryBench, mode: SyncMode) -> None:
    held = Held()
    bench.world.faults.add(held.fault(), path=listing_of(bench, "second"), times=1)
    first = asyncio.create_task(bench.sync_documents(SyncMode.FULL))
    await held.is_reached.wait()
    with pytest.raises(RunInProgress):
        await bench.sync_documents(mode)
    held.is_let_go = True
    promises.succeeded(await first)
    await promises.everything_is_current(bench)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("takes_over", MODES)
async def test_a_run_that_wakes_when_another_has_ended_changes_nothing(
    bench: RepositoryBench, mode: SyncMode, takes_over: SyncMode
) -> None:
    held, other = Held(), another(bench)
    admit(bench, "second", "director", "clerk")
    bench.world.faults.add(held.fault(), path=listing_of(bench, "second"), query=DOCUMENTS_TOO, times=1)
    sleeping = asyncio.create_task(bench.sync_documents(mode))
    await held.is_reached.wait()
    admit(bench, "second", "director")
    bench.clock.pass_time()
    promises.succeeded(await other.sync_documents(takes_over))
    held.is_let_go = True
    report = await sleeping
    assert report.state is not RunState.SUCCEEDED
    await promises.exactly_the_permitted_is_found(bench, among=bench.in_scope())
    other.runs = RunStore(bench.engine)
    promises.succeeded(await other.sync())
    await promises.everything_is_current(bench)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("takes_over", MODES)
async def test_a_run_that_wakes_beside_another_gives_nobody_what_was_taken_since(
    bench: RepositoryBench, mode: SyncMode, takes_over: SyncMode
) -> None:
    """The sleeping run read an open folder; it was closed before the other run began, which is under way now."""
    held, held_too, other = Held(), Held(), another(bench)
    admit(bench, "second", "director", "clerk")
    bench.world.faults.add(held.fault(), path=listing_of(bench, "second"), query=DOCUMENTS_TOO, times=1)
    sleeping = asyncio.create_task(bench.sync_documents(mode))
    await held.is_reached.wait()
    admit(bench, "second", "director")
    bench.clock.pass_time()
    bench.world.faults.add(held_too.fault(), path=listing_of(bench, "third"), query="skipCount=2", times=1)
    awake = asyncio.create_task(other.sync_documents(takes_over))
    await held_too.is_reached.wait()
    held.is_let_go = True
    assert (await sleeping).state is not RunState.SUCCEEDED
    held_too.is_let_go = True
    promises.succeeded(await awake)
    await promises.exactly_the_permitted_is_found(bench, among=bench.in_scope())
