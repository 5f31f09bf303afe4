"""The values of a node's properties as searches see them, and how they are compared with what a query says."""

from __future__ import annotations

import re
from calendar import isleap, monthrange
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

from connectors.alfresco.simulator.afts import Range
from connectors.alfresco.simulator.model import Content, Node, PropertyValue
from connectors.alfresco.simulator.wire import ApiError

_WORDS = re.compile(r"\w+")
_PATTERNS = re.compile(r"[\w*?]+")
_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d):(\d\d)(?:\.(\d{3}))?(Z|[+-]\d\d:?\d\d)?)?)?)?")
_EARLIEST = (1, 1, 1, 0, 0, 0, 0)  # what a date means where it says no more
_UNBOUNDED = frozenset({"MIN", "MAX", "*"})
_READABLE = ("text/", "application/json", "application/xml")  # MIME types whose bytes are text

_Comparable: TypeAlias = Any  # float, datetime or str: two of one range or sort are of one kind
_Span: TypeAlias = tuple[_Comparable, _Comparable]


def property_values(node: Node, name: str) -> list[PropertyValue]:
    """Return the values of a property, none where the node lacks it."""
    match name:
        case "cm:name":
            return [node.name]
        case "cm:created":
            return [node.created_at]
        case "cm:modified":
            return [node.modified_at]
        case "cm:creator":
            return [node.creator]
        case "cm:modifier":
            return [node.modifier]
        case "cm:content" | "cm:content.size" | "cm:content.mimetype":
            return [] if node.content is None else _of_content(node.content, name)
        case "fm:commentCount":
            return [len(node.comments)] if "fm:commentsRollup" in node.aspects else []
    value = node.properties.get(name)
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


def _of_content(content: Content, name: str) -> list[PropertyValue]:
    if name == "cm:content.size":
        return [content.size]
    if name == "cm:content.mimetype":
        return [content.mime_type]
    return [content.data.decode(content.encoding, "replace")] if content.mime_type.startswith(_READABLE) else []


def as_written(value: PropertyValue, text: str) -> bool:
    """Return whether the value is exactly what the text says."""
    if isinstance(value, bool):
        return text.casefold() == str(value).casefold()
    if isinstance(value, datetime):
        span = _date_span(text)
        return span is not None and span[0] <= value <= span[1]
    if isinstance(value, int | float):
        return _number(text) == value
    return value == text


def says(value: PropertyValue, text: str) -> bool:
    """Return whether the value contains the words of the text in this order; other values than texts must equal it."""
    if not isinstance(value, str):
        return as_written(value, text)
    words, wanted = _WORDS.findall(value.casefold()), _PATTERNS.findall(text.casefold())
    starts = range(len(words) - len(wanted) + 1) if wanted else ()
    return any(all(map(fnmatchcase, words[start:], wanted)) for start in starts)


class PropertyRange:
    """A range as a test on values; a coarse date such as `2024-05` stands for all its days."""

    def __init__(self, wanted: Range) -> None:
        self._wanted = wanted
        self._spans: dict[tuple[type, str], _Span | None] = {}

    def holds(self, value: PropertyValue) -> bool:
        """Return whether the value lies in the range.

        Raises:
            ApiError: 400, a bound cannot be compared with such a value.
        """
        plain = _comparable(value)
        low, high = self._span(plain, self._wanted.low), self._span(plain, self._wanted.high)
        is_above = low is None or (plain >= low[0] if self._wanted.includes_low else plain > low[1])
        return is_above and (high is None or (plain <= high[1] if self._wanted.includes_high else plain < high[0]))

    def _span(self, plain: _Comparable, bound: str) -> _Span | None:
        """Return the first and the last value that the bound means; None for no bound."""
        key = (type(plain), bound)
        if key not in self._spans:
            self._spans[key] = None if bound in _UNBOUNDED else self._read(plain, bound)
        return self._spans[key]

    def _read(self, plain: _Comparable, bound: str) -> _Span:
        span: _Span | None
        if isinstance(plain, datetime):
            span = _date_span(bound)
        else:
            value = bound.casefold() if isinstance(plain, str) else _number(bound)
            span = None if value is None else (value, value)
        if span is None:
            raise ApiError(400, "framework.exception.InvalidQuery", f"Not a bound of {self._wanted.field}: {bound}")
        return span


def sort_key(value: PropertyValue) -> tuple[int, _Comparable]:
    """Return a key that puts values of one kind in order and different kinds beside each other."""
    plain = _comparable(value)
    return (0 if isinstance(plain, float) else 1 if isinstance(plain, datetime) else 2), plain


def _comparable(value: PropertyValue) -> _Comparable:
    if isinstance(value, datetime):
        return value
    return float(value) if isinstance(value, int | float) else str(value).casefold()


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _date_span(text: str) -> tuple[datetime, datetime] | None:
    """Return the first and last millisecond that a date of any coarseness covers; None for what is no date."""
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    *numbers, zone = found.groups()
    given = [int(number) for number in numbers if number is not None]
    try:
        first = datetime.fromisoformat(f"{_filled(given)}{zone or '+00:00'}").astimezone(UTC)
        return first, first + _length(given) - timedelta(milliseconds=1)
    except ValueError:
        return None


def _filled(given: list[int]) -> str:
    year, month, day, hour, minute, second, millisecond = [*given, *_EARLIEST[len(given) :]]
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}"


def _length(given: list[int]) -> timedelta:
    """Return how long the moment lasts whose coarsest numbers are given."""
    match len(given):
        case 1:
            return timedelta(days=366 if isleap(given[0]) else 365)
        case 2:
            return timedelta(days=monthrange(given[0], given[1])[1])
        case 3:
            return timedelta(days=1)
        case 6:
            return timedelta(seconds=1)
    return timedelta(milliseconds=1)
