"""Compares folders that were touched with what was known to lie in them.

A touched folder has won, lost or renamed a child. It is listed; what is new there is brought, a subfolder that was not
known there is walked, and a known document that is not there any more is looked at by itself: it has moved, or the
server says that it is gone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from datetime import datetime

from connectors.alfresco.streams.node_changes import REVISITED_AT_ONCE, NodeChanges, anchored_lists
from connectors.alfresco.streams.places import PlaceReader
from connectors.alfresco.streams.position import PendingFolder
from connectors.alfresco.streams.tree_walk import TreeWalk
from connectors.alfresco.wire.faults import NodeMissing
from connectors.alfresco.wire.records import Node
from vocabulary.documents import Change
from vocabulary.ports import KnownDocuments


class FolderComparison:
    """The folders that one reading of changes compares; a folder is compared again when it was touched again."""

    def __init__(
        self,
        *,
        places: PlaceReader,
        changes: NodeChanges,
        known: KnownDocuments,
        walk: Callable[[list[PendingFolder], bool], TreeWalk],  # True: with subfolders, not the folder alone
    ) -> None:
        self._places = places
        self._changes = changes
        self._known = known
        self._walk = walk
        self._compared: set[tuple[str, datetime | None]] = set()  # folders with the date they had then

    async def touched(self, folder: Node, *, since: datetime) -> AsyncIterator[Change]:
        """Yield what is new in a folder of the scope or was modified there since, and what of the known has left it."""
        if (folder.id, folder.modified_at) in self._compared:
            return
        self._compared.add((folder.id, folder.modified_at))
        lineage = (*folder.lineage, folder.id)
        known_files = set(await self._known.directly_in(lineage))
        known_folders = set(await self._known.folders_in(lineage))
        try:
            for change in anchored_lists([await self._places.at_folder(folder.id)], besides=None):
                yield change
            listed_files: set[str] = set()
            listed_folders: list[str] = []
            async for page in self._walk([PendingFolder(id=folder.id)], False).pages():
                listed_files.update(node.id for node in page.items)
                listed_folders += [node.id for node, _ in page.subfolders]
                news = [node for node in page.items if node.id not in known_files or _is_younger(node, since)]
                for change in await self._changes.documents(news, page.access):
                    yield change
        except NodeMissing:
            return  # gone since it was found: whatever touched its parent tells
        new_folders = [each for each in listed_folders if each not in known_folders]
        async for change in self._trees(new_folders):
            yield change
        missing = known_files - listed_files
        missing.update(await self._known.below(*(known_folders - set(listed_folders))))
        async for change in self.looked_at(missing):
            yield change

    async def looked_at(self, document_ids: Collection[str]) -> AsyncIterator[Change]:
        """Yield what the server says of known documents now, each by its id."""
        ids = sorted(document_ids)
        for start in range(0, len(ids), REVISITED_AT_ONCE):
            for change in await self._changes.revisited(ids[start : start + REVISITED_AT_ONCE]):
                yield change

    async def _trees(self, folder_ids: Collection[str]) -> AsyncIterator[Change]:
        """Everything below folders that were not known at their place."""
        async for page in self._walk([PendingFolder(id=each) for each in folder_ids], True).pages():
            for change in anchored_lists([access for _, access in page.subfolders], besides=page.access):
                yield change
            for change in await self._changes.documents(page.items, page.access):
                yield change


def _is_younger(node: Node, moment: datetime) -> bool:
    return node.modified_at is None or node.modified_at >= moment
