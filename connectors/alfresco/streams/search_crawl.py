"""Finds the documents of an aspect by the search index instead of walking the repository for them.

The index may lag behind, and leaves out what is marked as not to be indexed: what it does not find is looked at by its
id before it counts as gone, and no hits at all prove nothing. Hits come in the order of their creation, which no later
change moves.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from connectors.alfresco.config import AlfrescoConfig
from connectors.alfresco.streams.time_slices import DateField, read_slices
from connectors.alfresco.wire.client import AlfrescoClient
from connectors.alfresco.wire.records import Node


def aspect_query(config: AlfrescoConfig) -> str:
    """The AFTS query that finds every document with one of the configured aspects."""
    names = [aspect.name for scope in config.all_scopes for aspect in scope.aspects]
    return " OR ".join(f'ASPECT:"{name}"' for name in dict.fromkeys(names))


async def crawl_found(
    client: AlfrescoClient, query: str, *, since: datetime | None
) -> AsyncIterator[tuple[Sequence[Node], datetime | None]]:
    """Yield the files that are found, a page at a time, and the moment up to which everything has been read."""
    async for found in read_slices(client, query, by=DateField.CREATED, since=since):
        yield [node for node in found.nodes if not node.is_folder], found.reached
