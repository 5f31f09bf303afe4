"""Whether a text holds what a query asks for: the plain meaning of a clause, which every engine's index agrees with."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from indexer.search.analysis import Analysed, Analyzer
from indexer.search.matching import Key, Kind, Predicate, key_of
from indexer.search.query_language import Clause, FieldTest, Phrase, Prefix, Word

_FLAGS = {"true": 1, "yes": 1, "false": 0, "no": 0}


def frequency(clause: Clause, text: Analysed) -> int:
    """Return how often a text holds a clause; for a prefix, 1 if it does at all."""
    match clause:
        case Word(term):
            return text.terms.count(term)
        case Phrase(terms):
            return len(phrase_positions(terms, text.terms))
        case Prefix(start):
            return int(any(word.startswith(start) for word in (*text.terms, *text.words)))


def phrase_positions(phrase: Sequence[str], terms: Sequence[str]) -> list[int]:
    """Return where the terms of a phrase begin to stand in a row."""
    wanted = tuple(phrase)
    starts = range(len(terms) - len(wanted) + 1)
    return [at for at in starts if terms[at] == wanted[0] and tuple(terms[at : at + len(wanted)]) == wanted]


def value_predicate(test: FieldTest, analyzer: Analyzer) -> Predicate:
    """Return the test that `field:value` puts to a single value of the field.

    A text passes when it holds the value's words in a row, any other value when it is one that the value names.
    """
    clause, named = test.clause, values_named(test)
    tests: dict[Kind, Callable[[Key], bool]] = {key.kind: partial(operator.eq, key) for key in named.exact}
    if clause is not None:
        tests[Kind.TEXT] = _text_test(clause, analyzer)
    if named.span is not None:
        first, behind = named.span
        tests[Kind.MOMENT] = lambda key: first <= key < behind
    return lambda key: key.kind in tests and tests[key.kind](key)


@dataclass(frozen=True, slots=True)
class NamedValues:
    """The values, texts apart, that the value of `field:value` names.

    A number or a flag (true, false, yes, no) exactly; moments from the first one up to, not including, the one behind
    the year, month, day, minute or second (UTC).
    """

    exact: tuple[Key, ...]
    span: tuple[Key, Key] | None

    @property
    def any(self) -> bool:
        return bool(self.exact) or self.span is not None


def values_named(test: FieldTest) -> NamedValues:
    """Return what the value names, if it is read as a number, a flag or a date."""
    number, flag = _number(test.value), _FLAGS.get(test.value.casefold())
    exact = [] if number is None else [number]
    exact += [] if flag is None else [Key(Kind.FLAG, flag)]
    return NamedValues(tuple(exact), _span(test.value))


def _text_test(clause: Clause, analyzer: Analyzer) -> Predicate:
    """Return the test of a text; it is put to every value that a field has, so only as much is analysed as it needs."""
    match clause:
        case Word(term):
            return lambda key: term in analyzer.terms(str(key.value))
        case Phrase(terms):
            return lambda key: bool(phrase_positions(terms, analyzer.terms(str(key.value))))
        case Prefix():
            return lambda key: frequency(clause, analyzer.analysed(str(key.value))) > 0


def _number(text: str) -> Key | None:
    try:
        return key_of(int(text)) if text.lstrip("+-").isdigit() else key_of(float(text))
    except (ValueError, OverflowError):
        return None


# How a moment is spelled, and how long what is spelled so lasts.
_SPELLINGS: dict[str, timedelta | None] = {
    "%Y": None,
    "%Y-%m": None,
    "%Y-%m-%d": timedelta(days=1),
    "%Y-%m-%dT%H:%M": timedelta(minutes=1),
    "%Y-%m-%dT%H:%M:%S": timedelta(seconds=1),
}


def _span(text: str) -> tuple[Key, Key] | None:
    for spelling, lasts in _SPELLINGS.items():
        try:
            start = datetime.strptime(text.removesuffix("Z"), spelling).replace(tzinfo=UTC)
            end = _behind(start, spelling) if lasts is None else start + lasts
        except (ValueError, OverflowError):
            continue
        first, behind = key_of(start), key_of(end)
        return (first, behind) if first is not None and behind is not None else None
    return None


def _behind(start: datetime, spelling: str) -> datetime:
    """Return the beginning of the next year or month."""
    if spelling == "%Y":
        return start.replace(year=start.year + 1)
    return start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
