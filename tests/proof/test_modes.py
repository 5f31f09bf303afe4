"""After each kind of change, each mode brings what it promises: on a small repository with every odd case in it.

The changes build on each other, in their order. Each sync is compared with the oracle as far as its promise goes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from random import Random

import pytest
import pytest_asyncio

from connectors.alfresco.simulator.generator import CHANGE_KINDS, change, generate_world
from tests.proof import promises
from tests.proof.repository_bench import Clock, RepositoryBench, bench_on
from vocabulary.ports import SyncMode

pytestmark = pytest.mark.asyncio(loop_scope="module")

SEED = 7
NODES = 60
ORDERS = (
    (SyncMode.CHANGES, SyncMode.FULL),
    (SyncMode.CHANGES, SyncMode.PERMISSIONS, SyncMode.FULL),
    (SyncMode.PERMISSIONS, SyncMode.FULL),
    (SyncMode.FULL,),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RepositoryBench]:
    clock = Clock()
    world = generate_world(NODES, seed=SEED, clock=clock)
    async with bench_on(world, clock, Path(tmp_path_factory.mktemp("modes"))) as running:
        report = await running.sync()
        promises.succeeded(report)
        await promises.all_was_met(running, report)
        await promises.everything_is_current(running)
        yield running


@pytest.mark.parametrize("kind", CHANGE_KINDS)
async def test_each_mode_keeps_its_promise_after_a_change(bench: RepositoryBench, kind: str) -> None:
    await _change_and_sync(bench, kind, (SyncMode.PERMISSIONS, SyncMode.CHANGES, SyncMode.FULL))


@pytest.mark.large
@pytest.mark.parametrize("kind", CHANGE_KINDS)
@pytest.mark.parametrize("modes", ORDERS, ids=", ".join)
async def test_each_mode_keeps_its_promise_in_any_order(
    bench: RepositoryBench, kind: str, modes: Sequence[SyncMode]
) -> None:
    await _change_and_sync(bench, kind, modes)


async def _change_and_sync(bench: RepositoryBench, kind: str, modes: Sequence[SyncMode]) -> None:
    bench.clock.pass_time()
    done = change(bench.world, Random(f"{SEED}/{kind}/{modes}"), kind)
    if done is None:
        pytest.skip(f"nothing to be {kind}")
    await bench.refresh_identities()
    access_is_known = kind not in promises.KINDS_OF_PERMISSIONS
    for mode in modes:
        bench.clock.pass_time()
        indexed = await bench.stored()
        report = await bench.sync_documents(mode, brake=1.0)
        await promises.counts_add_up(bench, report)
        if mode is SyncMode.PERMISSIONS:
            access_is_known = True
            await promises.exactly_the_permitted_is_found(bench, among=indexed)
            continue
        promises.succeeded(report)
        if mode is SyncMode.FULL:
            await promises.all_was_met(bench, report)
            await promises.everything_is_current(bench)
            continue
        await promises.contents_are_current(bench, besides_far_changes=True)
        if access_is_known and kind in promises.KINDS_THAT_GIVE_LATER:
            await promises.nothing_more_than_permitted_is_found(bench)
        elif access_is_known:
            await promises.exactly_the_permitted_is_found(bench, among=bench.in_scope())
