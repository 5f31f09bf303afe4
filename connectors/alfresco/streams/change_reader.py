"""What is new, modified, moved or gone since a moment, told by the search index and by the folders that were touched.

A modified file is found by its date; a modified folder is compared with what was known of it (`folder_comparison.py`).

Not seen, and left to the full walk: edited comments, and paths that changed because a folder far above was renamed.
Who may read is the business of permissions and identities. Since the index follows the repository by seconds to
minutes, every reading begins `index_lag_s` before the end of the last one.
Source: DbNodeServiceImpl.propagateTimeStamps, ForumPostBehaviours.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime

from connectors.alfresco.scope.resolving import ResolvedScope
from connectors.alfresco.streams.folder_comparison import FolderComparison
from connectors.alfresco.streams.node_changes import NodeChanges
from connectors.alfresco.streams.places import PlaceReader
from connectors.alfresco.streams.time_slices import DateField, read_slices
from connectors.alfresco.wire.client import AlfrescoClient
from connectors.alfresco.wire.records import Node
from vocabulary.documents import Change, Checkpoint

# A query names this many trees at most; beyond, everything modified is asked for and judged by its path.
_MOST_TREES_IN_A_QUERY = 20


class ChangeReader:
    """One reading of the changes in a scope."""

    def __init__(
        self,
        client: AlfrescoClient,
        *,
        scope: ResolvedScope,
        places: PlaceReader,
        changes: NodeChanges,
        comparison: FolderComparison,
    ) -> None:
        self._client = client
        self._scope = scope
        self._places = places
        self._changes = changes
        self._comparison = comparison

    async def since(
        self, moment: datetime, *, begins_at: datetime, now: datetime, checkpoint: Callable[[datetime], Checkpoint]
    ) -> AsyncIterator[Change]:
        """Yield the changes since a moment of the server's time, each page with a checkpoint behind it.

        The reading begins at an earlier moment, by as much as the index may be late; it ends with a checkpoint of now,
        or of the moment behind which something may have slipped past a page's edge.
        """
        index_lag = moment - begins_at
        for root in self._scope.roots:  # no tree's query finds its own root
            if root.modified_at is not None and root.modified_at >= begins_at:
                async for change in self._comparison.touched(root, since=begins_at):
                    yield change
        is_unsure = False
        async for found in read_slices(
            self._client, self._query(), by=DateField.MODIFIED, since=begins_at, settled_at=now - index_lag
        ):
            async for change in self._modified(found.nodes, begins_at):
                yield change
            if found.reached is not None:
                yield checkpoint(max(moment, min(found.reached, now)))
            is_unsure = found.is_unsure
        if not is_unsure:
            yield checkpoint(now)

    def _query(self) -> str:
        trees = [f'ANCESTOR:"workspace://SpacesStore/{root.id}"' for root in self._scope.roots]
        anything = 'TYPE:"cm:content" OR TYPE:"cm:folder"'
        return " OR ".join(trees) if len(trees) <= _MOST_TREES_IN_A_QUERY else anything

    async def _modified(self, nodes: Sequence[Node], begins_at: datetime) -> AsyncIterator[Change]:
        files = [node for node in nodes if not node.is_subfolder]
        placed = [(node, await self._places.at_node(node)) for node in files]
        for change in await self._changes.placed_documents(placed):
            yield change
        for folder in nodes:
            if folder.is_subfolder and self._scope.encloses(folder):
                async for change in self._comparison.touched(folder, since=begins_at):
                    yield change
