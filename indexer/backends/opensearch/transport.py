"""Permitted searches to answers: one round trip for any number of them.

An answer that is not whole is none: a shard that failed, a search that ran out of time and a cluster that refuses are
`IndexBusy`, never a shorter list.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import opensearchpy

from indexer.backends.opensearch.client import Connection
from indexer.backends.opensearch.faults import RETRY_AFTER_S
from indexer.backends.opensearch.requests import PermittedSearch
from vocabulary.errors import ConfigurationError, IndexBusy

Answer = Mapping[str, Any]


async def send(connection: Connection, searches: Sequence[PermittedSearch]) -> list[Answer]:
    """Send the searches together and return their answers, in their order.

    Raises:
        IndexBusy: the cluster cannot answer all of them, or cannot answer one of them whole.
    """
    lines = [line for search in searches for line in (search.header, search.body)]

    async def ask(client: opensearchpy.AsyncOpenSearch) -> list[Answer]:
        answered = await client.msearch(index=connection.config.handle, body=lines)
        return [_whole(each) for each in answered["responses"]]

    return await connection.call(ask) if searches else []


async def about_cluster(connection: Connection) -> Mapping[str, Any]:
    """Return what the cluster tells of itself; nothing, where the user may search but not ask for that."""
    try:
        told: Mapping[str, Any] = await connection.call(lambda client: client.info())
    except ConfigurationError:
        return {}
    return told


def _whole(answered: Answer) -> Answer:
    """Refuse an answer to a part of the searches as the library refuses one to all: the connection names both."""
    if "error" in answered:
        told = json.dumps({"error": answered["error"]})
        raise opensearchpy.TransportError(answered["status"], told, answered)
    if answered["timed_out"] or answered["_shards"]["failed"]:
        raise IndexBusy("OpenSearch answered for a part of the index only", retry_after_s=RETRY_AFTER_S)
    return answered
