"""Properties as attributes under names and types of the operator's choice.

In go the `fields` of the settings and a node's properties; out come attributes, and the names of those that lost a
value. Several properties may feed one attribute: the first that has a value gives it. A value that does not fit its
attribute's type is lost and told, the document never. Pure.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field

from connectors.alfresco.scope.property_values import moment_of, text_of, values_of
from connectors.alfresco.scope.setting_types import PrefixedName, SettingsTable
from vocabulary.documents import AttributeValue
from vocabulary.search import Scalar

_MAX_FIELDS = 500  # a bound on the warnings that are counted
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")  # 19 digits: what 64 bits can hold


class FieldType(StrEnum):
    """What the values of an attribute are."""

    KEYWORD = "keyword"  # texts that are compared as a whole
    TEXT = "text"  # one text; several values become its lines
    INTEGER = "integer"
    FLOAT = "float"
    BOOLEAN = "boolean"
    DATE = "date"  # a moment; a day without a time is its beginning in UTC


# The attributes that every document has where the server tells them (see `mapping.attributes`).
COMMON_FIELDS: Mapping[str, FieldType] = {
    name: kind
    for kind, names in {
        FieldType.KEYWORD: "type mime_type node_type site path aspects version author author_id modified_by "
        "modified_by_id owner owner_id",
        FieldType.DATE: "created_at modified_at",
        FieldType.INTEGER: "size_bytes",
    }.items()
    for name in names.split()
}

FieldName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class FieldMapping(SettingsTable):
    """The attribute that a property feeds."""

    to: FieldName
    type: FieldType | None = None  # none: as the server sends the values


def _named(value: Any) -> Any:
    return {"to": value} if isinstance(value, str) else value


FieldEntry = Annotated[FieldMapping, BeforeValidator(_named)]


def _of_one_type_each(mappings: Mapping[str, FieldMapping]) -> Mapping[str, FieldMapping]:
    """Refuse an attribute that would have two types."""
    for name, mapping in mappings.items():
        others = {other.type for other in mappings.values() if other.to == mapping.to and other.type is not None}
        types = others | ({COMMON_FIELDS[mapping.to]} if mapping.to in COMMON_FIELDS else set())
        if len(types) > 1:
            raise ValueError(f"{name}: {mapping.to} would be {' and '.join(sorted(types))}")
    return mappings


FieldMappings = Annotated[
    Mapping[PrefixedName, FieldEntry], Field(max_length=_MAX_FIELDS), AfterValidator(_of_one_type_each)
]


class _DoesNotFit(Exception):
    """A value is not of the type."""


_Reader: TypeAlias = Callable[[Any], Scalar]


@dataclass(frozen=True, slots=True)
class MappedField:
    """One attribute and the properties that feed it, the first one first."""

    name: str
    type: FieldType | None
    properties: tuple[str, ...]

    def value(self, properties: Mapping[str, Any]) -> tuple[AttributeValue | None, bool]:
        """The attribute's value, if a property has one, and whether a value was lost on the way."""
        lost = False
        for name in self.properties:
            found: list[Scalar] = []
            for value in values_of(properties.get(name)):
                try:
                    found.append(_READERS[self.type](value))
                except _DoesNotFit:
                    lost = True
            if found:
                return self._together(found, several=isinstance(properties[name], list)), lost
        return None, lost

    def _together(self, values: list[Scalar], *, several: bool) -> AttributeValue:
        if self.type is FieldType.TEXT:
            return "\n".join(map(str, values))
        return tuple(values) if several else values[0]


def mapped_fields(mappings: Mapping[str, FieldMapping]) -> tuple[MappedField, ...]:
    """Gather the settings by attribute, in their order."""
    properties: dict[str, list[str]] = {}
    types: dict[str, FieldType | None] = {}
    for name, mapping in mappings.items():
        properties.setdefault(mapping.to, []).append(name)
        types[mapping.to] = mapping.type or types.get(mapping.to) or COMMON_FIELDS.get(mapping.to)
    return tuple(MappedField(name, types[name], tuple(names)) for name, names in properties.items())


def mapped_attributes(
    fields: tuple[MappedField, ...], properties: Mapping[str, Any]
) -> tuple[dict[str, AttributeValue], tuple[str, ...]]:
    """The attributes that a node's properties give, and the names of those for which a value was lost."""
    attributes: dict[str, AttributeValue] = {}
    lost: list[str] = []
    for field in fields:
        value, loses = field.value(properties)
        if value is not None:
            attributes[field.name] = value
        if loses:
            lost.append(field.name)
    return attributes, tuple(lost)


def as_sent(value: Any) -> Scalar:
    """One value as the server sends it: moments, which it writes as texts, become moments, people their names."""
    if isinstance(value, str):
        return moment_of(value) or value
    return value if isinstance(value, bool | int | float) else text_of(value)


def _integer(value: Any) -> int:
    if isinstance(value, bool):
        raise _DoesNotFit
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        return int(value)
    raise _DoesNotFit


def _float(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _DoesNotFit
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise _DoesNotFit from None
    if not math.isfinite(number):
        raise _DoesNotFit
    return number


def _boolean(value: Any) -> bool:
    word = text_of(value).strip().lower() if isinstance(value, bool | str) else ""
    if word not in ("true", "false"):
        raise _DoesNotFit
    return word == "true"


def _date(value: Any) -> datetime:
    if not isinstance(value, str):
        raise _DoesNotFit
    try:
        moment = datetime.fromisoformat(value.strip())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _DoesNotFit from None


_READERS: Mapping[FieldType | None, _Reader] = {
    None: as_sent,
    FieldType.KEYWORD: text_of,
    FieldType.TEXT: text_of,
    FieldType.INTEGER: _integer,
    FieldType.FLOAT: _float,
    FieldType.BOOLEAN: _boolean,
    FieldType.DATE: _date,
}
