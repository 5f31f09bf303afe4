"""What a filter means: which attribute values satisfy which clause, one value at a time.

Every engine of this room answers with these functions or must agree with them. A value is compared only with values
of its own kind: a clause about a number holds for no text, and never errors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import NamedTuple

from indexer.search.analysis import storable
from vocabulary.documents import AttributeValue, EnrichedPassage, Toxicity
from vocabulary.indexing import Description
from vocabulary.search import (
    And,
    Equals,
    Exists,
    FilterClause,
    In,
    Not,
    Or,
    Range,
    Scalar,
)

# What the index adds to every document's attributes; attributes of these names do not stand in for them.
SOURCE_FIELD = "source"  # the source's name
TOXICITY_FIELD = "toxicity"  # that of the worst passage
TOXICITY_CATEGORY_FIELD = "toxicity_category"  # those that the document is marked with
_TOXICITY_FIELDS = (TOXICITY_FIELD, TOXICITY_CATEGORY_FIELD)
ADDED_FIELDS = frozenset({SOURCE_FIELD, *_TOXICITY_FIELDS})

# Digits of a document's toxicity: more than a threshold needs, few enough that a million documents share few values.
_TOXICITY_DIGITS = 4

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INT64 = 2**63  # SQLite's and OpenSearch's widest integer


class Kind(IntEnum):
    """The kinds of values, in the order in which a sort puts them when a field mixes them."""

    FLAG = 0
    NUMBER = 1
    MOMENT = 2
    TEXT = 3


class Key(NamedTuple):
    """A value in the form in which it is compared, counted and sorted: True is not 1, and a moment has no time zone.

    `value` is 0 or 1 for a flag, microseconds since 1970 for a moment.
    """

    kind: Kind
    value: int | float | str


Leaf = Equals | In | Range | Exists
Predicate = Callable[[Key], bool]


def key_of(value: Scalar) -> Key | None:
    """Return the comparable form of a value; None for a number that is none (NaN)."""
    if isinstance(value, bool):
        return Key(Kind.FLAG, int(value))
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return Key(Kind.MOMENT, (aware - _EPOCH) // timedelta(microseconds=1))
    if isinstance(value, str):
        return Key(Kind.TEXT, storable(value))
    if isinstance(value, int) and not -_INT64 <= value < _INT64:
        return Key(Kind.NUMBER, math.copysign(math.inf, value) if abs(value) > 10**300 else float(value))
    return None if math.isnan(value) else Key(Kind.NUMBER, value)


def value_of(key: Key) -> Scalar:
    """Return the value that a key stands for, as a facet shows it."""
    if key.kind is Kind.FLAG:
        return bool(key.value)
    if key.kind is Kind.MOMENT:
        return _EPOCH + timedelta(microseconds=int(key.value))
    return key.value


def keys_of(value: AttributeValue) -> frozenset[Key]:
    """Return the distinct values that an attribute holds; an empty list of values holds none."""
    values = value if isinstance(value, tuple) else (value,)
    return frozenset(key for key in map(key_of, values) if key is not None)


def toxicity_of(passages: Iterable[EnrichedPassage]) -> float:
    """Return a document's toxicity, that of its worst passage; 0 without any."""
    return worst_of(each.toxicity for each in passages)


def worst_of(toxicity: Iterable[Toxicity]) -> float:
    """Return the score of the worst passage as it is compared; 0 without any."""
    return round(float(max((each.score_0_1 for each in toxicity), default=0.0)), _TOXICITY_DIGITS)


def fields_of(
    description: Description, *, toxicity_0_1: float, categories: Iterable[str]
) -> Mapping[str, frozenset[Key]]:
    """Return what filters, facets and sorts see of a document: attributes, the name of its source, its toxicity."""
    fields = {storable(name): keys_of(value) for name, value in description.attributes.items()}
    fields[SOURCE_FIELD] = keys_of(description.document_id.source)
    added = toxicity_fields(toxicity_0_1=toxicity_0_1, categories=categories)
    return {name: keys for name, keys in fields.items() if keys and name not in _TOXICITY_FIELDS} | added


def toxicity_fields(*, toxicity_0_1: float, categories: Iterable[str]) -> dict[str, frozenset[Key]]:
    """Return what of `fields_of` follows from a document's toxicity; an attribute of that name is never among it."""
    fields = {TOXICITY_FIELD: keys_of(toxicity_0_1), TOXICITY_CATEGORY_FIELD: keys_of(tuple(categories))}
    return {name: keys for name, keys in fields.items() if keys}


def text_values(source: str, attributes: Mapping[str, AttributeValue]) -> dict[str, list[str]]:
    """Return the texts among the values of `fields_of`, by field, in an order of their own; the toxicity's apart."""
    held = {storable(name): keys_of(value) for name, value in attributes.items()} | {SOURCE_FIELD: keys_of(source)}
    for name in _TOXICITY_FIELDS:
        held.pop(name, None)
    texts = {name: [str(key.value) for key in sorted(keys) if key.kind is Kind.TEXT] for name, keys in held.items()}
    return {name: values for name, values in sorted(texts.items()) if values}


def searched_text(attributes: Mapping[str, AttributeValue], searched: Iterable[str]) -> str:
    """Return the texts of the attributes that are searched by words, one behind the other."""
    values = (attributes[name] for name in searched if name in attributes)
    texts = (each for value in values for each in (value if isinstance(value, tuple) else (value,)))
    return "\n".join(each for each in texts if isinstance(each, str))


def holds(clause: FilterClause, fields: Mapping[str, frozenset[Key]]) -> bool:
    """Decide a filter for one document."""
    if isinstance(clause, Not):
        return not holds(clause.clause, fields)
    if isinstance(clause, And):
        return all(holds(each, fields) for each in clause.clauses)
    if isinstance(clause, Or):
        return any(holds(each, fields) for each in clause.clauses)
    return any(map(predicate_of(clause), fields.get(storable(clause.field), frozenset())))


def predicate_of(clause: Leaf) -> Predicate:
    """Return the test that a leaf clause puts to a single value."""
    if isinstance(clause, Exists):
        return lambda _: True
    if isinstance(clause, Equals):
        return frozenset({key_of(clause.value)}).__contains__
    if isinstance(clause, In):
        return frozenset(map(key_of, clause.values)).__contains__
    return _within(clause)


def _within(clause: Range) -> Predicate:
    bounds = [
        (compare, key_of(bound))
        for compare, bound in (
            (_at_least, clause.gte),
            (_above, clause.gt),
            (_at_most, clause.lte),
            (_below, clause.lt),
        )
        if bound is not None
    ]
    return lambda key: all(bound is not None and key.kind is bound.kind and test(key, bound) for test, bound in bounds)


def _at_least(key: Key, bound: Key) -> bool:
    return key >= bound


def _above(key: Key, bound: Key) -> bool:
    return key > bound


def _at_most(key: Key, bound: Key) -> bool:
    return key <= bound


def _below(key: Key, bound: Key) -> bool:
    return key < bound
