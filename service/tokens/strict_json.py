"""JSON objects that can be read in one way only; everything else is refused.

Of two values for one name, one reader may believe the first and another the last: RFC 7519 §4 lets both be refused.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Any


def read_object(text: bytes | str) -> Mapping[str, Any]:
    """Read a JSON object.

    Raises:
        ValueError: it is none, or a name occurs twice in it; the message never quotes the text.
    """
    try:
        value = json.loads(text, object_pairs_hook=_without_duplicates, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise ValueError("not a JSON object that can be read in one way only") from None
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value


def read_encoded_object(part: str) -> Mapping[str, Any]:
    """Read a JSON object that travels as base64url, with or without padding. Source: RFC 4648 §5, RFC 7515 §2.

    Raises:
        ValueError: as `read_object`; or it is not base64url.
    """
    try:
        text = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not base64url") from None
    return read_object(text)


def _without_duplicates(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name occurs twice")
    return members


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
