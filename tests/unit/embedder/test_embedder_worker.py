"""The worker around a runtime that computes nothing but can be stopped, watched and broken."""

from __future__ import annotations

import asyncio
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from concurrent.futures import Future

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from embedder import worker as worker_module
from embedder.calls import Call, Found, SentenceWork, TextWork, Verdict, Work
from embedder.runtimes.port import Batching, Pooled
from embedder.toxicity.sentences import Sentence
from embedder.worker import EmbedderClosed, Worker
from vocabulary.documents import Enrichment, ReadText, TokenIds, Tokens


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


def _finish(pooled: Pooled, batch: Sequence[Work]) -> list[Work]:
    """Answer each text with its row; one that begins with a hundred or more waits for its two halves."""
    following: list[Work] = []
    for work, row in zip(batch, pooled.embeddings, strict=True):
        if isinstance(work, SentenceWork):
            work.verdict.accept(work.number, Found(float(row[0]) / 1000))
            continue
        work.call.place(work.position, row)
        if row[0] < 100:
            work.call.complete(work.position)
        else:
            half = len(work.ids) // 2
            halves = [Sentence(0, half, 0, half), Sentence(half, 2 * half, half, 2 * half)]
            following += Verdict(work.call, work.position, work.text, halves, flag_from=1.0, whole=Found(0.0)).works
    return following


@pytest.fixture
def worker(runtime: WatchedRuntime) -> Iterator[Worker[Work]]:
    worker = Worker(runtime, finish=_finish)
    yield worker
    runtime.gate.set()
    worker.close()


def test_from_the_first_worker_on_products_are_shared_out_to_no_other_thread(runtime: WatchedRuntime) -> None:
    with threadpool_limits(limits=2, user_api="blas"):
        worker_module._products_on_one_thread.cache_clear()
        Worker(runtime, finish=_finish).close()
        threads = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    worker_module._products_on_one_thread.cache_clear()
    assert threads
    assert set(threads) == {1}


def _texts(*firsts: int, length: int = 6) -> list[ReadText]:
    offsets = np.array([(place, place + 1) for place in range(length)], dtype=np.int32)
    return [ReadText("x" * length, Tokens(np.full(length, first, dtype=np.int32), offsets)) for first in firsts]


def _submit(worker: Worker[Work], texts: Sequence[ReadText]) -> Future[Enrichment]:
    call = Call(texts, dimensions=1)
    worker.submit(call.works)
    return call.future


def _hold(runtime: WatchedRuntime, worker: Worker[Work]) -> Future[Enrichment]:
    """Make the only bulk thread busy with text 0 until the gate opens."""
    running = _submit(worker, _texts(0))
    assert runtime.begun.acquire(timeout=10)
    return running


def _firsts(future: Future[Enrichment]) -> list[float]:
    return [float(row[0]) for row in future.result(timeout=10).vectors]


def test_every_sequence_runs_exactly_once(runtime: WatchedRuntime, worker: Worker[Work]) -> None:
    runtime.gate.set()
    texts = [text for first in range(20, 60) for text in _texts(first, length=first % 9 + 1)]

    assert _firsts(_submit(worker, texts)) == list(range(20, 60))
    assert sorted(first for batch in runtime.batches for first in batch) == list(range(20, 60))


def test_waiting_calls_share_batches(runtime: WatchedRuntime, worker: Worker[Work]) -> None:
    running = _hold(runtime, worker)
    calls = [_submit(worker, _texts(first)) for first in (21, 22, 23)]
    runtime.gate.set()

    assert [_firsts(call) for call in (running, *calls)] == [[0], [21], [22], [23]]
    assert runtime.batches == [[0], [21, 22, 23]]


def test_a_query_runs_while_bulk_work_is_stuck(runtime: WatchedRuntime, worker: Worker[Work]) -> None:
    running = _hold(runtime, worker)
    query = Call(_texts(7), dimensions=1)
    worker.submit_query(TextWork(query, 0))
    assert _firsts(query.future) == [7]
    assert not running.done()


def test_a_fault_of_the_runtime_reaches_its_callers_and_nobody_else(
    runtime: WatchedRuntime, worker: Worker[Work]
) -> None:
    runtime.gate.set()
    broken = _submit(worker, _texts(13))
    with pytest.raises(MemoryError):
        broken.result(timeout=10)
    assert _firsts(_submit(worker, _texts(5))) == [5]


def test_a_call_with_one_broken_batch_ends_once_with_the_fault(runtime: WatchedRuntime, worker: Worker[Work]) -> None:
    runtime.gate.set()
    call = _submit(worker, _texts(*range(1, 40)))
    with pytest.raises(MemoryError):
        call.result(timeout=10)
    assert _firsts(_submit(worker, _texts(50))) == [50]


