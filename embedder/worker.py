"""The one door to the model: a fixed set of threads that take batches from a queue.

Sequences of all callers wait together, so that short documents share batches. Queries have a lane of their own with
one thread, so that they wait for no batch of an indexing run. Preparing and finishing happen on these threads too:
the event loop never computes.

Invariants: every submitted sequence is computed exactly once or its caller is told why not; a caller that went away
costs at most the batches already running; memory beyond the callers' own is bounded by the batches being computed.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import chain
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from embedder.batching import plan_batches
from embedder.models.folder import SPECIAL_TOKENS
from embedder.runtimes.port import Batching, Pooled, Runtime
from vocabulary.documents import TokenIds, Vector


@dataclass(frozen=True, slots=True, eq=False)
class Finished:
    """What became of n sequences, in their order."""

    vectors: npt.NDArray[np.float32]  # [n, dimensions], unit length
    toxicity_0_1: npt.NDArray[np.float32]  # [n]


Finish: TypeAlias = Callable[[Pooled], Finished]


class EmbedderClosed(RuntimeError):
    """The embedder was used behind its end, or left while a call was waiting: a fault of the program around it."""

    def __init__(self) -> None:
        super().__init__("the embedder is closed")


class _Call:
    """One caller's sequences, and the answer as it fills."""

    def __init__(self, sequences: Sequence[TokenIds], *, dimensions: int) -> None:
        self.sequences = sequences
        self.future: Future[Finished] = Future()
        self._answer = Finished(
            vectors=np.empty((len(sequences), dimensions), dtype=np.float32),
            toxicity_0_1=np.empty(len(sequences), dtype=np.float32),
        )
        self._missing = len(sequences)
        self._lock = threading.Lock()
        if not self._missing:
            self.future.set_result(self._answer)

    def accept(self, position: int, vector: Vector, toxicity_0_1: np.float32) -> None:
        """Take over one sequence's result; the last one completes the call."""
        self._answer.vectors[position] = vector
        self._answer.toxicity_0_1[position] = toxicity_0_1
        with self._lock:
            self._missing -= 1
            if not self._missing and self._begin_answer():
                self.future.set_result(self._answer)

    def fail(self, error: Exception) -> None:
        """End the call with an error, once; its sequences still waiting are not computed any more."""
        with self._lock:
            if self._begin_answer():
                self.future.set_exception(error)

    def _begin_answer(self) -> bool:
        return not self.future.done() and self.future.set_running_or_notify_cancel()


@dataclass(frozen=True, slots=True)
class _Item:
    call: _Call
    position: int

    @property
    def sequence(self) -> TokenIds:
        return self.call.sequences[self.position]


class _Lane:
    """A first-in-first-out queue of sequences that is emptied in batches of similar length."""

    def __init__(self, batching: Batching) -> None:
        self._batching = batching
        self._changed = threading.Condition()
        self._waiting: deque[_Item] = deque()
        self._batches: deque[list[_Item]] = deque()
        self._closed = False

    def add(self, call: _Call) -> None:
        with self._changed:
            if self._closed:
                raise EmbedderClosed
            self._waiting.extend(_Item(call, position) for position in range(len(call.sequences)))
            self._changed.notify_all()

    def take(self) -> list[_Item] | None:
        """Wait for the next batch; None once the lane is closed."""
        with self._changed:
            while not self._closed:
                if not self._batches:
                    self._plan()
                if not self._batches:
                    self._changed.wait()
                    continue
                if batch := [item for item in self._batches.popleft() if not item.call.future.done()]:
                    return batch
            return None

    def close(self) -> None:
        """Fail what was not begun and let the threads go."""
        with self._changed:
            self._closed = True
            for item in chain(self._waiting, *self._batches):
                item.call.fail(EmbedderClosed())
            self._waiting.clear()
            self._batches.clear()
            self._changed.notify_all()

    def _plan(self) -> None:
        count = min(self._batching.look_ahead, len(self._waiting))
        window = [self._waiting.popleft() for _ in range(count)]
        lengths = [len(item.sequence) + SPECIAL_TOKENS for item in window]
        for batch in plan_batches(lengths, max_tokens=self._batching.max_tokens, packed=self._batching.packed):
            self._batches.append([window[position] for position in batch])


class Worker:
    """Threads around one runtime. `close` it when done; it waits for the batches being computed."""

    def __init__(
        self, runtime: Runtime, *, finish: Finish, dimensions: int, max_batch_tokens: int = 0, look_ahead: int = 0
    ) -> None:
        self._runtime = runtime
        self._finish = finish
        self._dimensions = dimensions
        batching = runtime.batching.with_settings(max_tokens=max_batch_tokens, look_ahead=look_ahead)
        self._bulk = _Lane(batching)
        self._queries = _Lane(batching)
        self._threads = [self._start(self._bulk, f"embed-{number}") for number in range(runtime.parallel_runs)]
        self._threads.append(self._start(self._queries, "embed-query"))

    @property
    def runtime(self) -> str:
        return self._runtime.name

    def submit(self, sequences: Sequence[TokenIds]) -> Future[Finished]:
        """Queue sequences, each within the model's limit; the answer keeps their order."""
        return self._submit(self._bulk, sequences)

    def submit_query(self, sequence: TokenIds) -> Future[Finished]:
        """Queue one sequence that does not wait behind `submit`."""
        return self._submit(self._queries, [sequence])

    def close(self) -> None:
        """Fail what waits, wait for what runs. May be called twice."""
        self._bulk.close()
        self._queries.close()
        for thread in self._threads:
            thread.join()

    def _start(self, lane: _Lane, name: str) -> threading.Thread:
        thread = threading.Thread(target=self._serve, args=(lane,), name=name, daemon=True)
        thread.start()
        return thread

    def _submit(self, lane: _Lane, sequences: Sequence[TokenIds]) -> Future[Finished]:
        call = _Call(sequences, dimensions=self._dimensions)
        if len(sequences):
            lane.add(call)
        return call.future

    def _serve(self, lane: _Lane) -> None:
        while (batch := lane.take()) is not None:
            try:
                result = self._finish(self._runtime.run([item.sequence for item in batch]))
            except Exception as error:  # noqa: BLE001 - whatever it is belongs to the callers, not to this thread
                for item in batch:
                    item.call.fail(error)
                continue
            for row, item in enumerate(batch):
                item.call.accept(item.position, result.vectors[row], result.toxicity_0_1[row])
