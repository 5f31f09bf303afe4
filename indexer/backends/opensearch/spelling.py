"""A better spelling of a query, asked of the cluster under the reader's filter.

`indexer.search.spelling` decides; here its steps become searches. Terms near to a suspect word are read from the
reader's own documents: some that hold such a term, then some that hold one and none of those that were met so far,
until there are no more. The dictionary of the index, which has the words of hidden documents too, is never looked into.

Nothing is asked where no word of the query is a suspect. Who may read little often asks for words that none of it has:
all suspects are therefore looked at together, while the query itself is answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from indexer.backends.opensearch import statistics
from indexer.backends.opensearch.access_clause import Clause, any_of
from indexer.backends.opensearch.mapping import Field, PassageField
from indexer.backends.opensearch.requests import PermittedSearch, Reader, nested
from indexer.backends.opensearch.transport import Answer
from indexer.search.analysis import Analyzer, Token
from indexer.search.spelling import (
    DOCUMENTS_READ,
    best_form,
    best_terms,
    near_terms,
    plain_words,
    respelled,
    slips_tried,
    suspects,
)

Ask = Callable[[Sequence[PermittedSearch]], Awaitable[list[Answer]]]

_AT_ONCE = 50  # documents from which near terms are read
# A word has a few near ones, and each look meets at least one more of them.
_LOOKS = 8
_FOUND = "found"


@dataclass(frozen=True, slots=True)
class Speller:
    """Spells the query of one reader. `held`: how many of the reader's documents hold each term of the query."""

    ask: Ask
    reader: Reader
    analyzer: Analyzer
    held: Mapping[str, int]

    async def respell(self, text: str) -> str | None:
        """Return the query with better spelled words; None where there is nothing better."""
        plain = [token for token in plain_words(text, self.analyzer) if token.term in self.held]
        suspected = suspects(plain, self.held)
        forms = await asyncio.gather(*(self._better(token) for token in suspected), return_exceptions=True)
        better: dict[Token, str] = {}
        for token, form in zip(suspected, forms, strict=True):
            if isinstance(form, BaseException):
                raise form
            if form is not None:
                better[token] = form
        return respelled(text, better)

    async def _better(self, token: Token) -> str | None:
        for slips in slips_tried(token):
            form = await self._nearest_form(token, slips)
            if form is not None:
                return form
        return None

    async def _nearest_form(self, token: Token, slips: int) -> str | None:
        near = sorted(await self._near(token, slips))
        if not near:
            return None
        (counted,) = await self.ask([self.reader.counting([_spelled(_is(term)) for term in near])])
        counts = zip(near, statistics.counts_of(counted), strict=True)
        terms = best_terms(token, counts, held=self.held[token.term])
        answers = await self.ask([_holders_of(self.reader, term) for term in terms])
        forms = {term: tuple(self._forms(term, answer)) for term, answer in zip(terms, answers, strict=True)}
        return best_form(token, forms, slips=slips)

    async def _near(self, token: Token, slips: int) -> set[str]:
        """Return terms that the reader's documents hold and that are at most some slips away."""
        near: set[str] = set()
        for _ in range(_LOOKS):
            (answer,) = await self.ask([_holders_of_like(self.reader, token, slips, besides=sorted(near))])
            met = near_terms(token.term, sorted(_terms(answer)), slips=slips)
            if near.issuperset(met):
                break
            near.update(met)
        return near

    def _forms(self, term: str, answer: Answer) -> Iterator[str]:
        """Yield the words behind a term as the documents of an answer write them."""
        for hit in answer["hits"]["hits"]:
            passages = [each["_source"][PassageField.TEXT.key] for each in _inner(hit)]
            for text in (hit["_source"][Field.TITLE.value], *passages):
                yield from (text[each.start : each.end] for each in self.analyzer.tokens(text) if each.term == term)


def _holders_of_like(reader: Reader, token: Token, slips: int, *, besides: Sequence[str]) -> PermittedSearch:
    """Return the search for documents that hold a term near the token's, and none of those that were met before."""
    like = {"value": token.term, "fuzziness": slips, "prefix_length": 1, "rewrite": "constant_score"}

    def near(field: str) -> Clause:
        known = [{"term": {field: term}} for term in (*besides, token.term)]
        return {"bool": {"filter": [{"fuzzy": {field: like}}], "must_not": known}}

    passages = near(PassageField.TERMS.value)
    shown = {"name": _FOUND, "size": 3, "_source": [PassageField.TERMS.value]}
    clauses = [any_of([nested(passages), near(Field.TITLE_TERMS.value)])]
    return reader.documents(clauses, [nested(passages, inner_hits=shown)], size=_AT_ONCE)


def _holders_of(reader: Reader, term: str) -> PermittedSearch:
    """Return the search for the documents that hold a term, those that were stored first."""
    in_order = [{PassageField.ORDINAL.value: "asc"}]
    shown = {"name": _FOUND, "size": 1, "sort": in_order, "_source": [PassageField.TEXT.value]}
    first = [{Field.STORED_AT.value: "asc"}]
    passages = nested(_is(term)[0], inner_hits=shown)
    return reader.documents([_spelled(_is(term))], [passages], size=DOCUMENTS_READ, sort=first)


def _is(term: str) -> tuple[Clause, Clause]:
    return {"term": {PassageField.TERMS.value: term}}, {"term": {Field.TITLE_TERMS.value: term}}


def _spelled(clauses: tuple[Clause, Clause]) -> Clause:
    """Return what holds for documents whose text or title is as a pair of clauses says."""
    in_passage, in_title = clauses
    return any_of([nested(in_passage), in_title])


def _terms(answer: Answer) -> set[str]:
    terms: set[str] = set()
    for hit in answer["hits"]["hits"]:
        terms.update(hit["_source"][Field.TITLE_TERMS.value].split())
        for passage in _inner(hit):
            terms.update(passage["_source"][PassageField.TERMS.key].split())
    return terms


def _inner(hit: Mapping[str, Answer]) -> list[Answer]:
    found: list[Answer] = hit["inner_hits"][_FOUND]["hits"]["hits"]
    return found
