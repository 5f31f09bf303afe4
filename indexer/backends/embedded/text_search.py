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

Numbers = npt.NDArray[np.float64]

# Places of a clause that are scored at once: what is computed on the way stays in the processor's cache. Measured on
# 300,000 places: 4 ms, against 16 ms all at once.
_PLACES_AT_ONCE = 1 << 14
_CLOSE = 1e-9  # scores this close may change their order when they are rounded


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Where a clause occurs in one field of readable documents: slots for bodies, heading rows for the others."""

    field: TextField
    places: npt.NDArray[np.int64]
    documents: npt.NDArray[np.int64]  # the document of each place
    frequencies: Numbers


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """The documents that hold what is looked for, each once and in no order, with their scores.

    `slots` are the matching passages; those of one document, which were written together, lie one behind the other.
    """

    documents: npt.NDArray[np.int64]
    scores: Numbers
    slots: npt.NDArray[np.int64]
    slot_scores: Numbers
    slot_documents: npt.NDArray[np.int64]
    passage_ids: npt.NDArray[np.int64]  # of every slot
    by_document: Numbers  # what each document scores by itself, by row id

    @classmethod
    def of(cls, catalogue: Catalogue, slots: npt.NDArray[np.int64], scores: Numbers, by_document: Numbers) -> Matches:
        """Put together what passages and documents score."""
        of_slots = catalogue.passage_documents[slots].astype(np.int64)
        starts = np.flatnonzero(np.diff(of_slots, prepend=-1))
        documents = of_slots[starts]
        best = np.maximum.reduceat(scores, starts) if starts.size else np.zeros(0)
        alone = by_document > 0
        total = best + by_document[documents]
        alone[documents] = False
        others = np.flatnonzero(alone)
        return cls(
            np.concatenate([documents, others]),
            np.concatenate([total, by_document[others]]),
            slots,
            scores,
            of_slots,
            catalogue.passage_ids,
            by_document,
        )

    def multiplied(self, factors: Numbers) -> Matches:
        """Return the same with every document's scores times its factor; float64 by document."""
        return replace(
            self,
            scores=self.scores * factors[self.documents],
            slot_scores=self.slot_scores * factors[self.slot_documents],
            by_document=self.by_document * factors,
        )

    def leading(self, count: int, *, besides: npt.NDArray[np.int64]) -> Ranking:
        """Rank the documents with the `count` highest scores, and those `besides` of which it is asked.

        The order among them is that of the whole: sorting all of half a million takes longer than finding them.
        """
        chosen = np.ones(self.documents.size, np.bool_)
        if count < self.documents.size:
            place = self.documents.size - count
            chosen = self.scores >= np.partition(self.scores, place)[place] - _CLOSE
            chosen |= np.isin(self.documents, besides)
        documents = self.documents[chosen]
        of_chosen = np.zeros(self.by_document.size, np.bool_)
        of_chosen[documents] = True
        kept = np.flatnonzero(of_chosen[self.slot_documents])
        by_passage = ranking.rank_documents(
            self.slot_documents[kept], self.passage_ids[self.slots[kept]], self.slot_scores[kept]
        )
        own = documents[self.by_document[documents] > 0]
        return ranking.with_own_scores(by_passage, own, self.by_document[own])


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
        by_slot = np.zeros(self.catalogue.passage_ids.size, np.float64)
        by_document = np.zeros(self.readable.size, np.float64)
        is_matching = np.zeros(self.catalogue.passage_ids.size, np.bool_)
        documents = int(np.count_nonzero(self.readable))
        for clause in clauses:
            found = self.found(clause)
            holding = int(np.count_nonzero(self._holding(found)))
            weight = bm25.clause_weight(clause) * bm25.inverse_document_frequency(
                documents=documents, documents_with_clause=holding
            )
            for each in found:
                scores = weight * boosts[each.field] * self._saturated(clause, each)
                if each.field is TextField.BODY:
                    by_slot[each.places] += scores
                    is_matching[each.places] = True
                else:
                    by_document[each.documents] += scores
        slots = np.flatnonzero(is_matching)
        slots = slots[wanted[self.catalogue.passage_documents[slots]]]
        by_document[~wanted] = 0
        return Matches.of(self.catalogue, slots, by_slot[slots], by_document)

    def documents_with_each(self, terms: Sequence[str], *, fields: Iterable[TextField]) -> npt.NDArray[np.int64]:
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
        seen = self.readable[documents]
        return Found(field, places[seen], documents[seen], frequencies[seen].astype(np.float64))

    def _located(self, field: TextField, rows: Rows) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return the place of each row (`Found`) and its document."""
        if field is TextField.BODY:
            slots = self.catalogue.slots_of(rows).astype(np.int64)
            return slots, self.catalogue.passage_documents[slots].astype(np.int64)
        return rows.astype(np.int64), self.catalogue.heading_documents[rows].astype(np.int64)

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
