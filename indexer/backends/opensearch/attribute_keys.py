"""Attribute values as keywords that compare as `matching.py` compares them.

One multi-valued keyword field holds every value of every attribute as `<field>=<kind><value>`, spelled so that the
order of the keywords is the order of `Key`s: flags, numbers, moments, texts, and within a kind by value. Term, range
and prefix queries on that one field are then exactly the clauses of a filter, whatever types an attribute mixes, and no
attribute ever adds a field to the mapping. Numbers keep every digit: 2**53 + 1 is not 2**53.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from typing import NamedTuple

from indexer.search.matching import Key, Kind

# Lucene refuses a longer term, and with it the whole document (IndexWriter.MAX_TERM_LENGTH).
MAX_KEYWORD_BYTES = 32_766

_SIGN_BIT = 1 << 63
_ALL_BITS = (1 << 64) - 1
# Two integers of 64 bits that round to the same double are at most 1,024 apart.
_REMAINDER_OFFSET = 1 << 15


class KeyRange(NamedTuple):
    """All keywords k of a field and kind: `first` <= k < `beyond`."""

    first: str
    beyond: str


def keyword_of(field: str, key: Key) -> str:
    """Spell one value of an attribute; `key_of_keyword` reads it back."""
    return f"{field_prefix(field)}{int(key.kind)}{_spelled(key)}"


def key_of_keyword(keyword: str) -> Key:
    """Read the value of a keyword, whatever its field."""
    _, _, spelled = keyword.partition("=")
    kind, value = Kind(int(spelled[0])), spelled[1:]
    if kind is Kind.TEXT:
        return Key(kind, value)
    if kind is Kind.NUMBER:
        return Key(kind, _number(value))
    if kind is Kind.MOMENT:
        return Key(kind, int(value, 16) - _SIGN_BIT)
    return Key(kind, int(value))


def field_prefix(field: str) -> str:
    """Return what the keywords of an attribute, and of no other, begin with."""
    return field.replace("%", "%25").replace("=", "%3D") + "="


def kind_range(field: str, kind: Kind) -> KeyRange:
    """Return the keywords of an attribute's values of one kind: where an open bound of a range ends."""
    prefix = field_prefix(field)
    return KeyRange(f"{prefix}{int(kind)}", f"{prefix}{int(kind) + 1}")


def keywords_of(fields: Mapping[str, frozenset[Key]]) -> list[str]:
    """Spell all values of a document, sorted; those that are too long to be compared are left out."""
    spelled = (keyword_of(field, key) for field, keys in fields.items() for key in keys)
    return sorted(keyword for keyword in spelled if len(keyword.encode()) <= MAX_KEYWORD_BYTES)


def uncompared(fields: Mapping[str, frozenset[Key]]) -> list[str]:
    """Name the attributes of which a value is left out."""
    return sorted(
        field
        for field, keys in fields.items()
        if any(len(keyword_of(field, key).encode()) > MAX_KEYWORD_BYTES for key in keys)
    )


def _spelled(key: Key) -> str:
    if isinstance(key.value, str):
        return key.value
    if key.kind is Kind.FLAG:
        return str(key.value)
    if key.kind is Kind.MOMENT:
        return f"{int(key.value) + _SIGN_BIT:016x}"
    return _spelled_number(key.value)


def _spelled_number(value: int | float) -> str:
    """Spell the nearest double in bits that sort as it does, and what an integer is above or below that double."""
    nearest = float(value) + 0.0  # -0.0 becomes 0.0
    remainder = value - int(nearest) if isinstance(value, int) else 0
    (bits,) = struct.unpack(">Q", struct.pack(">d", nearest))
    ordered = bits ^ (_ALL_BITS if bits & _SIGN_BIT else _SIGN_BIT)
    return f"{ordered:016x}{remainder + _REMAINDER_OFFSET:04x}"


def _number(spelled: str) -> int | float:
    ordered = int(spelled[:16], 16)
    bits = ordered ^ (_SIGN_BIT if ordered & _SIGN_BIT else _ALL_BITS)
    (nearest,) = struct.unpack(">d", struct.pack(">Q", bits))
    if math.isfinite(nearest) and nearest.is_integer() and abs(nearest) <= _SIGN_BIT:
        return int(nearest) + int(spelled[16:], 16) - _REMAINDER_OFFSET
    return float(nearest)
