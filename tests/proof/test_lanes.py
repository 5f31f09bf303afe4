"""Lanes against the oracle: what each promises to see takes effect with the next changes, whatever the index knows.

With a frozen search index only the lane can tell. A revocation holds after it; what a list gives anew may wait.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest
import pytest_asyncio
from pydantic import SecretStr

from connectors.alfresco.simulator import World
from connectors.alfresco.simulator.generator import ARCHIVE, CHANGE_KINDS, change, generate_world, random_change
from connectors.alfresco.simulator.search_index import FROZEN, NO_LAG
from tests.proof import promises
from tests.proof.repository_bench import Clock, RepositoryBench, bench_on
from tests.proof.test_sequences import told_when_it_fails
from vocabulary.ports import SyncMode

pytestmark = pytest.mark.asyncio(loop_scope="module")

SEED = 17
NODES = 60
LANES = {"audit": ["audit"], "tracking": ["tracking"], "all": ["audit", "deleted-nodes", "tracking"]}

# Calls that the audit log does not record (alfresco-audit-cmis.xml), and what nobody but a walk meets.
UNSEEN = {
    "audit": {"file moved", "folder moved", "restored", "comment added", "comment removed", "comment edited"},
    "tracking": {"comment edited"},
    "all": {"comment edited"},
}


def open_lanes(world: World) -> None:
    world.audit.records_changes = True
    world.tracking.secret = "s3cret"
    world.tracking.transactions()  # an index has followed from the beginning


def settings(lanes: str) -> dict[str, object]:
    scope = {"sites": "all", "folders": [ARCHIVE]}
    return scope | {"lanes": LANES[lanes], "tracking_secret": SecretStr("s3cret"), "index_lag_s": 0}


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=sorted(LANES))
async def laned(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[str, RepositoryBench]]:
    clock = Clock()
    world = generate_world(NODES, seed=SEED, clock=clock)
    open_lanes(world)
    async with bench_on(world, clock, Path(tmp_path_factory.mktemp("lanes")), **settings(request.param)) as bench:
        promises.succeeded(await bench.sync())
        yield request.param, bench


@pytest.mark.parametrize("kind", CHANGE_KINDS)
async def test_a_lane_alone_sees_what_it_promises(laned: tuple[str, RepositoryBench], kind: str) -> None:
    lane, bench = laned
    bench.world.search_lag = FROZEN
    bench.clock.pass_time()
    if change(bench.world, Random(f"{SEED}/{kind}/{lane}"), kind) is None:
        pytest.skip(f"nothing to be {kind}")
    await bench.refresh_identities()
    bench.clock.pass_time()
    report = await bench.sync_documents(SyncMode.CHANGES, brake=1.0)
    promises.succeeded(report)
    assert report.tally.warnings == {}
    await promises.counts_add_up(bench, report)
    if kind not in UNSEEN[lane]:
        await promises.nothing_more_than_permitted_is_found(bench)
        await promises.contents_are_current(bench, besides_far_changes=True)
    if kind in UNSEEN[lane] or kind == CHANGE_KINDS[-1]:  # what a lane has seen is the ground of the next change
        await _bring_the_rest(bench)


async def _bring_the_rest(bench: RepositoryBench) -> None:
    bench.world.search_lag = NO_LAG
    bench.clock.pass_time()
    promises.succeeded(await bench.sync(brake=1.0))
    await promises.everything_is_current(bench)


@pytest.mark.parametrize("lane", sorted(LANES))
@pytest.mark.parametrize(
    "seed", [51, pytest.param(52, marks=pytest.mark.large), pytest.param(53, marks=pytest.mark.large)]
)
async def test_after_random_changes_every_revocation_holds(tmp_path: Path, seed: int, lane: str) -> None:
    clock, rng, history = Clock(), Random(seed), list[str]()
    world = generate_world(NODES, seed=seed, clock=clock)
    open_lanes(world)
    async with bench_on(world, clock, tmp_path, **settings(lane)) as bench:
        with told_when_it_fails(seed, history):
            await bench.sync()
            for _ in range(15):
                for _ in range(rng.randint(1, 4)):
                    history.append(str(random_change(world, rng)))
                clock.pass_time()
                mode = rng.choice([SyncMode.CHANGES, SyncMode.CHANGES, SyncMode.PERMISSIONS])
                history.append(f"sync {mode}")
                await promises.counts_add_up(bench, await bench.sync(mode, brake=1.0))
                await promises.nothing_more_than_permitted_is_found(bench)
                if mode is SyncMode.CHANGES:
                    await promises.contents_are_current(bench, besides_far_changes=True)
            clock.pass_time()
            await bench.sync(brake=1.0)
            await promises.everything_is_current(bench)
