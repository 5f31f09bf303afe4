"""Who may read at a folder: from its own list and those of its ancestors, as far up as inheritance reaches.

A walk decides each folder from its parent's decision; where it has none, and for nodes that were met outside a walk,
the ancestors are asked. What was found is kept for as long as the reader lives, which is one crawl, or until a
change of lists is known.
"""

from __future__ import annotations

from connectors.alfresco.permissions import Access, PermissionReader
from connectors.alfresco.wire.client import AlfrescoClient
from connectors.alfresco.wire.faults import AccessRefused, NodeMissing
from connectors.alfresco.wire.records import Node

_KEPT = 10_000  # folders; a decision takes some hundred bytes, and most folders share their parent's


class PlaceReader:
    """Decides at folders of one source, and remembers."""

    def __init__(self, client: AlfrescoClient, reader: PermissionReader) -> None:
        self._client = client
        self._reader = reader
        self._found: dict[str, Access | None] = {}

    def forget(self) -> None:
        """Ask anew at every folder: lists are said to have changed."""
        self._found.clear()

    def below(self, node: Node, above: Access | None) -> Access | None:
        """Decide at a node whose parent's decision is `above`."""
        return self._reader.access(node, above)

    async def at_folder(self, folder_id: str) -> Access | None:
        """Decide at a folder; None when nothing reliable is known.

        Raises:
            NodeMissing: there is no such folder.
            AccessRefused: the account may not read it.
        """
        if folder_id not in self._found:
            self._remember(folder_id, await self._upwards(await self._client.node(folder_id)))
        return self._found[folder_id]

    async def at_node(self, node: Node) -> Access | None:
        """Decide at a node by its record, which is as it is now."""
        access = await self._upwards(node)
        if node.is_subfolder:
            self._remember(node.id, access)
        return access

    async def _upwards(self, node: Node) -> Access | None:
        if node.permissions is None or not node.permissions.is_inheritance_enabled:
            return self._reader.access(node, None)
        if node.parent_id is None:
            return self._reader.access_at_top(node)
        try:
            above = await self.at_folder(node.parent_id)
        except (NodeMissing, AccessRefused):
            return self._reader.access(node, None)
        return self._reader.access(node, above)

    def _remember(self, folder_id: str, access: Access | None) -> None:
        if len(self._found) >= _KEPT:
            self._found.pop(next(iter(self._found)))
        self._found[folder_id] = access
