"""Nearest vectors under an exact mask, in memory and rebuildable from the file.

Slots are numbered from 0 in the order of `add`. Few vectors are scanned exactly; many are kept as 1-bit RaBitQ codes
(faiss; every admitted slot is looked at, so that a tight permission mask costs no recall) and give candidates, which
the caller rescores from the file. The codes lie in blocks, which are scanned at the same time where there are
processors for it; only the last block grows.

Each block is an inverted file of one list, around the one centre: of faiss's forms of these codes it is the only one
that compares 32 of them at once and asks a selector about none but those that are near enough (docs/decisions/004).
Its own wrappers for several indexes lose the selector (faiss #5584), hence blocks of our own.

Source: Gao and Long, RaBitQ (SIGMOD 2024); André, Kermarrec and Le Scouarnec, Cache locality is not enough (VLDB 2015)
for the comparison of 32 codes by look-ups in registers.
"""

from __future__ import annotations

import importlib
import os
import platform
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Slots = npt.NDArray[np.int64]
Admits = Callable[[slice], Mask]  # which of a run of slots are admitted

# Up to here an exact scan is as fast as the codes: 20,000 x 384 take about 3 ms and 31 MB.
EXACT_LIMIT = 20_000
# Candidates of the codes, rescored exactly. Measured: 500 find at least 99.5 % of the true top 10, 1,000 find 99.6 %.
_CANDIDATES = 1_000
# Vectors in a block: a scan of some 3 ms, against 0.1 ms that each block takes in itself.
BLOCK = 1 << 18
_AT_THE_CENTRE = 1e-6  # squared; from there, no code tells a way
# Similarities this close to the last candidate's are candidates too: their order is decided by the caller.
_TIE_WIDTH = 1e-5


