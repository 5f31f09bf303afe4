"""Attributes as columns in memory: what filters, facets and sorts compute on.

A column is read from the file when a query first names its field, and then follows the changes. It knows every
document's values regardless of readers: whoever uses it masks it with what the reader may see.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from indexer.backends.embedded.changes import changed_since
from indexer.search.facets import commonest
from indexer.search.matching import Key, Kind, Predicate
from indexer.search.recency import NO_MOMENT, Moments, latest
from vocabulary.search import FacetCount

Mask = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int32]


@dataclass(slots=True, eq=False)
class _Dictionary:
    """The distinct values of a field by code. Grows only, so that older columns may keep using it."""

    keys: list[Key] = field(default_factory=list)
    codes: dict[Key, int] = field(default_factory=dict)

    def code(self, key: Key) -> int:
        code = self.codes.setdefault(key, len(self.keys))
        if code == len(self.keys):
            self.keys.append(key)
        return code


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """The pairs (document, value) of one field, as of one moment of the index."""

    sequence: int
    documents: Codes
    codes: Codes
    dictionary: _Dictionary
    known: int  # how many values the dictionary had then; it may have grown since
    _places: dict[tuple[bool, int], npt.NDArray[np.int64]] = field(default_factory=dict)
    _in_order: list[tuple[list[Key], npt.NDArray[np.int64]]] = field(default_factory=list)
    _latest: list[Moments] = field(default_factory=list)

    def documents_where(self, predicate: Predicate, *, size: int) -> Mask:
        """Return which documents hold a value that satisfies the predicate; bool [size]."""
        wanted = np.fromiter(map(predicate, self.dictionary.keys), np.bool_, count=self.known)
        mask = np.zeros(size, np.bool_)
        mask[self.documents[wanted[self.codes]]] = True
        return mask

    def facet(self, documents: Mask, *, size: int) -> tuple[FacetCount, ...]:
        """Count the values of the masked documents."""
        counts = np.bincount(self.codes[documents[self.documents]])
        present = np.flatnonzero(counts)
        return commonest(((self.dictionary.keys[code], int(counts[code])) for code in present), size=size)

    def order(self, documents: npt.NDArray[np.int64], *, descending: bool, size: int) -> npt.NDArray[np.intp]:
        """Return the order of `documents` by value; ties as they come, documents without a value last.

        Of several values the smallest counts, in descending order the largest.
        """
        if (descending, size) not in self._places:
            self._places[descending, size] = self._compute_places(descending=descending, size=size)
        return np.argsort(self._places[descending, size][documents], kind="stable")

    def in_order(self) -> tuple[list[Key], npt.NDArray[np.int64]]:
        """Return the distinct values in their order, and each code's place among them; computed once for a picture."""
        if not self._in_order:
            keys = self.dictionary.keys[: self.known]
            codes = sorted(range(self.known), key=keys.__getitem__)
            ranks = np.empty(self.known, np.int64)
            ranks[codes] = np.arange(self.known)
            self._in_order.append(([keys[code] for code in codes], ranks))
        return self._in_order[0]

    def latest(self, *, size: int) -> Moments:
        """Return every document's latest moment, int64 [size]; computed once for a picture."""
        if not self._latest or self._latest[0].size != size:
            keys = self.dictionary.keys[: self.known]
            moments = np.fromiter((latest((key,)) for key in keys), np.int64, count=self.known)
            found = np.full(size, NO_MOMENT, np.int64)
            np.maximum.at(found, self.documents, moments[self.codes])
            self._latest[:] = [found]
        return self._latest[0]

    def _compute_places(self, *, descending: bool, size: int) -> npt.NDArray[np.int64]:
        """Return every document's place by value, int64 [size]; computed once for each picture of the column."""
        ranks = self.in_order()[1][self.codes]
        places = np.full(size, self.known, np.int64)
        np.minimum.at(places, self.documents, self.known - 1 - ranks if descending else ranks)
        return places


class Columns:
    """The columns that queries have named so far. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._latest: dict[str, Column] = {}

    def column(self, connection: Any, field_name: str, *, sequence: int) -> Column:
        """Return a field's column as of `sequence`, which the connection's open transaction sees."""
        with self._lock:
            latest = self._latest.get(field_name)
            if latest is not None and latest.sequence == sequence:
                return latest
            if latest is not None and latest.sequence > sequence:
                return _load(connection, field_name, sequence=sequence)
            current = _follow(connection, field_name, latest, sequence) if latest else None
            current = current or _load(connection, field_name, sequence=sequence)
            if current.documents.size:
                self._latest[field_name] = current
            return current


def _load(connection: Any, field_name: str, *, sequence: int) -> Column:
    rows = connection.execute("SELECT document_id, kind, value FROM attribute WHERE field = ?", (field_name,))
    return _column(rows, _Dictionary(), sequence=sequence)


def _follow(connection: Any, field_name: str, latest: Column, sequence: int) -> Column | None:
    """Bring a column up to date; None when the changes reach too far back."""
    changed = changed_since(connection, latest.sequence)
    if changed is None:
        return None
    rows = connection.execute(
        "SELECT document_id, kind, value FROM attribute"
        " WHERE field = ? AND document_id IN (SELECT value FROM carray(?))",
        (field_name, changed.as_parameter()),
    )
    fresh = _column(rows, latest.dictionary, sequence=sequence)
    kept = ~np.isin(latest.documents, changed.documents)
    return Column(
        sequence,
        np.concatenate([latest.documents[kept], fresh.documents]),
        np.concatenate([latest.codes[kept], fresh.codes]),
        latest.dictionary,
        known=len(latest.dictionary.keys),
    )


def _column(rows: Iterable[tuple[int, int, Any]], dictionary: _Dictionary, *, sequence: int) -> Column:
    documents: list[int] = []
    codes: list[int] = []
    for document_id, kind, value in rows:
        documents.append(document_id)
        codes.append(dictionary.code(Key(Kind(kind), value)))
    return Column(
        sequence,
        np.asarray(documents, np.int32),
        np.asarray(codes, np.int32),
        dictionary,
        known=len(dictionary.keys),
    )
