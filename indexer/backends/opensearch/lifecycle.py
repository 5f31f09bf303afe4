"""Buildings of an index in a cluster: which one the lasting alias leads to, and how one is removed."""

from __future__ import annotations

from indexer.backends.opensearch.client import Connection
from indexer.backends.opensearch.config import OpenSearchConfig


async def point_alias(config: OpenSearchConfig) -> None:
    """Let the lasting alias lead to this building and to no other, in one call; it may be repeated."""
    lead = {"add": {"index": config.index, "alias": config.alias}}
    leave = {"remove": {"index": f"{config.alias}-*", "alias": config.alias, "must_exist": False}}
    async with Connection(config) as connection:
        await connection.call(lambda client: client.indices.update_aliases(body={"actions": [leave, lead]}))


async def remove_index(config: OpenSearchConfig) -> None:
    """Delete this building with its aliases; one that is not there any more is no error."""
    async with Connection(config) as connection:
        await connection.call(
            lambda client: client.indices.delete(index=config.index, params={"ignore_unavailable": "true"})
        )
