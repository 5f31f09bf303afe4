"""The lists that a lane says were changed, read again, and what must be put under another.

A lane names the node at which somebody changed rights, or any node under a changed list, or none at all. In the last
case every list is read again that documents are under, one request for each. Where the server tells whom it computes a
list to admit, ours is compared: one that is more open is pointed out, since a rule or setting is not as we think.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import datetime

from connectors.alfresco.lanes.lane import ChangedList, News
from connectors.alfresco.lanes.list_sweep import ListSweep
from connectors.alfresco.lanes.named_nodes import NamedNodes
from connectors.alfresco.permissions import Access, folder_of
from connectors.alfresco.scope.resolving import ResolvedScope
from connectors.alfresco.streams.folder_comparison import FolderComparison
from connectors.alfresco.streams.node_changes import anchored_lists
from connectors.alfresco.streams.places import PlaceReader
from connectors.alfresco.wire.records import Node
from vocabulary.documents import Change, Notice
from vocabulary.ports import KnownDocuments

_MORE_OPEN = "lane-tracking: list-more-open"


class ChangedLists:
    """Reads lists again for one reading of changes."""

    def __init__(
        self,
        *,
        scope: ResolvedScope,
        nodes: NamedNodes,
        places: PlaceReader,
        known: KnownDocuments,
        comparison: FolderComparison,
        sweep: ListSweep,
    ) -> None:
        self._scope = scope
        self._nodes = nodes
        self._places = places
        self._known = known
        self._comparison = comparison
        self._sweep = sweep

    async def changes(self, news: News) -> AsyncIterator[Change]:
        """Yield the lists that a page of news is about, and documents that must be put under another."""
        if not news.concerns_lists:
            return
        self._places.forget()
        async for change in self._at(news.secured):
            yield change
        async for change in self._above(news.relisted):
            yield change
        if news.lists_changed_at is not None:
            async for change in self._all(news.lists_changed_at):
                yield change

    async def _at(self, secured: Mapping[str, datetime]) -> AsyncIterator[Change]:
        """What is under the lists that begin at nodes, or did until they were changed."""
        async for found, unread in self._nodes.found(secured):
            for folder in found:
                if folder.is_subfolder:
                    async for change in self._below(folder, secured[folder.id]):
                        yield change
            async for change in self._nodes.documents([node for node in found if not node.is_subfolder]):
                yield change
            async for change in self._nodes.gone(unread):
                yield change

    async def _above(self, relisted: Mapping[str, ChangedList]) -> AsyncIterator[Change]:
        """What is under the lists that nodes are under, wherever these begin."""
        begin_at: dict[str, datetime] = {}
        async for found, unread in self._nodes.found(relisted):
            for node in found:
                access, changed = await self._places.at_node(node), relisted[node.id]
                if _is_more_open(access, changed):
                    yield Notice(_MORE_OPEN)
                anchor = folder_of(access.key) if access is not None else None
                if anchor is not None or node.is_subfolder:
                    begin_at[anchor or node.id] = changed.changed_at
            own = [node for node in found if not node.is_subfolder]
            async for change in self._nodes.documents(own):
                yield change
            async for change in self._nodes.gone(unread):
                yield change
        async for change in self._at(begin_at):
            yield change

    async def _below(self, folder: Node, changed_at: datetime) -> AsyncIterator[Change]:
        """The lists of a folder of the scope, or of those folders of the scope that lie below it."""
        tops = [folder] if self._scope.encloses(folder) else self._scope.roots_below(folder)
        await self._places.at_node(folder)
        for top in tops:
            async for change in self._sweep.below(top, changed_at=changed_at):
                yield change

    async def _all(self, changed_at: datetime) -> AsyncIterator[Change]:
        """Every list that documents are under, and the documents that are under lists of their own."""
        keys = await self._known.list_keys()
        folders = {folder_id: key for key in keys if (folder_id := folder_of(key)) is not None}
        ended: list[str] = []
        async for found, unread in self._nodes.found(folders):
            for folder in found:
                access = await self._places.at_node(folder)
                for change in anchored_lists([access], besides=None, changed_at=changed_at):
                    yield change
                if access is None or not access.begins_at(folder.id):
                    ended.append(folders[folder.id])
            async for change in self._nodes.gone(unread):
                yield change
        async for change in self._under([*ended, *(key for key in keys if folder_of(key) is None)]):
            yield change

    async def _under(self, keys: Iterable[str]) -> AsyncIterator[Change]:
        async for change in self._comparison.looked_at(await self._known.under_lists(list(keys))):
            yield change


def _is_more_open(access: Access | None, changed: ChangedList) -> bool:
    if access is None or changed.admitted is None:
        return False
    return access.is_more_open(admitted=changed.admitted, denied=changed.denied)
