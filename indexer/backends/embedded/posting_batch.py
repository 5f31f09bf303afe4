"""New rows on their way into the inverted index: terms come in row by row, a segment for each space comes out.

The columns are those of the tables in `postings.py`, which reads them. All of it runs in the caller's transaction.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import count, islice
from typing import Any

import numpy as np

from indexer.backends.embedded import vocabulary
from indexer.backends.embedded.postings import MAX_COUNT, Field, Space

_TERMS_AT_ONCE = 1_000  # written at once: with their columns some hundred kilobytes
_MAX_ROW = 2**32 - 1  # ids are not reused: a thousand new rows a second take seven weeks to get there


class Batch:
    """The rows of one transaction on their way into segments."""

    def __init__(self) -> None:
        self._spaces = {space: _SpaceBatch() for space in Space}
        self._removed: dict[Space, list[int]] = {space: [] for space in Space}

    def add(self, row: int, field: Field, terms: Sequence[str]) -> None:
        """Note the terms of one field of a new row, in their order; a row's id is higher than those before it."""
        self._spaces[field.space].add(row, field, terms)

    def remove(self, space: Space, rows: Iterable[int]) -> None:
        """Note rows that were deleted, of this batch or of earlier ones."""
        self._removed[space].extend(rows)

    def entries(self, space: Space) -> Iterator[tuple[str, bytes, bytes, bytes]]:
        """Yield each term of the rows with its columns, as a segment holds them, in the order of the terms."""
        return self._spaces[space].entries()

    def write(self, connection: Any) -> None:
        """Store the rows as new segments, in the caller's transaction. A batch is written once."""
        vocabulary.note(connection, (term for space in self._spaces.values() for term in space.spelled_terms()))
        for space in Space:
            self._spaces[space].write(connection, space)
            _count_dead(connection, space, self._removed[space])


class _SpaceBatch:
    """Terms as codes in the order in which they were met, and where each run of them belongs."""

    def __init__(self) -> None:
        self._codes: dict[Field, defaultdict[str, int]] = {}
        self._next_code = count().__next__
        self._met = array("L")
        self._run_rows: list[int] = []
        self._run_lengths: list[int] = []

    def add(self, row: int, field: Field, terms: Sequence[str]) -> None:
        codes = self._codes.get(field)
        if codes is None:
            codes = self._codes[field] = defaultdict(self._next_code)
        kept = terms if len(terms) <= MAX_COUNT else terms[:MAX_COUNT]
        self._met.extend([codes[term] for term in kept])
        self._run_rows.append(row)
        self._run_lengths.append(len(kept))

    def write(self, connection: Any, space: Space) -> None:
        if not self._run_rows:
            return
        rows = sorted(set(self._run_rows))
        segment = insert_segment(connection, space, first_row=rows[0], last_row=rows[-1], row_count=len(rows))
        insert_postings(connection, segment, self.entries())

    def spelled_terms(self) -> Iterator[str]:
        """Yield the terms of texts and titles, those of which a better spelling can be made."""
        for field in (Field.BODY, Field.TITLE):
            yield from self._codes.get(field, ())

    def entries(self) -> Iterator[tuple[str, bytes, bytes, bytes]]:
        """Yield each term with its columns, in the order of the terms."""
        terms = sorted((field + term, code) for field, codes in self._codes.items() for term, code in codes.items())
        place_of_code = np.empty(len(terms), np.int64)
        place_of_code[[code for _, code in terms]] = np.arange(len(terms))
        met = place_of_code[np.asarray(self._met, np.int64)]
        lengths = np.asarray(self._run_lengths, np.int64)
        order = np.argsort(met, kind="stable")  # rows and positions are ascending already
        met = met[order]
        rows = np.repeat(np.asarray(self._run_rows, "<u4"), lengths)[order]
        positions = (np.arange(met.size) - np.repeat(np.cumsum(lengths) - lengths, lengths)).astype("<u2")[order]
        is_first = np.ones(met.size, np.bool_)
        is_first[1:] = (met[1:] != met[:-1]) | (rows[1:] != rows[:-1])
        first = np.flatnonzero(is_first)
        frequencies = np.diff(first, append=met.size).astype("<u2")
        row_ends = np.searchsorted(met[first], np.arange(len(terms) + 1))
        position_ends = np.searchsorted(met, np.arange(len(terms) + 1))
        rows = rows[first]
        for place, (term, _) in enumerate(terms):
            of_rows = slice(row_ends[place], row_ends[place + 1])
            of_positions = slice(position_ends[place], position_ends[place + 1])
            yield term, rows[of_rows].tobytes(), frequencies[of_rows].tobytes(), positions[of_positions].tobytes()


def insert_segment(connection: Any, space: Space, *, first_row: int, last_row: int, row_count: int) -> int:
    """Enter a segment without terms; return its id."""
    if last_row > _MAX_ROW:
        raise OverflowError("the index has given out all its row ids: fill a new file")
    connection.execute(
        "INSERT INTO segment(space, first_row, last_row, row_count, dead_rows) VALUES(?, ?, ?, ?, 0)",
        (space, first_row, last_row, row_count),
    )
    segment: int = connection.last_insert_rowid()
    return segment


def insert_postings(connection: Any, segment: int, entries: Iterable[tuple[str, bytes, bytes, bytes]]) -> None:
    """Enter terms of a segment, with their columns, in the order of the terms."""
    last = connection.execute("SELECT coalesce(max(id), 0) FROM posting").fetchone()[0]
    placed = iter(enumerate(entries, start=last + 1))
    while portion := list(islice(placed, _TERMS_AT_ONCE)):
        connection.executemany(
            "INSERT INTO posting VALUES(?, ?, ?, ?)", ((at, *columns) for at, (_, *columns) in portion)
        )
        connection.executemany("INSERT INTO term VALUES(?, ?, ?)", ((segment, term, at) for at, (term, *_) in portion))


def delete_segment(connection: Any, segment: int) -> None:
    """Remove a segment with all its terms."""
    connection.execute("DELETE FROM posting WHERE id IN (SELECT posting FROM term WHERE segment = ?)", (segment,))
    connection.execute("DELETE FROM term WHERE segment = ?", (segment,))
    connection.execute("DELETE FROM segment WHERE id = ?", (segment,))


def _count_dead(connection: Any, space: Space, rows: Iterable[int]) -> None:
    """Count deleted rows against their segments, so that these are rewritten in time."""
    connection.executemany(
        "UPDATE segment SET dead_rows = dead_rows + 1 WHERE space = ? AND ? BETWEEN first_row AND last_row",
        [(space, row) for row in rows],
    )
