"""From what a lane tells to changes: every node that it names is asked for, and what is known below it.

Invariants: nothing is told of a document that the server did not say a moment ago; of nodes that lie outside the scope
only those are told that the index holds; lists come before anything else.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from datetime import datetime

from connectors.alfresco.client import AlfrescoClient
from connectors.alfresco.concurrency import all_of
from connectors.alfresco.faults import AccessRefused, NodeMissing
from connectors.alfresco.folder_comparison import FolderComparison
from connectors.alfresco.lanes.lane import News
from connectors.alfresco.lanes.list_sweep import ListSweep
from connectors.alfresco.node_changes import REVISITED_AT_ONCE, NodeChanges
from connectors.alfresco.places import PlaceReader
from connectors.alfresco.records import Node
from connectors.alfresco.scope import ResolvedScope
from vocabulary.documents import Change, Notice
from vocabulary.ports import KnownDocuments


class NewsReader:
    """Reads the news of all lanes for one reading of changes."""

    def __init__(
        self,
        client: AlfrescoClient,
        *,
        scope: ResolvedScope,
        places: PlaceReader,
        changes: NodeChanges,
        known: KnownDocuments,
        comparison: FolderComparison,
        lists: ListSweep,
        since: datetime,
    ) -> None:
        self._client = client
        self._scope = scope
        self._places = places
        self._changes = changes
        self._known = known
        self._comparison = comparison
        self._lists = lists
        self._since = since

    async def changes(self, news: News) -> AsyncIterator[Change]:
        """Yield what the server says of the nodes that a page of news names."""
        for words in news.notices:
            yield Notice(words)
        if news.secured:
            self._places.forget()
        for some in _pieces([*news.secured, *(news.touched - news.secured.keys())]):
            async for change in self._named(some, news):
                yield change
        async for change in self._gone(news.gone):
            yield change

    async def _named(self, node_ids: Sequence[str], news: News) -> AsyncIterator[Change]:
        nodes = dict(zip(node_ids, await all_of(map(self._node, node_ids)), strict=True))
        found = [node for node in nodes.values() if node is not None]
        folders = [node for node in found if node.is_subfolder]
        for folder in folders:
            if folder.id in news.secured:
                async for change in self._secured(folder, news.secured[folder.id]):
                    yield change
        files = await self._of_interest([node for node in found if not node.is_subfolder])
        placed = zip(files, await all_of(map(self._places.at_node, files)), strict=True)
        for change in await self._changes.placed_documents(list(placed)):
            yield change
        for folder in folders:
            if folder.id in news.touched and self._scope.encloses(folder):
                async for change in self._comparison.touched(folder, since=self._since):
                    yield change
        # What cannot be read may be gone or closed, and what was below a folder elsewhere has left the scope.
        elsewhere = [node.id for node in folders if not self._scope.encloses(node)]
        unread = [node_id for node_id, node in nodes.items() if node is None]
        async for change in self._gone([*unread, *elsewhere]):
            yield change

    async def _node(self, node_id: str) -> Node | None:
        try:
            return await self._client.node(node_id)
        except (NodeMissing, AccessRefused):
            return None

    async def _of_interest(self, files: Sequence[Node]) -> list[Node]:
        held = set(await self._known.held([node.id for node in files]))
        return [node for node in files if node.id in held or self._scope.encloses(node)]

    async def _secured(self, folder: Node, changed_at: datetime) -> AsyncIterator[Change]:
        """The lists of a folder of the scope, or of those folders of the scope that lie below it."""
        tops = [folder] if self._scope.encloses(folder) else self._scope.roots_below(folder)
        for top in tops:
            async for change in self._lists.below(top, changed_at=changed_at):
                yield change

    async def _gone(self, node_ids: Collection[str]) -> AsyncIterator[Change]:
        """Look at the known documents among nodes, and below them, each by its id."""
        concerned = {*await self._known.held(node_ids), *await self._known.below(*node_ids)}
        async for change in self._comparison.looked_at(concerned):
            yield change


def _pieces(node_ids: Iterable[str]) -> Iterable[Sequence[str]]:
    ids = list(node_ids)
    for start in range(0, len(ids), REVISITED_AT_ONCE):
        yield ids[start : start + REVISITED_AT_ONCE]
