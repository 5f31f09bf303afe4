"""BM25 over whole rows, as the engines still count it, until they take the fields of `bm25.py`.

All statistics (number of rows, document frequencies, average length) are of the readable rows alone: an engine that
counts the others too would let a hidden document move the order of the visible ones, and so betray its words.

Source: Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond (2009), with the always positive
inverse document frequency that Lucene uses.
"""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np
import numpy.typing as npt

# A word of the title counts as four of the body: as the embedded engine was measured (docs/decisions/004).
TITLE_WEIGHT = 4

# The usual constants, and SQLite FTS5's own.
_SATURATION = 1.2
_LENGTH_SHARE = 0.75

Number = TypeVar("Number", float, npt.NDArray[np.float64])


def inverse_document_frequency(*, rows: int, rows_with_term: int) -> float:
    """Weigh a term by its rarity among the readable rows; always positive."""
    return math.log1p((rows - rows_with_term + 0.5) / (rows_with_term + 0.5))


def saturated(frequency: Number, length: Number, *, average_length: float) -> Number:
    """Return the part of a term's score that depends on the row: more for every occurrence, less for long rows.

    `frequency` counts an occurrence in the title `TITLE_WEIGHT` times; `length` is in tokens, title included.
    """
    dampening = _SATURATION * (1 - _LENGTH_SHARE + _LENGTH_SHARE * length / average_length)
    return frequency * (_SATURATION + 1) / (frequency + dampening)
