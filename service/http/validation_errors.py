"""What pydantic finds wrong with a tree of raw values, told in the words of whoever wrote the tree.

Pure: pydantic's error details and the raw values come in; places and plain words go out. A place holds only what the
writer wrote, not pydantic's names for the members of a union, and nothing ever repeats a value: it may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

_UNKNOWN_KEY = "unknown key"
_RESEMBLES = 0.75  # difflib's ratio: one wrong letter in four or five passes, another word does not
_PLAIN_WORDS = {
    "missing": "is required",
    "missing_argument": "is required",
    "extra_forbidden": _UNKNOWN_KEY,
    "unexpected_keyword_argument": _UNKNOWN_KEY,  # pydantic's type for dataclasses
    "union_tag_not_found": "cannot tell what this is",
}
_THEIR_WORDS = (  # what means nothing to somebody who writes TOML or JSON
    (r"^Value error, ", ""),
    (r"^Input should", "should"),
    (r"a valid (tuple|list|frozenset)", "a list"),
    (r"a valid dictionary( or instance of \w+| or object to extract fields from)?", "an object"),
)
_KEY_NOT_WRITTEN = frozenset({"missing", "missing_argument"})


@dataclass(frozen=True, slots=True)
class Mistake:
    """One wrong value, at its place from the root of the tree."""

    place: tuple[str, ...]
    words: str


def mistakes(
    details: Sequence[Mapping[str, Any]], written: object, *, known_keys: Collection[str] = ()
) -> list[Mistake]:
    """Name each wrong place once; what several members of a union say of it becomes one sentence.

    An unknown key is told together with the known key that it resembles, if any.
    """
    by_place: dict[tuple[str, ...], list[str]] = {}
    for detail in details:
        if _is_echo(detail, details):
            continue
        place = tuple(_place(detail, written))
        words = by_place.setdefault(place, [])
        told = _words(detail)
        if told == _UNKNOWN_KEY and place:
            told += _resembling(place[-1], known_keys)
        if told not in words:
            words.append(told)
    return [Mistake(place, ", or ".join(words)) for place, words in by_place.items()]


def _resembling(key: str, known_keys: Collection[str]) -> str:
    others = [known for known in known_keys if known != key]  # itself, it is known at another place only
    return "".join(f" (did you mean {known}?)" for known in get_close_matches(key, others, n=1, cutoff=_RESEMBLES))


def _is_echo(detail: Mapping[str, Any], details: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether a list is called too short only because its entries are wrong, which is told of them."""
    depth = len(detail["loc"])
    return detail["type"] == "too_short" and any(
        len(other["loc"]) > depth and other["loc"][:depth] == detail["loc"] for other in details
    )


def _place(detail: Mapping[str, Any], written: object) -> Iterator[str]:
    parts: Sequence[str | int] = detail["loc"]
    for position, part in enumerate(parts):
        below = _below(written, part)
        if below is not None:
            written = below[0]
            yield str(part)
        elif position == len(parts) - 1 and detail["type"] in _KEY_NOT_WRITTEN:
            yield str(part)
    telling_key = _telling_key(detail)
    if telling_key is not None:
        yield telling_key


def _telling_key(detail: Mapping[str, Any]) -> str | None:
    """The key that tells the members of a union apart and failed to; None where no single key does."""
    named = re.fullmatch(r"'(\w+)'", str(detail.get("ctx", {}).get("discriminator", "")))
    return named[1] if named else None


def _below(written: object, part: str | int) -> tuple[Any] | None:
    if isinstance(written, Mapping) and part in written:
        return (written[part],)
    if isinstance(written, list | tuple) and isinstance(part, int) and part < len(written):
        return (written[part],)
    return None


def _words(detail: Mapping[str, Any]) -> str:
    if detail["type"] == "union_tag_invalid":
        return f"must be one of {detail['ctx']['expected_tags']}"
    if detail["type"] == "union_tag_not_found" and _telling_key(detail) is not None:
        return "is required"
    if detail["type"] in _PLAIN_WORDS:
        return _PLAIN_WORDS[detail["type"]]
    words: str = detail["msg"]
    for theirs, ours in _THEIR_WORDS:
        words = re.sub(theirs, ours, words)
    return words[:1].lower() + words[1:]
