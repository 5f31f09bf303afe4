"""Ways to compute a batch, fastest first, and the one that is taken: the first that works here and is right.

A rung is tried on a probe and its results are held against the same encoder in float32 on the processor. One that
raises, or that gives other vectors, is left for the next, when the model is opened and later, too: a size may be the
first for which a kernel or a recording fails. So a weaker device, driver or version of torch costs speed and never a
vector.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from embedder.runtimes.port import Pooled
from embedder.runtimes.torch.pipeline import Rung

# What every arithmetic that is picked here keeps (decision 003); float16 keeps 0.999999 and bfloat16 0.9999.
LEAST_COSINE = 0.999

Rows: TypeAlias = npt.NDArray[np.float64]

_log = logging.getLogger(__name__)


class NoRung(RuntimeError):
    """No way to compute the model works here."""


class Ladder:
    """The rungs, one of them taken. Safe from any thread; it only ever goes down."""

    def __init__(self, rungs: Sequence[Callable[[], Rung]], *, check: Callable[[Rung], None]) -> None:
        """Take the first rung that can be built and passes `check`, which raises where a rung is not to be used.

        Raises:
            NoRung: none does.
            torch.cuda.OutOfMemoryError: trying one took more memory than there is.
        """
        self._below = list(rungs)
        self._check = check
        self._lock = threading.Lock()
        self._taken = self._next(None)

    @property
    def rung(self) -> Rung:
        return self._taken

    def descend(self, failed: Rung, error: Exception) -> Rung:
        """Leave a rung that failed, if nobody has yet; returns the rung to go on with.

        Raises:
            NoRung: there is none below.
        """
        with self._lock:
            if self._taken is failed:
                _log.warning("the model is computed another way: %s failed: %s", failed.name, _first_line(error))
                self._taken = self._next(error)
            return self._taken

    def _next(self, last: Exception | None) -> Rung:
        while self._below:
            build = self._below[0]
            try:
                rung = build()
                self._check(rung)
            except torch.cuda.OutOfMemoryError:
                raise  # nothing is wrong with the rung, which stays: with less at once it may work
            except (RuntimeError, ImportError, ValueError, NotImplementedError) as error:
                _log.info("a way to compute the model does not work here: %s", _first_line(error))
                last = error
                del self._below[0]
                continue
            del self._below[0]
            return rung
        raise NoRung(f"the model cannot be computed here: {_first_line(last)}") from last


def demand_equal(found: Pooled, wanted: Pooled) -> None:
    """Compare each row of one pass with the same row of another by its cosine.

    Raises:
        ValueError: they differ by more than the arithmetics that are used here do.
    """
    pairs = (
        ("vectors", found.embeddings, wanted.embeddings),
        ("features", found.features, wanted.features),
        ("blocks", found.blocks, wanted.blocks),
    )
    for what, mine, theirs in pairs:
        if mine is None or theirs is None:
            continue
        cosine = float(np.min(_cosines(mine.astype(np.float64), theirs.astype(np.float64))))
        if not cosine >= LEAST_COSINE:  # not-a-number, too
            raise ValueError(f"{what} differ from float32 on the processor: cosine {cosine:.6f}")


def _cosines(mine: Rows, theirs: Rows) -> Rows:
    """Compare row by row; two rows of zeros, as behind a sequence's last block, are equal."""
    lengths, others = np.linalg.norm(mine, axis=-1), np.linalg.norm(theirs, axis=-1)
    cosines: Rows = np.sum(mine * theirs, axis=-1) / np.maximum(lengths * others, 1e-12)
    cosines[(lengths == 0) & (others == 0)] = 1
    return cosines


def _first_line(error: Exception | None) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0]
