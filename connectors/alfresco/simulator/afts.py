"""Alfresco's full text search language: text in, an expression out. Pure.

Understood are `FIELD:value`, `FIELD:"phrase"`, `=FIELD:"exact"`, ranges `[a TO b]`, `<a TO b>`, groups `FIELD:(a b)`,
bare words, `*`, AND, OR, NOT, `&&`, `||`, `!`, `-`, `+` and parentheses. Clauses without an operator between them are
joined by OR unless the request says AND (SearchParameters). A field is a word of the language (`TYPE`, `ANCESTOR`, …),
a property `cm:name`, `@cm\\:name` or `{namespace}name`, or one without prefix, which is then one of `cm:`. Boosts,
fuzzy terms and proximity are refused as errors of syntax.

Source: FTS.g of the community repository and the page "Alfresco Full Text Search reference".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

from connectors.alfresco.simulator.content_model import NAMESPACES
from connectors.alfresco.simulator.wire import ApiError

TEXT = "TEXT"  # the field of bare words
# Fields that are no properties; of these the database knows the first group (DBFTSTerm).
DATABASE_FIELDS = frozenset({"TYPE", "EXACTTYPE", "ASPECT", "EXACTASPECT", "PARENT"})
INDEX_FIELDS = frozenset({"ANCESTOR", "PRIMARYPARENT", "PATH", "ID", "SITE", TEXT})

_NAMESPACE_PREFIXES = {namespace: prefix for prefix, namespace in NAMESPACES.items()}


@dataclass(frozen=True, slots=True)
class Everything:
    """`*`"""


@dataclass(frozen=True, slots=True)
class Term:
    """A field's value; `is_exact` compares the whole value as it is written."""

    field: str
    text: str
    is_exact: bool

    @property
    def has_wildcards(self) -> bool:
        return "*" in self.text or "?" in self.text


@dataclass(frozen=True, slots=True)
class Range:
    """All values of a property between two bounds; `MIN` and `MAX` are no bound."""

    field: str
    low: str
    high: str
    includes_low: bool
    includes_high: bool


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: Expression


Expression: TypeAlias = Everything | Term | Range | And | Or | Not


def needs_index(expression: Expression) -> bool:
    """Return whether the database cannot answer: whatever is not a type, an aspect, a parent or an exact match."""
    match expression:
        case Term():
            is_known = expression.field in DATABASE_FIELDS or (expression.is_exact and ":" in expression.field)
            return expression.has_wildcards or not is_known
        case And() | Or():
            return any(needs_index(part) for part in expression.parts)
        case Not():
            return needs_index(expression.part)
    return True


def parse(text: str, *, joins_by_and: bool = False) -> Expression:
    """Read a query.

    Raises:
        ApiError: 400, the text is not in the language or beyond what is understood here.
    """
    return _Parser(text, joins_by_and=joins_by_and).parse()


def qualified(name: str) -> str:
    """Return a name with its prefix: `{namespace}local` by the known namespaces, a bare one in `cm:`."""
    if name.startswith("{"):
        namespace, _, local = name[1:].partition("}")
        return f"{_NAMESPACE_PREFIXES.get(namespace, namespace)}:{local}"
    return name if ":" in name else f"cm:{name}"


_WORD_FIELDS = "|".join(sorted(DATABASE_FIELDS | INDEX_FIELDS, key=len, reverse=True))
_FIELD = re.compile(
    rf"(?P<word>{_WORD_FIELDS}):|@?(?P<property>\{{[^}}]*\}}[\w.-]+|[A-Za-z][\w-]*\\?:[\w.-]+|[A-Za-z][\w.-]*):"
)
_QUOTED = re.compile(r"\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'")
_BARE = re.compile(r"(?:[^\s()\[\]<>\"'\\^~]|\\.)+")
_BOUND = rf"(?:{_QUOTED.pattern}|([^\s\[\]<>\"']+))"
_RANGE = re.compile(rf"([\[<])\s*{_BOUND}\s+TO\s+{_BOUND}\s*([\]>])")
_AND, _OR = re.compile(r"AND\b|and\b|&&"), re.compile(r"OR\b|or\b|\|\|?")
_NOT = re.compile(r"NOT\b|not\b|!|-")
_ESCAPE = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class _Place:
    """What a value belongs to where it stands."""

    field: str = TEXT
    is_exact: bool = False


