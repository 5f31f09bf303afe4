"""Small segments to larger ones, and segments of deleted rows to none: what keeps the inverted index quick and small.

After each batch the newest segments are merged as in a binary counter, but with eights: eight segments of a size become
one of the next, until one is so large that it stays. So a row is written about four times in all, a term is
looked up in a few dozen places at a million rows, and no merge takes much longer than a second. A merge is one
transaction: after a crash it has happened or it has not, and either way every answer is the same.

Source: O'Neil et al., The Log-Structured Merge-Tree (1996); Lucene's LogMergePolicy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from indexer.backends.embedded.posting_batch import delete_segment, insert_postings, insert_segment
from indexer.backends.embedded.postings import Space

_FAN_IN = 8
_SMALLEST = 512  # rows; up to here segments are of one size: the batches of a crawl
_LARGEST = 32_768  # rows; a larger segment is not merged any more
_SIZES = tuple(size for power in range(4) if (size := _SMALLEST * _FAN_IN**power) <= _LARGEST)
# Share of deleted rows from which a segment is rewritten without them. They cost time in every query and room on disk,
# a rewrite costs a second for a large segment.
_DEAD_SHARE = 0.25
_TERMS_AT_ONCE = 10_000  # held in memory while merging: with their postings some megabytes

_ROW_IDS = {
    Space.PASSAGES: "SELECT id FROM passage WHERE id BETWEEN ? AND ?",
    Space.DOCUMENTS: "SELECT id FROM heading WHERE id BETWEEN ? AND ?",
}


Columns = tuple[bytes, bytes, bytes]  # rows, frequencies, positions
Entry = tuple[str, bytes, bytes, bytes]  # a term with its columns


@dataclass(frozen=True, slots=True)
class Segment:
    """One row of the table; `first_row` and `last_row` are those that were in it when it was written."""

    id: int
    first_row: int
    last_row: int
    row_count: int
    dead_rows: int

    @property
    def is_worn(self) -> bool:
        return self.dead_rows > _DEAD_SHARE * self.row_count


def tidy(connection: Any) -> bool:
    """Carry out one merge that is due, in the caller's transaction; return whether there was one."""
    for space in Space:
        run = _next_run(segments(connection, space))
        if run:
            _rewrite(connection, space, run)
            return True
    return False


def segments(connection: Any, space: Space) -> list[Segment]:
    rows = connection.execute(
        "SELECT id, first_row, last_row, row_count, dead_rows FROM segment WHERE space = ? ORDER BY first_row", (space,)
    )
    return [Segment(*row) for row in rows]


def living_entries(connection: Any, space: Space, segment: Segment) -> Iterator[Entry]:
    """Yield what a segment holds of the rows that still exist, in the order of the terms."""
    live = _live_rows(connection, space, segment.first_row, segment.last_row)
    for portion in _merged_terms(connection, [segment]):
        yield from _living(portion, live, segment.first_row)


def _next_run(ordered: Sequence[Segment]) -> Sequence[Segment]:
    """Return the neighbouring segments that should become one; of small ones those at the end."""
    for size in _SIZES:
        run = _tail(ordered, smaller_than=size)
        if len(run) >= _FAN_IN:
            return run
    return next(([each] for each in ordered if each.is_worn), ())


def _tail(ordered: Sequence[Segment], *, smaller_than: int) -> Sequence[Segment]:
    start = len(ordered)
    while start and ordered[start - 1].row_count < smaller_than:
        start -= 1
    return ordered[start:]


def _rewrite(connection: Any, space: Space, run: Sequence[Segment]) -> None:
    first, last = run[0].first_row, run[-1].last_row
    live = _live_rows(connection, space, first, last) if any(each.dead_rows for each in run) else None
    count = sum(each.row_count for each in run) if live is None else int(np.count_nonzero(live))
    if count:
        merged = insert_segment(connection, space, first_row=first, last_row=last, row_count=count)
        for terms in _merged_terms(connection, run):
            insert_postings(connection, merged, terms if live is None else _living(terms, live, first))
    for each in run:
        delete_segment(connection, each.id)


_PORTION = """
SELECT t.term, p.rows, p.frequencies, p.positions FROM term t CROSS JOIN posting p ON p.id = t.posting
WHERE t.segment = ? AND t.term > ? AND t.term <= ? ORDER BY t.term
"""


def _merged_terms(connection: Any, run: Sequence[Segment]) -> Iterator[list[Entry]]:
    """Yield the terms of neighbouring segments in their order, some at a time: one behind the other in each column."""
    after = ""
    while (upto := _boundary(connection, run, after)) is not None:
        merged: dict[str, Columns] = {}
        for each in run:
            for term, rows, frequencies, positions in connection.execute(_PORTION, (each.id, after, upto)):
                known = merged.get(term)
                if known is None:
                    merged[term] = (rows, frequencies, positions)
                else:
                    merged[term] = (known[0] + rows, known[1] + frequencies, known[2] + positions)
        yield [(term, *merged[term]) for term in sorted(merged)]
        after = upto


def _boundary(connection: Any, run: Sequence[Segment], after: str) -> str | None:
    """Return the last term of the next portion; None behind the last term of all."""
    ends = []
    for each in run:
        found = connection.execute(
            "SELECT max(term) FROM (SELECT term FROM term WHERE segment = ? AND term > ? ORDER BY term LIMIT ?)",
            (each.id, after, _TERMS_AT_ONCE),
        ).fetchone()[0]
        if found is not None:
            ends.append(found)
    return min(ends, default=None)


def _live_rows(connection: Any, space: Space, first: int, last: int) -> npt.NDArray[np.bool_]:
    """Return which rows still exist; bool by the distance from the first."""
    live = np.zeros(last - first + 1, np.bool_)
    found = connection.execute(_ROW_IDS[space], (first, last)).fetchall()
    live[np.asarray([row[0] for row in found], np.int64) - first] = True
    return live


def _living(entries: Iterable[Entry], live: npt.NDArray[np.bool_], first: int) -> Iterator[Entry]:
    """Leave deleted rows out of each term, and terms that are left without any."""
    for term, rows_blob, frequencies_blob, positions_blob in entries:
        rows = np.frombuffer(rows_blob, "<u4")
        kept = live[rows - first]
        if kept.all():
            yield term, rows_blob, frequencies_blob, positions_blob
        elif kept.any():
            frequencies = np.frombuffer(frequencies_blob, "<u2")
            positions = np.frombuffer(positions_blob, "<u2")[np.repeat(kept, frequencies)]
            yield term, rows[kept].tobytes(), frequencies[kept].tobytes(), positions.tobytes()
