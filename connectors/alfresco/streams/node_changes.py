"""Met nodes to changes: what is delivered, what is skipped and why, comments read beside their documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from connectors.alfresco.config import AlfrescoConfig
from connectors.alfresco.fields import mapped_fields
from connectors.alfresco.mapping import document
from connectors.alfresco.permissions import Access, owner
from connectors.alfresco.renditions import Renditions
from connectors.alfresco.scope.resolving import ResolvedScope
from connectors.alfresco.scope.selection import reason_to_skip
from connectors.alfresco.streams.places import PlaceReader
from connectors.alfresco.wire.client import AlfrescoClient
from connectors.alfresco.wire.concurrency import all_of
from connectors.alfresco.wire.faults import AccessRefused, NodeMissing
from connectors.alfresco.wire.records import CommentRecord, Node, Rendition
from vocabulary.documents import AccessRead, AclRead, Change, DocumentId, DocumentState, Removed, Skipped, Upsert
from vocabulary.errors import ScopeMissing

REVISITED_AT_ONCE = 50  # so that their records need little memory


class NodeChanges:
    """Turns the nodes of one source into changes, by one scope as it was found."""

    def __init__(
        self, client: AlfrescoClient, config: AlfrescoConfig, *, source: str, scope: ResolvedScope, places: PlaceReader
    ) -> None:
        self._client = client
        self._config = config
        self._source = source
        self._scope = scope
        self._places = places
        self._fields = mapped_fields(config.fields)
        self._renditions = Renditions(client, config.rendition)

    async def documents(self, nodes: Sequence[Node], above: Access | None) -> list[Change]:
        """An `Upsert` or `Skipped` for each node of one folder, whose access is `above`."""
        return await self.placed_documents([(node, self._places.below(node, above)) for node in nodes])

    async def placed_documents(self, placed: Sequence[tuple[Node, Access | None]]) -> list[Change]:
        """An `Upsert` or `Skipped` for each node with its own access."""
        reasons = {node.id: reason for node, _ in placed if (reason := reason_to_skip(node, self._scope))}
        delivered = [node for node, _ in placed if node.id not in reasons]
        comments, renditions = await self._comments(delivered), await self._renditions.of(delivered)
        return [
            self._skipped(node, reasons[node.id])
            if node.id in reasons
            else self._upsert(node, access, comments.get(node.id, ()), renditions.get(node.id))
            for node, access in placed
        ]

    def accesses(
        self, placed: Iterable[tuple[Node, Access | None]], *, changed_at: datetime | None = None
    ) -> list[Change]:
        """An `AccessRead` or `Skipped` for each node with its own access; nothing is requested."""
        return [self._access_read(node, access, changed_at) for node, access in placed]

    def _access_read(self, node: Node, access: Access | None, changed_at: datetime | None) -> Change:
        if reason := reason_to_skip(node, self._scope):
            return self._skipped(node, reason)
        acl = access.acl if access is not None else None
        return AccessRead(DocumentId(self._source, node.id), acl, owner(self._source, node), changed_at)

    async def revisited(self, node_ids: Sequence[str]) -> list[Change]:
        """An `Upsert`, `Skipped` or `Removed` for each id, as the server knows it now."""
        nodes = dict(zip(node_ids, await all_of(map(self._node, node_ids)), strict=True))
        found = [node for node in nodes.values() if isinstance(node, Node)]
        placed = zip(found, await all_of(map(self._places.at_node, found)), strict=True)
        gone = [node for node in nodes.values() if not isinstance(node, Node)]
        return [*await self.placed_documents(list(placed)), *gone]

    async def _node(self, node_id: str) -> Node | Change:
        try:
            return await self._client.node(node_id)
        except NodeMissing:
            return Removed(DocumentId(self._source, node_id))
        except AccessRefused:
            return Skipped(DocumentId(self._source, node_id), DocumentState.FAILED, "access-refused")

    def _skipped(self, node: Node, reason: str) -> Skipped:
        return Skipped(DocumentId(self._source, node.id), DocumentState.FILTERED, reason)

    def _upsert(
        self, node: Node, access: Access | None, comments: Sequence[CommentRecord], rendition: Rendition | None
    ) -> Upsert:
        mapped = document(
            node,
            source=self._source,
            access=access,
            comments=comments,
            share_url=self._config.share_url or self._config.url,
            fields=self._fields,
            rendition=rendition,
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


def anchored_lists(
    accesses: Iterable[Access | None], *, besides: Access | None, changed_at: datetime | None = None
) -> list[Change]:
    """The lists that begin at folders, but not the one that all of them share with their parent."""
    found = {access.key: access for access in accesses if access is not None and access is not besides}
    return [AclRead(access.acl, changed_at) for access in found.values() if access.is_of_folder]
