"""Clauses of a query to documents and scores, over what one reader may read.

The text index says where each term stands (`postings.py`); what a clause means, how well it fits and how rare it is,
the modules beside the engines say (`clauses.py`, `bm25.py`). Deleted and unreadable rows belong to documents that are
not readable, and count for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from typing import Any

import numpy as np
import numpy.typing as npt

from indexer.backends.embedded.catalogue import Catalogue, Codes
from indexer.backends.embedded.columns import Mask
from indexer.backends.embedded.postings import (
    Field,
    Frequencies,
    Postings,
    Rows,
    distinct_rows,
    postings,
    rows_of_terms,
    rows_with_phrase,
    rows_with_prefix,
)
from indexer.search import bm25, ranking
from indexer.search.bm25 import TextField
from indexer.search.query_language import Clause, Phrase, Prefix, Word
from indexer.search.ranking import Ranking

_FIELDS = {TextField.BODY: Field.BODY, TextField.TITLE: Field.TITLE, TextField.ATTRIBUTES: Field.ATTRIBUTES}

Ids = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]

# Places of a clause that are scored at once: what is computed on the way stays in the processor's cache. Measured on
# 300,000 places: 4 ms, against 16 ms all at once.
_PLACES_AT_ONCE = 1 << 14
# With one place in so many of all, a table of all costs less than sorting. Measured among a million, three words:
# 60,000 places took 1.5 ms sorted and 3.1 ms in a table, 150,000 took 4.8 and 3.6 ms.
_WORTH_A_TABLE = 10
_CLOSE = 1e-9  # scores this close may change their order when they are rounded


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Where a clause occurs in one field of readable documents: slots for bodies, heading rows for the others."""

    field: TextField
    places: Ids
    documents: Ids  # the document of each place
    frequencies: Numbers


