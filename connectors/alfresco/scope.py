"""The folders that a configuration names, as nodes of the server, and what lies in their trees.

In go sites, folders and aspects; out comes a `ResolvedScope`: the folders whose trees are walked, none of them inside
another, and the answer whether a node that was met anywhere belongs to them. A name that leads nowhere is an error: a
scope that shrinks by itself would look like a deletion.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from connectors.alfresco.client import AlfrescoClient
from connectors.alfresco.config import AlfrescoConfig
from connectors.alfresco.faults import AccessRefused, NodeMissing
from connectors.alfresco.records import Node
from vocabulary.errors import ScopeMissing

_NODE_ID = re.compile(r"(?:workspace://SpacesStore/)?([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})", re.IGNORECASE)
_ROOT = "-root-"
_ROOT_NAME = "Company Home"


@dataclass(frozen=True, slots=True)
class ResolvedScope:
    """What a configuration's scope means on the server now; node records are judged without a further request."""

    roots: tuple[Node, ...]  # the folders to walk
    aspects: frozenset[str]

    def covers(self, node: Node) -> str:
        """The reason why a file is out of scope, by its `path` and aspects; empty when it is in scope."""
        roots = {root.id for root in self.roots}
        if roots.isdisjoint(_ancestor_ids(node)):
            return "out-of-scope"
        if self.aspects and self.aspects.isdisjoint(node.aspect_names):
            return "aspect"
        return ""


def _ancestor_ids(node: Node) -> set[str]:
    """The folders above a node, as far up as the account may read them."""
    elements = node.path.elements if node.path else ()
    return {element.id for element in elements} | ({node.parent_id} if node.parent_id else set())


async def resolve_scope(client: AlfrescoClient, config: AlfrescoConfig) -> ResolvedScope:
    """Find the folders to walk.

    Raises:
        ScopeMissing: a site or folder does not exist, or the account may not see it.
    """
    roots: dict[str, Node] = {}
    async for node in _site_roots(client, config):
        roots[node.id] = node
    for folder in config.folders:
        node = await _folder(client, folder)
        roots[node.id] = node
    if not (config.sites or config.folders):
        node = await client.node(_ROOT)
        roots[node.id] = node
    topmost = [node for node in roots.values() if not _lies_below(node, roots)]
    return ResolvedScope(tuple(topmost), frozenset(config.aspects))


def _lies_below(node: Node, roots: dict[str, Node]) -> bool:
    return any(element.id in roots for element in (node.path.elements if node.path else ()))


async def _site_roots(client: AlfrescoClient, config: AlfrescoConfig) -> AsyncIterator[Node]:
    if config.sites != "all":
        for site_id in config.sites:
            await _require_site(client, site_id)
            if (library := await _document_library(client, site_id)) is not None:
                yield library
        return
    site_ids = [site.id async for site in client.sites()]
    if not site_ids:
        raise ScopeMissing('sites = "all": the account sees no site at all; check `auth`')
    for site_id in site_ids:
        if (library := await _document_library(client, site_id)) is not None:
            yield library


async def _require_site(client: AlfrescoClient, site_id: str) -> None:
    try:
        await client.site(site_id)
    except (NodeMissing, AccessRefused) as cause:
        raise ScopeMissing(
            f"sites: there is no site {site_id!r}, or it is private and the account is neither member nor administrator"
        ) from cause


async def _document_library(client: AlfrescoClient, site_id: str) -> Node | None:
    """A site's document library; None for a site that never held a document."""
    try:
        container = await client.document_library(site_id)
    except NodeMissing:
        return None
    try:
        return await client.node(container.id)
    except (NodeMissing, AccessRefused) as cause:
        raise ScopeMissing(f"sites: the account may not read the document library of {site_id!r}") from cause


async def _folder(client: AlfrescoClient, folder: str) -> Node:
    try:
        node = await _named_node(client, folder)
    except (NodeMissing, AccessRefused) as cause:
        raise ScopeMissing(f"folders: there is no {folder!r}, or the account may not see it") from cause
    if not node.is_folder:
        raise ScopeMissing(f"folders: {folder!r} is not a folder")
    return node


async def _named_node(client: AlfrescoClient, folder: str) -> Node:
    if match := _NODE_ID.fullmatch(folder):
        return await client.node(match[1])
    names = [name for name in folder.split("/") if name]
    if names[:1] == [_ROOT_NAME]:
        names = names[1:]
    return await client.node(_ROOT, relative_path="/".join(names) or None)
