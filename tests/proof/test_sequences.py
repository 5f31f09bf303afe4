"""Random changes with random syncs between them: after each sync its promise holds, whatever came before.

A failure tells the seed and all that happened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from connectors.alfresco.simulator.generator import generate_world, random_change
from tests.proof import promises
from tests.proof.repository_bench import Clock, RepositoryBench, bench_on
from vocabulary.ports import SyncMode

KINDS_OF_IDENTITIES = {"membership joined", "membership left", "person disabled", "person enabled", "e-mail changed"}
PAUSES = (timedelta(0), timedelta(seconds=1), timedelta(minutes=3), timedelta(hours=2))


@dataclass
class Sequence:
    """What happened so far, and what no sync has brought yet."""

    bench: RepositoryBench
    rng: Random
    history: list[str] = field(default_factory=list)
    contents_behind: bool = False  # something changed since the last full or changes sync
    access_behind: bool = False  # since the last full or permissions sync, somebody else may read
    gives_behind: bool = False  # and of that, a changes sync brings only what is taken

    def change_something(self) -> None:
        done = random_change(self.bench.world, self.rng)
        self.history.append(str(done))
        self.access_behind |= done.kind in promises.KINDS_OF_PERMISSIONS
        self.gives_behind |= done.kind in promises.KINDS_THAT_GIVE_LATER
        self.contents_behind |= done.kind not in KINDS_OF_IDENTITIES

    def pause(self) -> None:
        pause = self.rng.choice(PAUSES)
        self.history.append(f"{pause} later")
        self.bench.clock.pass_time(pause)

    async def sync(self, mode: SyncMode) -> None:
        self.history.append(f"sync {mode}")
        indexed = await self.bench.stored()
        if mode is SyncMode.IDENTITIES:
            await self.bench.refresh_identities()
            if not (self.access_behind or self.gives_behind or self.contents_behind):
                await promises.exactly_the_permitted_is_found(self.bench, among=indexed)
            return
        report = await self.bench.sync(mode, brake=1.0)
        await promises.counts_add_up(self.bench, report)
        await _PROMISES[mode](self, indexed)

    async def after_full(self, _: list[str]) -> None:
        self.access_behind = self.gives_behind = self.contents_behind = False
        await promises.everything_is_current(self.bench)

    async def after_permissions(self, indexed: list[str]) -> None:
        self.access_behind = self.gives_behind = False
        await promises.exactly_the_permitted_is_found(self.bench, among=indexed)

    async def after_changes(self, _: list[str]) -> None:
        self.contents_behind = False
        await promises.contents_are_current(self.bench, besides_far_changes=True)
        if self.access_behind:
            return
        if self.gives_behind:
            await promises.nothing_more_than_permitted_is_found(self.bench)
        else:
            await promises.exactly_the_permitted_is_found(self.bench, among=self.bench.in_scope())


_PROMISES: dict[SyncMode, Callable[[Sequence, list[str]], Any]] = {
    SyncMode.FULL: Sequence.after_full,
    SyncMode.PERMISSIONS: Sequence.after_permissions,
    SyncMode.CHANGES: Sequence.after_changes,
}
_SYNCS = (*_PROMISES, SyncMode.IDENTITIES)


@contextmanager
def told_when_it_fails(seed: int, history: list[str]) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        error.add_note(f"seed {seed}:\n" + "\n".join(history))
        raise


async def run_sequence(path: Path, *, nodes: int, seed: int, changes: int, at_once: int, **options: Any) -> None:
    """Sync and compare after one to `at_once` changes each, in a random mode, and in full at the end."""
    clock, rng = Clock(), Random(seed)
    world = generate_world(nodes, seed=seed, clock=clock)
    async with bench_on(world, clock, path, **options) as bench:
        sequence = Sequence(bench, rng)
        with told_when_it_fails(seed, sequence.history):
            await sequence.sync(SyncMode.FULL)
            done = 0
            while done < changes:
                for _ in range(rng.randint(1, at_once)):
                    sequence.change_something()
                    done += 1
                sequence.pause()
                await sequence.sync(rng.choice(_SYNCS))
                sequence.pause()
            await sequence.sync(SyncMode.FULL)


@pytest.mark.parametrize("seed", [11, pytest.param(12, marks=pytest.mark.large)])
async def test_after_random_changes_each_mode_keeps_its_promise(tmp_path: Path, seed: int) -> None:
    await run_sequence(tmp_path, nodes=60, seed=seed, changes=60, at_once=4)


async def test_small_pages_lose_and_reveal_nothing(tmp_path: Path) -> None:
    await run_sequence(
        tmp_path, nodes=120, seed=21, changes=30, at_once=4, sites="all", folders=["Archive"], page_size=3
    )


@pytest.mark.large
async def test_a_thousand_nodes_live_on(tmp_path: Path) -> None:
    await run_sequence(tmp_path, nodes=1_000, seed=31, changes=50, at_once=12)


@pytest.mark.large
@pytest.mark.parametrize("seed", range(100, 120))
async def test_many_random_sequences(tmp_path: Path, seed: int) -> None:
    await run_sequence(tmp_path, nodes=60, seed=seed, changes=100, at_once=5)


@pytest.mark.large
async def test_an_embedded_index_keeps_up(tmp_path: Path) -> None:
    await run_sequence(tmp_path, nodes=1_000, seed=41, changes=100, at_once=10, embedded=True)
