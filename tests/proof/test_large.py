"""Large repositories: every mode against the oracle, with changes of each kind between, for a sample of the people.

`make test-large` shows the figures.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from connectors.alfresco.simulator import World
from connectors.alfresco.simulator.generator import CHANGE_KINDS, change, generate_world
from tests.proof import promises
from tests.proof.repository_bench import Clock, RepositoryBench, bench_on
from vocabulary.ports import SyncMode

pytestmark = pytest.mark.large

OF_EACH_KIND = 3
OTHER_PEOPLE = 15
ODD_PEOPLE = (  # of every generated world
    *("admin", "guest", "svc-index", "no.mail", "left.staff", "desk.one", "desk.two"),
    *("Mixed.CASE", "jürgen.groß"),
)

Tell = Callable[[RepositoryBench, str], None]


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Tell:
    """Show what was compared, whether the tests pass or not."""

    def show(bench: RepositoryBench, step: str) -> None:
        documents, people = len(bench.in_scope()), len(bench.people())
        with capsys.disabled():
            print(f"\n{step}: {documents} documents, {people} people, {bench.decisions} decisions", end="")  # noqa: T201

    return show


@pytest.mark.parametrize(
    "nodes",
    [
        pytest.param(20_000, marks=pytest.mark.timeout(3_600)),
        pytest.param(100_000, marks=pytest.mark.timeout(4 * 3_600)),
    ],
)
async def test_every_mode_keeps_its_promise_in_a_large_repository(tmp_path: Path, nodes: int, tell: Tell) -> None:
    """Before anything changed, and after some changes of each kind before each mode."""
    clock, rng = Clock(), Random(nodes)
    world = generate_world(nodes, seed=9, clock=clock)
    async with bench_on(world, clock, tmp_path) as bench:
        bench.sample, bench.hits_at_once = sample_of(world, rng), nodes
        report = await bench.sync()
        promises.succeeded(report)
        await promises.all_was_met(bench, report)
        await promises.everything_is_current(bench)
        tell(bench, "first sync")
        await _permissions_are_obeyed(bench, rng)
        tell(bench, "permissions")
        await _changes_are_brought(bench, rng)
        tell(bench, "changes")
        await _a_full_sync_mends_the_rest(bench, rng)
        tell(bench, "full")


async def _permissions_are_obeyed(bench: RepositoryBench, rng: Random) -> None:
    _change(bench, rng)
    indexed = await bench.stored()
    await promises.counts_add_up(bench, await bench.sync(SyncMode.PERMISSIONS))
    await promises.exactly_the_permitted_is_found(bench, among=indexed)


async def _changes_are_brought(bench: RepositoryBench, rng: Random) -> None:
    _change(bench, rng)
    report = await bench.sync(SyncMode.CHANGES)
    promises.succeeded(report)
    await promises.counts_add_up(bench, report)
    await promises.contents_are_current(bench, besides_far_changes=True)


async def _a_full_sync_mends_the_rest(bench: RepositoryBench, rng: Random) -> None:
    _change(bench, rng)
    read_before = bench.content_requests()
    report = await bench.sync()
    promises.succeeded(report)
    await promises.all_was_met(bench, report)
    changed = OF_EACH_KIND * len(CHANGE_KINDS)
    assert bench.content_requests() - read_before <= changed, "only what changed is read"
    await promises.everything_is_current(bench)


def sample_of(world: World, rng: Random) -> tuple[str, ...]:
    others = [person for person in world.directory.people if person not in ODD_PEOPLE]
    return (*ODD_PEOPLE, *rng.sample(others, k=OTHER_PEOPLE))


def _change(bench: RepositoryBench, rng: Random) -> None:
    bench.clock.pass_time()
    for kind in CHANGE_KINDS:
        for _ in range(OF_EACH_KIND):
            assert change(bench.world, rng, kind) is not None, f"nothing to be {kind}"
    bench.clock.pass_time()
