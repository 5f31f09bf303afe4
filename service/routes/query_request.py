"""The body of a query and how it becomes a `Query`: what a caller may ask, within limits.

Pure. Filters are trees of one-key objects, `{"and": [{"equals": {"field": "type", "value": "pdf"}}, …]}`. An index
has no schema that says which attribute is a date, so text that reads as an ISO 8601 date or time matches both as
text and as that moment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    Tag,
    model_validator,
)

from vocabulary.search import (
    And,
    Equals,
    Exists,
    FacetRequest,
    FilterClause,
    In,
    Not,
    Or,
    Query,
    Range,
    Scalar,
    SearchMode,
    Sort,
)

MAX_TEXT = 2_000  # characters; the model reads 254 tokens, a keyword query needs fewer
MAX_PAGE = 100
MAX_FACETS = 20
MAX_FACET_VALUES = 200
MAX_FILTER_DEPTH = 12  # far below what the engines' own expression limits and pydantic's recursion allow
MAX_FILTER_CLAUSES = 200
MAX_VALUES = 1_000  # of one `in`

_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?")

FieldName: TypeAlias = Annotated[str, Field(min_length=1, max_length=200, examples=["type"])]
Value: TypeAlias = Annotated[
    StrictBool
    | StrictInt
    | Annotated[StrictFloat, Field(allow_inf_nan=False)]
    | Annotated[StrictStr, Field(max_length=2_000)],
    Field(examples=["pdf"]),
]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EqualsBody(_Part):
    field: FieldName
    value: Value


class InBody(_Part):
    field: FieldName
    values: Annotated[tuple[Value, ...], Field(max_length=MAX_VALUES)]


class RangeBody(_Part):
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


class ExistsBody(_Part):
    field: FieldName


class EqualsFilter(_Part):
    equals: EqualsBody


class InFilter(_Part):
    in_: Annotated[InBody, Field(alias="in")]


class RangeFilter(_Part):
    range: RangeBody


class ExistsFilter(_Part):
    exists: ExistsBody


class NotFilter(_Part):
    not_: Annotated[Filter, Field(alias="not")]


class AndFilter(_Part):
    and_: Annotated[tuple[Filter, ...], Field(alias="and")]


class OrFilter(_Part):
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


def _within_limits(raw: object) -> object:
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


class FacetBody(_Part):
    field: FieldName
    size: Annotated[int, Field(ge=1, le=MAX_FACET_VALUES)] = 10


class SortBody(_Part):
    field: FieldName
    order: Literal["asc", "desc"] = "asc"


class PageBody(_Part):
    size: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 10
    cursor: Annotated[str, Field(max_length=4_000)] | None = None


class QueryBody(_Part):
    """What to search for, and how to answer."""

    query: str = Field(default="", max_length=MAX_TEXT, description="empty: every document the reader may see")
    mode: SearchMode = SearchMode.HYBRID
    filter: Annotated[Filter, BeforeValidator(_within_limits)] | None = None
    facets: Annotated[
        tuple[Annotated[FieldName | FacetBody, Field(union_mode="left_to_right")], ...], Field(max_length=MAX_FACETS)
    ] = ()
    sort: SortBody | None = Field(default=None, description="by an attribute instead of by relevance")
    page: PageBody = PageBody()
    highlight: bool = True

    def as_query(self) -> Query:
        """Say the same in the words of the backends."""
        return Query(
            text=self.query.strip(),
            mode=self.mode,
            filter=None if self.filter is None else clause_of(self.filter),
            facets=tuple(_facet(facet) for facet in self.facets),
            sort=None if self.sort is None else Sort(self.sort.field, descending=self.sort.order == "desc"),
            size=self.page.size,
            cursor=self.page.cursor,
            highlight=self.highlight,
        )


def _facet(facet: str | FacetBody) -> FacetRequest:
    return FacetRequest(facet) if isinstance(facet, str) else FacetRequest(facet.field, facet.size)


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
    moments = {name: moment for name, bound in bounds.items() if (moment := _moment(bound)) is not None}
    if len(moments) < len(bounds):
        return as_written
    return Or((as_written, Range(body.field, **moments)))


def _readings(value: Scalar) -> tuple[Scalar, ...]:
    moment = _moment(value)
    return (value,) if moment is None else (value, moment)


def _any_reading(clauses: Iterator[FilterClause] | Any) -> FilterClause:
    readings = tuple(clauses)
    return readings[0] if len(readings) == 1 else Or(readings)


def _moment(value: Scalar) -> datetime | None:
    """Read ISO 8601; without a zone it is UTC, without a time the day's first instant."""
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
