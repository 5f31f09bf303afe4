"""The terms that the index knows, by length: where a misspelled word looks for the one that was meant.

Written with each batch, never shortened: a term of deleted or hidden documents alone stays until the text index is
rebuilt, and is held by no readable document. So nothing here is ever an answer by itself; whoever reads it
counts the readable documents of each term first.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from indexer.search.spelling import is_spelled, near_terms

TABLE = """
CREATE TABLE vocabulary(
    initial TEXT NOT NULL,     -- the first letter
    length INTEGER NOT NULL,
    term TEXT NOT NULL,
    PRIMARY KEY(initial, length, term)
) WITHOUT ROWID;
"""


def note(connection: Any, terms: Iterable[str]) -> None:
    """Remember the terms that are of letters alone, in the caller's transaction."""
    connection.executemany(
        "INSERT OR IGNORE INTO vocabulary VALUES(?, ?, ?)",
        [(term[0], len(term), term) for term in sorted(set(terms)) if is_spelled(term)],
    )


def missing(connection: Any) -> list[str]:
    """Return terms of texts and titles that are not remembered though they should be."""
    found = connection.execute(
        "SELECT DISTINCT substr(term, 2) FROM term WHERE (term > 'b' AND term < 'c') OR (term > 't' AND term < 'u')"
        " EXCEPT SELECT term FROM vocabulary"
    )
    return [term for (term,) in found if is_spelled(term)]


def near(connection: Any, term: str, *, slips: int) -> list[str]:
    """Return the terms that may be meant by another, readable or not."""
    rows = connection.execute(
        "SELECT term FROM vocabulary WHERE initial = ? AND length BETWEEN ? AND ?",
        (term[0], len(term) - slips, len(term) + slips),
    ).fetchall()
    return near_terms(term, [row[0] for row in rows], slips=slips)
