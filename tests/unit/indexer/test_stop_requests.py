"""A run is stopped in order from another process, by a request in the state store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa

from indexer import heartbeat
from indexer.state.run_history import RunState
from indexer.state.runs import RunStore
from tests.fakes.scripted_source import SOURCE, ScriptedSource, numbered
from tests.fakes.sync_bench import Bench
from vocabulary.documents import Change, Checkpoint
from vocabulary.errors import CredentialsRejected

PATIENCE_S = 60


class Waiting(ScriptedSource):
    """Waits once, before a third page, until the run has been told to stop."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(**vars(numbered(40)))
        self.bench = bench
        self.waits = asyncio.Event()

    async def crawl(self, checkpoint: Checkpoint | None) -> AsyncIterator[Change]:
        pages = 0
        async for change in super().crawl(checkpoint):
            if pages == 2 and not self.waits.is_set():
                self.waits.set()
                async with asyncio.timeout(PATIENCE_S):
                    await self.bench.stop.wait()
            pages += isinstance(change, Checkpoint)
            yield change


async def test_a_run_ends_in_order_when_another_process_asks_it_to(
    bench: Bench, other_engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "_STOP_POLL_S", 0.01)
    source = bench.source = Waiting(bench)
    elsewhere = RunStore(other_engine)
    assert await elsewhere.under_way(SOURCE) is None
    running = asyncio.create_task(bench.sync())
    await source.waits.wait()
    meant = await elsewhere.under_way(SOURCE)
    assert meant is not None
    assert await elsewhere.ask_to_stop(meant.id)
    stopped = await running
    assert (stopped.id, stopped.state) == (meant.id, RunState.INTERRUPTED)
    assert 0 < len(await bench.stored()) < 40
    assert not await elsewhere.ask_to_stop(meant.id), "it is over"

    bench.stop = asyncio.Event()
    resumed = await bench.sync()
    assert (resumed.state, resumed.resumed) == (RunState.SUCCEEDED, True), "a request is about one run"
    assert len(await bench.stored()) == 40


async def test_a_request_that_comes_too_late_stops_nobody(bench: Bench, other_engine: sa.Engine) -> None:
    bench.source = numbered(5)
    over = await bench.sync()
    elsewhere = RunStore(other_engine)
    assert not await elsewhere.ask_to_stop(over.id), "whoever asks is told"
    assert not await elsewhere.stop_requests.is_asked(over.id)
    assert (await bench.sync()).state is RunState.SUCCEEDED


class StoppedAtTheEnd(ScriptedSource):
    """Somebody asks for the end of the run behind its last page, when it does not look any more."""

    elsewhere: RunStore
    asks = False

    async def crawl(self, checkpoint: Checkpoint | None) -> AsyncIterator[Change]:
        async for change in super().crawl(checkpoint):
            yield change
        if self.asks:
            run = await self.elsewhere.under_way(SOURCE)
            assert run is not None
            assert await self.elsewhere.ask_to_stop(run.id)


@pytest.mark.parametrize(("asks", "runs"), [(False, 3), (True, 2)])
async def test_a_request_in_the_last_moments_of_a_run_keeps_the_next_one_from_beginning(
    bench: Bench, other_engine: sa.Engine, asks: bool, runs: int
) -> None:
    """A resumed run is followed by one from the beginning, of its own accord."""
    source = bench.source = StoppedAtTheEnd(**vars(numbered(40)))
    source.elsewhere = RunStore(other_engine)
    source.faults = {1: [CredentialsRejected("no")]}
    assert (await bench.sync()).state is RunState.FAILED
    source.asks = asks
    report = await bench.sync()
    assert (report.state, report.resumed) == (RunState.SUCCEEDED, True), "nothing of it was left to stop"
    assert len(await source.elsewhere.recent(SOURCE)) == runs
