"""Property values as the server sends them: texts, numbers, flags, moments written as texts, people. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?([+-]\d\d:?\d\d|Z)")


def values_of(value: Any) -> Iterator[Any]:
    """The values of a property that may have several; nulls, empty texts and empty objects are none."""
    for item in value if isinstance(value, list) else [value]:
        if item is not None and item not in ("", {}):
            yield item


def moment_of(text: str) -> datetime | None:
    """The moment that a text denotes as the server writes moments; None for any other text."""
    if not _MOMENT.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):  # the 30th of February; the first hours of the year 1, east of Greenwich
        return None


def person_id(value: Any) -> Any:
    """The user name, where properties hold a person: `{"id": …, "displayName": …}`; else the value itself."""
    return value.get("id", "") if isinstance(value, dict) else value


def text_of(value: Any) -> str:
    """A value as a reader would write it; a person by their display name."""
    if isinstance(value, dict):
        return str(value.get("displayName") or value.get("id") or "")
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
