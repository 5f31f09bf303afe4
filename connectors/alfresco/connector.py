"""Walks the folder trees in scope and streams what it meets, page by page.

Depth first over a list of pending folders; each page's files go out at once, its subfolders join the list, and a
checkpoint follows. Each folder's access is decided from its parent's, so every document's list is exact; after a
resumption it is read again from the folder upwards. Nothing is retried here, and a page that fails ends the crawl
with an error, never with fewer documents.

Pages that shift while they are read: a page starts with the last entry of the page before it. If that entry is not
there any more, the folder is listed from its beginning, so every entry that stays in its folder under its name is met.
What is moved or renamed during the crawl can escape it, and is met by the next.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from connectors.alfresco import identity
from connectors.alfresco.checks import check_source
from connectors.alfresco.client import AlfrescoClient, RecordPage
from connectors.alfresco.concurrency import all_of
from connectors.alfresco.config import AlfrescoConfig
from connectors.alfresco.faults import AccessRefused, NodeMissing
from connectors.alfresco.fields import mapped_fields
from connectors.alfresco.mapping import document
from connectors.alfresco.permissions import Access, PermissionReader
from connectors.alfresco.position import PendingFolder, from_checkpoint, scope_fingerprint, to_checkpoint
from connectors.alfresco.records import CommentRecord, Node
from connectors.alfresco.scope import ResolvedScope, resolve_scope
from connectors.alfresco.selection import reason_to_skip
from vocabulary.access import Identity
from vocabulary.documents import Change, Checkpoint, DocumentId, DocumentState, Skipped, Upsert
from vocabulary.errors import ContentGone, ContentUnavailable, ScopeMissing
from vocabulary.ports import CheckResult

# After that many new beginnings a folder's listing goes on as it is: one in which something is deleted all the time
# would otherwise keep the crawl for ever.
_MAX_RESTARTS = 5


@dataclass(slots=True)
class _Walk:
    """A crawl under way. A folder without an entry in `access` was met before a resumption."""

    scope: ResolvedScope
    pending: list[PendingFolder]
    access: dict[str, Access | None]


class AlfrescoConnector:
    """One Alfresco source: `Connector` and `IdentitySource`, an async context manager that holds the connections."""

    def __init__(self, source: str, config: AlfrescoConfig) -> None:
        self._source = source
        self._config = config
        self._client = AlfrescoClient(config)
        self._reader = PermissionReader(source, config.extra_read_permissions)
        self._fields = mapped_fields(config.fields)
        self._scope = scope_fingerprint(config)

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.__aexit__(kind, error, trace)

    @property
    def absence_is_proof(self) -> bool:
        return True

    async def check(self) -> Sequence[CheckResult]:
        return await check_source(self._client, self._config)

    def identities(self) -> AsyncIterator[Identity]:
        return identity.identities(self._client, source=self._source, concurrency=self._config.max_connections)

    async def crawl(self, checkpoint: Checkpoint | None) -> AsyncIterator[Change]:
        walk = await self._resume(checkpoint) if checkpoint else await self._begin()
        while walk.pending:
            folder = walk.pending.pop()
            for change in await self._next_page(walk, folder):
                yield change
            yield to_checkpoint(walk.pending, scope=self._scope)

    @asynccontextmanager
    async def open_content(self, document_id: DocumentId) -> AsyncIterator[AsyncIterator[bytes]]:
        try:
            async with self._client.content(document_id.native_id) as pieces:
                yield pieces
        except NodeMissing as cause:
            raise ContentGone(str(cause)) from cause
        except AccessRefused as cause:
            raise ContentUnavailable(str(cause)) from cause

    async def _begin(self) -> _Walk:
        walk = _Walk(await resolve_scope(self._client, self._config), pending=[], access={})
        for root in reversed(walk.scope.roots):
            walk.pending.append(PendingFolder(id=root.id, is_root=True))
        return walk

    async def _resume(self, checkpoint: Checkpoint) -> _Walk:
        pending = from_checkpoint(checkpoint, scope=self._scope)
        return _Walk(await resolve_scope(self._client, self._config), pending=pending, access={})

    async def _next_page(self, walk: _Walk, folder: PendingFolder) -> list[Change]:
        """List one page of a folder; what remains of it, and its subfolders, become pending."""
        page = await self._read_page(walk, folder)
        if page is None:
            walk.access.pop(folder.id, None)
            return []
        if _has_shifted(folder, page.records) and folder.restarts < _MAX_RESTARTS:
            walk.pending.append(_restarted(folder))
            return []
        nodes = [node for node in page.records if node.id != folder.last_id]
        above = walk.access[folder.id]
        if page.has_more:
            walk.pending.append(_continued(folder, nodes, page_size=self._config.page_size))
        else:
            del walk.access[folder.id]
        self._enter_subfolders(walk, nodes, above)
        return await self._changes(walk, [node for node in nodes if node.is_link or not node.is_folder], above)

    async def _read_page(self, walk: _Walk, folder: PendingFolder) -> RecordPage[Node] | None:
        """Read a page, and before the first one after a resumption the folder's access; None for a deleted folder."""
        try:
            if folder.id not in walk.access:
                walk.access[folder.id] = await self._access_upwards(await self._client.node(folder.id))
            overlap = folder.last_id is not None
            return await self._client.children(folder.id, skip_count=folder.skip_count, overlap=overlap)
        except NodeMissing as cause:
            if folder.is_root:
                raise ScopeMissing(f"a folder of the scope disappeared during the crawl: {folder.id}") from cause
            return None  # deleted since its parent was listed
        except AccessRefused as cause:
            # It was listed a moment ago. Its documents may well exist, so the crawl must not end as complete.
            raise ScopeMissing(f"the account may no longer read the folder {folder.id}") from cause

    def _enter_subfolders(self, walk: _Walk, nodes: Sequence[Node], above: Access | None) -> None:
        for subfolder in reversed([node for node in nodes if node.is_folder and not node.is_link]):
            walk.pending.append(PendingFolder(id=subfolder.id))
            walk.access[subfolder.id] = self._reader.access(subfolder, above)

    async def _access_upwards(self, node: Node) -> Access | None:
        """Decide at a folder from its own list and those of its ancestors, as far up as inheritance reaches."""
        if node.permissions is None or not node.permissions.is_inheritance_enabled:
            return self._reader.access(node, None)
        if node.parent_id is None:
            return self._reader.access_at_top(node)
        try:
            parent = await self._client.node(node.parent_id)
        except (NodeMissing, AccessRefused):
            return self._reader.access(node, None)
        return self._reader.access(node, await self._access_upwards(parent))

    async def _changes(self, walk: _Walk, nodes: Sequence[Node], above: Access | None) -> list[Change]:
        reasons = {node.id: reason for node in nodes if (reason := reason_to_skip(node, walk.scope))}
        comments = await self._comments([node for node in nodes if node.id not in reasons])
        return [self._change(node, reasons.get(node.id), above, comments.get(node.id, ())) for node in nodes]

    def _change(
        self, node: Node, reason: str | None, above: Access | None, comments: Sequence[CommentRecord]
    ) -> Change:
        if reason is not None:
            return Skipped(DocumentId(self._source, node.id), DocumentState.FILTERED, reason)
        access = self._reader.access(node, above)
        share_url = self._config.share_url or self._config.url
        mapped = document(
            node, source=self._source, access=access, comments=comments, share_url=share_url, fields=self._fields
        )
        return Upsert(mapped)

    async def _comments(self, nodes: Sequence[Node]) -> Mapping[str, Sequence[CommentRecord]]:
        """The comments of those nodes that have any, by node."""
        if not self._config.include_comments:
            return {}
        commented = [node.id for node in nodes if node.properties.get("fm:commentCount")]
        return dict(zip(commented, await all_of(map(self._comments_of, commented)), strict=True))

    async def _comments_of(self, node_id: str) -> list[CommentRecord]:
        try:
            return [record async for record in self._client.comments(node_id)]
        except NodeMissing:
            return []  # deleted since its folder was listed
        except AccessRefused as cause:
            raise ScopeMissing(f"the account may no longer read the comments of {node_id}") from cause


def _has_shifted(folder: PendingFolder, records: Sequence[Node]) -> bool:
    """Whether the entry that should stand before this page's first has left its place."""
    return folder.last_id is not None and (not records or records[0].id != folder.last_id)


def _restarted(folder: PendingFolder) -> PendingFolder:
    return folder.model_copy(update={"skip_count": 0, "last_id": None, "restarts": folder.restarts + 1})


def _continued(folder: PendingFolder, nodes: Sequence[Node], *, page_size: int) -> PendingFolder:
    last_id = nodes[-1].id if nodes else folder.last_id
    return folder.model_copy(update={"skip_count": folder.skip_count + page_size, "last_id": last_id})
