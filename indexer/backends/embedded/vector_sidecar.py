"""Nearest vectors under an exact mask, in memory and rebuildable from the file.

Slots are numbered from 0 in the order of `add`. Few vectors are scanned exactly; many are kept as 1-bit RaBitQ codes
(faiss, flat: every admitted slot is looked at, so that a tight permission mask costs no recall) and give candidates,
which the caller rescores from the file. The codes lie in blocks, which are scanned at the same time where there are
processors for it; only the last block grows.

faiss's own wrappers for several indexes lose the selector (faiss #5584), hence blocks of our own.

Source: Gao and Long, RaBitQ (SIGMOD 2024); docs/decisions/004 for what was measured against it.
"""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Slots = npt.NDArray[np.int64]

# Up to here an exact scan is as fast as the codes: 20,000 x 384 take about 3 ms and 31 MB.
EXACT_LIMIT = 20_000
# Candidates of the codes, rescored exactly. Measured: 500 find at least 99.5 % of the true top 10, 1,000 find 99.6 %.
_CANDIDATES = 1_000
_QUERY_BITS = 4  # bits of the query's own quantisation; measured with the above
# Vectors in a block: a scan of 5 ms, against 0.1 ms that each block takes in itself.
BLOCK = 1 << 18
# Slots of a block that are rather dropped from the result than kept from the scan: faiss asks the selector about each
# code, which takes a quarter as long as comparing it.
_FEW_EXCLUDED = 512
# Similarities this close to the last candidate's are candidates too: their order is decided by the caller.
_TIE_WIDTH = 1e-5


class VectorSidecar:
    """Vectors by slot. Thread-safe; grows only: dead slots are masked out by the caller, who rebuilds in time."""

    def __init__(self, dimensions: int, *, exact_limit: int = EXACT_LIMIT, block: int = BLOCK) -> None:
        self._lock = threading.Lock()
        self.dimensions = dimensions
        self.trained_for = 0  # how many vectors there were when the codes' centre was computed; 0 while exact
        self._exact_limit = exact_limit
        self._exact: Vectors = np.zeros((0, dimensions), np.float32)
        self._count = 0
        self._block = block
        self._codes: list[_Codes] = []  # one behind the other, all full but the last
        self._empty: Any = None  # codes that know the centre and hold nothing
        self._scanning = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="vector-scan")
        self._faiss = _faiss()

    def __len__(self) -> int:
        return self._count

    def train(self, sample: Vectors, *, expected: int) -> None:
        """Switch an empty sidecar to codes around the sample's mean, for about `expected` vectors to come."""
        with self._lock:
            self._train(sample, expected=expected)

    def add(self, vectors: Vectors) -> None:
        """Append vectors, float32 [n, dimensions]."""
        with self._lock:
            if self._empty is not None:
                self._add_codes(vectors)
                return
            self._add_exact(vectors)
            if self._count > self._exact_limit:
                self._quantise()

    def nearest(self, query: Vectors, *, mask: Mask, count: int) -> Slots:
        """Return at least the `count` admitted slots with the highest inner product, unordered, and some more.

        `mask` is bool [n], for the first n slots.
        """
        return self.begin_nearest(query, mask=mask, count=count)()

    def begin_nearest(self, query: Vectors, *, mask: Mask, count: int) -> Callable[[], Slots]:
        """Begin what `nearest` does, on other threads; the function that is returned waits for it."""
        with self._lock:
            codes = list(self._codes)
            exact = self._exact[: mask.size]
        if not codes:
            return lambda: _nearest_exact(exact, query, mask=mask, count=count)
        wanted = [each for each in codes if mask[each.first : each.first + self._block].any()]
        scans = [self._scanning.submit(each.nearest, query, mask) for each in wanted]
        return lambda: _best([scan.result() for scan in scans])

    def _add_exact(self, vectors: Vectors) -> None:
        before, self._count = self._count, self._count + len(vectors)
        if self._count > len(self._exact):
            grown = np.zeros((max(self._count, 2 * len(self._exact)), self.dimensions), np.float32)
            grown[:before] = self._exact[:before]
            self._exact = grown
        self._exact[before : self._count] = vectors

    def _add_codes(self, vectors: Vectors) -> None:
        at = 0
        while at < len(vectors):
            room = self._block - self._count % self._block
            if room == self._block:
                self._codes.append(_Codes(self._faiss, self._empty, first=self._count))
            added = vectors[at : at + room]
            self._codes[-1].add(added)
            self._count += len(added)
            at += len(added)

    def _train(self, sample: Vectors, *, expected: int) -> None:
        if self._faiss is None:
            return
        self._empty = self._faiss.IndexRaBitQ(self.dimensions, self._faiss.METRIC_INNER_PRODUCT)
        self._empty.train(sample)
        self.trained_for = expected

    def _quantise(self) -> None:
        """Replace the exact vectors by codes. Rows without a vector are zero: their pull on the centre is slight."""
        known = self._exact[: self._count]
        self._train(known, expected=self._count)
        if self._empty is not None:
            self._count, self._exact = 0, np.zeros((0, self.dimensions), np.float32)
            self._add_codes(known)


