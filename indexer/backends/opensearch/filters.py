"""A filter tree as clauses on the one field of attribute keywords.

`matching.py` says what a filter means; the keywords are spelled so that a term, a prefix or a range of them is exactly
one of its leaves (`attribute_keys.py`). Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from indexer.backends.opensearch.access_clause import EVERYTHING, NOTHING, Clause, any_of
from indexer.backends.opensearch.attribute_keys import MAX_KEYWORD_BYTES, field_prefix, keyword_of, kind_range
from indexer.backends.opensearch.mapping import Field
from indexer.search.analysis import storable
from indexer.search.matching import Key, Kind, Leaf, key_of
from vocabulary.search import (
    And,
    Equals,
    Exists,
    FilterClause,
    In,
    Not,
    Or,
    Range,
)

_KEYS = Field.ATTRIBUTE_KEYS.value
_TERMS_AT_ONCE = 65_536  # `index.max_terms_count`, as clusters come


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds of a range, each with whether it leaves its own value out."""

    lower: tuple[tuple[Key, bool], ...] = ()
    upper: tuple[tuple[Key, bool], ...] = ()


def filter_clause(clause: FilterClause) -> Clause:
    """Return what holds for the documents that satisfy the filter."""
    if isinstance(clause, Not):
        return {"bool": {"must_not": [filter_clause(clause.clause)]}}
    if isinstance(clause, And):
        return {"bool": {"filter": [filter_clause(each) for each in clause.clauses]}} if clause.clauses else EVERYTHING
    if isinstance(clause, Or):
        return any_of([filter_clause(each) for each in clause.clauses])
    return _leaf(clause)


def holds_one_of(field: str, keys: Iterable[Key]) -> Clause:
    """Return what holds for the documents with one of the values."""
    spelled = sorted({keyword_of(field, key) for key in keys})
    kept = [keyword for keyword in spelled if len(keyword.encode()) <= MAX_KEYWORD_BYTES]
    return any_of([{"terms": {_KEYS: kept[at : at + _TERMS_AT_ONCE]}} for at in range(0, len(kept), _TERMS_AT_ONCE)])


def holds_within(field: str, kind: Kind, bounds: Bounds) -> Clause:
    """Return what holds for the documents with one value of the kind that is within all bounds, themselves of it."""
    every = kind_range(field, kind)
    # Of two bounds in one direction the tighter counts; of equal ones the one that leaves its own value out.
    lower = [(every.first, False), *((keyword_of(field, key), is_open) for key, is_open in bounds.lower)]
    upper = [(every.beyond, True), *((keyword_of(field, key), is_open) for key, is_open in bounds.upper)]
    first, leaves_first_out = max(lower)
    last, leaves_last_out = min(upper, key=lambda bound: (bound[0], not bound[1]))
    return {"range": {_KEYS: {"gt" if leaves_first_out else "gte": first, "lt" if leaves_last_out else "lte": last}}}


def _leaf(clause: Leaf) -> Clause:
    field = storable(clause.field)
    if isinstance(clause, Exists):
        return {"prefix": {_KEYS: field_prefix(field)}}
    if isinstance(clause, Equals):
        return holds_one_of(field, _keys([key_of(clause.value)]))
    if isinstance(clause, In):
        return holds_one_of(field, _keys(map(key_of, clause.values)))
    return _range(field, clause)


def _range(field: str, clause: Range) -> Clause:
    lower = [
        (key_of(bound), is_open) for bound, is_open in ((clause.gte, False), (clause.gt, True)) if bound is not None
    ]
    upper = [
        (key_of(bound), is_open) for bound, is_open in ((clause.lte, False), (clause.lt, True)) if bound is not None
    ]
    kinds = {None if key is None else key.kind for key, _ in lower + upper}
    if not kinds:
        return _leaf(Exists(field))
    kind = kinds.pop()
    if kinds or kind is None:  # no value is of two kinds, and none is near to what is no number
        return NOTHING
    present = [[(key, is_open) for key, is_open in bounds if key is not None] for bounds in (lower, upper)]
    return holds_within(field, kind, Bounds(*map(tuple, present)))


def _keys(keys: Iterable[Key | None]) -> list[Key]:
    return [key for key in keys if key is not None]
