"""Each fault of the source during each mode: the run ends as it should, nothing is wrongly deleted, nobody finds what
they neither could nor may, the next run heals, and nothing is lost in the end.

The cases build on each other: each begins with an index that equals its source, and leaves one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest
import pytest_asyncio

from connectors.alfresco.simulator.faults import Rule
from connectors.alfresco.simulator.generator import change, generate_world
from indexer.state.run_history import COMPLETE, RunReport, RunState
from tests.proof import promises
from tests.proof.faults import FAULTS, FaultCase
from tests.proof.oracle import Oracle
from tests.proof.repository_bench import Clock, RepositoryBench, bench_on
from vocabulary.ports import SyncMode

pytestmark = pytest.mark.asyncio(loop_scope="module")

MODES = (SyncMode.FULL, SyncMode.CHANGES, SyncMode.PERMISSIONS)
CHANGES = (
    *("file added", "content edited", "file moved", "file deleted", "comment added"),
    *("permissions set high", "permissions set on a file", "membership left"),
)


NODES, LARGE = 80, 150  # in both every fault strikes as often as it is to


@asynccontextmanager
async def _synced(nodes: int, folder: Path) -> AsyncIterator[RepositoryBench]:
    clock = Clock()
    world = generate_world(nodes, seed=3, clock=clock)
    async with bench_on(world, clock, folder, sites="all", folders=["Archive"], page_size=5) as running:
        promises.succeeded(await running.sync())
        await promises.everything_is_current(running)
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RepositoryBench]:
    async with _synced(NODES, tmp_path_factory.mktemp("faults")) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def large_bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RepositoryBench]:
    async with _synced(LARGE, tmp_path_factory.mktemp("faults")) as running:
        yield running


def _mode_of(number: int, fault: FaultCase) -> SyncMode:
    """Each mode in turn; a permissions sweep asks for no content, so that no fault of one could meet it."""
    mode = MODES[number % len(MODES)]
    return SyncMode.FULL if fault.is_of_contents and mode is SyncMode.PERMISSIONS else mode


@pytest.mark.parametrize(
    ("fault", "mode"),
    [(fault, _mode_of(number, fault)) for number, fault in enumerate(FAULTS)],
    ids=lambda each: each.name if isinstance(each, FaultCase) else str(each),
)
async def test_a_fault_harms_nothing_for_good(bench: RepositoryBench, fault: FaultCase, mode: SyncMode) -> None:
    """Each fault in one of the modes, which it does meet."""
    rule = await _go_through(bench, fault, mode)
    assert rule is None or rule.hits > 0


@pytest.mark.large
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
async def test_no_fault_harms_anything_for_good_in_any_mode(
    large_bench: RepositoryBench, fault: FaultCase, mode: SyncMode
) -> None:
    await _go_through(large_bench, fault, mode)


async def _go_through(bench: RepositoryBench, fault: FaultCase, mode: SyncMode) -> Rule | None:
    world, rng = bench.world, Random(f"{fault.name}/{mode}")
    found = {person: set(await bench.found(person)) for person in bench.people()}
    indexed = set(await bench.stored())
    bench.clock.pass_time()
    done = [change(world, rng, kind) for kind in CHANGES]
    bench.clock.pass_time()
    await bench.refresh_identities()
    documents, oracle = bench.in_scope(), Oracle(world)
    rule = fault.begin(world)
    try:
        report = await bench.sync_documents(mode)
    finally:
        fault.end(world)
    _ended_as_expected(report, fault)
    if not fault.deletes:
        assert indexed & documents <= set(await bench.stored()), "something was wrongly deleted"
    for person in bench.people():
        leaked = set(await bench.found(person)) - found[person] - oracle.findable(person, documents)
        assert leaked == set(), f"{person} finds what they neither could nor may after {done}"
    if fault.recovers:
        await _keeps_its_promise(bench, mode)
    await _is_healed(bench, mode)
    return rule


def _ended_as_expected(report: RunReport, fault: FaultCase) -> None:
    if fault.recovers is False:
        assert (report.state, bool(report.message)) == (RunState.FAILED, True)
        return
    assert report.tally.check() == "" or report.state is RunState.FAILED
    if fault.recovers:
        assert report.state is RunState.SUCCEEDED, report.message


async def _keeps_its_promise(bench: RepositoryBench, mode: SyncMode) -> None:
    """Keep it but for what lists give anew: after a passing fault it may wait for the next run."""
    if mode is not SyncMode.PERMISSIONS:
        await promises.contents_are_current(bench, besides_far_changes=mode is SyncMode.CHANGES)
    if mode is not SyncMode.CHANGES:
        await promises.nothing_more_than_permitted_is_found(bench)


async def _is_healed(bench: RepositoryBench, mode: SyncMode) -> None:
    """By the next run of the mode, as far as that goes, and by the next full one wholly."""
    bench.clock.pass_time()
    indexed = await bench.stored()
    report = await bench.sync_documents(mode)
    assert report.state in COMPLETE, report.message
    if mode is SyncMode.PERMISSIONS:
        await promises.exactly_the_permitted_is_found(bench, among=indexed)
    bench.clock.pass_time()
    if mode is not SyncMode.FULL or report.state is not RunState.SUCCEEDED:
        promises.succeeded(await bench.sync())
    await promises.everything_is_current(bench)
