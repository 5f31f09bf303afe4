"""Runs that end early, and what happens at the source before they go on: no leak stays, nothing is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.alfresco.simulator import World
from connectors.alfresco.simulator.faults import busy, call, refuse
from connectors.alfresco.simulator.model import Node
from indexer.state.run_history import RunState
from tests.proof import promises
from tests.proof.repository_bench import Clock, RepositoryBench, bench_on
from vocabulary.ports import SyncMode


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[RepositoryBench]:
    """Two folders, the first of them open to the staff, the second to the board; two documents to a page."""
    clock = Clock()
    world = World(name="interrupted", clock=clock)
    for person in ("clerk", "director"):
        world.add_person(person, password=person)
    world.add_group("GROUP_staff", members=["clerk", "director"])
    archive = world.add_folder(world.root, "Archive")
    world.set_permissions(archive, inherit=False, entries=[])
    for name, reader in (("1 open", "GROUP_staff"), ("2 closed", "director"), ("3 late", "GROUP_staff")):
        folder = world.add_folder(archive, name)
        world.set_permissions(folder, inherit=False, entries=[(reader, "Consumer")])
        for number in range(6):
            world.add_file(folder, f"{name} {number}.txt", f"text {name} {number}".encode())
    async with bench_on(world, clock, tmp_path, folders=["Archive"], page_size=2) as running:
        promises.succeeded(await running.sync())
        yield running


def folder(bench: RepositoryBench, name: str) -> Node:
    archive = bench.world.child_named(bench.world.root, "Archive")
    found = archive and bench.world.child_named(archive, name)
    assert found
    return found


async def break_in_the_last_folder(bench: RepositoryBench, mode: SyncMode) -> None:
    """Begin a sync, and let it end when the first two folders have been read."""
    last = f"/nodes/{folder(bench, '3 late').id}/children$"
    bench.world.faults.add(refuse(401), path=last, query="isPrimary%3Dtrue%29$|skipCount=[^0]", first=2)
    report = await bench.sync_documents(mode)
    assert report.state is RunState.FAILED
    bench.world.faults.clear()
    bench.clock.pass_time()


@pytest.mark.parametrize("mode", [SyncMode.FULL, SyncMode.PERMISSIONS])
async def test_rights_taken_while_a_sync_was_interrupted_are_gone_when_it_has_ended(
    bench: RepositoryBench, mode: SyncMode
) -> None:
    await break_in_the_last_folder(bench, mode)
    bench.world.set_permissions(folder(bench, "1 open"), inherit=False, entries=[("director", "Consumer")])
    report = await bench.sync_documents(mode)
    assert report.resumed
    promises.succeeded(report)
    await promises.exactly_the_permitted_is_found(bench, among=await bench.stored())


@pytest.mark.parametrize("mode", [SyncMode.FULL, SyncMode.PERMISSIONS])
async def test_what_moved_into_a_closed_folder_while_a_sync_was_interrupted_is_hidden_when_it_has_ended(
    bench: RepositoryBench, mode: SyncMode
) -> None:
    await break_in_the_last_folder(bench, mode)
    opened = folder(bench, "1 open")
    moved = bench.world.children(opened)[0]
    bench.world.move(moved, folder(bench, "2 closed"))
    report = await bench.sync_documents(mode)
    assert report.resumed
    assert moved.id not in await bench.found("clerk")
    await promises.exactly_the_permitted_is_found(bench, among=await bench.stored())


@pytest.mark.parametrize("mode", [SyncMode.FULL, SyncMode.PERMISSIONS])
async def test_what_left_a_folder_before_it_was_opened_stays_hidden_though_the_server_was_away_meanwhile(
    bench: RepositoryBench, mode: SyncMode
) -> None:
    """A page fails for a moment: the walk goes on and reads the folder's list anew, but not what it met there."""
    closed, shut = folder(bench, "2 closed"), folder(bench, "1 open")
    moved = bench.world.children(closed)[0]
    bench.world.set_permissions(shut, inherit=False, entries=[])
    promises.succeeded(await bench.sync())

    def happen() -> None:
        bench.world.move(moved, shut)
        bench.world.set_permissions(closed, inherit=False, entries=[("GROUP_staff", "Consumer")])

    page = f"/nodes/{closed.id}/children$"
    bench.world.faults.add(call(happen), path=page, query="skipCount=3", times=1)
    bench.world.faults.add(busy(503), path=page, query="skipCount=3", times=1)
    promises.succeeded(await bench.sync_documents(mode))
    assert bench.world.request_log.struck()
    assert moved.id not in await bench.found("clerk")
    await bench.sync()
    await promises.everything_is_current(bench)


async def test_what_left_a_folder_before_it_was_opened_stays_hidden_though_the_folder_is_looked_at_again(
    bench: RepositoryBench,
) -> None:
    """A document that moved behind the walk is looked at in its end, and the list of its folder with it."""
    closed, shut = folder(bench, "2 closed"), folder(bench, "1 open")
    moved, late = bench.world.children(closed)[0], bench.world.children(folder(bench, "3 late"))[-1]
    bench.world.set_permissions(shut, inherit=False, entries=[])
    promises.succeeded(await bench.sync())

    def happen() -> None:
        bench.world.move(moved, shut)
        bench.world.move(late, closed)
        bench.world.set_permissions(closed, inherit=False, entries=[("GROUP_staff", "Consumer")])

    last = f"/nodes/{folder(bench, '3 late').id}/children$"
    bench.world.faults.add(call(happen), path=last, query="skipCount=3", times=1)
    promises.succeeded(await bench.sync_documents(SyncMode.FULL))
    assert bench.world.request_log.struck()
    assert late.id in await bench.stored()
    assert moved.id not in await bench.found("clerk")
    await bench.sync()
    await promises.everything_is_current(bench)