@dataclass(frozen=True, slots=True, eq=False)
class _Sums:
    """Distinct places, ascending, with a number for each: what was added up there."""

    places: Ids
    sums: Numbers

    @classmethod
    def added(cls, parts: Sequence[tuple[Ids, Numbers]], *, size: int) -> _Sums:
        """Add up numbers by place; all places lie below `size`.

        A table of every place costs the same however few are given, so few are sorted instead: what is sorted already,
        as each part is, takes little.
        """
        places = np.concatenate([np.zeros(0, np.int64), *(each for each, _ in parts)])
        numbers = np.concatenate([np.zeros(0), *(each for _, each in parts)])
        if places.size * _WORTH_A_TABLE > size:
            is_given = np.zeros(size, np.bool_)
            is_given[places] = True
            distinct = np.flatnonzero(is_given)
            return cls(distinct, np.asarray(np.bincount(places, numbers, minlength=size)[distinct], np.float64))
        order = np.argsort(places, kind="stable")
        places, numbers = places[order], numbers[order]
        starts = np.flatnonzero(np.diff(places, prepend=-1))
        sums: Numbers = np.add.reduceat(numbers, starts) if starts.size else np.zeros(0)
        return cls(places[starts], sums)

    def of(self, places: Ids) -> Numbers:
        """Return the sums at these places, which may be in any order; 0 where nothing was added."""
        if not self.places.size:
            return np.zeros(places.size)
        found = np.minimum(np.searchsorted(self.places, places), self.places.size - 1)
        return np.where(self.places[found] == places, self.sums[found], 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """The documents that hold what is looked for, each once and in no order, with their scores.

    `slots` are the matching passages; those of one document, which were written together, lie one behind the other.
    """

    documents: Ids
    scores: Numbers
    slots: Ids
    slot_scores: Numbers
    slot_documents: Ids
    passage_ids: Ids  # of every slot
    own: _Sums  # what documents score by themselves, by row id

    @classmethod
    def of(cls, catalogue: Catalogue, by_slot: _Sums, own: _Sums) -> Matches:
        """Put together what passages and documents score."""
        of_slots = np.take(catalogue.passage_documents, by_slot.places)
        starts = np.flatnonzero(np.diff(of_slots, prepend=-1))
        documents = of_slots[starts]
        best = np.maximum.reduceat(by_slot.sums, starts) if starts.size else np.zeros(0)
        has_passage = np.zeros(catalogue.acl_ids.size, np.bool_)
        has_passage[documents] = True
        alone = np.flatnonzero(~has_passage[own.places])
        return cls(
            np.concatenate([documents, own.places[alone]]),
            np.concatenate([best + own.of(documents), own.sums[alone]]),
            by_slot.places,
            by_slot.sums,
            of_slots,
            catalogue.passage_ids,
            own,
        )

    def multiplied(self, factors: Numbers) -> Matches:
        """Return the same with every document's scores times its factor; float64 by document."""
        return replace(
            self,
            scores=self.scores * factors[self.documents],
            slot_scores=self.slot_scores * factors[self.slot_documents],
            own=replace(self.own, sums=self.own.sums * factors[self.own.places]),
        )

    def leading(self, count: int, *, besides: Ids) -> Ranking:
        """Rank the documents with the `count` highest scores, and those `besides` of which it is asked.

        The order among them is that of the whole: sorting all of half a million takes longer than finding them.
        """
        chosen = np.ones(self.documents.size, np.bool_)
        if count < self.documents.size:
            place = self.documents.size - count
            chosen = self.scores >= np.partition(self.scores, place)[place] - _CLOSE
            chosen |= np.take(self._marked(besides), self.documents)
        documents = self.documents[chosen]
        of_chosen = self._marked(documents)
        kept = np.flatnonzero(np.take(of_chosen, self.slot_documents))
        by_passage = ranking.rank_documents(
            self.slot_documents[kept], self.passage_ids[self.slots[kept]], self.slot_scores[kept]
        )
        own = self.own.of(documents)
        return ranking.with_own_scores(by_passage, documents[own > 0], own[own > 0])

    def _marked(self, documents: Ids) -> Mask:
        """Return which documents are among these; bool by row id, up to the last that matches.

        To mark and to look up is linear: `numpy.isin` sorts, 1 ms for 30,000 documents.
        """
        marked = np.zeros(int(self.documents.max(initial=0)) + 1, np.bool_)
        marked[documents[documents < marked.size]] = True
        return marked


@dataclass(frozen=True, slots=True, eq=False)
class TextSearch:
    """The text index as one reader sees it. `readable` is bool by document."""

    connection: Any
    catalogue: Catalogue
    readable: Mask
    _known: dict[tuple[Clause, TextField], tuple[Found, ...]] = dataclass_field(default_factory=dict)

    def holding(self, clause: Clause) -> Mask:
        """Return which readable documents hold a clause in a field that is searched; bool by document."""
        return self._holding(self.found(clause))

    def holding_in(self, field: Field, clause: Clause) -> Mask:
        """Return which readable documents hold a clause in one field of their own."""
        holding = np.zeros(self.readable.size, np.bool_)
        holding[self.catalogue.heading_documents[self._rows(field, clause).rows]] = True
        return holding & self.readable

    def matches(self, clauses: Sequence[Clause], *, wanted: Mask, boosts: Mapping[TextField, float]) -> Matches:
        """Score the wanted documents that hold a clause. How rare it is depends on all that is readable."""
        by_slot: list[tuple[Ids, Numbers]] = []
        own: list[tuple[Ids, Numbers]] = []
        documents = int(np.count_nonzero(self.readable))
        for clause in clauses:
            found = self.found(clause)
            holding = int(np.count_nonzero(self._holding(found)))
            weight = bm25.clause_weight(clause) * bm25.inverse_document_frequency(
                documents=documents, documents_with_clause=holding
            )
            for each in found:
                scores = weight * boosts[each.field] * self._saturated(clause, each)
                seen = np.take(wanted, each.documents)
                if each.field is TextField.BODY:
                    by_slot.append(_chosen(seen, each.places, scores))
                else:
                    own.append(_chosen(seen, each.documents, scores))
        return Matches.of(
            self.catalogue,
            _Sums.added(by_slot, size=self.catalogue.passage_ids.size),
            _Sums.added(own, size=self.readable.size),
        )

    def documents_with_each(self, terms: Sequence[str], *, fields: Iterable[TextField]) -> Ids:
        """Return how many readable documents hold each of some distinct terms in one of the fields; int64 [terms]."""
        pairs = [np.zeros(0, np.int64)]
        for field in fields:
            rows, places = rows_of_terms(self.connection, _FIELDS[field], terms)
            _, documents = self._located(field, rows)
            seen = self.readable[documents]
            pairs.append(places[seen] * self.readable.size + documents[seen])
        distinct = np.unique(np.concatenate(pairs))
        return np.bincount(distinct // self.readable.size, minlength=len(terms))

    def found(self, clause: Clause, *, fields: Iterable[TextField] = tuple(_FIELDS)) -> list[Found]:
        """Return where a clause occurs, field by field, some thousand places at a time; read once for a query."""
        found: list[Found] = []
        for field in fields:
            if (clause, field) not in self._known:
                self._known[clause, field] = tuple(self._look_up(clause, field))
            found += self._known[clause, field]
        return found

    def _look_up(self, clause: Clause, field: TextField) -> Iterator[Found]:
        held = self._rows(_FIELDS[field], clause)
        for first in range(0, max(held.rows.size, 1), _PLACES_AT_ONCE):
            portion = slice(first, first + _PLACES_AT_ONCE)
            yield self._seen(field, held.rows[portion], held.frequencies[portion])

    def _seen(self, field: TextField, rows: Rows, frequencies: Frequencies) -> Found:
        places, documents = self._located(field, rows)
        seen = np.take(self.readable, documents)
        places, documents, frequencies = _chosen(seen, places, documents, frequencies)
        return Found(field, places, documents, frequencies.astype(np.float64))

    def _located(self, field: TextField, rows: Rows) -> tuple[Ids, Ids]:
        """Return the place of each row (`Found`) and its document."""
        if field is TextField.BODY:
            slots = self.catalogue.slots_of(rows)
            return slots, np.take(self.catalogue.passage_documents, slots)
        places = rows.astype(np.int64)
        return places, np.take(self.catalogue.heading_documents, places)

    def _holding(self, found: Sequence[Found]) -> Mask:
        holding = np.zeros(self.readable.size, np.bool_)
        for each in found:
            holding[each.documents] = True
        return holding

    def _rows(self, field: Field, clause: Clause) -> Postings:
        match clause:
            case Word(term):
                return postings(self.connection, field, term)
            case Phrase(terms):
                return rows_with_phrase(self.connection, field, terms)
            case Prefix(start):
                in_terms = rows_with_prefix(self.connection, field, start)
                rows = distinct_rows(np.concatenate([in_terms, rows_with_prefix(self.connection, field.words, start)]))
                return Postings(rows, np.ones(rows.size, np.uint16))

    def _saturated(self, clause: Clause, found: Found) -> Numbers:
        if isinstance(clause, Prefix):
            return np.full(found.places.size, bm25.of_prefix(found.field))
        lengths = self._lengths(found.field)[found.places].astype(np.float64)
        return bm25.saturated(found.frequencies, lengths, field=found.field)

    def _lengths(self, field: TextField) -> Codes:
        catalogue = self.catalogue
        if field is TextField.BODY:
            return catalogue.passage_terms
        return catalogue.title_terms if field is TextField.TITLE else catalogue.attribute_terms


def _chosen(mask: Mask, *columns: Any) -> Any:
    """Return the masked places of each column.

    By their numbers: copied by the mask itself, every place is a guess of the processor, of which half are wrong where
    half is masked. Measured for three columns of 16,384 places: 0.08 ms against 0.38.
    """
    if mask.all():
        return columns
    places = np.flatnonzero(mask)
    return tuple(np.take(each, places) for each in columns)
