"""From what a lane tells to changes: every node that it names is asked for, and what is known below it.

Invariants: nothing is told of a document that the server did not say a moment ago; of nodes that lie outside the scope
only those are told that the index holds; lists come before anything else.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime

from connectors.alfresco.lanes.changed_lists import ChangedLists
from connectors.alfresco.lanes.lane import News
from connectors.alfresco.lanes.named_nodes import NamedNodes
from connectors.alfresco.scope.resolving import ResolvedScope
from connectors.alfresco.streams.folder_comparison import FolderComparison
from connectors.alfresco.wire.records import Node
from vocabulary.documents import Change, Notice, Upsert


class NewsReader:
    """Reads the news of all lanes for one reading of changes."""

    def __init__(
        self,
        *,
        scope: ResolvedScope,
        nodes: NamedNodes,
        comparison: FolderComparison,
        lists: ChangedLists,
        since: datetime,
    ) -> None:
        self._scope = scope
        self._nodes = nodes
        self._comparison = comparison
        self._lists = lists
        self._since = since

    async def changes(self, news: News) -> AsyncIterator[Change]:
        """Yield what the server says of the nodes that a page of news names."""
        for words in news.notices:
            yield Notice(words)
        brought: set[str] = set()  # a list that begins anew touches every document below it
        async for change in self._lists.changes(news):
            if isinstance(change, Upsert):
                brought.add(change.document.id.native_id)
            yield change
        async for change in self._touched(news.touched - brought):
            yield change
        async for change in self._nodes.gone(news.gone):
            yield change

    async def _touched(self, node_ids: frozenset[str]) -> AsyncIterator[Change]:
        async for found, unread in self._nodes.found(sorted(node_ids)):
            async for change in self._nodes.documents([node for node in found if not node.is_subfolder]):
                yield change
            folders = [node for node in found if node.is_subfolder]
            for folder in folders:
                if self._scope.encloses(folder):
                    async for change in self._comparison.touched(folder, since=self._since):
                        yield change
            async for change in self._nodes.gone([*unread, *filter(None, map(self._left, folders))]):
                yield change

    def _left(self, folder: Node) -> str | None:
        """The folder, if it lies outside the scope and no folder of the scope below it: it may have left."""
        is_apart = not self._scope.encloses(folder) and not self._scope.roots_below(folder)
        return folder.id if is_apart else None
