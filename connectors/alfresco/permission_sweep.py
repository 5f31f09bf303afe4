"""Who may read each document in scope, without its content: folders first, since one list there speaks for many files.

The first part walks the folders alone and tells every list that begins at one: whoever such a list shuts out is shut
out within seconds, whatever the size of the repository. The second part walks everything and tells under which list
each document is. Checkpoints begin with the second part; the first is short, and begins anew after an interruption.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence

from connectors.alfresco.node_changes import NodeChanges, anchored_lists
from connectors.alfresco.places import PlaceReader
from connectors.alfresco.position import PendingFolder
from connectors.alfresco.records import Node
from connectors.alfresco.tree_walk import TreeWalk, roots_pending
from vocabulary.documents import Change, Checkpoint


class PermissionSweep:
    """One sweep over the trees of a scope."""

    def __init__(
        self,
        walk: Callable[[list[PendingFolder], bool], TreeWalk],  # of pending folders; True: folders only
        *,
        places: PlaceReader,
        changes: NodeChanges,
        checkpoint: Callable[[Sequence[PendingFolder]], Checkpoint],
    ) -> None:
        self._walk = walk
        self._places = places
        self._changes = changes
        self._checkpoint = checkpoint

    async def lists(self, roots: Sequence[Node]) -> AsyncIterator[Change]:
        """Every list that begins at a folder of the trees."""
        for change in anchored_lists([await self._places.at_folder(root.id) for root in roots], besides=None):
            yield change
        async for page in self._walk(roots_pending(roots), True).pages():
            for change in anchored_lists([access for _, access in page.subfolders], besides=page.access):
                yield change

    async def documents(self, pending: list[PendingFolder]) -> AsyncIterator[Change]:
        """The access of every document from a position on, with a checkpoint after each page."""
        walk = self._walk(pending, False)
        async for page in walk.pages():
            for change in anchored_lists([access for _, access in page.subfolders], besides=page.access):
                yield change
            placed = [(node, self._places.below(node, page.access)) for node in page.items]
            for change in self._changes.accesses(placed):
                yield change
            yield self._checkpoint(walk.pending)
