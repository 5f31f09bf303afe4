"""Identical copies as one hit: which documents of an answer stand for themselves, and where its pages begin.

Two documents are copies when their text is the same, word for word, whatever their titles, comments and places are. A
text of a few words is no sign of a copy ("To be done.", a table of one number), so short ones never are. Copies are
sought among the documents of one answer alone, which the reader may read: a copy outside it has no influence.

The first of several copies in the answer's order is the hit. Pages are anchored in the order before collapsing, so that
a copy that comes or goes between two pages neither repeats nor skips a hit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from indexer.search.analysis import storable
from vocabulary.documents import EnrichedPassage, PassageKind

Integers = npt.NDArray[np.int64]

NO_CONTENT_KEY = 0  # the document is nobody's copy
# Words below which a shared text is no sign of a copy. Of WordNet's 117,659 glosses, 5.8 % of those under 5 words stand
# under several entries, 0.2 % of those of 10 to 14, and four in all of 20 words and more.
MIN_WORDS = 20
_KEY_BYTES = 8  # the chance that two of a million different texts share a key is 3 in 100 million


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """The hits of one page as places in the answer's order, how many copies each stands for, and what is behind."""

    places: Integers
    copies: Integers
    hits_so_far: int  # with those of the pages before
    is_last: bool


def content_key(passages: Iterable[EnrichedPassage]) -> int:
    """Return a number that documents share if and, by all odds, only if their body's words are the same."""
    bodies = (each.passage for each in passages if each.passage.kind is PassageKind.BODY)
    words = [word for passage in sorted(bodies, key=lambda each: each.ordinal) for word in passage.text.split()]
    if len(words) < MIN_WORDS:
        return NO_CONTENT_KEY
    digest = hashlib.sha256(storable(" ".join(words)).encode()).digest()[:_KEY_BYTES]
    return int.from_bytes(digest, "big") >> 1 or 1  # SQLite's integers and numpy's have a sign


def cut_page(keys: Integers, *, behind: int | None, skipped: int, size: int) -> Shown:
    """Cut a page out of an answer whose documents have these content keys, int64 [n], in its order.

    `behind` is the place of the last hit that was shown before; None when it is gone, or there is none, and the page
    then begins behind `skipped` hits.
    """
    found = _representatives(keys, enough=skipped + size + 1 if behind is None else None, beyond=behind, size=size)
    first = skipped if behind is None else int(np.searchsorted(found, behind, side="right"))
    places = found[min(first, found.size) : first + size]
    return Shown(places, _copies(keys, places), first + places.size, is_last=found.size <= first + size)


def _representatives(keys: Integers, *, enough: int | None, beyond: int | None, size: int) -> Integers:
    """Return the places of the first of each text, at least as many as the page needs, if there are.

    Only as much of the answer is looked through as that takes: an answer may be a million documents long.
    """
    looked_at = max(64, 4 * (size + 1)) + (beyond or 0)
    while True:
        found = _first_of_each(keys[:looked_at])
        needed = enough if enough is not None else int(np.searchsorted(found, beyond or 0, side="right")) + size + 1
        if looked_at >= keys.size or found.size >= needed:
            return found
        looked_at *= 2


def _first_of_each(keys: Integers) -> Integers:
    is_first = keys == NO_CONTENT_KEY
    _, first = np.unique(keys, return_index=True)
    is_first[first] = True
    return np.flatnonzero(is_first).astype(np.int64)


def _copies(keys: Integers, places: Integers) -> Integers:
    """Return how many more documents of the whole answer have the key of each place."""
    counts = [0 if keys[at] == NO_CONTENT_KEY else int(np.count_nonzero(keys == keys[at])) - 1 for at in places]
    return np.asarray(counts, np.int64)
