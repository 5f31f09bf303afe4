"""Rows read back as they were put: for a sync, which keeps known vectors, and for copies into another index.

What is read here is read regardless of readers, in the order in which documents were first stored.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from indexer.backends.opensearch.client import Connection
from indexer.backends.opensearch.documents import id_of, stored_document
from indexer.backends.opensearch.faults import is_found
from indexer.backends.opensearch.mapping import EVERY_DOCUMENT, Field
from indexer.backends.opensearch.state import StateDocument
from vocabulary.access import HIDDEN_ACL
from vocabulary.documents import DocumentId
from vocabulary.indexing import StoredDocument

# Two programs may store a document in the same nanosecond; then source and id decide.
_ORDER = (Field.STORED_AT.value, Field.SOURCE.value, Field.NATIVE_ID.value)


async def behind(
    connection: Connection, state: StateDocument, position: str, *, limit: int, dimensions: int
) -> list[StoredDocument]:
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
    answer = await connection.call(lambda client: client.search(index=connection.config.handle, body=body))
    bodies = [hit["_source"] for hit in answer["hits"]["hits"]]
    epoch = (await state.read()).epoch
    return [_stored(body, dimensions, epoch) for body in bodies]


async def held(
    connection: Connection, state: StateDocument, document_ids: Sequence[DocumentId], *, dimensions: int
) -> list[StoredDocument]:
    """Return those of the documents that are stored now."""
    asked = [{"_id": row_id} for row_id in dict.fromkeys(map(id_of, document_ids))]
    if not asked:
        return []
    answer = await connection.call(lambda client: client.mget(index=connection.config.handle, body={"docs": asked}))
    bodies = [found["_source"] for found in answer["docs"] if is_found(found)]
    epoch = (await state.read()).epoch
    in_order = sorted(bodies, key=lambda body: [body[field] for field in _ORDER])
    return [_stored(body, dimensions, epoch) for body in in_order]


def _stored(body: dict[str, Any], dimensions: int, epoch: int) -> StoredDocument:
    """Return one document; the epoch is read behind the rows, so that what was hidden meanwhile comes as hidden."""
    if body[Field.EPOCH.value] < epoch:
        body = body | {Field.ACL_ID.value: int(HIDDEN_ACL)}
    return stored_document(body, dimensions=dimensions, position=json.dumps([body[field] for field in _ORDER]))
