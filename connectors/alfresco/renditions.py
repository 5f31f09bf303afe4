"""Renditions as the source of text, for files whose own bytes have none: drawings, formats that only the server reads.

The server makes a rendition when somebody asks for it or a rule does, some time after the file: until then, and if it
cannot, the file's own bytes are read. Nothing is asked to be made, because a crawl changes nothing at its source. What
is there is asked for each such file whenever the file is met, so that its version follows the rendition.
Source: RenditionsImpl; RenditionService2Impl takes a rendition of older bytes for none.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from connectors.alfresco.rendition_settings import RenditionSettings
from connectors.alfresco.scope.patterns import utf8, word_matcher
from connectors.alfresco.wire.client import AlfrescoClient
from connectors.alfresco.wire.concurrency import all_of
from connectors.alfresco.wire.faults import AccessRefused, NodeMissing
from connectors.alfresco.wire.records import Node, Rendition

_NOT_THERE = Rendition()


class Renditions:
    """The renditions that are read in one source; without settings there are none."""

    def __init__(self, client: AlfrescoClient, settings: RenditionSettings | None) -> None:
        self._client = client
        self._name = settings.name if settings else ""
        self._matchers = [word_matcher(glob) for glob in settings.mime_types] if settings else []

    async def of(self, nodes: Iterable[Node]) -> Mapping[str, Rendition]:
        """The renditions of those nodes that are read by them, by node; also of those that have none yet."""
        ids = [node.id for node in nodes if self._stands_in_for(node)]
        return dict(zip(ids, await all_of(map(self._rendition, ids)), strict=True))

    @asynccontextmanager
    async def content(self, node_id: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """Stream the rendition of a file that is read by it, or the file's own bytes."""
        async with AsyncExitStack() as opened:
            if self._matchers and self._stands_in_for(await self._client.node(node_id)):
                pieces = await self._rendered(node_id, opened)
            else:
                pieces = await opened.enter_async_context(self._client.content(node_id))
            yield pieces

    async def _rendered(self, node_id: str, opened: AsyncExitStack) -> AsyncIterator[bytes]:
        """Open the rendition, or the file's own bytes where there is none."""
        try:
            return await opened.enter_async_context(self._client.rendition_content(node_id, self._name))
        except NodeMissing:
            return await opened.enter_async_context(self._client.content(node_id))

    def _stands_in_for(self, node: Node) -> bool:
        if node.content is None or not self._matchers:
            return False
        mime_type = utf8(node.content.mime_type)
        return any(matches(mime_type) for matches in self._matchers)

    async def _rendition(self, node_id: str) -> Rendition:
        try:
            return await self._client.rendition(node_id, self._name)
        except (NodeMissing, AccessRefused):  # unknown to the server, or the file is gone since it was listed
            return _NOT_THERE
