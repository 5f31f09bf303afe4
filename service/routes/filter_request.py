"""Filters as a caller writes them, and how they become clauses.

Pure. A filter is a tree of one-key objects, `{"and": [{"equals": {"field": "type", "value": "pdf"}}, …]}`. An index
has no schema that says which attribute is a date, so text that reads as an ISO 8601 date or time matches both as
text and as that moment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, Discriminator, Field, Tag, model_validator

from service.routes.request_parts import FieldName, Part, Value, moment_of
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

MAX_FILTER_DEPTH = 12  # far below what the engines' own expression limits and pydantic's recursion allow
MAX_FILTER_CLAUSES = 200
MAX_VALUES = 1_000  # of one `in`


class EqualsBody(Part):
    field: FieldName
    value: Value


class InBody(Part):
    field: FieldName
    values: Annotated[tuple[Value, ...], Field(max_length=MAX_VALUES)]


class RangeBody(Part):
    field: FieldName
    gte: Value | None = None
    gt: Value | None = None
    lte: Value | None = None
    lt: Value | None = None

    @model_validator(mode="after")
    def _has_bounds_of_one_type(self) -> RangeBody:
        bounds = self.bounds().values()
        if not bounds:
            raise ValueError("needs at least one of gte, gt, lte, lt")
        if any(isinstance(bound, bool) for bound in bounds):
            raise ValueError("true and false have no order")
        if len({isinstance(bound, str) for bound in bounds}) > 1:
            raise ValueError("bounds must be of one type")
        return self

    def bounds(self) -> dict[str, Scalar]:
        given = {"gte": self.gte, "gt": self.gt, "lte": self.lte, "lt": self.lt}
        return {name: bound for name, bound in given.items() if bound is not None}


class ExistsBody(Part):
    field: FieldName


class EqualsFilter(Part):
    equals: EqualsBody


class InFilter(Part):
    in_: Annotated[InBody, Field(alias="in")]


class RangeFilter(Part):
    range: RangeBody


class ExistsFilter(Part):
    exists: ExistsBody


class NotFilter(Part):
    not_: Annotated[Filter, Field(alias="not")]


class AndFilter(Part):
    and_: Annotated[tuple[Filter, ...], Field(alias="and")]


class OrFilter(Part):
    or_: Annotated[tuple[Filter, ...], Field(alias="or")]


def _operator(value: object) -> str | None:
    """Name the one key of a filter object; None, for anything else, lets pydantic say what is possible."""
    if isinstance(value, Mapping):
        return next(iter(value), None)
    return next(iter(type(value).model_fields), "").rstrip("_") if isinstance(value, BaseModel) else None


Filter: TypeAlias = Annotated[
    Annotated[AndFilter, Tag("and")]
    | Annotated[OrFilter, Tag("or")]
    | Annotated[NotFilter, Tag("not")]
    | Annotated[EqualsFilter, Tag("equals")]
    | Annotated[InFilter, Tag("in")]
    | Annotated[RangeFilter, Tag("range")]
    | Annotated[ExistsFilter, Tag("exists")],
    Discriminator(_operator),
]


def within_limits(raw: object) -> object:
    """Refuse a tree that is too deep or too large before anything recurses into it."""
    clauses = 0
    level: Sequence[object] = [raw]
    for _ in range(MAX_FILTER_DEPTH):
        clauses += len(level)
        level = [below for clause in level for below in _below(clause)]
        if clauses > MAX_FILTER_CLAUSES:
            raise ValueError(f"more than {MAX_FILTER_CLAUSES} clauses")
        if not level:
            return raw
    raise ValueError(f"nested more than {MAX_FILTER_DEPTH} deep")


def _below(clause: object) -> Iterator[object]:
    if not isinstance(clause, Mapping):
        return
    for operator in ("and", "or"):
        several = clause.get(operator)
        if isinstance(several, list):
            yield from several
    if "not" in clause:
        yield clause["not"]


def clause_of(part: Any) -> FilterClause:
    """Turn one filter object, with all below it, into a clause."""
    match part:
        case AndFilter():
            return And(tuple(clause_of(below) for below in part.and_))
        case OrFilter():
            return Or(tuple(clause_of(below) for below in part.or_))
        case NotFilter():
            return Not(clause_of(part.not_))
        case EqualsFilter(equals=body):
            return _any_reading(Equals(body.field, reading) for reading in _readings(body.value))
        case InFilter():
            values = (reading for value in part.in_.values for reading in _readings(value))
            return In(part.in_.field, tuple(values))
        case RangeFilter(range=body):
            return _range_of(body)
        case ExistsFilter(exists=body):
            return Exists(body.field)
    raise TypeError(f"not a filter: {type(part).__name__}")


def _range_of(body: RangeBody) -> FilterClause:
    bounds = body.bounds()
    as_written = Range(body.field, **bounds)
    moments = {name: moment for name, bound in bounds.items() if (moment := moment_of(bound)) is not None}
    if len(moments) < len(bounds):
        return as_written
    return Or((as_written, Range(body.field, **moments)))


def _readings(value: Scalar) -> tuple[Scalar, ...]:
    moment = moment_of(value)
    return (value,) if moment is None else (value, moment)


def _any_reading(clauses: Iterator[FilterClause] | Any) -> FilterClause:
    readings = tuple(clauses)
    return readings[0] if len(readings) == 1 else Or(readings)
