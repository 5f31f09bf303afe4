"""Large repositories: every mode against the oracle, with changes of each kind between, for a sample of the people."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from connectors.alfresco.simulator import World
from connectors.alfresco.simulator.generator import CHANGE_KINDS, change, generate_world
from tests.proof import promises
from tests.proof.repository_bench import Clock, RepositoryBench, bench_on
from vocabulary.ports import SyncMode

ODD_PEOPLE = (
    "admin",
    "guest",
    "svc-index",
    "no.mail",
    "left.staff",
    "desk.one",
    "desk.two",
    "Mixed.CASE",
    "jürgen.groß",
)
pytestmark = pytest.mark.large


def sample_of(world: World, rng: Random) -> tuple[str, ...]:
    others = [person for person in world.directory.people if person not in ODD_PEOPLE]
    return (*ODD_PEOPLE, *rng.sample(others, k=15))


async def _change(bench: RepositoryBench, rng: Random) -> None:
    bench.clock.pass_time()
    for kind in CHANGE_KINDS:
        for _ in range(3):
            change(bench.world, rng, kind)
    bench.clock.pass_time()


@pytest.mark.parametrize(
    "nodes",
    [
        pytest.param(20_000, marks=pytest.mark.timeout(1_800)),
        pytest.param(100_000, marks=pytest.mark.timeout(9_000)),
    ],
)
async def test_every_mode_keeps_its_promise_in_a_large_repository(tmp_path: Path, nodes: int) -> None:
    clock, rng = Clock(), Random(nodes)
    world = generate_world(nodes, seed=9, clock=clock)
    async with bench_on(world, clock, tmp_path) as bench:
        bench.sample, bench.hits_at_once = sample_of(world, rng), nodes
        report = await bench.sync()
        promises.succeeded(report)
        await promises.all_was_met(bench, report)
        await promises.everything_is_current(bench)
        await _change(bench, rng)
        indexed = await bench.stored()
        await bench.sync(SyncMode.PERMISSIONS)
        await promises.exactly_the_permitted_is_found(bench, among=indexed)
        await _change(bench, rng)
        promises.succeeded(await bench.sync(SyncMode.CHANGES))
        await promises.contents_are_current(bench, besides_far_changes=True)
        await _change(bench, rng)
        read_before = bench.content_requests()
        promises.succeeded(await bench.sync())
        assert bench.content_requests() - read_before < 60, "only what changed is read"
        await promises.everything_is_current(bench)
