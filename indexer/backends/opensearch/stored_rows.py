"""Rows read back as they were put: for a sync, which keeps known vectors, and for copies into another index.

What is read here is read regardless of readers, in the order in which documents were first stored.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from indexer.backends.opensearch.client import Connection
from indexer.backends.opensearch.documents import id_of, stored_document
from indexer.backends.opensearch.mapping import EVERY_DOCUMENT, Field
from vocabulary.documents import DocumentId
from vocabulary.search import StoredDocument

# Two programs may store a document in the same nanosecond; then source and id decide.
_ORDER = (Field.STORED_AT.value, Field.SOURCE.value, Field.NATIVE_ID.value)


async def behind(connection: Connection, position: str, *, limit: int, dimensions: int) -> list[StoredDocument]:
    """Return documents behind a position, as of the last refresh."""
    if limit <= 0:
        return []
    body: dict[str, Any] = {
        "size": limit,
        "query": EVERY_DOCUMENT,
        "sort": [{field: "asc"} for field in _ORDER],
        "track_total_hits": False,
    }
    if position:
        body["search_after"] = json.loads(position)
    answer = await connection.call(lambda client: client.search(index=connection.config.alias, body=body))
    return [_stored(hit["_source"], dimensions) for hit in answer["hits"]["hits"]]


async def held(connection: Connection, document_ids: Sequence[DocumentId], *, dimensions: int) -> list[StoredDocument]:
    """Return those of the documents that are stored now."""
    asked = [{"_id": row_id} for row_id in dict.fromkeys(map(id_of, document_ids))]
    if not asked:
        return []
    answer = await connection.call(lambda client: client.mget(index=connection.config.alias, body={"docs": asked}))
    bodies = [found["_source"] for found in answer["docs"] if found.get("found")]
    return [_stored(body, dimensions) for body in sorted(bodies, key=lambda body: [body[field] for field in _ORDER])]


def _stored(body: dict[str, Any], dimensions: int) -> StoredDocument:
    return stored_document(body, dimensions=dimensions, position=json.dumps([body[field] for field in _ORDER]))
