"""Walks folder trees page by page, depth first over a list of pending folders, and asks for the next pages ahead.

Each folder's access is decided from its parent's, so every document's list is exact; after a resumption it is read
again from the folder upwards. Either way it is read before the folder is listed: a list must not admit anybody anew to
a document that was listed before and has left meanwhile. Nothing is retried here, and a page that fails ends the walk
with an error, never with fewer entries.

Pages that shift while they are read: a page starts with the last entry of the page before it. If that entry is not
there any more, the folder is listed from its beginning, so every entry that stays in its folder under its name is met.
What is moved or renamed during the walk can escape it, and is met by the next.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import islice

from connectors.alfresco.permissions import Access
from connectors.alfresco.streams.pages_ahead import PagesAhead
from connectors.alfresco.streams.places import PlaceReader
from connectors.alfresco.streams.position import PendingFolder
from connectors.alfresco.wire.client import AlfrescoClient, RecordPage
from connectors.alfresco.wire.faults import AccessRefused, NodeMissing
from connectors.alfresco.wire.records import Node
from vocabulary.errors import ScopeMissing

# After that many new beginnings a folder's listing goes on as it is: one in which something is deleted all the time
# would otherwise keep the crawl for ever.
_MAX_RESTARTS = 5


@dataclass(frozen=True, slots=True)
class FolderPage:
    """A part of a folder as it was listed."""

    folder_id: str
    access: Access | None  # at the folder
    items: tuple[Node, ...] = ()  # all but subfolders: files, links and what is neither
    subfolders: tuple[tuple[Node, Access | None], ...] = ()  # each with the access there


@dataclass(slots=True)
class TreeWalk:
    """One walk; `pending` are the folders still to list, the last one next. Use `pages` once."""

    client: AlfrescoClient
    places: PlaceReader
    pending: list[PendingFolder]
    page_size: int
    ahead: int  # pages asked for at once
    folders_only: bool = False
    enters_subfolders: bool = True
    apart: frozenset[str] = frozenset()  # folders that are walked by themselves: left out, with all below them
    _access: dict[str, Access | None] = field(default_factory=dict)  # of pending folders met since the beginning
    _total: int | None = None  # entries of the folder listed last, where the server says so

    async def pages(self) -> AsyncIterator[FolderPage]:
        """Yield every page; what remains to list after it is in `pending` by then.

        Raises:
            ScopeMissing: a folder to begin with is gone, or a listed folder may not be read any more.
        """
        async with aclosing(PagesAhead(self._listed, at_once=self.ahead)) as ahead:
            while self.pending:
                folder = self.pending.pop()
                ahead.ask_for(self._likely_next(folder))
                page = await self._read(folder, ahead)
                if page is None:
                    continue
                found = self._place(folder, page)
                if found is not None:
                    yield found

    async def _listed(self, folder: PendingFolder) -> RecordPage[Node]:
        """Ask for a page, and before it for the folder's access where the walk did not come by it."""
        if folder.id not in self._access:
            self._access.setdefault(folder.id, await self.places.at_folder(folder.id))
        return await self.client.children(
            folder.id,
            skip_count=folder.skip_count,
            overlap=folder.last_id is not None,
            folders_only=self.folders_only,
        )

    def _likely_next(self, folder: PendingFolder) -> Iterator[PendingFolder]:
        """The page to read, those behind it in the same folder, and the first ones of the folders that come next."""
        yield folder
        if folder.last_id is not None and self._total is not None:
            starts = range(folder.skip_count + self.page_size, self._total, self.page_size)
            yield from (folder.model_copy(update={"skip_count": start}) for start in islice(starts, self.ahead))
        yield from islice(reversed(self.pending), self.ahead)

    async def _read(self, folder: PendingFolder, ahead: PagesAhead) -> RecordPage[Node] | None:
        """Read a page; None for a deleted folder."""
        try:
            return await ahead.take(folder)
        except NodeMissing as cause:
            if folder.is_root:
                raise ScopeMissing(f"a folder of the scope disappeared during the crawl: {folder.id}") from cause
            self._access.pop(folder.id, None)
            return None  # deleted since its parent was listed
        except AccessRefused as cause:
            # It was listed a moment ago. Its documents may well exist, so the crawl must not end as complete.
            raise ScopeMissing(f"the account may no longer read the folder {folder.id}") from cause

    def _place(self, folder: PendingFolder, page: RecordPage[Node]) -> FolderPage | None:
        """Say what a page brings, and make what remains of the folder, and its subfolders, pending."""
        if _has_shifted(folder, page.records) and folder.restarts < _MAX_RESTARTS:
            self.pending.append(_restarted(folder))
            return None
        nodes = [node for node in page.records if node.id != folder.last_id]
        access = self._access[folder.id]
        self._total = page.total
        if page.has_more:
            self.pending.append(_continued(folder, nodes, page_size=self.page_size))
        else:
            del self._access[folder.id]
        entered = (node for node in nodes if node.is_subfolder and node.id not in self.apart)
        subfolders = tuple((node, self.places.below(node, access)) for node in entered)
        if self.enters_subfolders:
            self._enter(subfolders)
        return FolderPage(folder.id, access, tuple(node for node in nodes if not node.is_subfolder), subfolders)

    def _enter(self, subfolders: Sequence[tuple[Node, Access | None]]) -> None:
        for subfolder, access in reversed(subfolders):
            self.pending.append(PendingFolder(id=subfolder.id))
            self._access[subfolder.id] = access


def roots_pending(roots: Iterable[Node]) -> list[PendingFolder]:
    """The folders of a scope as a walk begins with them, in their order."""
    return [PendingFolder(id=root.id, is_root=True) for root in reversed(list(roots))]


def _has_shifted(folder: PendingFolder, records: Sequence[Node]) -> bool:
    """Whether the entry that should stand before this page's first has left its place."""
    return folder.last_id is not None and (not records or records[0].id != folder.last_id)


def _restarted(folder: PendingFolder) -> PendingFolder:
    return folder.model_copy(update={"skip_count": 0, "last_id": None, "restarts": folder.restarts + 1})


def _continued(folder: PendingFolder, nodes: Sequence[Node], *, page_size: int) -> PendingFolder:
    last_id = nodes[-1].id if nodes else folder.last_id
    return folder.model_copy(update={"skip_count": folder.skip_count + page_size, "last_id": last_id})