class _Codes:
    """The codes of a run of slots. Thread-safe: faiss must not search what it is adding to."""

    def __init__(self, faiss: Any, empty: Any, *, first: int) -> None:
        self.first = first
        self._faiss = faiss
        self._codes = faiss.clone_index(empty)
        self._lock = threading.Lock()

    def add(self, vectors: Vectors) -> None:
        with self._lock:
            self._codes.add(vectors)

    def nearest(self, query: Vectors, mask: Mask) -> tuple[Slots, Vectors]:
        """Return candidates among the admitted slots, and how near the codes say they are."""
        with self._lock:
            admitted = np.zeros(self._codes.ntotal, np.bool_)
            known = mask[self.first : self.first + admitted.size]
            admitted[: known.size] = known
            places, similarities = self._search(query, admitted)
        kept = (places >= 0) & admitted[places]  # fewer than wanted are filled up with -1
        return places[kept] + self.first, similarities[kept]

    def _search(self, query: Vectors, admitted: Mask) -> tuple[Slots, Vectors]:
        excluded = admitted.size - int(np.count_nonzero(admitted))
        parameters = self._faiss.RaBitQSearchParameters(qb=_QUERY_BITS)
        wanted = _CANDIDATES + excluded
        packed = np.packbits(admitted, bitorder="little")  # must outlive the search
        if excluded > _FEW_EXCLUDED:
            parameters.sel = selector = self._faiss.IDSelectorBitmap(packed)  # noqa: F841 - so must this
            wanted = _CANDIDATES
        similarities, places = self._codes.search(query[None, :], min(wanted, admitted.size), params=parameters)
        return places[0], similarities[0]


def _best(found: Sequence[tuple[Slots, Vectors]]) -> Slots:
    """Return the candidates of several blocks that are nearest, as many as one block gives."""
    if len(found) == 1:
        return found[0][0]
    slots = np.concatenate([slots for slots, _ in found] or [np.zeros(0, np.int64)])
    similarities = np.concatenate([similarities for _, similarities in found] or [np.zeros(0, np.float32)])
    if slots.size <= _CANDIDATES:
        return slots
    return slots[np.argpartition(-similarities, _CANDIDATES)[:_CANDIDATES]]


def inner_products(vectors: Vectors, query: Vectors) -> Vectors:
    """Return the inner product of each row with the query, in this thread alone.

    A BLAS product splits even this little work over all cores and waits for them: on a busy machine 16 ms, against
    0.2 ms for 2,000 rows and 2.8 ms for 20,000 this way.
    """
    products: Vectors = np.einsum("ij,j->i", vectors, query)
    return products


def _nearest_exact(vectors: Vectors, query: Vectors, *, mask: Mask, count: int) -> Slots:
    admitted = np.flatnonzero(mask)
    if admitted.size <= count:
        return admitted
    similarities = inner_products(vectors, query)[admitted]
    last = np.partition(similarities, admitted.size - count)[admitted.size - count]
    nearest: Slots = admitted[similarities >= last - _TIE_WIDTH]
    return nearest


def _faiss() -> ModuleType | None:
    """Return faiss where it is installed; without it every scan is exact, slower and larger but never wrong."""
    try:
        return importlib.import_module("faiss")
    except ImportError:
        return None
