"""One `[[admin.keys]]` entry: a key of the admin API, who holds it, and what it opens.

Keys are long random words that a program or a person sends as they are. One that could be guessed, that cannot be sent
in a header, or that two entries share, stops the start; no message repeats a key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from connectors.secret_reference import Secret
from vocabulary.errors import SettingInvalid

MIN_KEY_CHARS = 32  # 128 bits where the characters are hexadecimal digits, the poorest alphabet in use
_SENDABLE = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # `b64token`, what may follow "Bearer ". Source: RFC 6750 §2.1


class Scope(StrEnum):
    """What a key opens."""

    SOURCES = "sources"  # look at sources and how they stand
    RUNS = "runs"  # look at runs and how their documents ended
    SYNC = "sync"  # start and stop syncs
    EXPLAIN = "explain"  # ask why a person may or may not read a document
    SEARCH_AS = "search-as"  # search with the eyes of a person
    IDENTITIES = "identities"  # look at and change who is who
    ACTS = "acts"  # read the log of what administrators did
    METRICS = "metrics"  # read /metrics


class AdminKeyConfig(BaseModel):
    """One key of the admin API."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    # As the log of acts names its holder; "command line (…)" is no such name, so that nobody passes for the other.
    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=64)]
    key: Secret
    scopes: tuple[Scope, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _usable(self) -> Self:
        key = self.key.get_secret_value()
        if len(key) < MIN_KEY_CHARS:
            raise SettingInvalid(f"key: at least {MIN_KEY_CHARS} characters are needed, random ones")
        if not _SENDABLE.fullmatch(key):
            raise SettingInvalid("key: may have letters, digits and . _ ~ + / - only, and = at its end")
        return self


def contradictions(keys: Sequence[AdminKeyConfig]) -> Iterator[str]:
    """Yield what no single entry shows: names and keys that two entries share."""
    for position, entry in enumerate(keys):
        before = keys[:position]
        if entry.name in {other.name for other in before}:
            yield f"admin.keys.{position}.name: is another entry's name, too"
        if entry.key.get_secret_value() in {other.key.get_secret_value() for other in before}:
            yield f"admin.keys.{position}.key: is another entry's key, too"
