"""Counted values to a facet: the commonest first, ties by value."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from indexer.backends.matching import Key, value_of
from vocabulary.search import FacetCount


def commonest(counts: Iterable[tuple[Key, int]], *, size: int) -> tuple[FacetCount, ...]:
    """Return the `size` values with the highest counts, as a facet shows them."""
    top = heapq.nsmallest(max(size, 0), counts, key=lambda pair: (-pair[1], pair[0]))
    return tuple(FacetCount(value_of(key), count) for key, count in top)
