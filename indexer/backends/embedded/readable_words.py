"""The words of what one reader may read, for a better spelling of a query (`ReadableWords`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from indexer.backends.embedded.catalogue import Integers
from indexer.backends.embedded.hits import admitted_rows
from indexer.backends.embedded.text_search import Found, TextSearch
from indexer.search.analysis import Analyzer
from indexer.search.bm25 import TextField
from indexer.search.query_language import Word
from indexer.search.spelling import DOCUMENTS_READ
from vocabulary.access import AccessFilter

_SPELLED_FIELDS = (TextField.BODY, TextField.TITLE)


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddedWords:
    """The words of the readable documents, in the state that the text search sees."""

    text: TextSearch
    access: AccessFilter
    analyzer: Analyzer

    def documents_with(self, term: str) -> int:
        return int(np.count_nonzero(self.text.holding(Word(term))))

    def near(self, term: str, *, slips: int) -> Iterator[tuple[str, int]]:
        near = self.text.catalogue.vocabulary.near(self.text.connection, term, slips=slips)
        counts = self.text.documents_with_each(near, fields=_SPELLED_FIELDS)
        yield from ((other, count) for other, count in zip(near, counts.tolist(), strict=True) if count)

    def forms(self, term: str) -> Iterator[str]:
        found = self._spelled(term)
        documents = self._documents(found)[:DOCUMENTS_READ]
        acl_ids = self.text.catalogue.acl_ids[documents]
        rows = admitted_rows(self.text.connection, documents, self.access, acl_ids)
        for document in map(int, documents):
            if document not in rows:
                continue
            for text in (rows[document][2], self._first_passage(found, document)):
                yield from (text[each.start : each.end] for each in self.analyzer.tokens_of(text, (term,)))

    def _spelled(self, term: str) -> list[Found]:
        return self.text.found(Word(term), fields=_SPELLED_FIELDS)

    def _documents(self, found: list[Found]) -> Integers:
        holding = np.zeros(self.text.readable.size, np.bool_)
        for each in found:
            holding[each.documents] = True
        return np.flatnonzero(holding)

    def _first_passage(self, found: list[Found], document: int) -> str:
        """Return the text of a document's first passage that holds the term; empty where only its title does."""
        catalogue = self.text.catalogue
        places = [each.places[each.documents == document] for each in found if each.field is TextField.BODY]
        slots = np.concatenate(places)
        if not slots.size:
            return ""
        passage_id = int(catalogue.passage_ids[slots.min()])
        row: Any = self.text.connection.execute("SELECT body FROM passage WHERE id = ?", (passage_id,)).fetchone()
        return str(row[0])
