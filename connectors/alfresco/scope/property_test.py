"""Tests of a property: what settings may ask of it, and whether a node's value is as asked. Pure.

A test holds if one of a property's values is as asked. Values compare only with values of their kind: the text "5" is
not the number 5, and `true` is not 1. A moment compares as a moment, whatever its time zone; a person is their user
name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time
from typing import Annotated, Any, NamedTuple, Self, TypeAlias

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    model_validator,
)

from connectors.alfresco.scope.patterns import Regex, regex_matcher, utf8
from connectors.alfresco.scope.property_values import moment_of, person_id, text_of, values_of
from connectors.alfresco.scope.setting_types import PrefixedName, SettingsTable


def _aware(value: Any) -> Any:
    """TOML's dates and times without an offset are taken as UTC."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return datetime.combine(value, time(), UTC) if isinstance(value, date) else value


Moment = Annotated[datetime, BeforeValidator(_aware), AfterValidator(_aware)]
Scalar = Annotated[StrictBool | StrictInt | StrictFloat | StrictStr | datetime, BeforeValidator(_aware)]

Properties: TypeAlias = Mapping[str, Any]
PropertyCheck: TypeAlias = Callable[[Properties], bool]

_TESTS = ("equals", "one_of", "exists", "matches")


class PropertyTest(SettingsTable):
    """The keys of a table that tests one property; all tests that are given must hold."""

    property: PrefixedName | None = None
    equals: Scalar | tuple[Scalar, ...] | None = None  # one of several values
    one_of: tuple[Scalar, ...] | None = Field(default=None, alias="in")
    exists: bool | None = None
    matches: Regex | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        has_test = any(getattr(self, key) is not None for key in _TESTS)
        if self.property is None and has_test:
            raise ValueError("say which `property` the test is about")
        if self.property is not None and not has_test:
            raise ValueError("say what of the property: `equals`, `in`, `exists` or `matches`")
        return self


class _Comparable(NamedTuple):
    kind: str
    value: bool | int | float | str | datetime


def property_checks(test: PropertyTest) -> Iterator[PropertyCheck]:
    """The checks that a table asks for; none if it is about no property."""
    name = test.property
    if name is None:
        return
    for wanted in (test.equals, test.one_of):
        if wanted is not None:
            yield _is_one_of(name, wanted if isinstance(wanted, tuple) else (wanted,))
    if test.exists is not None:
        yield _exists(name, wanted=test.exists)
    if test.matches is not None:
        yield _matches(name, test.matches)


def _is_one_of(name: str, wanted: tuple[Any, ...]) -> PropertyCheck:
    known = {form for value in wanted for form in _forms(value)}
    return lambda properties: any(not known.isdisjoint(_forms(value)) for value in values_of(properties.get(name)))


def _exists(name: str, *, wanted: bool) -> PropertyCheck:
    return lambda properties: any(True for _ in values_of(properties.get(name))) is wanted


def _matches(name: str, pattern: str) -> PropertyCheck:
    matcher = regex_matcher(pattern)
    return lambda properties: any(matcher(utf8(text_of(person_id(value)))) for value in values_of(properties.get(name)))


def _forms(value: Any) -> set[_Comparable]:
    """What a value is equal to: itself within its kind, and the moment that a text denotes."""
    value = person_id(value)
    match value:
        case bool():
            return {_Comparable("flag", value)}
        case int() | float():
            return {_Comparable("number", value)}
        case datetime():
            return {_Comparable("moment", value)}
        case str():
            moment = moment_of(value)
            return {_Comparable("text", value)} | ({_Comparable("moment", moment)} if moment else set())
        case _:
            return set()
