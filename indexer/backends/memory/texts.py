"""What is searched by words of the readable documents, analysed when something asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from indexer.backends.memory.rows import Stored
from indexer.search.analysis import Analysed, Analyzer
from indexer.search.bm25 import TextField
from indexer.search.clauses import frequency
from indexer.search.matching import searched_text
from indexer.search.query_language import Clause, Word
from indexer.search.spelling import DOCUMENTS_READ, near_terms
from vocabulary.documents import DocumentId


@dataclass(frozen=True, eq=False)
class Texts:
    """What is searched by words of a document, analysed where something asks for it: browsing does not."""

    document: Stored
    analyzer: Analyzer

    @cached_property
    def bodies(self) -> tuple[Analysed, ...]:
        """Its passages, in their order."""
        return tuple(self.analyzer.analysed(each.passage.text) for each in self.document.passages)

    @cached_property
    def own(self) -> Mapping[TextField, Analysed]:
        description = self.document.description
        attributes = searched_text(description.attributes, description.searched)
        return {
            TextField.TITLE: self.analyzer.analysed(description.title),
            TextField.ATTRIBUTES: self.analyzer.analysed(attributes),
        }

    @cached_property
    def path(self) -> Analysed:
        return self.analyzer.analysed(self.document.description.path)

    @cached_property
    def terms(self) -> frozenset[str]:
        """All terms that it is found by."""
        return frozenset(term for text in (*self.bodies, *self.own.values()) for term in text.terms)

    def hold(self, clause: Clause) -> bool:
        if isinstance(clause, Word):
            return clause.term in self.terms
        return any(frequency(clause, text) for text in (*self.bodies, *self.own.values()))

    def spell(self, term: str) -> bool:
        """Whether text or title hold a term."""
        return any(term in text.terms for text in (*self.bodies, self.own[TextField.TITLE]))


class KeptTexts:
    """What was analysed of documents, until they change: a document that changed is another `Stored`."""

    def __init__(self, analyzer: Analyzer) -> None:
        self._analyzer = analyzer
        self._kept: dict[DocumentId, Texts] = {}

    def of(self, stored: Stored) -> Texts:
        document_id = stored.description.document_id
        known = self._kept.get(document_id)
        if known is None or known.document is not stored:
            known = self._kept[document_id] = Texts(stored, self._analyzer)
        return known

    def forget(self, document_id: DocumentId) -> None:
        self._kept.pop(document_id, None)


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """The words of readable documents, these in the order in which they were first stored (`ReadableWords`)."""

    texts: Sequence[Texts]
    analyzer: Analyzer

    def documents_with(self, term: str) -> int:
        return sum(each.hold(Word(term)) for each in self.texts)

    def near(self, term: str, *, slips: int) -> Iterator[tuple[str, int]]:
        spelled = (text for each in self.texts for text in (*each.bodies, each.own[TextField.TITLE]))
        vocabulary = {term for text in spelled for term in text.terms}
        for other in near_terms(term, sorted(vocabulary), slips=slips):
            yield other, sum(each.spell(other) for each in self.texts)

    def forms(self, term: str) -> Iterator[str]:
        for each in [each for each in self.texts if each.spell(term)][:DOCUMENTS_READ]:
            passages = zip(each.bodies, each.document.passages, strict=True)
            holding = (stored.passage.text for body, stored in passages if term in body.terms)
            for text in (each.document.description.title, next(holding, "")):
                yield from (text[token.start : token.end] for token in self.analyzer.tokens(text) if token.term == term)
