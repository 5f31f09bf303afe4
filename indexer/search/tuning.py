"""An operator's tuning of an index, read once: synonyms as clauses, pins by query, boosts by field, recency.

Synonyms and pins act on the query alone. Synonyms are further clauses that a word or a row of words brings along; how
rare they are is counted among the reader's documents like that of any other. Pinned documents are taken from what the
reader may read and the filter keeps, so that a pin tells nobody of a document.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from indexer.search.analysis import Analyzer, fold
from indexer.search.bm25 import TextField
from indexer.search.query_language import MAX_CLAUSES, Clause, Phrase, Wanted, Word
from indexer.search.recency import RecencyRule
from vocabulary.documents import DocumentId
from vocabulary.errors import ConfigurationError
from vocabulary.search import Tuning

_Terms = tuple[str, ...]


class Pins:
    """The documents that are pinned to queries. Immutable."""

    def __init__(self, tuning: Tuning) -> None:
        self._by_query = {_normal(pin.query): pin.documents for pin in tuning.pins}

    def of(self, text: str) -> tuple[DocumentId, ...]:
        """Return the documents that head the answer to a query."""
        return self._by_query.get(_normal(text), ())


class Tuned:
    """A tuning in the terms of one analysis. Immutable.

    Raises (when made): `ConfigurationError`, naming the line of a synonym that cannot be read.
    """

    def __init__(self, tuning: Tuning, analyzer: Analyzer, *, clock: Callable[[], float] = time.time) -> None:
        self._alternatives = _alternatives(tuning.synonyms, analyzer)
        self._longest = max(map(len, self._alternatives), default=0)
        self._pins = Pins(tuning)
        self._recency = tuning.recency
        self._clock = clock
        boosts = tuning.boosts
        self.boosts: Mapping[TextField, float] = {
            TextField.BODY: boosts.body,
            TextField.TITLE: boosts.title,
            TextField.ATTRIBUTES: boosts.attributes,
        }

    def recency(self) -> RecencyRule | None:
        """Return by how much newer documents are preferred today; None where they are not."""
        return None if self._recency is None else RecencyRule.on(self._recency, self._clock())

    def pinned(self, text: str) -> tuple[DocumentId, ...]:
        """Return the documents that head the answer to a query."""
        return self._pins.of(text)

    def expanded(self, wanted: Wanted) -> Wanted:
        """Return a query with the synonyms of its words beside them."""
        if not self._alternatives:
            return wanted
        added = [clause for terms in self._runs(wanted.any_of) for clause in self._alternatives.get(terms, ())]
        clauses = dict.fromkeys([*wanted.any_of, *added])
        return _with_clauses(wanted, tuple(clauses)[:MAX_CLAUSES])

    def _runs(self, clauses: Sequence[Clause]) -> Iterator[_Terms]:
        """Yield every row of neighbouring words, up to the longest that has synonyms."""
        terms = [clause.term if isinstance(clause, Word) else "" for clause in clauses]
        for start in range(len(terms)):
            for end in range(start + 1, min(start + self._longest, len(terms)) + 1):
                yield tuple(terms[start:end])


def _with_clauses(wanted: Wanted, clauses: tuple[Clause, ...]) -> Wanted:
    return Wanted(
        any_of=clauses,
        required=wanted.required,
        excluded=wanted.excluded,
        fields=wanted.fields,
        excluded_fields=wanted.excluded_fields,
        meaning=wanted.meaning,
    )


def _alternatives(lines: Iterable[str], analyzer: Analyzer) -> Mapping[_Terms, tuple[Clause, ...]]:
    """Return the clauses that each row of words brings along."""
    found: dict[_Terms, dict[Clause, None]] = {}
    for number, line in enumerate(lines, start=1):
        rule = line.partition("#")[0].strip()
        if not rule:
            continue
        left, arrow, right = rule.partition("=>")
        asked = [_terms(each, analyzer, number) for each in left.split(",")]
        brought = [_terms(each, analyzer, number) for each in right.split(",")] if arrow else asked
        if len({*asked, *brought}) < 2:
            raise ConfigurationError(f"synonyms, line {number}: a word needs another one beside it")
        for terms in asked:
            found.setdefault(terms, {}).update({_clause(each): None for each in brought if each != terms})
    return {terms: tuple(clauses) for terms, clauses in found.items()}


def _terms(words: str, analyzer: Analyzer, number: int) -> _Terms:
    terms = tuple(token.term for token in analyzer.query_tokens(words))
    if not terms:
        raise ConfigurationError(f"synonyms, line {number}: a place between commas holds no word")
    return terms


def _clause(terms: _Terms) -> Clause:
    return Word(terms[0]) if len(terms) == 1 else Phrase(terms)


def _normal(query: str) -> str:
    return " ".join(map(fold, query.split()))
