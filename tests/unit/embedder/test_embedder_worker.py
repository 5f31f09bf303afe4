"""The worker around a runtime that computes nothing but can be stopped, watched and broken."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future

import numpy as np
import pytest

from embedder.runtimes.port import Batching, Pooled
from embedder.worker import EmbedderClosed, Finished, Worker
from vocabulary.documents import TokenIds


class WatchedRuntime:
    """Answers each sequence with its first id; waits before each batch of bulk work until `gate` is open."""

    name = "watched"
    parallel_runs = 1
    batching = Batching(max_tokens=64, look_ahead=100)

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.begun = threading.Semaphore(0)
        self.batches: list[list[int]] = []

    def run(self, sequences: Sequence[TokenIds]) -> Pooled:
        firsts = [int(sequence[0]) for sequence in sequences]
        self.batches.append(firsts)
        self.begun.release()
        if threading.current_thread().name != "embed-query":
            assert self.gate.wait(10)
        if 13 in firsts:
            raise MemoryError("no room for this batch")
        rows = np.array(firsts, dtype=np.float32)[:, None]
        return Pooled(embeddings=rows, features=rows)


@pytest.fixture
def runtime() -> WatchedRuntime:
    return WatchedRuntime()


@pytest.fixture
def worker(runtime: WatchedRuntime) -> Iterator[Worker]:
    worker = Worker(
        runtime,
        finish=lambda pooled: Finished(vectors=pooled.embeddings, toxicity_0_1=pooled.embeddings[:, 0]),
        dimensions=1,
    )
    yield worker
    runtime.gate.set()
    worker.close()


def _sequences(*firsts: int, length: int = 6) -> list[TokenIds]:
    return [np.full(length, first, dtype=np.int32) for first in firsts]


def _hold(runtime: WatchedRuntime, worker: Worker) -> Future[Finished]:
    """Make the only bulk thread busy with sequence 0 until the gate opens."""
    running = worker.submit(_sequences(0))
    assert runtime.begun.acquire(timeout=10)
    return running


def _firsts(future: Future[Finished]) -> list[float]:
    return [float(row[0]) for row in future.result(timeout=10).vectors]


def test_every_sequence_runs_exactly_once(runtime: WatchedRuntime, worker: Worker) -> None:
    runtime.gate.set()
    sequences = [sequence for first in range(20, 60) for sequence in _sequences(first, length=first % 9 + 1)]

    assert _firsts(worker.submit(sequences)) == list(range(20, 60))
    assert sorted(first for batch in runtime.batches for first in batch) == list(range(20, 60))


def test_waiting_calls_share_batches(runtime: WatchedRuntime, worker: Worker) -> None:
    running = _hold(runtime, worker)
    calls = [worker.submit(_sequences(first)) for first in (21, 22, 23)]
    runtime.gate.set()

    assert [_firsts(call) for call in (running, *calls)] == [[0], [21], [22], [23]]
    assert runtime.batches == [[0], [21, 22, 23]]


def test_a_query_runs_while_bulk_work_is_stuck(runtime: WatchedRuntime, worker: Worker) -> None:
    running = _hold(runtime, worker)
    assert _firsts(worker.submit_query(_sequences(7)[0])) == [7]
    assert not running.done()


def test_a_fault_of_the_runtime_reaches_its_callers_and_nobody_else(runtime: WatchedRuntime, worker: Worker) -> None:
    runtime.gate.set()
    broken = worker.submit(_sequences(13))
    with pytest.raises(MemoryError):
        broken.result(timeout=10)
    assert _firsts(worker.submit(_sequences(5))) == [5]


def test_a_call_with_one_broken_batch_ends_once_with_the_fault(runtime: WatchedRuntime, worker: Worker) -> None:
    runtime.gate.set()
    call = worker.submit(_sequences(*range(1, 40)))
    with pytest.raises(MemoryError):
        call.result(timeout=10)
    assert _firsts(worker.submit(_sequences(50))) == [50]


async def test_a_cancelled_call_is_not_computed(runtime: WatchedRuntime, worker: Worker) -> None:
    running = _hold(runtime, worker)
    given_up = asyncio.wrap_future(worker.submit(_sequences(30, 31)))
    given_up.cancel()
    await asyncio.sleep(0)
    wanted = worker.submit(_sequences(40))
    runtime.gate.set()

    assert await asyncio.wrap_future(wanted)
    assert running.result(timeout=10)
    assert runtime.batches == [[0], [40]]


def test_closing_ends_what_runs_and_fails_what_waits(runtime: WatchedRuntime, worker: Worker) -> None:
    running = _hold(runtime, worker)
    waiting = worker.submit(_sequences(8))
    threading.Timer(0.05, runtime.gate.set).start()

    worker.close()

    assert _firsts(running) == [0]
    with pytest.raises(EmbedderClosed):
        waiting.result(timeout=10)
    with pytest.raises(EmbedderClosed):
        worker.submit(_sequences(9))


def test_nothing_to_do_is_done_at_once(worker: Worker) -> None:
    assert worker.submit([]).done()
