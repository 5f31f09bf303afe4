"""Query terms to scored passages, over the rows that one reader may read.

The text index says where each term stands; the scores are computed here, from the readable rows alone (see `bm25`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from indexer.backends import row_scores as bm25
from indexer.backends.embedded.catalogue import Catalogue, Integers
from indexer.backends.embedded.columns import Mask
from indexer.backends.embedded.postings import Field, postings


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
    in_body = postings(connection, Field.BODY, term)
    slots = catalogue.slots_of(in_body.rows).astype(np.int64)
    in_title = postings(connection, Field.TITLE, term)
    if not in_title.rows.size:
        visible = readable[slots]
        return slots[visible], in_body.frequencies[visible].astype(np.float64)
    of_document = np.zeros(catalogue.acl_ids.size, np.float64)
    of_document[catalogue.heading_documents[in_title.rows]] = in_title.frequencies
    of_document[0] = 0
    weighted = bm25.TITLE_WEIGHT * of_document[catalogue.passage_documents]
    weighted[slots] += in_body.frequencies
    weighted[~readable] = 0
    found = np.flatnonzero(weighted)
    return found, weighted[found]
