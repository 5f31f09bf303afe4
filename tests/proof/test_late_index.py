"""A search index that lags, and clocks that disagree: a changes sync brings all the same, and deletes nothing."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from connectors.alfresco.simulator.generator import change, generate_world
from connectors.alfresco.simulator.search_index import FROZEN, NO_LAG
from tests.proof import promises
from tests.proof.repository_bench import Clock, RepositoryBench, bench_on
from vocabulary.ports import SyncMode

KINDS = (
    *("file added", "content edited", "file moved", "folder moved", "file deleted", "folder deleted", "restored"),
    *("file renamed", "comment added", "owner changed"),
)


def _change(bench: RepositoryBench, rng: Random) -> None:
    for kind in KINDS:
        change(bench.world, rng, kind)


async def _changes(bench: RepositoryBench) -> None:
    indexed = set(await bench.stored())
    promises.succeeded(await bench.sync(SyncMode.CHANGES, brake=1.0))
    assert indexed & bench.in_scope() <= set(await bench.stored()), "something was wrongly deleted"


@pytest.mark.parametrize("lag", [timedelta(seconds=20), timedelta(minutes=4)], ids=str)
async def test_what_a_late_index_did_not_know_the_next_changes_bring(tmp_path: Path, lag: timedelta) -> None:
    """The setting is more than the lag, and each sync follows close behind the changes."""
    clock, rng = Clock(), Random(71)
    async with bench_on(generate_world(100, seed=71, clock=clock), clock, tmp_path) as bench:
        await bench.sync()
        bench.world.search_lag = lag
        for _ in range(2):
            clock.pass_time(timedelta(seconds=5))
            _change(bench, rng)
            clock.pass_time(timedelta(seconds=5))
            await _changes(bench)
            clock.pass_time(lag)
            await _changes(bench)
            await promises.contents_are_current(bench, besides_far_changes=True)
            await promises.nothing_more_than_permitted_is_found(bench)  # what moved lists give waits for permissions


async def test_an_index_that_stands_still_deletes_nothing_and_a_full_sync_needs_none(tmp_path: Path) -> None:
    clock, rng = Clock(), Random(72)
    async with bench_on(generate_world(100, seed=72, clock=clock), clock, tmp_path) as bench:
        await bench.sync()
        bench.world.search_lag = FROZEN
        for _ in range(3):
            clock.pass_time()
            _change(bench, rng)
            clock.pass_time()
            await _changes(bench)
        promises.succeeded(await bench.sync(brake=1.0))
        await promises.everything_is_current(bench)
        bench.world.search_lag = NO_LAG


@pytest.mark.parametrize(
    "hours", [-30, 3, pytest.param(-3, marks=pytest.mark.large), pytest.param(30, marks=pytest.mark.large)]
)
async def test_a_server_whose_clock_is_hours_off_loses_nothing(tmp_path: Path, hours: int) -> None:
    """Our own clock, by which failures wait, and that of the server, by which changes are read, never meet."""
    clock, rng = Clock(), Random(hours)
    async with bench_on(generate_world(100, seed=73, clock=clock), clock, tmp_path) as bench:
        bench.own_clock = lambda: clock().timestamp() + hours * 3600
        await bench.sync()
        for _ in range(3):
            clock.pass_time(timedelta(minutes=10))
            _change(bench, rng)
            clock.pass_time(timedelta(minutes=10))
            await _changes(bench)
            await promises.contents_are_current(bench, besides_far_changes=True)


async def test_a_server_whose_clock_is_set_back_is_read_up_to_date_by_the_next_full_sync(tmp_path: Path) -> None:
    clock, rng = Clock(), Random(74)
    async with bench_on(generate_world(100, seed=74, clock=clock), clock, tmp_path) as bench:
        await bench.sync()
        clock.pass_time(timedelta(hours=-2))
        _change(bench, rng)
        await _changes(bench)
        promises.succeeded(await bench.sync(brake=1.0))
        await promises.everything_is_current(bench)
        clock.pass_time(timedelta(minutes=1))
        _change(bench, rng)
        await _changes(bench)
        await promises.contents_are_current(bench, besides_far_changes=True)
