"""Where the next page begins, as an opaque text.

A cursor holds a fingerprint of its query, how many hits were shown, and the last of them. All three are known to the
reader who gets it: a cursor betrays nothing, and a forged one asks only for another place in the forger's own answer.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from indexer.search.analysis import storable
from vocabulary.documents import DocumentId
from vocabulary.errors import QueryInvalid
from vocabulary.search import Query

_VERSION = 2
_MAX_CHARACTERS = 4_096  # far above a real one: a fingerprint, a number and a document's id


@dataclass(frozen=True, slots=True)
class Position:
    """The place behind the last shown hit. The hit itself is the anchor; the count serves when it is gone."""

    shown: int
    last: DocumentId


def encode(query: Query, position: Position) -> str:
    """Return the cursor for the page behind `position`."""
    parts = [_VERSION, _fingerprint(query), position.shown, position.last.source, position.last.native_id]
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def decode(query: Query) -> Position | None:
    """Read a query's cursor; None when it has none.

    Raises:
        QueryInvalid: the cursor is garbled, or belongs to another query.
    """
    if query.cursor is None:
        return None
    match _parts(query.cursor):
        case [version, str(fingerprint), int(shown), str(source), str(native_id)] if (
            version == _VERSION and 0 < shown < 2**31
        ):
            if fingerprint != _fingerprint(query):
                raise QueryInvalid("the cursor belongs to another query")
            return Position(shown, DocumentId(storable(source), storable(native_id)))
    raise QueryInvalid("the cursor is not one that this index gave")


def _parts(cursor: str) -> Any:
    if len(cursor) > _MAX_CHARACTERS:
        return None
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        return json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        return None


def _fingerprint(query: Query) -> str:
    """Name the order of the answer: page size, facets and highlights may change from page to page."""
    order = repr((query.text, query.mode, query.filter, query.sort, query.collapse))
    return hashlib.sha256(order.encode("utf-8", "backslashreplace")).hexdigest()[:16]