@dataclass(frozen=True, slots=True, eq=False)
class KeptCodes:
    """The codes of a sidecar on their way to a file and back."""

    library: str  # name and version of what made them
    block: int  # vectors in a block
    count: int
    trained_for: int
    centre: Vectors  # float32 [dimensions]
    blocks: tuple[npt.NDArray[np.uint8], ...]  # each as the library writes it


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
        self._centre: Vectors | None = None  # of the codes; None while the scan is exact
        self._faiss = _faiss()
        self._scanning = ThreadPoolExecutor(
            os.cpu_count() or 1, thread_name_prefix="vector-scan", initializer=_one_thread_each, initargs=(self._faiss,)
        )

    def __len__(self) -> int:
        return self._count

    @classmethod
    def restored(cls, kept: KeptCodes, *, block: int = BLOCK) -> Self | None:
        """Return a sidecar with codes that were kept; None where this version of the library makes others."""
        sidecar = cls(kept.centre.size, block=block)
        if sidecar._faiss is None or kept.library != _library(sidecar._faiss) or kept.block != block:
            return None
        sidecar._centre = kept.centre.copy()
        sidecar.trained_for = kept.trained_for
        starts = range(0, kept.count, block)
        sidecar._codes = [
            _Codes.restored(sidecar._faiss, each, first=first) for first, each in zip(starts, kept.blocks, strict=True)
        ]
        sidecar._count = sum(map(len, sidecar._codes))
        return sidecar if sidecar._count == kept.count else None

    def kept(self) -> KeptCodes | None:
        """Return a copy of the codes, to be kept; None while the scan is exact: few vectors are soon read again."""
        with self._lock:
            if self._centre is None:
                return None
            blocks = tuple(each.serialised() for each in self._codes)
            return KeptCodes(
                _library(self._faiss), self._block, self._count, self.trained_for, self._centre.copy(), blocks
            )

    def agreement(self, slots: Slots, vectors: Vectors) -> Vectors:
        """Return how far each vector's way from the centre is told by its slot's code, float32 [n].

        Around 1 for a vector's own code, around 0 for one that has nothing to do with it. 1 while the scan is exact.
        Each takes a scan of one block.
        """
        with self._lock:
            codes, centre, block = list(self._codes), self._centre, self._block
        if centre is None:
            return np.ones(slots.size, np.float32)
        told = [
            codes[slot // block].similarity(slot % block, vector)
            for slot, vector in zip(slots.tolist(), vectors, strict=True)
        ]
        ways = np.square(vectors - centre).sum(axis=1)
        missing = np.square(vectors).sum(axis=1) - np.asarray(told, np.float32)
        return np.where(ways > _AT_THE_CENTRE, 1 - missing / np.maximum(ways, _AT_THE_CENTRE), np.float32(1))

    def train(self, sample: Vectors, *, expected: int) -> None:
        """Switch an empty sidecar to codes around the sample's mean, for about `expected` vectors to come."""
        with self._lock:
            self._train(sample, expected=expected)

    def add(self, vectors: Vectors) -> None:
        """Append vectors, float32 [n, dimensions]."""
        with self._lock:
            if self._centre is not None:
                self._add_codes(vectors, self._centre)
                return
            self._add_exact(vectors)
            if self._count > self._exact_limit:
                self._quantise()

    def nearest(self, query: Vectors, *, mask: Mask, count: int) -> Slots:
        """Return at least the `count` admitted slots with the highest inner product, and some more.

        `mask` is bool [n], for the first n slots. They come nearest first, as far as the codes can tell.
        """
        return self.begin_nearest(query, mask.__getitem__, size=mask.size, count=count)()

    def begin_nearest(
        self, query: Vectors, admits: Admits, *, size: int, count: int, many: bool = False
    ) -> Callable[[], Slots]:
        """Begin what `nearest` does, on other threads; the function that is returned waits for it.

        `admits` gives parts of the mask of the first `size` slots, in the threads that scan them where so `many` are
        admitted that this pays.
        """
        with self._lock:
            codes = [each for each in self._codes if each.first < size]
            exact = self._exact[:size]
        if not codes:
            return lambda: _nearest_exact(exact, query, mask=admits(slice(0, size)), count=count)
        if not many:
            mask = admits(slice(0, size))
            if np.count_nonzero(mask) <= count:  # as tight as permissions often are: nothing is to be left out
                admitted = np.flatnonzero(mask)
                return lambda: admitted
            admits = mask.__getitem__
        parts = [(each, slice(each.first, min(each.first + self._block, size))) for each in codes]
        scans = [self._scanning.submit(_scanned, each, query, admits, part) for each, part in parts]
        return lambda: _best([scan.result() for scan in scans])

    def _add_exact(self, vectors: Vectors) -> None:
        before, self._count = self._count, self._count + len(vectors)
        if self._count > len(self._exact):
            grown = np.zeros((max(self._count, 2 * len(self._exact)), self.dimensions), np.float32)
            grown[:before] = self._exact[:before]
            self._exact = grown
        self._exact[before : self._count] = vectors

    def _add_codes(self, vectors: Vectors, centre: Vectors) -> None:
        at = 0
        while at < len(vectors):
            room = self._block - self._count % self._block
            if room == self._block:
                self._codes.append(_Codes(self._faiss, centre, first=self._count))
            added = vectors[at : at + room]
            self._codes[-1].add(added)
            self._count += len(added)
            at += len(added)

    def _train(self, sample: Vectors, *, expected: int) -> None:
        if self._faiss is None:
            return
        self._centre = sample.mean(axis=0, dtype=np.float64).astype(np.float32)
        self.trained_for = expected

    def _quantise(self) -> None:
        """Replace the exact vectors by codes. Rows without a vector are zero: their pull on the centre is slight."""
        known = self._exact[: self._count]
        self._train(known, expected=self._count)
        if self._centre is not None:
            self._count, self._exact = 0, np.zeros((0, self.dimensions), np.float32)
            self._add_codes(known, self._centre)


class _Codes:
    """The codes of a run of slots. Thread-safe: faiss must not search what it is adding to."""

    def __init__(self, faiss: Any, centre: Vectors, *, first: int) -> None:
        self.first = first
        self._faiss = faiss
        only = faiss.IndexFlatIP(centre.size)
        only.add(centre[None, :])
        self._codes = faiss.IndexIVFRaBitQFastScan(only, centre.size, 1, faiss.METRIC_INNER_PRODUCT)
        self._codes.train(centre[None, :])
        self._lock = threading.Lock()

    @classmethod
    def restored(cls, faiss: Any, serialised: npt.NDArray[np.uint8], *, first: int) -> Self:
        """Return what `serialised` has made of codes."""
        codes = cls.__new__(cls)
        codes.first = first
        codes._faiss = faiss
        codes._codes = faiss.deserialize_index(serialised)
        codes._lock = threading.Lock()
        return codes

    def __len__(self) -> int:
        return int(self._codes.ntotal)

    def add(self, vectors: Vectors) -> None:
        with self._lock:
            self._codes.add(vectors)

    def serialised(self) -> npt.NDArray[np.uint8]:
        """Return the codes as the library writes them."""
        with self._lock:
            written: npt.NDArray[np.uint8] = self._faiss.serialize_index(self._codes)
            return written

    def similarity(self, place: int, vector: Vectors) -> float:
        """Return how near the code at a place of this run says that its own vector is to another."""
        admitted = np.zeros(place + 1, np.bool_)
        admitted[place] = True
        _, similarities = self.nearest(vector, admitted)
        return float(similarities[0]) if similarities.size else -np.inf

    def nearest(self, query: Vectors, admitted: Mask) -> tuple[Slots, Vectors]:
        """Return candidates among the admitted slots, and how near the codes say they are.

        `admitted` begins at the first of this run; what it does not reach is not admitted.
        """
        bits = np.packbits(admitted, bitorder="little")  # must outlive the search
        selector = self._faiss.IDSelectorBitmap(bits)
        with self._lock:
            wanted = min(_CANDIDATES, self._codes.ntotal)
            parameters = self._faiss.SearchParametersIVF(sel=selector, nprobe=1)
            similarities, places = self._codes.search(query[None, :], wanted, params=parameters)
        found = places[0] >= 0  # fewer than wanted are filled up with -1
        slots, similarities = places[0][found], similarities[0][found]
        kept = admitted[slots]  # what faiss is asked for is looked at again
        return slots[kept] + self.first, similarities[kept]


def _scanned(codes: _Codes, query: Vectors, admits: Admits, slots: slice) -> tuple[Slots, Vectors]:
    """Return candidates of one run of codes, as `_Codes.nearest` does."""
    admitted = admits(slots)
    return codes.nearest(query, admitted) if admitted.any() else (np.zeros(0, np.int64), np.zeros(0, np.float32))


def _best(found: Sequence[tuple[Slots, Vectors]]) -> Slots:
    """Return the candidates of several blocks that are nearest, nearest first, as many as one block gives."""
    slots = np.concatenate([slots for slots, _ in found] or [np.zeros(0, np.int64)])
    similarities = np.concatenate([similarities for _, similarities in found] or [np.zeros(0, np.float32)])
    return slots[np.argsort(-similarities, kind="stable")[:_CANDIDATES]]


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
    near = np.flatnonzero(similarities >= last - _TIE_WIDTH)
    nearest: Slots = admitted[near[np.argsort(-similarities[near], kind="stable")]]
    return nearest


def _library(faiss: Any) -> str:
    """Return what the form of the codes depends on."""
    return f"faiss {faiss.__version__} on {platform.machine()}"


def _one_thread_each(faiss: Any) -> None:
    """Have a thread scan by itself: the blocks are shared out already, and OpenMP's helpers wait by spinning."""
    if faiss is not None:
        faiss.omp_set_num_threads(1)


def _faiss() -> ModuleType | None:
    """Return faiss where it is installed; without it every scan is exact, slower and larger but never wrong."""
    try:
        return importlib.import_module("faiss")
    except ImportError:
        return None
