"""The nodes that a lane names, as the server knows them now, and what the index holds of those that it does not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Sequence

from connectors.alfresco.scope.resolving import ResolvedScope
from connectors.alfresco.streams.folder_comparison import FolderComparison
from connectors.alfresco.streams.node_changes import REVISITED_AT_ONCE, NodeChanges
from connectors.alfresco.streams.places import PlaceReader
from connectors.alfresco.wire.client import AlfrescoClient
from connectors.alfresco.wire.concurrency import all_of
from connectors.alfresco.wire.faults import AccessRefused, NodeMissing
from connectors.alfresco.wire.records import Node
from vocabulary.documents import Change
from vocabulary.ports import KnownDocuments


class NamedNodes:
    """Looks nodes up for one reading of changes. Of files outside the scope only those count that the index holds."""

    def __init__(
        self,
        client: AlfrescoClient,
        *,
        scope: ResolvedScope,
        places: PlaceReader,
        changes: NodeChanges,
        known: KnownDocuments,
        comparison: FolderComparison,
    ) -> None:
        self._client = client
        self._scope = scope
        self._places = places
        self._changes = changes
        self._known = known
        self._comparison = comparison

    async def found(self, node_ids: Iterable[str]) -> AsyncIterator[tuple[Sequence[Node], Sequence[str]]]:
        """Yield nodes, some at a time, and beside them the ids of those that are gone or closed to the account."""
        for some in _pieces(node_ids):
            nodes = dict(zip(some, await all_of(map(self._node, some)), strict=True))
            unread = [node_id for node_id, node in nodes.items() if node is None]
            yield [node for node in nodes.values() if node is not None], unread

    async def documents(self, files: Sequence[Node]) -> AsyncIterator[Change]:
        """Yield an `Upsert` or `Skipped` for each file that counts."""
        held = set(await self._known.held([node.id for node in files]))
        counting = [node for node in files if node.id in held or self._scope.encloses(node)]
        placed = zip(counting, await all_of(map(self._places.at_node, counting)), strict=True)
        for change in await self._changes.placed_documents(list(placed)):
            yield change

    async def gone(self, node_ids: Collection[str]) -> AsyncIterator[Change]:
        """Look at the documents that the index holds among these nodes and below them, each by its id."""
        if not node_ids:
            return
        concerned = {*await self._known.held(node_ids), *await self._known.below(*node_ids)}
        async for change in self._comparison.looked_at(concerned):
            yield change

    async def _node(self, node_id: str) -> Node | None:
        try:
            return await self._client.node(node_id)
        except (NodeMissing, AccessRefused):
            return None


def _pieces(node_ids: Iterable[str]) -> Iterator[Sequence[str]]:
    ids = list(node_ids)
    for start in range(0, len(ids), REVISITED_AT_ONCE):
        yield ids[start : start + REVISITED_AT_ONCE]
