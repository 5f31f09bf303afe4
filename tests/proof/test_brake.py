"""A site that vanishes: its documents are hidden, none is deleted, and they are there again when it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.alfresco.simulator.generator import generate_world
from indexer.state.run_history import RunState
from tests.proof import promises
from tests.proof.repository_bench import Clock, RepositoryBench, bench_on
from vocabulary.ports import SyncMode

SITE = "site01"
BRAKE = 0.1


def of_the_site(bench: RepositoryBench) -> set[str]:
    library = bench.world.document_library(SITE)
    return {node.id for node in bench.world.subtree(library)} & bench.in_scope()


@pytest.mark.parametrize("mode", [SyncMode.FULL, SyncMode.PERMISSIONS, SyncMode.CHANGES])
async def test_the_brake_holds_for_a_vanished_site(tmp_path: Path, mode: SyncMode) -> None:
    clock = Clock()
    async with bench_on(generate_world(200, seed=81, clock=clock), clock, tmp_path) as bench:
        await bench.sync()
        vanishing, indexed = of_the_site(bench), await bench.stored()
        assert len(vanishing) > BRAKE * len(indexed)
        bench.world.lose_site(SITE)
        clock.pass_time()
        report = await bench.sync(mode, brake=BRAKE)
        assert await bench.stored() == indexed
        if mode is not SyncMode.CHANGES:
            assert vanishing.isdisjoint(await bench.shown()), "nobody can say any more who may read them"
        if mode is SyncMode.FULL:
            assert report.state is RunState.BRAKED
            clock.pass_time()
            assert (await bench.sync(mode, brake=BRAKE)).state is RunState.BRAKED, "until a person has looked"
        bench.world.find_site(SITE)
        bench.world.request_log.clear()
        clock.pass_time()
        promises.succeeded(await bench.sync())
        assert bench.content_requests() == 0
        await promises.everything_is_current(bench)


async def test_a_person_who_has_looked_lets_a_vanished_site_go(tmp_path: Path) -> None:
    clock = Clock()
    async with bench_on(generate_world(200, seed=81, clock=clock), clock, tmp_path) as bench:
        await bench.sync()
        vanishing = of_the_site(bench)
        bench.world.lose_site(SITE)
        clock.pass_time()
        await bench.sync(brake=BRAKE)
        promises.succeeded(await bench.sync(brake=BRAKE, confirm_deletes=True))
        assert vanishing.isdisjoint(await bench.stored())


@pytest.mark.parametrize("mode", [SyncMode.FULL, SyncMode.PERMISSIONS, SyncMode.CHANGES])
async def test_a_named_site_that_vanishes_is_an_error(tmp_path: Path, mode: SyncMode) -> None:
    clock = Clock()
    async with bench_on(generate_world(200, seed=81, clock=clock), clock, tmp_path, sites=[SITE, "site00"]) as bench:
        await bench.sync()
        indexed = await bench.stored()
        bench.world.lose_site(SITE)
        clock.pass_time()
        report = await bench.sync(mode)
        assert (report.state, SITE in report.message) == (RunState.FAILED, True)
        assert await bench.stored() == indexed
