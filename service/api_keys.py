"""Keys that programs and people send as they are: what one must be like, and whose a sent one is.

Keys are long random words. One that could be guessed, that cannot be sent in a header, or that two entries share,
stops the start; no message repeats a key. Sent ones are compared by their hashes, each with every known one and in
constant time, so that how long it takes tells nothing of a key.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator

from connectors.secret_reference import Secret
from vocabulary.errors import SettingInvalid

MIN_KEY_CHARS = 32  # 128 bits where the characters are hexadecimal digits, the poorest alphabet in use
_SENDABLE = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # `b64token`, what may follow "Bearer ". Source: RFC 6750 §2.1

HolderT = TypeVar("HolderT")


class KeyConfig(BaseModel):
    """One key, and who holds it."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    # As logs name its holder; "command line (…)" is no such name, so that nobody passes for the other.
    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=64)]
    key: Secret

    @model_validator(mode="after")
    def _usable(self) -> Self:
        key = self.key.get_secret_value()
        if len(key) < MIN_KEY_CHARS:
            raise SettingInvalid(f"key: at least {MIN_KEY_CHARS} characters are needed, random ones")
        if not _SENDABLE.fullmatch(key):
            raise SettingInvalid("key: may have letters, digits and . _ ~ + / - only, and = at its end")
        return self


class KnownKeys(Generic[HolderT]):
    """Every key of one kind, and what is known of its holder."""

    def __init__(self, entries: Iterable[tuple[KeyConfig, HolderT]]) -> None:
        self._known = tuple((_digest(entry.key.get_secret_value()), holder) for entry, holder in entries)

    def holder(self, key: str) -> HolderT | None:
        """Say whose key it is; None: nobody's."""
        digest = _digest(key)
        found = None
        for known, holder in self._known:
            if hmac.compare_digest(known, digest):
                found = holder  # and on to the last one: the time tells nothing of the place
        return found


def contradictions(sections: Mapping[str, Sequence[KeyConfig]]) -> Iterator[str]:
    """Yield what no single entry shows: names that two entries of a section share, keys that any two entries do.

    A key opens one kind of doors: whoever loses it has lost no other.
    """
    met: set[str] = set()
    for section, entries in sections.items():
        names: set[str] = set()
        for position, entry in enumerate(entries):
            if entry.name in names:
                yield f"{section}.{position}.name: is another entry's name, too"
            if entry.key.get_secret_value() in met:
                yield f"{section}.{position}.key: is another entry's key, too"
            names.add(entry.name)
            met.add(entry.key.get_secret_value())


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
