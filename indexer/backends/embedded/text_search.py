"""Clauses of a query to documents and scores, over what one reader may read.

The text index says where each term stands (`postings.py`); what a clause means, how well it fits and how rare it is,
the modules beside the engines say (`clauses.py`, `bm25.py`). Deleted and unreadable rows belong to documents that are
not readable, and count for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from indexer.backends import bm25, ranking
from indexer.backends.bm25 import TextField
from indexer.backends.embedded.catalogue import Catalogue, Codes
from indexer.backends.embedded.columns import Mask
from indexer.backends.embedded.postings import Field, Postings, postings, rows_with_phrase, rows_with_prefix
from indexer.backends.query_language import Clause, Phrase, Prefix, Word
from indexer.backends.ranking import Ranking

_FIELDS = {TextField.BODY: Field.BODY, TextField.TITLE: Field.TITLE, TextField.ATTRIBUTES: Field.ATTRIBUTES}

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Where a clause occurs in one field of readable documents: slots for bodies, heading rows for the others."""

    field: TextField
    places: npt.NDArray[np.int64]
    documents: npt.NDArray[np.int64]  # the document of each place
    frequencies: Numbers


@dataclass(frozen=True, slots=True, eq=False)
class TextSearch:
    """The text index as one reader sees it. `readable` is bool by document."""

    connection: Any
    catalogue: Catalogue
    readable: Mask

    def holding(self, clause: Clause) -> Mask:
        """Return which readable documents hold a clause in a field that is searched; bool by document."""
        return self._holding(list(self.found(clause)))

    def holding_in(self, field: Field, clause: Clause) -> Mask:
        """Return which readable documents hold a clause in one field of their own."""
        holding = np.zeros(self.readable.size, np.bool_)
        holding[self.catalogue.heading_documents[self._rows(field, clause).rows]] = True
        return holding & self.readable

    def rank(self, clauses: Sequence[Clause], *, wanted: Mask) -> Ranking:
        """Rank the wanted documents that hold a clause. How rare it is depends on all that is readable."""
        catalogue = self.catalogue
        by_slot = np.zeros(catalogue.passage_ids.size, np.float64)
        by_document = np.zeros(self.readable.size, np.float64)
        documents = int(np.count_nonzero(self.readable))
        for clause in clauses:
            found = list(self.found(clause))
            holding = int(np.count_nonzero(self._holding(found)))
            weight = bm25.clause_weight(clause) * bm25.inverse_document_frequency(
                documents=documents, documents_with_clause=holding
            )
            for each in found:
                scores = weight * self._saturated(clause, each)
                if each.field is TextField.BODY:
                    by_slot[each.places] += scores
                else:
                    by_document[each.documents] += scores
        return self._ranked(by_slot, by_document, wanted)

    def _ranked(self, by_slot: Numbers, by_document: Numbers, wanted: Mask) -> Ranking:
        catalogue = self.catalogue
        slots = np.flatnonzero(by_slot)
        slots = slots[wanted[catalogue.passage_documents[slots]]]
        documents = catalogue.passage_documents[slots].astype(np.int64)
        by_passage = ranking.rank_documents(documents, catalogue.passage_ids[slots], by_slot[slots])
        by_document[~wanted] = 0
        own = np.flatnonzero(by_document)
        return ranking.with_own_scores(by_passage, own, by_document[own])

    def found(self, clause: Clause) -> Iterator[Found]:
        """Yield where a clause occurs, field by field."""
        for text_field, field in _FIELDS.items():
            held = self._rows(field, clause)
            if text_field is TextField.BODY:
                places = self.catalogue.slots_of(held.rows).astype(np.int64)
                documents = self.catalogue.passage_documents[places]
            else:
                places = held.rows.astype(np.int64)
                documents = self.catalogue.heading_documents[places]
            seen = self.readable[documents]
            yield Found(
                text_field, places[seen], documents[seen].astype(np.int64), held.frequencies[seen].astype(np.float64)
            )

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
                rows = np.union1d(in_terms, rows_with_prefix(self.connection, field.words, start))
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
