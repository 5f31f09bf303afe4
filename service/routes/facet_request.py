"""Facets as a caller writes them: values, ranges of numbers or dates, and stretches of the calendar.

Pure. Which of the three a facet is, is told by its keys: `ranges`, `interval`, or neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, TypeAlias

from pydantic import BaseModel, Discriminator, Field, StrictFloat, StrictInt, StrictStr, Tag, model_validator

from service.routes.request_parts import FieldName, Part, moment_of
from vocabulary.search import (
    Bounds,
    DateFacet,
    DateInterval,
    Facet,
    FacetRequest,
    RangeFacet,
)

MAX_FACETS = 20
MAX_FACET_VALUES = 200
MAX_FACET_RANGES = 50
_MAX_ZONE = 64  # the longest name of a time zone has 32 characters

FacetName: TypeAlias = Annotated[
    str, Field(max_length=200, description="the facet's key in the answer; empty: the field", examples=["by year"])
]
Bound: TypeAlias = (
    StrictInt | Annotated[StrictFloat, Field(allow_inf_nan=False)] | Annotated[StrictStr, Field(max_length=40)]
)


class ValuesFacetBody(Part):
    """The commonest values."""

    field: FieldName
    size: Annotated[int, Field(ge=1, le=MAX_FACET_VALUES)] = 10
    name: FacetName = ""


class BoundsBody(Part):
    """From `gte` up to, not including, `lt`: numbers, or ISO 8601 dates or times; without one it is open."""

    gte: Bound | None = None
    lt: Bound | None = None

    @model_validator(mode="after")
    def _has_moments_for_texts(self) -> BoundsBody:
        for bound in (self.gte, self.lt):
            if isinstance(bound, str) and moment_of(bound) is None:
                raise ValueError("bounds are numbers, or dates in ISO 8601")
        return self

    def as_bounds(self) -> Bounds:
        return Bounds(gte=_number_or_moment(self.gte), lt=_number_or_moment(self.lt))


class RangesFacetBody(Part):
    """Given ranges, in the order given."""

    field: FieldName
    ranges: Annotated[tuple[BoundsBody, ...], Field(min_length=1, max_length=MAX_FACET_RANGES)]
    name: FacetName = ""

    @model_validator(mode="after")
    def _has_bounds_of_one_kind(self) -> RangesFacetBody:
        bounds = [bound for each in self.ranges for bound in (each.gte, each.lt) if bound is not None]
        if len({isinstance(bound, str) for bound in bounds}) > 1:
            raise ValueError("bounds must be all numbers or all dates")
        return self


class DatesFacetBody(Part):
    """The latest years, months, weeks or days that hold documents."""

    field: FieldName
    interval: DateInterval
    size: Annotated[int, Field(ge=1, le=MAX_FACET_VALUES)] = 12
    time_zone: Annotated[str, Field(min_length=1, max_length=_MAX_ZONE, examples=["Europe/Berlin"])] = "UTC"
    name: FacetName = ""


def _kind(value: object) -> str:
    """Tell by its keys which kind of facet an object is."""
    keys = value if isinstance(value, Mapping) else type(value).model_fields if isinstance(value, BaseModel) else ()
    if isinstance(value, str):
        return "name"
    return next((f"{key} facet" for key in ("ranges", "interval") if key in keys), "values facet")


FacetBody: TypeAlias = Annotated[
    Annotated[FieldName, Tag("name")]
    | Annotated[ValuesFacetBody, Tag("values facet")]
    | Annotated[RangesFacetBody, Tag("ranges facet")]
    | Annotated[DatesFacetBody, Tag("interval facet")],
    Discriminator(_kind),
]


def facet_of(body: FacetBody) -> Facet:
    """Say the same in the words of the backends."""
    match body:
        case str():
            return FacetRequest(body)
        case ValuesFacetBody():
            return FacetRequest(body.field, body.size, body.name)
        case RangesFacetBody():
            return RangeFacet(body.field, tuple(each.as_bounds() for each in body.ranges), body.name)
        case DatesFacetBody():
            return DateFacet(body.field, body.interval, body.size, body.time_zone, body.name)


def _number_or_moment(bound: Bound | None) -> int | float | datetime | None:
    return moment_of(bound) if isinstance(bound, str) else bound
