"""principal -> ids of the lists that name it, as sorted arrays: one look-up for all principals of a reader.

Most entries are settled: their list ids in one array, ordered by principal. Lists that changed since stand in a short
tail, and what is settled of them is void; when the tail has grown, everything is settled anew. So neither a reader of
50,000 groups nor a list that changes costs as much as there are entries.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

_Numbers = npt.NDArray[np.uint32]

_SHORT_TAIL = 4_096  # entries that a look-up goes through in some microseconds
_LONGEST_TAIL = 8  # in parts of what is settled: settling costs some ten look-ups of everything


class InvertedLists:
    """Which lists name whom, for one effect. Principals and lists are numbers."""

    def __init__(self) -> None:
        self._starts = np.zeros(1, np.int64)  # of each principal's part of the settled lists
        self._settled = np.zeros(0, np.uint32)
        self._void = BitMap()
        self._tail_principals = np.zeros(0, np.uint32)
        self._tail_lists = np.zeros(0, np.uint32)

    def replace(self, changed: BitMap, principals: Sequence[int], lists: Sequence[int]) -> None:
        """Let each changed list name the principals that stand beside it, and nobody else any more."""
        self._void |= changed
        stays = ~_are_in(self._tail_lists, changed)
        self._tail_principals = np.concatenate([self._tail_principals[stays], np.asarray(principals, np.uint32)])
        self._tail_lists = np.concatenate([self._tail_lists[stays], np.asarray(lists, np.uint32)])
        if self._tail_lists.size > max(_SHORT_TAIL, self._settled.size // _LONGEST_TAIL):
            self._settle()

    def naming(self, principals: BitMap) -> BitMap:
        """Ids of the lists that name at least one of the principals."""
        recent = self._tail_lists[_are_in(self._tail_principals, principals)]
        return (_bitmap(self._settled_for(_numbers(principals))) - self._void) | _bitmap(recent)

    def all(self) -> BitMap:
        """Ids of the lists that name anybody."""
        return (_bitmap(self._settled) - self._void) | _bitmap(self._tail_lists)

    def _settled_for(self, principals: _Numbers) -> _Numbers:
        """The settled lists of all the principals, one part behind the other."""
        known = principals[principals < self._starts.size - 1].astype(np.int64)
        first = self._starts[known]
        counts = self._starts[known + 1] - first
        behind = np.cumsum(counts)
        total = int(behind[-1]) if behind.size else 0
        places = np.arange(total) + np.repeat(first - (behind - counts), counts)
        lists: _Numbers = self._settled[places]
        return lists

    def _settle(self) -> None:
        parts = np.diff(self._starts)
        holds = ~_are_in(self._settled, self._void)
        principals = np.concatenate([np.repeat(np.arange(parts.size), parts)[holds], self._tail_principals])
        lists = np.concatenate([self._settled[holds], self._tail_lists])
        self._settled = lists[np.argsort(principals, kind="stable")]
        self._starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.bincount(principals.astype(np.int64)))])
        self._void = BitMap()
        self._tail_principals = np.zeros(0, np.uint32)
        self._tail_lists = np.zeros(0, np.uint32)


def _numbers(numbers: BitMap) -> _Numbers:
    array_of_numbers: _Numbers = np.frombuffer(numbers.to_array(), np.uint32)
    return array_of_numbers


def _are_in(values: _Numbers, numbers: BitMap) -> npt.NDArray[np.bool_]:
    """Which of the values are among the numbers; by a table, which sorts nothing."""
    table = np.zeros(1 + int(max(values.max(initial=0), numbers.max() if numbers else 0)), np.bool_)
    table[_numbers(numbers)] = True
    found: npt.NDArray[np.bool_] = table[values]
    return found


def _bitmap(numbers: _Numbers) -> BitMap:
    """The numbers in any order, as often as they come."""
    table = np.zeros(1 + int(numbers.max(initial=0)), np.bool_)
    table[numbers] = True
    return BitMap(array("I", np.flatnonzero(table).astype(np.uint32).tobytes()))
