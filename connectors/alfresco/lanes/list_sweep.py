"""The lists below one folder, read anew: those that begin at its folders, and the documents that are not under them.

The folders alone are walked. Where the index has a folder's documents under the list that is read there, nothing more
is asked: the list speaks for them, however many they are. The others (under a list of their own, or under the one that
held before) are read again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime

from connectors.alfresco.permissions import Access
from connectors.alfresco.streams.folder_comparison import FolderComparison
from connectors.alfresco.streams.node_changes import NodeChanges, anchored_lists
from connectors.alfresco.streams.places import PlaceReader
from connectors.alfresco.streams.tree_walk import TreeWalk
from connectors.alfresco.wire.faults import NodeMissing
from connectors.alfresco.wire.records import Node
from vocabulary.documents import Change
from vocabulary.ports import KnownDocuments


class ListSweep:
    """Reads lists anew for one reading of changes."""

    def __init__(
        self,
        *,
        places: PlaceReader,
        changes: NodeChanges,
        known: KnownDocuments,
        comparison: FolderComparison,
        folders: Callable[[Node], TreeWalk],  # the folders below a folder
        files: Callable[[Node], TreeWalk],  # the folder alone, with its files
        page_size: int,
    ) -> None:
        self._places = places
        self._changes = changes
        self._known = known
        self._comparison = comparison
        self._folders = folders
        self._files = files
        self._page_size = page_size

    async def below(self, top: Node, *, changed_at: datetime) -> AsyncIterator[Change]:
        """Yield every list that begins at the folder or below it, and the documents that must be put under another."""
        try:
            access = await self._places.at_folder(top.id)
        except NodeMissing:
            return  # gone since it was named
        for change in anchored_lists([access], besides=None, changed_at=changed_at):
            yield change
        async for change in self._documents(top, access):
            yield change
        async for page in self._folders(top).pages():
            lists = [access for _, access in page.subfolders]
            for change in anchored_lists(lists, besides=page.access, changed_at=changed_at):
                yield change
            for folder, access in page.subfolders:
                async for change in self._documents(folder, access):
                    yield change

    async def _documents(self, folder: Node, access: Access | None) -> AsyncIterator[Change]:
        """The known documents directly in a folder that the index does not have under the folder's list."""
        lineage = (*folder.lineage, folder.id)
        others = set(await self._known.under_other_lists(lineage, access.acl if access is not None else None))
        if len(others) * self._page_size > len(await self._known.directly_in(lineage)):
            async for page in self._files(folder).pages():
                listed = [node for node in page.items if node.id in others]
                others.difference_update(node.id for node in listed)
                for change in await self._changes.documents(listed, page.access):
                    yield change
        async for change in self._comparison.looked_at(others):
            yield change