class _Parser:
    """Reads one query from left to right."""

    def __init__(self, text: str, *, joins_by_and: bool) -> None:
        self._text = text
        self._position = 0
        self._joins_by_and = joins_by_and

    def parse(self) -> Expression:
        expression = self._disjunction(_Place())
        if not self._is_at_end():
            raise self._invalid()
        return expression

    def _disjunction(self, place: _Place) -> Expression:
        parts = [self._sequence(place)]
        while self._accept(_OR):
            parts.append(self._sequence(place))
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _sequence(self, place: _Place) -> Expression:
        """Read clauses that stand side by side."""
        required: list[Expression] = []
        optional: list[Expression] = []
        while True:
            is_required = self._accept_text("+")
            clause = self._conjunction(place)
            (required if is_required or isinstance(clause, Not) else optional).append(clause)
            if self._is_at_end() or self._looking_at(")") or self._peek(_OR):
                return self._joined(required, optional)

    def _joined(self, required: list[Expression], optional: list[Expression]) -> Expression:
        """Join clauses: optional ones beside a `+` only move the score, and there is none here."""
        has_plus = any(not isinstance(clause, Not) for clause in required)
        if self._joins_by_and:
            parts = [*required, *optional]
        elif has_plus or not optional:
            parts = required
        else:
            parts = [*required, optional[0] if len(optional) == 1 else Or(tuple(optional))]
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _conjunction(self, place: _Place) -> Expression:
        parts = [self._clause(place)]
        while self._accept(_AND):
            parts.append(self._clause(place))
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _clause(self, place: _Place) -> Expression:
        if self._accept(_NOT):
            return Not(self._clause(place))
        self._accept_text("+")
        if self._accept_text("("):
            inner = self._disjunction(place)
            if not self._accept_text(")"):
                raise self._invalid()
            return inner
        if self._accept_text("="):
            place = _Place(place.field, is_exact=True)
        if found := self._accept(_FIELD):
            field = found["word"] or qualified(found["property"].replace("\\", ""))
            return self._value(_Place(field, place.is_exact))
        return self._value(place)

    def _value(self, place: _Place) -> Expression:
        """Read what follows a field: a group, a range, a phrase or a word."""
        if self._looking_at("("):
            return self._clause(place)
        if found := self._accept(_RANGE):
            opening, *bounds, closing = found.groups()
            low, high = _first(bounds[:3]), _first(bounds[3:])
            return Range(place.field, low, high, includes_low=opening == "[", includes_high=closing == "]")
        if found := self._accept(_QUOTED):
            return Term(place.field, _ESCAPE.sub(r"\1", _first(found.groups())), place.is_exact)
        found = self._accept(_BARE)
        if found is None:
            raise self._invalid()
        if found.group() == "*" and place.field == TEXT:
            return Everything()
        return Term(place.field, _ESCAPE.sub(r"\1", found.group()), place.is_exact)

    def _accept(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = self._peek(pattern)
        if found is not None:
            self._position = found.end()
        return found

    def _accept_text(self, text: str) -> bool:
        if not self._looking_at(text):
            return False
        self._position += len(text)
        return True

    def _peek(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        self._skip_blanks()
        return pattern.match(self._text, self._position)

    def _looking_at(self, text: str) -> bool:
        self._skip_blanks()
        return self._text.startswith(text, self._position)

    def _is_at_end(self) -> bool:
        self._skip_blanks()
        return self._position == len(self._text)

    def _skip_blanks(self) -> None:
        while self._text[self._position : self._position + 1].isspace():
            self._position += 1

    def _invalid(self) -> ApiError:
        message = f"Failed to parse the query at character {self._position}: {self._text}"
        return ApiError(400, "framework.exception.InvalidQuery", message)


def _first(values: list[str | None] | tuple[str | None, ...]) -> str:
    """Return the one alternative that matched; an empty quotation is an empty text."""
    return next((value for value in values if value is not None), "")
