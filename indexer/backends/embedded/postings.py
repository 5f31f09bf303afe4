"""Where each term stands: the inverted index, as three tables of the one file.

A row is a text that is written once and never edited: a passage, or what a document says of itself (`Space`). For
each term the rows that hold it come out, with how often and where. `posting_batch.py` makes the rows of a transaction a
segment; a segment never changes, and `segments.py` merges small ones into larger ones. Deleted rows stay in their
segment until it is rewritten: whoever reads masks them out, as they mask what a reader may not see.

What a term is, the analysis decides. All of this is derived from the stored rows.

Why not FTS5: docs/decisions/011-text-side-at-a-million.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any

import apsw
import numpy as np
import numpy.typing as npt

from indexer.backends.embedded import vocabulary

POSTING_TABLES = """
-- Where a segment keeps a term's posting. Entries are small, so that a few pages lead to any of them: most of a word's
-- look-ups, one in each segment, end here and find nothing.
CREATE TABLE term(
    segment INTEGER NOT NULL,
    term TEXT NOT NULL,          -- behind the letter of its field
    posting INTEGER NOT NULL,
    PRIMARY KEY(segment, term)
) WITHOUT ROWID;

-- In the order in which a segment is written and read. The positions come last: only phrases read that far.
CREATE TABLE posting(
    id INTEGER PRIMARY KEY,
    rows BLOB NOT NULL,          -- uint32 [n], ascending
    frequencies BLOB NOT NULL,   -- uint16 [n]
    positions BLOB NOT NULL      -- uint16 [sum of frequencies], ascending within each row
);
"""

TABLES = f"""
CREATE TABLE segment(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    space INTEGER NOT NULL,
    first_row INTEGER NOT NULL,  -- the segments of a space lie one behind the other
    last_row INTEGER NOT NULL,
    row_count INTEGER NOT NULL,
    dead_rows INTEGER NOT NULL   -- of them, deleted since
);
CREATE INDEX segment_of_space ON segment(space, first_row);
{POSTING_TABLES}
-- What a document says of itself (title, attributes, path), as a row of the text index: a new one with each new text.
CREATE TABLE heading(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    document_id INTEGER NOT NULL UNIQUE REFERENCES document ON DELETE CASCADE,
    title_terms INTEGER NOT NULL,
    attribute_terms INTEGER NOT NULL
);
{vocabulary.TABLE}"""

Rows = npt.NDArray[np.uint32]
Frequencies = npt.NDArray[np.uint16]
Positions = npt.NDArray[np.uint16]

_ROW_BYTES = 4
_POSITION_BITS = 16
_FEW_ROWS = 1_000  # cheaper to sort than to mark among all rows of the index
MAX_COUNT = 2**16 - 1  # longest text in terms that is indexed as it is; passages are two hundred times shorter

_OF_TERM = """
SELECT {columns} FROM segment s CROSS JOIN term t ON t.segment = s.id AND t.term = ?
CROSS JOIN posting p ON p.id = t.posting WHERE s.space = ? ORDER BY s.first_row
"""
_ROWS_OF_TERM = _OF_TERM.format(columns="p.rows, p.frequencies")
_PLACE_BYTES_OF_TERM = _OF_TERM.format(columns="coalesce(sum(length(p.positions)), 0)")  # reads no position
_PLACES_OF_TERM = _OF_TERM.format(columns="p.rows, p.frequencies, p.positions")
_ROWS_OF_PREFIX = """
SELECT p.rows FROM segment s CROSS JOIN term t ON t.segment = s.id AND t.term >= ? AND t.term < ?
CROSS JOIN posting p ON p.id = t.posting WHERE s.space = ?
"""
# The terms outside, the segments inside: a term is looked up in every segment before the next one is.
_ROWS_OF_TERMS = """
SELECT t.term, p.rows FROM carray(?) wanted CROSS JOIN segment s
CROSS JOIN term t ON t.segment = s.id AND t.term = wanted.value
CROSS JOIN posting p ON p.id = t.posting WHERE s.space = ?
"""
_LAST_CHARACTER = chr(0x10FFFF)
_NEXT_TERM = """
SELECT min((SELECT t.term FROM term t WHERE t.segment = s.id AND t.term >= ? ORDER BY t.term LIMIT 1))
FROM segment s WHERE s.space = ?
"""


class Space(IntEnum):
    """What the rows of a segment are. An id of one space means nothing in the other."""

    PASSAGES = 0  # by `passage.id`
    DOCUMENTS = 1  # by `heading.id`


class Field(StrEnum):
    """The part of a text that a term stands in.

    Beside each is what prefixes find in it that is no term of its own (`analysis.Analysed.words`).
    """

    BODY = "b"
    BODY_WORDS = "B"
    TITLE = "t"
    TITLE_WORDS = "T"
    ATTRIBUTES = "a"
    ATTRIBUTE_WORDS = "A"
    PATH = "p"
    PATH_WORDS = "P"
    VALUES = "v"  # the texts of every attribute, each term behind the attribute's name (`text_rows.clause_of_value`)
    VALUE_WORDS = "V"

    @property
    def space(self) -> Space:
        return Space.PASSAGES if self in (Field.BODY, Field.BODY_WORDS) else Space.DOCUMENTS

    @property
    def words(self) -> Field:
        return Field(self.upper())


@dataclass(frozen=True, slots=True, eq=False)
class Postings:
    """The rows that hold a term, ascending, and how often each does."""

    rows: Rows
    frequencies: Frequencies


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Every occurrence of a term: its row and its position there, ascending by both."""

    rows: Rows
    positions: Positions


