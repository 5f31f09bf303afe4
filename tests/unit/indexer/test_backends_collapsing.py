"""Cutting a page out of an answer with copies: the quick way gives what the plain one gives."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from indexer.search.collapsing import NO_CONTENT_KEY, cut_page

# Few keys, so that there are many copies; 0 is nobody's copy.
KEYS = st.lists(st.integers(NO_CONTENT_KEY, 6), max_size=400)


def plainly(keys: list[int]) -> tuple[list[int], list[int]]:
    """Return the places of the documents that stand for themselves, and how many copies each stands for."""
    first: dict[int, int] = {}
    places = [at for at, key in enumerate(keys) if key == NO_CONTENT_KEY or first.setdefault(key, at) == at]
    return places, [0 if keys[at] == NO_CONTENT_KEY else keys.count(keys[at]) - 1 for at in places]


@given(keys=KEYS, size=st.integers(0, 70))
def test_pages_follow_one_another_through_the_answer_without_copies(keys: list[int], size: int) -> None:
    places, copies = plainly(keys)
    seen: list[int] = []
    counted: list[int] = []
    behind = None
    while True:
        shown = cut_page(np.asarray(keys, np.int64), behind=behind, skipped=len(seen), size=size)
        seen += shown.places.tolist()
        counted += shown.copies.tolist()
        if shown.is_last or size == 0:
            break
        behind = seen[-1]
    expected = places if size else []
    assert (seen, counted) == (expected, copies[: len(expected)])
    assert shown.is_last == (len(places) <= len(seen))
    if size:
        assert len(seen) + sum(counted) == len(keys)


@given(keys=KEYS, skipped=st.integers(0, 500), size=st.integers(1, 70))
def test_a_page_whose_last_hit_is_gone_begins_behind_as_many_hits(keys: list[int], skipped: int, size: int) -> None:
    places, _ = plainly(keys)
    shown = cut_page(np.asarray(keys, np.int64), behind=None, skipped=skipped, size=size)
    assert shown.places.tolist() == places[skipped : skipped + size]
    assert shown.is_last == (len(places) <= skipped + size)


@given(keys=KEYS.filter(bool), data=st.data(), size=st.integers(1, 70))
def test_a_page_behind_a_copy_that_stands_for_nothing_goes_on_from_its_place(
    keys: list[int], data: st.DataObject, size: int
) -> None:
    behind = data.draw(st.integers(0, len(keys) - 1))
    shown = cut_page(np.asarray(keys, np.int64), behind=behind, skipped=0, size=size)
    assert shown.places.tolist() == [at for at in plainly(keys)[0] if at > behind][:size]
