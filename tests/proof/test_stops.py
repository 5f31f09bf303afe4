"""A run that is stopped in order or cancelled at any moment: the next one goes on, and the index equals the source."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random

import pytest
import pytest_asyncio

from connectors.alfresco.simulator.faults import Rule, call
from connectors.alfresco.simulator.generator import change, generate_world
from indexer.state.run_history import COMPLETE, RunState
from tests.proof import promises
from tests.proof.repository_bench import Clock, RepositoryBench, bench_on
from vocabulary.ports import SyncMode

pytestmark = pytest.mark.asyncio(loop_scope="module")

MODES = (SyncMode.FULL, SyncMode.CHANGES, SyncMode.PERMISSIONS)
# At which of its requests a run is stopped or cancelled: a reading of changes makes about ten of those that count here.
STOPPED_AT = {SyncMode.FULL: (1, 4, 9, 20), SyncMode.CHANGES: (1, 3, 5, 8), SyncMode.PERMISSIONS: (1, 4, 9, 20)}
CANCELLED_AT = {SyncMode.FULL: (1, 6, 14), SyncMode.CHANGES: (1, 4, 8), SyncMode.PERMISSIONS: (1, 6, 14)}
NODES = 80  # enough that a full walk and a permissions sweep ask oftener than that
KINDS = ("file added", "content edited", "file moved", "file deleted", "permissions set high", "comment added")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RepositoryBench]:
    clock = Clock()
    world = generate_world(NODES, seed=5, clock=clock)
    path = Path(tmp_path_factory.mktemp("stops"))
    async with bench_on(world, clock, path, sites="all", folders=["Archive"], page_size=5) as running:
        promises.succeeded(await running.sync())
        yield running


def at_request(bench: RepositoryBench, number: int, act: Callable[[], object]) -> Rule:
    return bench.world.faults.add(call(act), path="/(children|content|search|comments)$", first=number, times=1)


@pytest.mark.parametrize(("mode", "request_number"), [(mode, number) for mode in MODES for number in STOPPED_AT[mode]])
async def test_a_run_that_is_stopped_in_order_is_gone_on_with(
    bench: RepositoryBench, mode: SyncMode, request_number: int
) -> None:
    _change(bench, Random(f"{mode}/{request_number}"))
    rule = at_request(bench, request_number, bench.stop.set)
    report = await bench.sync_documents(mode)
    bench.world.faults.clear()
    bench.stop.clear()
    assert rule.hits == 1
    assert report.state in COMPLETE | {RunState.INTERRUPTED}
    assert report.tally.check() == "", "what was met is settled"
    await promises.counts_add_up(bench, report)
    await _goes_on(bench, mode, resumed=report.state is RunState.INTERRUPTED and mode is not SyncMode.CHANGES)


@pytest.mark.parametrize(
    ("mode", "request_number"), [(mode, number) for mode in MODES for number in CANCELLED_AT[mode]]
)
async def test_a_run_that_is_cancelled_is_gone_on_with(
    bench: RepositoryBench, mode: SyncMode, request_number: int
) -> None:
    _change(bench, Random(f"cancelled/{mode}/{request_number}"))
    run = asyncio.create_task(bench.sync_documents(mode))
    loop = asyncio.get_running_loop()
    rule = at_request(bench, request_number, lambda: loop.call_soon_threadsafe(run.cancel))
    await asyncio.wait([run])
    bench.world.faults.clear()
    assert rule.hits == 1
    (latest,) = await bench.runs.recent(limit=1)
    assert latest.state is (RunState.INTERRUPTED if run.cancelled() else RunState.SUCCEEDED)
    await _goes_on(bench, mode, resumed=False)


def _change(bench: RepositoryBench, rng: Random) -> None:
    bench.clock.pass_time()
    for kind in KINDS:
        change(bench.world, rng, kind)
    bench.clock.pass_time()


async def _goes_on(bench: RepositoryBench, mode: SyncMode, *, resumed: bool) -> None:
    indexed = await bench.stored()
    report = await bench.sync(mode)
    assert report.state in COMPLETE, report.message
    assert report.resumed or not resumed
    if mode is SyncMode.PERMISSIONS:
        await promises.exactly_the_permitted_is_found(bench, among=indexed)
    else:
        await promises.contents_are_current(bench, besides_far_changes=mode is SyncMode.CHANGES)
    if mode is SyncMode.FULL:
        await promises.everything_is_current(bench)
    else:
        bench.clock.pass_time()
        await bench.sync(SyncMode.FULL)
        await promises.everything_is_current(bench)
