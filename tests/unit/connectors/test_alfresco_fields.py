"""How properties become attributes of chosen names and types, odd values first."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from connectors.alfresco.fields import FieldMappings, mapped_attributes, mapped_fields

MAPPINGS = TypeAdapter(FieldMappings)
NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)


def mapped(settings: dict[str, Any], properties: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    return mapped_attributes(mapped_fields(MAPPINGS.validate_python(settings)), properties)


def read(kind: str | None, value: Any) -> Any:
    """The value that one property gives an attribute of that type, or "lost"."""
    found, lost = mapped({"acme:p": {"to": "a", "type": kind}}, {"acme:p": value})
    return found.get("a", "lost" if lost else None)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("keyword", "A b", "A b"),
        ("keyword", 5, "5"),
        ("keyword", True, "true"),
        ("keyword", ["a", 1, False], ("a", "1", "false")),
        ("keyword", {"id": "carol", "displayName": "Carol C"}, "Carol C"),
        ("keyword", "2024-06-01T12:00:00.000+0000", "2024-06-01T12:00:00.000+0000"),
        ("text", ["first", "second"], "first\nsecond"),
        ("text", "one", "one"),
        ("integer", 5, 5),
        ("integer", 5.0, 5),
        ("integer", " -12 ", -12),
        ("integer", ["1", 2], (1, 2)),
        ("integer", 5.5, "lost"),
        ("integer", True, "lost"),
        ("integer", "1_000", "lost"),
        ("integer", "٣", "lost"),
        ("integer", "9" * 5000, "lost"),
        ("float", "2.5", 2.5),
        ("float", 2, 2.0),
        ("float", "NaN", "lost"),
        ("float", "1e999", "lost"),
        ("float", 10**400, "lost"),
        ("float", "2,5", "lost"),
        ("boolean", "TRUE", True),
        ("boolean", False, False),
        ("boolean", 1, "lost"),
        ("boolean", "yes", "lost"),
        ("date", "2024-06-01T14:00:00.000+0200", NOON),
        ("date", "2024-06-01", datetime(2024, 6, 1, tzinfo=UTC)),
        ("date", "2024-06-01T12:00", NOON),
        ("date", ["2024-06-01T12:00:00Z"], (NOON,)),
        ("date", "2024-02-30", "lost"),
        ("date", "0001-01-01T00:00:00+14:00", "lost"),
        ("date", "1 June", "lost"),
        ("date", 1717243200, "lost"),
        (None, "2024-06-01T12:00:00.000+0000", NOON),
        (None, [1, "x"], (1, "x")),
        (None, 2.5, 2.5),
        ("keyword", None, None),
        ("integer", "", None),
        ("date", [], None),
        ("keyword", {}, None),
    ],
)
def test_a_value_is_read_as_its_type(kind: str | None, value: Any, expected: Any) -> None:
    found = read(kind, value)
    assert (found, type(found)) == (expected, type(expected))


def test_of_several_values_those_that_fit_are_kept_and_the_loss_is_told() -> None:
    found = mapped({"acme:p": {"to": "a", "type": "integer"}}, {"acme:p": ["1", "two", 3]})
    assert found == ({"a": (1, 3)}, ("a",))


def test_the_first_property_that_has_a_value_gives_it() -> None:
    settings = {"acme:a": {"to": "n", "type": "integer"}, "acme:b": "n", "acme:c": "n"}
    assert mapped(settings, {"acme:b": "2", "acme:c": 3}) == ({"n": 2}, ())
    assert mapped(settings, {"acme:a": "", "acme:c": 3}) == ({"n": 3}, ())
    assert mapped(settings, {"acme:a": "one", "acme:b": 2}) == ({"n": 2}, ("n",))
    assert mapped(settings, {}) == ({}, ())


def test_an_attribute_that_every_document_has_keeps_its_type() -> None:
    assert mapped({"acme:p": "size_bytes"}, {"acme:p": "12"}) == ({"size_bytes": 12}, ())
    assert mapped({"acme:p": "created_at"}, {"acme:p": "x"}) == ({}, ("created_at",))


@pytest.mark.parametrize(
    "settings",
    [
        {"author": "a"},
        {"cm:author": ""},
        {"cm:author": "Author"},
        {"cm:author": "a:b"},
        {"cm:author": "x" * 65},
        {"cm:author": {"type": "text"}},
        {"cm:author": {"to": "a", "type": "number"}},
        {"cm:author": {"to": "a", "as": "b"}},
        {"cm:author": {"to": "a", "type": "text"}, "cm:b": {"to": "a", "type": "keyword"}},
        {"cm:author": {"to": "modified_at", "type": "keyword"}},
        {f"acme:p{number}": f"a{number}" for number in range(501)},
    ],
)
def test_mappings_that_cannot_be_meant_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        MAPPINGS.validate_python(settings)
