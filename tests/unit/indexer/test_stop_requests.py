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
    assert await elsewhere.ask_to_stop(SOURCE) is None
    running = asyncio.create_task(bench.sync())
    await source.waits.wait()
    asked = await elsewhere.ask_to_stop(SOURCE)
    stopped = await running
    assert asked is not None
    assert (stopped.id, stopped.state) == (asked.id, RunState.INTERRUPTED)
    assert 0 < len(await bench.stored()) < 40
    assert await elsewhere.ask_to_stop(SOURCE) is None, "nothing is under way any more"

    bench.stop = asyncio.Event()
    resumed = await bench.sync()
    assert (resumed.state, resumed.resumed) == (RunState.SUCCEEDED, True), "a request is about one run"
    assert len(await bench.stored()) == 40


async def test_a_request_that_comes_too_late_stops_nobody(bench: Bench, other_engine: sa.Engine) -> None:
    bench.source = numbered(5)
    over = await bench.sync()
    await RunStore(other_engine).stop_requests.ask(over.id)
    await RunStore(other_engine).stop_requests.ask(over.id)
    assert (await bench.sync()).state is RunState.SUCCEEDED
