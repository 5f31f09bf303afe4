"""The terms that the index knows, by length: where a misspelled word looks for the one that was meant.

Written with each batch, never shortened: a term of deleted or hidden documents alone stays until the text index is
rebuilt, and is held by no readable document. So nothing here is ever an answer by itself; whoever reads it
counts the readable documents of each term first.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from itertools import chain
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

_TERMS = "SELECT term FROM vocabulary WHERE initial = ? AND length = ?"
_TERMS_KEPT = 300_000  # some 18 MB


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


class KnownTerms:
    """The terms as of one picture of the index, read by first letter and length when first needed. Thread-safe.

    Reading them is a third of what a better spelling costs. They are forgotten with the picture, and when there are
    too many of them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._terms: dict[tuple[str, int], tuple[str, ...]] = {}
        self._count = 0

    def near(self, connection: Any, term: str, *, slips: int) -> list[str]:
        """Return the terms that may be meant by another, readable or not.

        The connection's open transaction sees the state that the picture is of.
        """
        lengths = range(len(term) - slips, len(term) + slips + 1)
        known = chain.from_iterable([self._of(connection, term[0], length) for length in lengths])
        return near_terms(term, known, slips=slips)

    def _of(self, connection: Any, initial: str, length: int) -> tuple[str, ...]:
        with self._lock:
            known = self._terms.get((initial, length))
        if known is not None:
            return known
        rows = connection.execute(_TERMS, (initial, length)).fetchall()
        known = tuple([row[0] for row in rows])
        with self._lock:
            if self._count + len(known) > _TERMS_KEPT:
                self._terms.clear()
                self._count = 0
            if (initial, length) not in self._terms:
                self._terms[initial, length] = known
                self._count += len(known)
        return known
