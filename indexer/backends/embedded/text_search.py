"""Query terms to scored passages, over the rows that one reader may read.

SQLite's text index says where each term stands; the scores are computed here, from the readable rows alone
(see `bm25`). Measured on 200,000 passages, this takes no longer than FTS5's own ranking, which counts all rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from indexer.backends import bm25
from indexer.backends.embedded.catalogue import Catalogue, Integers
from indexer.backends.embedded.columns import Mask

# All places of a term as one text: a row of its own for each place costs three times as much to bring to Python.
# Twice the row id, one more in the title.
_PLACES = "SELECT group_concat(doc * 2 + (col = 'title')) FROM temp.term_instance WHERE term = ?"


@dataclass(frozen=True, slots=True, eq=False)
class ScoredSlots:
    """The matching passages by slot, ascending, with their scores."""

    slots: Integers
    scores: npt.NDArray[np.float64]


def matching_passages(connection: Any, catalogue: Catalogue, terms: Sequence[str], *, readable: Mask) -> ScoredSlots:
    """Score every readable passage that holds a term, in its text or its document's title.

    `readable` is bool by slot; what it excludes counts for nothing, not even for how rare a term is.
    """
    rows = int(np.count_nonzero(readable))
    scores = np.zeros(readable.size, np.float64)
    if rows:
        average_length = max(float(catalogue.passage_terms[readable].mean()), 1.0)
        for term in terms:
            slots, frequencies = _occurrences(connection, catalogue, term, readable=readable)
            weight = bm25.inverse_document_frequency(rows=rows, rows_with_term=slots.size)
            lengths = catalogue.passage_terms[slots].astype(np.float64)
            scores[slots] += weight * bm25.saturated(frequencies, lengths, average_length=average_length)
    matching = np.flatnonzero(scores)
    return ScoredSlots(matching, scores[matching])


def _occurrences(
    connection: Any, catalogue: Catalogue, term: str, *, readable: Mask
) -> tuple[Integers, npt.NDArray[np.float64]]:
    """Return the readable slots that hold a term, ascending, and how often they do (weighted by field)."""
    joined = connection.execute(_PLACES, (term,)).fetchone()[0]
    if joined is None:
        return np.zeros(0, np.int64), np.zeros(0, np.float64)
    places = np.sort(np.fromstring(joined, np.int64, sep=","), kind="stable")
    passages = places >> 1
    first = np.flatnonzero(np.diff(passages, prepend=-1))
    weights = np.where(places & 1, bm25.TITLE_WEIGHT, 1).astype(np.float64)
    frequencies = np.add.reduceat(weights, first)
    slots = catalogue.slots_of(passages[first])
    visible = readable[slots]
    return slots[visible], frequencies[visible]