def test_what_was_answered_is_not_kept_until_the_next_batch(runtime: WatchedRuntime, worker: Worker[Work]) -> None:
    """A call holds its texts and what scored them: a model that has been replaced, perhaps."""
    runtime.gate.set()
    call = Call(_texts(5), dimensions=1)
    answered, kept = call.future, weakref.ref(call)
    worker.submit(call.works)
    del call
    assert _firsts(answered) == [5]
    deadline = time.monotonic() + 10
    while kept() is not None and time.monotonic() < deadline:
        time.sleep(0.001)
    assert kept() is None


async def test_a_cancelled_call_is_not_computed(runtime: WatchedRuntime, worker: Worker[Work]) -> None:
    running = _hold(runtime, worker)
    given_up = asyncio.wrap_future(_submit(worker, _texts(30, 31)))
    given_up.cancel()
    await asyncio.sleep(0)
    wanted = _submit(worker, _texts(40))
    runtime.gate.set()

    assert await asyncio.wrap_future(wanted)
    assert running.result(timeout=10)
    assert runtime.batches == [[0], [40]]


def test_closing_ends_what_runs_and_fails_what_waits(runtime: WatchedRuntime, worker: Worker[Work]) -> None:
    running = _hold(runtime, worker)
    waiting = _submit(worker, _texts(8))
    threading.Timer(0.05, runtime.gate.set).start()

    worker.close()

    assert _firsts(running) == [0]
    with pytest.raises(EmbedderClosed):
        waiting.result(timeout=10)
    with pytest.raises(EmbedderClosed):
        _submit(worker, _texts(9))


def test_nothing_to_do_is_done_at_once(worker: Worker[Work]) -> None:
    assert _submit(worker, []).done()


def test_a_text_waits_for_what_finishing_it_asks_for(runtime: WatchedRuntime, worker: Worker[Work]) -> None:
    runtime.gate.set()
    answer = _submit(worker, _texts(5, 100, 6)).result(timeout=10)

    assert [float(row[0]) for row in answer.vectors] == [5, 100, 6]
    assert [each.score_0_1 for each in answer.toxicity] == [0, pytest.approx(0.1), 0]
    assert runtime.batches == [[5, 100, 6], [100, 100]]


def test_what_follows_goes_before_what_waits_once_it_fills_a_batch(
    runtime: WatchedRuntime, worker: Worker[Work]
) -> None:
    running = _hold(runtime, worker)
    suspicious = _submit(worker, _texts(*range(100, 108), length=14))  # two batches of four
    waiting = _submit(worker, _texts(*range(20, 26), length=2))
    runtime.gate.set()

    assert [_firsts(each) for each in (running, suspicious, waiting)] == [
        [0],
        list(range(100, 108)),
        list(range(20, 26)),
    ]
    # Each batch's eight halves have 72 tokens: more than a batch holds, so they run behind it at once.
    assert [len(batch) for batch in runtime.batches] == [1, 4, 7, 1, 4, 7, 1, 6]
    assert runtime.batches[-1] == list(range(20, 26))


def test_what_is_asked_first_waits_for_the_running_batch_alone(runtime: WatchedRuntime, worker: Worker[Work]) -> None:
    running = _hold(runtime, worker)
    waiting = _submit(worker, _texts(21, 22))
    urgent = Call(_texts(23), dimensions=1)
    worker.submit_first(urgent.works)
    runtime.gate.set()

    assert [_firsts(each) for each in (running, waiting, urgent.future)] == [[0], [21, 22], [23]]
    assert runtime.batches == [[0], [23], [21, 22]]


def test_a_fault_in_what_follows_reaches_the_call_that_asked(runtime: WatchedRuntime, worker: Worker[Work]) -> None:
    (text,) = _texts(100, length=8)
    text.tokens.ids[4:] = 13  # its second half begins with what the runtime breaks at
    runtime.gate.set()

    broken = _submit(worker, [text, *_texts(5)])

    with pytest.raises(MemoryError):
        broken.result(timeout=10)
    assert _firsts(_submit(worker, _texts(6))) == [6]


async def test_nothing_follows_for_a_caller_that_went_away(runtime: WatchedRuntime, worker: Worker[Work]) -> None:
    given_up = asyncio.wrap_future(_submit(worker, _texts(100)))
    assert runtime.begun.acquire(timeout=10)
    given_up.cancel()
    await asyncio.sleep(0)
    runtime.gate.set()

    assert await asyncio.wrap_future(_submit(worker, _texts(40)))
    assert runtime.batches == [[100], [40]]


def test_a_call_whose_sentences_can_no_longer_run_is_told(runtime: WatchedRuntime, worker: Worker[Work]) -> None:
    asking = _submit(worker, _texts(100))
    assert runtime.begun.acquire(timeout=10)
    threading.Timer(0.05, runtime.gate.set).start()

    worker.close()

    with pytest.raises(EmbedderClosed):
        asking.result(timeout=10)
