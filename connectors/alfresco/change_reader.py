"""What is new, modified, moved or gone since a moment, told by the search index and by the folders that were touched.

A modified file is found by its date. A folder that was touched has won, lost or renamed a child: it is listed, and
compared with what was known to lie in it. A known document that is not there any more is looked at by itself: it has
moved, or the server says that it is gone. A subfolder that was not known there is walked.

Not seen, and left to the full walk: edited comments, and paths that changed because a folder far above was renamed.
Who may read is the business of permissions and identities. Since the index follows the repository by seconds to
minutes, every reading begins `index_lag_s` before the end of the last one.
Source: DbNodeServiceImpl.propagateTimeStamps, ForumPostBehaviours.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from datetime import datetime, timedelta

from connectors.alfresco.client import AlfrescoClient
from connectors.alfresco.faults import NodeMissing
from connectors.alfresco.node_changes import NodeChanges, anchored_lists
from connectors.alfresco.places import PlaceReader
from connectors.alfresco.position import PendingFolder
from connectors.alfresco.records import Node
from connectors.alfresco.scope import ResolvedScope
from connectors.alfresco.time_slices import DateField, read_slices
from connectors.alfresco.tree_walk import TreeWalk
from vocabulary.documents import Change, Checkpoint
from vocabulary.ports import KnownDocuments

# A query names this many trees at most; beyond, everything modified is asked for and judged by its path.
_MOST_TREES_IN_A_QUERY = 20
_REVISITED_AT_ONCE = 50  # so that their records need little memory


class ChangeReader:
    """One reading of the changes in a scope."""

    def __init__(
        self,
        client: AlfrescoClient,
        *,
        scope: ResolvedScope,
        places: PlaceReader,
        changes: NodeChanges,
        known: KnownDocuments,
        walk: Callable[[list[PendingFolder], bool], TreeWalk],  # True: the folder alone, not its subfolders
    ) -> None:
        self._client = client
        self._scope = scope
        self._places = places
        self._changes = changes
        self._known = known
        self._walk = walk
        self._compared: set[str] = set()  # folders; one that is touched again meanwhile has its turn next time

    async def since(
        self, moment: datetime, *, lag: timedelta, checkpoint: Callable[[datetime], Checkpoint]
    ) -> AsyncIterator[Change]:
        """Yield the changes since a moment of the server's time, each page with a checkpoint behind it."""
        begun_at, begins_at = await self._client.now(), moment - lag
        for root in self._scope.roots:  # no tree's query finds its own root
            if root.modified_at is not None and root.modified_at >= begins_at:
                async for change in self._touched(root, begins_at):
                    yield change
        async for found in read_slices(self._client, self._query(), by=DateField.MODIFIED, since=begins_at):
            async for change in self._modified(found.nodes, begins_at):
                yield change
            if found.reached is not None:
                yield checkpoint(max(moment, min(found.reached, begun_at)))
        yield checkpoint(begun_at)

    def _query(self) -> str:
        trees = [f'ANCESTOR:"workspace://SpacesStore/{root.id}"' for root in self._scope.roots]
        anything = 'TYPE:"cm:content" OR TYPE:"cm:folder"'
        return " OR ".join(trees) if len(trees) <= _MOST_TREES_IN_A_QUERY else anything

    async def _modified(self, nodes: Sequence[Node], begins_at: datetime) -> AsyncIterator[Change]:
        files = [node for node in nodes if not node.is_folder or node.is_link]
        placed = [(node, await self._places.at_node(node)) for node in files]
        for change in await self._changes.placed_documents(placed):
            yield change
        for folder in nodes:
            if folder.is_folder and not folder.is_link and self._scope.encloses(folder):
                async for change in self._touched(folder, begins_at):
                    yield change

    async def _touched(self, folder: Node, begins_at: datetime) -> AsyncIterator[Change]:
        """Compare a touched folder with what was known of it."""
        if folder.id in self._compared:
            return
        self._compared.add(folder.id)
        lineage = (*ancestors(folder), folder.id)
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
                news = [node for node in page.items if node.id not in known_files or _is_younger(node, begins_at)]
                for change in await self._changes.documents(news, page.access):
                    yield change
        except NodeMissing:
            return  # gone since it was found: whatever touched its parent tells
        new_folders = [each for each in listed_folders if each not in known_folders]
        async for change in self._trees(new_folders):
            yield change
        missing = known_files - listed_files
        for lost in known_folders - set(listed_folders):
            missing.update(await self._known.below(lost))
        for start in range(0, len(missing), _REVISITED_AT_ONCE):
            for change in await self._changes.revisited(sorted(missing)[start : start + _REVISITED_AT_ONCE]):
                yield change

    async def _trees(self, folder_ids: Collection[str]) -> AsyncIterator[Change]:
        """Everything below folders that were not known at their place."""
        async for page in self._walk([PendingFolder(id=each) for each in folder_ids], True).pages():
            for change in anchored_lists([access for _, access in page.subfolders], besides=page.access):
                yield change
            for change in await self._changes.documents(page.items, page.access):
                yield change


def ancestors(node: Node) -> tuple[str, ...]:
    """Ids of the folders that a node lies in, the outermost first."""
    return tuple(element.id for element in node.path.elements) if node.path else ()


def _is_younger(node: Node, moment: datetime) -> bool:
    return node.modified_at is None or node.modified_at >= moment
