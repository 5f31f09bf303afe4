"""What the bodies of requests are made of: field names, values, and moments written as text."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, TypeAlias

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    StringConstraints,
)

from vocabulary.search import Scalar

_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?")

# Of a person, a group, an issuer or a source. Control characters, NUL among them, are in none; halves of characters
# (lone surrogates) are refused by pydantic itself.
Name: TypeAlias = Annotated[
    str, StringConstraints(min_length=1, max_length=1_000, pattern=r"^[^\x00-\x1f\x7f]+$", strict=True)
]
FieldName: TypeAlias = Annotated[str, Field(min_length=1, max_length=200, examples=["type"])]
Value: TypeAlias = Annotated[
    StrictBool
    | StrictInt
    | Annotated[StrictFloat, Field(allow_inf_nan=False)]
    | Annotated[StrictStr, Field(max_length=2_000)],
    Field(examples=["pdf"]),
]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def moment_of(value: Scalar) -> datetime | None:
    """Read ISO 8601; without a zone it is UTC, without a time the day's first instant."""
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
