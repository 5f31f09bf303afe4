"""Facets over one column: how many of the masked documents fall under each entry.

What an entry is, and which are shown, is said in `indexer.search.facets`; here it is only counted, on arrays.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from indexer.backends.embedded.columns import Column, Mask
from indexer.search import facets
from indexer.search.facets import Bucket
from indexer.search.matching import Key, Kind
from vocabulary.search import (
    BucketCount,
    DateFacet,
    Facet,
    FacetCount,
    FacetRequest,
    RangeFacet,
)


def counted(facet: Facet, column: Column, documents: Mask) -> tuple[FacetCount | BucketCount, ...]:
    """Count the values of the masked documents as the facet asks."""
    match facet:
        case FacetRequest():
            return column.facet(documents, size=facet.size)
        case RangeFacet():
            values = _values(column, documents, facets.kind_of_ranges(facet))
            return facets.counted_ranges(facet, [values.count(each) for each in facets.buckets_of(facet)])
        case DateFacet():
            return facets.latest(_latest_stretches(_values(column, documents, Kind.MOMENT), facet), size=facet.size)


@dataclass(frozen=True, slots=True, eq=False)
class _Values:
    """The pairs (document, value) of one kind, a value as its place among the column's distinct values in order."""

    kind: Kind
    keys: list[Key]
    documents: npt.NDArray[np.int32]
    ranks: npt.NDArray[np.int64]
    up_to: npt.NDArray[np.int64]  # how many pairs have a lower rank than i
    is_single: bool  # every document has one value only, so that pairs are documents

    def count(self, bucket: Bucket) -> int:
        """Count the documents with a value in the bucket."""
        low, high = self._span(bucket)
        if self.is_single:
            return int(self.up_to[high] - self.up_to[low])
        return int(np.count_nonzero(np.bincount(self.documents[(self.ranks >= low) & (self.ranks < high)])))

    def highest_before(self, bucket: Bucket | None) -> Key | None:
        """Return the highest value below the bucket, or of all; None when there is none."""
        end = len(self.keys) if bucket is None else self._span(bucket)[0]
        if self.up_to[end] == 0:
            return None
        return self.keys[int(np.searchsorted(self.up_to, self.up_to[end])) - 1]

    def _span(self, bucket: Bucket) -> tuple[int, int]:
        """Return the ranks of the kind's values in the bucket as [low, high)."""
        low = (self.kind,) if bucket.start is None else (self.kind, bucket.start)
        high = (self.kind + 1,) if bucket.end is None else (self.kind, bucket.end)
        first = bisect_left(self.keys, low)
        return first, max(first, bisect_left(self.keys, high))


def _values(column: Column, documents: Mask, kind: Kind) -> _Values:
    keys, rank_of_code = column.in_order()
    ranks = rank_of_code[column.codes]
    first, behind = bisect_left(keys, (kind,)), bisect_left(keys, (kind + 1,))
    held = documents[column.documents] & (ranks >= first) & (ranks < behind)
    holders = column.documents[held]
    counts = np.bincount(ranks[held], minlength=len(keys))
    up_to = np.concatenate([[0], np.cumsum(counts)])
    is_single = bool(np.bincount(holders).max(initial=0) <= 1)
    return _Values(kind, keys, holders, ranks[held], up_to, is_single)


def _latest_stretches(values: _Values, facet: DateFacet) -> dict[Bucket, int]:
    """Count the latest stretches of the calendar that hold a value, going back from the highest."""
    zone = facets.zone_of(facet)
    counts: dict[Bucket, int] = {}
    stretch: Bucket | None = None
    while len(counts) < facet.size and (key := values.highest_before(stretch)) is not None:
        stretch = facets.stretch_of(int(key.value), facet.interval, zone)
        counts[stretch] = values.count(stretch)
    return counts