def postings(connection: Any, field: Field, term: str) -> Postings:
    """Return the rows that hold a term, some deleted ones included."""
    found = connection.execute(_ROWS_OF_TERM, (field + term, field.space)).fetchall()
    return Postings(
        np.frombuffer(b"".join([rows for rows, _ in found]), "<u4"),
        np.frombuffer(b"".join([frequencies for _, frequencies in found]), "<u2"),
    )


def rows_of_terms(connection: Any, field: Field, terms: Sequence[str]) -> tuple[Rows, npt.NDArray[np.int64]]:
    """Return the rows that hold one of some distinct terms, some deleted ones included, and the place of that term.

    One statement for all: of hundreds of rare terms, sending each its own is most of the work.
    """
    place = {field + term: at for at, term in enumerate(terms)}
    if not place:
        return np.zeros(0, np.uint32), np.zeros(0, np.int64)
    found = connection.execute(_ROWS_OF_TERMS, (apsw.carray(tuple(place)), field.space)).fetchall()
    rows = np.frombuffer(b"".join([rows for _, rows in found]), "<u4")
    counts = [len(rows) // _ROW_BYTES for _, rows in found]
    return rows, np.repeat(np.asarray([place[term] for term, _ in found], np.int64), counts)


def places(connection: Any, field: Field, term: str) -> Places:
    """Return every occurrence of a term, those in some deleted rows included."""
    found = connection.execute(_PLACES_OF_TERM, (field + term, field.space)).fetchall()
    rows = np.frombuffer(b"".join([rows for rows, _, _ in found]), "<u4")
    frequencies = np.frombuffer(b"".join([frequencies for _, frequencies, _ in found]), "<u2")
    positions = np.frombuffer(b"".join([positions for _, _, positions in found]), "<u2")
    return Places(np.repeat(rows, frequencies), positions)


def rows_with_phrase(connection: Any, field: Field, terms: Sequence[str]) -> Postings:
    """Return the rows in which the terms stand in a row, and how often; some deleted rows included.

    The places of one term at a time are held in memory, the rarest one's first: the others only narrow it.
    """
    counts = {term: _count_places(connection, field, term) for term in terms}
    rarest, *others = sorted(range(len(terms)), key=lambda at: counts[terms[at]])
    starts = _place_keys(places(connection, field, terms[rarest]))
    starts = starts[(starts & MAX_COUNT) >= rarest] - rarest
    for offset in others:
        if not starts.size:
            break
        starts = starts[_held(_place_keys(places(connection, field, terms[offset])), starts + offset)]
    rows, frequencies = np.unique(starts >> _POSITION_BITS, return_counts=True)
    return Postings(rows.astype(np.uint32), frequencies.astype(np.uint16))


def rows_with_prefix(connection: Any, field: Field, prefix: str) -> Rows:
    """Return the distinct rows with a term that begins so, ascending; some deleted ones included."""
    first = field + prefix
    found = connection.execute(_ROWS_OF_PREFIX, (first, first + _LAST_CHARACTER, field.space)).fetchall()
    return distinct_rows(np.frombuffer(b"".join([rows for (rows,) in found]), "<u4"))


def distinct_rows(rows: Rows) -> Rows:
    """Return each of the rows once, ascending.

    A short prefix has millions of them: to mark each is linear, and cheaper than to sort or to hash them.
    """
    if rows.size < _FEW_ROWS:
        return np.unique(rows)
    marked = np.zeros(int(rows.max()) + 1, np.bool_)
    marked[rows] = True
    return np.flatnonzero(marked).astype(np.uint32)


def terms_with_prefix(connection: Any, field: Field, prefix: str) -> Iterator[str]:
    """Yield the distinct terms that begin with a prefix, in order; of deleted rows, too.

    Each step looks into every segment, some microseconds each: take no more than needed.
    """
    wanted = sought = field + prefix
    while True:
        term = connection.execute(_NEXT_TERM, (sought, field.space)).fetchone()[0]
        if term is None or not term.startswith(wanted):
            return
        yield term[len(field) :]
        sought = term + "\0"


def last_row(connection: Any, space: Space) -> int:
    """Return the highest row that the segments may name, deleted or not; 0 while there is none."""
    found = connection.execute("SELECT coalesce(max(last_row), 0) FROM segment WHERE space = ?", (space,)).fetchone()
    return int(found[0])


def _count_places(connection: Any, field: Field, term: str) -> int:
    return int(connection.execute(_PLACE_BYTES_OF_TERM, (field + term, field.space)).fetchone()[0])


def _place_keys(found: Places) -> npt.NDArray[np.int64]:
    """Return each occurrence as one number, ascending: its row, then its position."""
    keys = found.rows.astype(np.int64) << _POSITION_BITS
    keys |= found.positions
    return keys


def _held(keys: npt.NDArray[np.int64], sought: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Return which of the sought numbers are among the keys."""
    if not keys.size:
        return np.zeros(sought.size, np.bool_)
    found = np.minimum(np.searchsorted(keys, sought), keys.size - 1)
    held: npt.NDArray[np.bool_] = keys[found] == sought
    return held
