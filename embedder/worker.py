"""The one door to the model: a fixed set of threads that take batches from a queue.

Sequences of all callers wait together, so that short documents share batches. Queries have a lane of their own with
one thread, so that they wait for no batch of an indexing run. Preparing and finishing happen on these threads too:
the event loop never computes.

Finishing a batch may ask for more sequences (the sentences of suspicious texts). They go before everything that waits,
as soon as they fill a batch or nothing else is planned: a call then ends soon behind its last text.

Invariants: every sequence is computed exactly once or its caller is told why not; a caller that went away costs at
most the batches already running; memory beyond the callers' own is bounded by the batches being computed.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import chain
from typing import Generic, Protocol, TypeVar

from threadpoolctl import threadpool_limits

from embedder.batching import plan_batches
from embedder.models.folder import SPECIAL_TOKENS
from embedder.runtimes.port import Batching, Pooled, Runtime
from vocabulary.documents import TokenIds


class Work(Protocol):
    """One sequence to compute, and whom to tell."""

    @property
    def ids(self) -> TokenIds: ...

    @property
    def wanted(self) -> bool:
        """Whether anybody still waits for it."""
        ...

    def fail(self, error: Exception) -> None: ...


AnyWork = TypeVar("AnyWork", bound=Work)


class EmbedderClosed(RuntimeError):
    """The embedder was used behind its end, or left while a call was waiting: a fault of the program around it."""

    def __init__(self) -> None:
        super().__init__("the embedder is closed")


class _Lane(Generic[AnyWork]):
    """A first-in-first-out queue of sequences that is emptied in batches of similar length."""

    def __init__(self, batching: Batching) -> None:
        self._batching = batching
        self._changed = threading.Condition()
        self._waiting: deque[AnyWork] = deque()
        self._following: list[AnyWork] = []
        self._batches: deque[list[AnyWork]] = deque()
        self._closed = False

    def add(self, works: Sequence[AnyWork]) -> None:
        with self._open():
            self._waiting.extend(works)

    def add_first(self, works: Sequence[AnyWork]) -> None:
        """Queue sequences that only batches already running may delay."""
        with self._open():
            self._put_first(works)

    def add_following(self, works: Sequence[AnyWork]) -> None:
        """Queue what a finished batch asks for."""
        with self._open():
            self._following.extend(works)
            if sum(map(_length, self._following)) >= self._batching.max_tokens:
                self._put_first(self._following)
                self._following = []

    def take(self) -> list[AnyWork] | None:
        """Wait for the next batch; None once the lane is closed."""
        with self._changed:
            while not self._closed:
                if not self._batches:
                    self._plan()
                if not self._batches:
                    self._changed.wait()
                    continue
                if batch := [work for work in self._batches.popleft() if work.wanted]:
                    return batch
            return None

    def close(self) -> None:
        """Fail what was not begun and let the threads go."""
        with self._changed:
            self._closed = True
            for work in chain(self._waiting, self._following, *self._batches):
                work.fail(EmbedderClosed())
            self._waiting.clear()
            self._following.clear()
            self._batches.clear()
            self._changed.notify_all()

    @contextmanager
    def _open(self) -> Iterator[None]:
        with self._changed:
            if self._closed:
                raise EmbedderClosed
            yield
            self._changed.notify_all()

    def _plan(self) -> None:
        count = min(self._batching.look_ahead, len(self._waiting))
        window = self._following + [self._waiting.popleft() for _ in range(count)]
        self._following = []
        self._batches.extend(self._cut(window))

    def _put_first(self, works: Sequence[AnyWork]) -> None:
        self._batches.extendleft(reversed(self._cut(works)))

    def _cut(self, works: Sequence[AnyWork]) -> list[list[AnyWork]]:
        lengths = [_length(work) for work in works]
        planned = plan_batches(lengths, max_tokens=self._batching.max_tokens, packed=self._batching.packed)
        return [[works[position] for position in batch] for batch in planned]


class Worker(Generic[AnyWork]):
    """Threads around one runtime. `close` it when done; it waits for the batches being computed.

    `finish` takes what the runtime gave for a batch, answers the batch's callers and returns what must be computed
    before it can answer the rest. `run` computes a batch where the runtime is not all that does. From the first worker
    of a process on, NumPy's products run on the thread that asks for them.
    """

    def __init__(
        self,
        runtime: Runtime,
        *,
        finish: Callable[[Pooled, Sequence[AnyWork]], Sequence[AnyWork]],
        run: Callable[[Sequence[AnyWork]], Pooled] | None = None,
        max_batch_tokens: int = 0,
        look_ahead: int = 0,
    ) -> None:
        _products_on_one_thread()
        self._runtime = runtime
        self._finish = finish
        self._run = run or (lambda batch: runtime.run([work.ids for work in batch]))
        batching = runtime.batching.with_settings(max_tokens=max_batch_tokens, look_ahead=look_ahead)
        self._bulk: _Lane[AnyWork] = _Lane(batching)
        self._queries: _Lane[AnyWork] = _Lane(batching)
        self._threads = [self._start(self._bulk, f"embed-{number}") for number in range(runtime.parallel_runs)]
        self._threads.append(self._start(self._queries, "embed-query"))

    @property
    def runtime(self) -> str:
        return self._runtime.name

    def submit(self, works: Sequence[AnyWork]) -> None:
        """Queue sequences, each within the model's limit.

        Raises:
            EmbedderClosed: too late.
        """
        self._bulk.add(works)

    def submit_first(self, works: Sequence[AnyWork]) -> None:
        """Queue a few sequences that wait for no others but those being computed; raises as `submit` does."""
        self._bulk.add_first(works)

    def submit_query(self, work: AnyWork) -> None:
        """Queue one sequence that waits for nothing but other queries; raises as `submit` does."""
        self._queries.add([work])

    def close(self) -> None:
        """Fail what waits, wait for what runs. May be called twice."""
        self._bulk.close()
        self._queries.close()
        for thread in self._threads:
            thread.join()

    def _start(self, lane: _Lane[AnyWork], name: str) -> threading.Thread:
        thread = threading.Thread(target=self._serve, args=(lane,), name=name, daemon=True)
        thread.start()
        return thread

    def _serve(self, lane: _Lane[AnyWork]) -> None:
        while self._serve_next(lane):
            pass  # the batch is let go of here: its callers' texts, and a model that scores no more, are large

    def _serve_next(self, lane: _Lane[AnyWork]) -> bool:
        """Wait for a batch and answer it; False once the lane is closed."""
        batch = lane.take()
        if batch is None:
            return False
        try:
            pooled = self._run(batch)
            if following := self._finish(pooled, batch):
                lane.add_following(following)
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to the callers, not to this thread
            for work in batch:
                work.fail(error)
        return True


def _length(work: Work) -> int:
    return len(work.ids) + SPECIAL_TOKENS


@cache
def _products_on_one_thread() -> None:
    """Have NumPy share no product out: those behind a batch are small, and OpenBLAS's threads wait by spinning.

    With them, scoring took up to a half of the embedding's processor time on a busy machine.
    """
    threadpool_limits(limits=1, user_api="blas")
