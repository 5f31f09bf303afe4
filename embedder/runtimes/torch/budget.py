"""How many tokens go to a device at once, and what happens when that was too many.

A GPU may be shared, and how much memory a batch takes is known for sure only by trying. So the budget halves whenever
the device says that it has no room, the batch is cut anew, and its results are put together as if nothing had been.
Memory is not lost silently: each halving is logged with the new budget.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import torch

from embedder.runtimes.port import Pooled
from embedder.runtimes.torch.buckets import cut
from embedder.runtimes.torch.packing import sequence_lengths
from vocabulary.documents import TokenIds

# Below this a batch takes less memory than the weights of the smallest models: halving it further frees nothing.
LEAST_TOKENS = 256

ResultT = TypeVar("ResultT")

_log = logging.getLogger(__name__)


class Budget:
    """Tokens, special ones included, that are computed at once. Safe from any thread; it only ever falls."""

    def __init__(self, max_tokens: int) -> None:
        self._tokens = max(max_tokens, LEAST_TOKENS)
        self._lock = threading.Lock()

    @property
    def tokens(self) -> int:
        return self._tokens

    def halve(self, tried: int) -> bool:
        """Fall to half of what was tried, if nobody has yet; False: that was the least already."""
        with self._lock:
            if self._tokens >= tried > LEAST_TOKENS:
                self._tokens = max(LEAST_TOKENS, tried // 2)
                _log.warning("the device is out of memory: %d tokens at once from now on", self._tokens)
            return tried > LEAST_TOKENS


def run_within(
    budget: Budget,
    sequences: Sequence[TokenIds],
    compute: Callable[[Sequence[TokenIds]], ResultT],
    *,
    free_memory: Callable[[], None],
) -> list[ResultT]:
    """Compute sequences in parts that the budget allows; the parts' results cover the sequences in their order.

    Raises:
        torch.cuda.OutOfMemoryError: there is no room for the least budget, or for one sequence.
    """
    results: list[ResultT] = []
    waiting = deque([sequences])
    while waiting:
        tried = budget.tokens
        part, *others = _parts(waiting.popleft(), tried)  # anew: it may have fallen since
        waiting.extendleft(reversed(others))
        try:
            results.append(compute(part))
        except torch.cuda.OutOfMemoryError:
            free_memory()
            if len(part) == 1 or not budget.halve(tried):
                raise
            waiting.appendleft(part)
    return results


def joined(parts: Sequence[Pooled]) -> Pooled:
    """Put the results of parts together again; the rectangles of blocks get the widest one's width."""
    if len(parts) == 1:
        return parts[0]
    features = [part.features for part in parts if part.features is not None]
    blocks = [part.blocks for part in parts if part.blocks is not None]
    width = max((part.shape[1] for part in blocks), default=0)
    wide = [np.pad(part, ((0, 0), (0, width - part.shape[1]), (0, 0))) for part in blocks]
    return Pooled(
        embeddings=np.concatenate([part.embeddings for part in parts]),
        features=np.concatenate(features) if features else None,
        blocks=np.concatenate(wide) if wide else None,
    )


def _parts(sequences: Sequence[TokenIds], tokens: int) -> list[Sequence[TokenIds]]:
    return [sequences[run] for run in cut(sequence_lengths(sequences).tolist(), max_tokens=tokens)]
