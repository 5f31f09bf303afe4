"""Fingerprints of what an index stores of a document: equal ones mean that nothing is to be written."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime

from vocabulary.documents import Document


def description_sha256(document: Document) -> str:
    """Fingerprint all that the index stores of a document besides its passages and who may read it."""
    described = [
        document.title,
        document.uri,
        document.path,
        sorted(document.attributes.items()),
        sorted(document.searched),
    ]
    return _sha256(described)


def comments_sha256(document: Document) -> str:
    """Fingerprint the comments as they are searched and shown."""
    if not document.comments:  # most documents have none
        return _OF_NO_COMMENTS
    return _sha256([[each.native_id, each.text, each.author, each.modified_at] for each in document.comments])


def _sha256(value: object) -> str:
    text = _ENCODER.encode(value)
    # Half a letter beyond the first 65,536, as a text that was cut by its UTF-16 length ends with, has no UTF-8.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"no fingerprint for {type(value).__name__}")


_ENCODER = json.JSONEncoder(default=_plain, ensure_ascii=False)  # `json.dumps` would build one for each document
_OF_NO_COMMENTS = _sha256([])
