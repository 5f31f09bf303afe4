"""Who may read each document in scope, without its content: folders first, since one list there speaks for many files.

The first part walks the folders alone and tells every list that begins at one: whoever such a list shuts out is shut
out within seconds, whatever the size of the repository. The second part walks everything and tells under which list
each document is. Checkpoints begin with the second part; the first is short, and begins anew after an interruption.

Where a lane says that somebody changed who may read lately, those folders are swept before all others, their documents
with them, and are not entered again. For a list must never be read after a document that is under it: it would give
what it gives now to readers of a document that may have left it since.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from connectors.alfresco.lanes.lately_secured import LatelySecured
from connectors.alfresco.streams.node_changes import NodeChanges, anchored_lists
from connectors.alfresco.streams.places import PlaceReader
from connectors.alfresco.streams.position import PendingFolder
from connectors.alfresco.streams.tree_walk import TreeWalk, roots_pending
from connectors.alfresco.wire.faults import NodeMissing
from connectors.alfresco.wire.records import Node
from vocabulary.documents import Change, Checkpoint


@dataclass(frozen=True, slots=True)
class SweepTools:
    """What a sweep is made with; a walk leaves out the folders that are walked apart."""

    places: PlaceReader
    changes: NodeChanges
    folders: Callable[[list[PendingFolder], frozenset[str]], TreeWalk]
    everything: Callable[[list[PendingFolder], frozenset[str]], TreeWalk]  # the same with files
    checkpoint: Callable[[Sequence[PendingFolder], Collection[str]], Checkpoint]


class PermissionSweep:
    """One sweep over the trees of a scope."""

    def __init__(self, tools: SweepTools, roots: Sequence[Node]) -> None:
        self._tools = tools
        self._roots = roots
        self._apart: frozenset[str] = frozenset()  # folders that were swept before all others

    async def begun(self, secured: LatelySecured) -> AsyncIterator[Change]:
        """Sweep everything, and first of all where somebody changed who may read lately."""
        for told in secured.notices:
            yield told
        async for change in self._ahead(secured):
            yield change
        roots = [root for root in self._roots if root.id not in self._apart]
        async for change in self._lists([root.id for root in roots], roots_pending(roots)):
            yield change
        yield self._tools.checkpoint(roots_pending(roots), self._apart)
        async for change in self._documents(roots_pending(roots)):
            yield change

    async def resumed(self, pending: list[PendingFolder], *, apart: frozenset[str]) -> AsyncIterator[Change]:
        """Go on with the documents of an earlier sweep."""
        self._apart = apart
        async for change in self._documents(pending):
            yield change

    async def _ahead(self, secured: LatelySecured) -> AsyncIterator[Change]:
        for folder_id, changed_at in secured.folders.items():
            async for change in self._lists([folder_id], [PendingFolder(id=folder_id)], changed_at=changed_at):
                yield change
        for node, changed_at in secured.files:
            access = await self._tools.places.at_node(node)
            if access is not None and not access.is_of_folder:  # a list of its own, which is never another one
                for change in self._tools.changes.accesses([(node, access)], changed_at=changed_at):
                    yield change
        self._apart = frozenset([folder_id for folder_id in secured.folders if await self._decides(folder_id)])
        apart = {each: changed_at for each, changed_at in secured.folders.items() if each in self._apart}
        async for change in self._documents_apart(apart):
            yield change

    async def _decides(self, folder_id: str) -> bool:
        """Whether a list begins at the folder, so that what lies below is under no list that begins above."""
        try:
            access = await self._tools.places.at_folder(folder_id)
        except NodeMissing:
            return False  # deleted meanwhile
        return access is not None and access.begins_at(folder_id)

    async def _documents_apart(self, apart: Mapping[str, datetime]) -> AsyncIterator[Change]:
        root_ids = {root.id for root in self._roots}
        waiting = roots_pending(root for root in self._roots if root.id not in apart)
        waiting += [PendingFolder(id=each, is_root=each in root_ids) for each in apart]
        for _ in apart:
            folder = waiting.pop()
            async for change in self._documents([folder], behind=tuple(waiting), changed_at=apart[folder.id]):
                yield change

    async def _lists(
        self, tops: Sequence[str], pending: list[PendingFolder], *, changed_at: datetime | None = None
    ) -> AsyncIterator[Change]:
        try:
            at_tops = [await self._tools.places.at_folder(top) for top in tops]
        except NodeMissing:
            if changed_at is None:
                raise
            return  # deleted since it was changed
        for change in anchored_lists(at_tops, besides=None, changed_at=changed_at):
            yield change
        async for page in self._tools.folders(pending, self._apart).pages():
            lists = [access for _, access in page.subfolders]
            for change in anchored_lists(lists, besides=page.access, changed_at=changed_at):
                yield change

    async def _documents(
        self,
        pending: list[PendingFolder],
        *,
        behind: Sequence[PendingFolder] = (),
        changed_at: datetime | None = None,
    ) -> AsyncIterator[Change]:
        """The access of every document from a position on, with a checkpoint after each page.

        `changed_at` is of the lists: a document may have been moved in at another time, or have a list of its own.
        """
        walk = self._tools.everything(pending, self._apart)
        async for page in walk.pages():
            lists = [access for _, access in page.subfolders]
            for change in anchored_lists(lists, besides=page.access, changed_at=changed_at):
                yield change
            placed = [(node, self._tools.places.below(node, page.access)) for node in page.items]
            for change in self._tools.changes.accesses(placed):
                yield change
            yield self._tools.checkpoint([*behind, *walk.pending], self._apart)
