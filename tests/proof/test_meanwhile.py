"""Changes between two pages of a run: it ends well, deletes nothing wrongly, shows nobody what they never could find.

What such a run missed the next one brings. A failure tells the seed and all that happened.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from connectors.alfresco.simulator.faults import call
from connectors.alfresco.simulator.generator import generate_world, random_change
from indexer.state.run_history import COMPLETE
from tests.proof import promises
from tests.proof.oracle import Oracle
from tests.proof.repository_bench import Clock, RepositoryBench, bench_on
from tests.proof.test_sequences import told_when_it_fails
from vocabulary.ports import SyncMode

MODES = (SyncMode.FULL, SyncMode.PERMISSIONS, SyncMode.CHANGES)


@dataclass
class Disturbance:
    """Changes the repository while it is read, and remembers what each person could find at any time."""

    bench: RepositoryBench
    rng: Random
    history: list[str]
    findable: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    in_scope: set[str] = field(default_factory=set)  # at every time

    def begin(self) -> None:
        self.in_scope = self.bench.in_scope()
        self._remember()
        for _ in range(self.rng.randrange(1, 5)):
            self.bench.world.faults.add(call(self._change), first=self.rng.randrange(1, 60), times=1)

    def end(self) -> None:
        self.bench.world.faults.clear()
        self._remember()

    def _change(self) -> None:
        self.history.append(f"meanwhile {random_change(self.bench.world, self.rng)}")
        self._remember()

    def _remember(self) -> None:
        oracle, documents = Oracle(self.bench.world), self.bench.in_scope()
        self.in_scope &= documents
        for person in self.bench.people():
            self.findable[person] |= oracle.findable(person, documents)


async def _run_disturbed(bench: RepositoryBench, mode: SyncMode, rng: Random, history: list[str]) -> None:
    indexed = set(await bench.stored())
    disturbance = Disturbance(bench, rng, history)
    disturbance.begin()
    report = await bench.sync_documents(mode, brake=1.0)
    disturbance.end()
    assert report.state in COMPLETE, report.message
    assert report.tally.check() == ""
    assert indexed & disturbance.in_scope <= set(await bench.stored()), "something was wrongly deleted"
    for person in bench.people():
        leaked = set(await bench.found(person)) - disturbance.findable[person]
        assert leaked == set(), f"{person} finds what they never could"


async def _live_through(path: Path, *, seed: int, rounds: int) -> None:
    clock, rng, history = Clock(), Random(seed), []
    world = generate_world(100, seed=seed, clock=clock)
    async with bench_on(world, clock, path, sites="all", folders=["Archive"], page_size=5) as bench:
        with told_when_it_fails(seed, history):
            await bench.sync()
            for _ in range(rounds):
                clock.pass_time()
                history += [str(random_change(world, rng)) for _ in range(3)]
                clock.pass_time()
                await bench.refresh_identities()
                mode = rng.choice(MODES)
                history.append(f"sync {mode}")
                await _run_disturbed(bench, mode, rng, history)
                clock.pass_time()
                history.append("sync changes, then permissions")
                assert (await bench.sync(SyncMode.CHANGES, brake=1.0)).state in COMPLETE
                await promises.contents_are_current(bench, besides_far_changes=True)
                clock.pass_time()
                await bench.sync(SyncMode.PERMISSIONS)
                await promises.exactly_the_permitted_is_found(bench, among=bench.in_scope())
            promises.succeeded(await bench.sync(brake=1.0))
            await promises.everything_is_current(bench)


@pytest.mark.parametrize("seed", [51, pytest.param(52, marks=pytest.mark.large)])
async def test_changes_between_pages_harm_nothing(tmp_path: Path, seed: int) -> None:
    await _live_through(tmp_path, seed=seed, rounds=6)


@pytest.mark.large
@pytest.mark.parametrize("seed", range(500, 515))
async def test_many_changes_between_pages_harm_nothing(tmp_path: Path, seed: int) -> None:
    await _live_through(tmp_path, seed=seed, rounds=12)
