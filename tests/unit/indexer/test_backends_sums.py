"""What a query adds up by place: the same for few places, which are sorted, and for many, which get a table."""

from __future__ import annotations

import numpy as np
import pytest

from indexer.backends.embedded.text_search import _Sums

GIVEN = [(np.asarray([3, 5, 9]), np.asarray([1.0, 2.0, 4.0])), (np.asarray([5, 7]), np.asarray([8.0, 16.0]))]


@pytest.mark.parametrize("size", [10, 1_000], ids=["in a table", "sorted"])
def test_numbers_of_a_place_are_added(size: int) -> None:
    added = _Sums.added(GIVEN, size=size)
    assert added.places.tolist() == [3, 5, 7, 9]
    assert added.sums.tolist() == [1.0, 10.0, 16.0, 4.0]
    assert added.of(np.asarray([9, 4, 5, 999])).tolist() == [4.0, 0.0, 10.0, 0.0]


@pytest.mark.parametrize("parts", [[], [(np.zeros(0, np.int64), np.zeros(0))]])
def test_nothing_added_is_nothing_anywhere(parts: list[tuple[np.ndarray, np.ndarray]]) -> None:
    added = _Sums.added(parts, size=10)
    assert added.places.size == 0
    assert added.of(np.asarray([1, 2])).tolist() == [0.0, 0.0]
