"""The folders that a configuration names, as nodes of the server, and what belongs to their trees.

In go the scopes of the settings; out comes a `ResolvedScope`: the folders whose trees are walked, none of them inside
another, and the answer whether a node that was met anywhere belongs to a scope. A name that leads nowhere is an error:
a scope that shrinks by itself would look like a deletion. A site whose visibility changed is no error: that it leaves
the scope is what `site_visibility` is for.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from connectors.alfresco.config import AlfrescoConfig
from connectors.alfresco.scope.property_test import property_checks
from connectors.alfresco.scope.protected import ProtectedKind
from connectors.alfresco.scope.rules import Rules
from connectors.alfresco.scope.scope_settings import AspectTest, ScopeKeys
from connectors.alfresco.wire.client import AlfrescoClient
from connectors.alfresco.wire.concurrency import all_of
from connectors.alfresco.wire.faults import AccessRefused, NodeMissing
from connectors.alfresco.wire.records import Node, Site
from vocabulary.errors import ScopeMissing

_NODE_ID = re.compile(r"(?:workspace://SpacesStore/)?([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})", re.IGNORECASE)
_ROOT = "-root-"
_ROOT_NAME = "Company Home"
_SITES_AT_ONCE = 100  # looked up together, so that their answers need little memory; the client limits the requests

_NodeTest: TypeAlias = Callable[[Node], bool]


@dataclass(frozen=True, slots=True)
class RootedScope:
    """One scope of the settings with its places found."""

    root_ids: frozenset[str]
    open_sites: frozenset[str] | None  # folders of the sites whose visibility is wanted; None: all
    aspects: tuple[_NodeTest, ...]
    excluded_aspects: tuple[_NodeTest, ...]

    def reason_to_refuse(self, node: Node) -> str:
        """What of this scope a file in its trees does not meet; empty when it is in scope."""
        if not self._is_in_open_site(node):
            return "site-visibility"
        if self.aspects and not any(carries(node) for carries in self.aspects):
            return "aspect"
        if any(carries(node) for carries in self.excluded_aspects):
            return "excluded-aspect"
        return ""

    def _is_in_open_site(self, node: Node) -> bool:
        if self.open_sites is None:
            return True
        site = node.path.site if node.path else None
        if site is None:  # a path that is cut short may lead through any site
            return node.path is not None and node.path.is_complete
        return site.id in self.open_sites


@dataclass(frozen=True, slots=True)
class ResolvedScope:
    """What a configuration takes in, on the server as it is now. Node records are judged without a further request."""

    roots: tuple[Node, ...]  # the folders to walk
    scopes: tuple[RootedScope, ...]
    rules: Rules
    admitted_kinds: frozenset[ProtectedKind]

    def encloses(self, folder: Node) -> bool:
        """Whether a folder is one of the trees, or lies in one."""
        return not {root.id for root in self.roots}.isdisjoint(_ancestor_ids(folder) | {folder.id})

    def roots_below(self, folder: Node) -> list[Node]:
        """The folders to walk that lie below a folder."""
        return [root for root in self.roots if folder.id in root.lineage]

    def covers(self, node: Node) -> str:
        """The reason why a file is not taken in, by its record with `path`; empty when it is."""
        return self._reason_to_refuse(node) or self.rules.reason(node)

    def _reason_to_refuse(self, node: Node) -> str:
        """The reason why a file is in no scope; empty when it is in one."""
        above = _ancestor_ids(node)
        reason = "out-of-scope"
        for scope in self.scopes:
            if not scope.root_ids.isdisjoint(above):
                reason = scope.reason_to_refuse(node)
                if not reason:
                    break
        return reason


async def resolve_scope(client: AlfrescoClient, config: AlfrescoConfig) -> ResolvedScope:
    """Find the folders to walk.

    Raises:
        ScopeMissing: a site or folder does not exist, or the account may not see it.
    """
    finder = _Finder(client)
    scopes = [await finder.rooted(scope) for scope in config.all_scopes]
    found = finder.found
    topmost = [node for node in found.values() if _ancestor_ids(node).isdisjoint(found)]
    rules = Rules.compiled(include=config.include, exclude=config.exclude)
    return ResolvedScope(tuple(topmost), tuple(scopes), rules, config.admitted_kinds)


class _Finder:
    """Finds the places of several scopes; asks for each site only once."""

    def __init__(self, client: AlfrescoClient) -> None:
        self._client = client
        self._all_sites: tuple[Site, ...] | None = None
        self._libraries: dict[str, Node | None] = {}  # by site
        self.found: dict[str, Node] = {}  # every folder to walk, by id

    async def rooted(self, scope: ScopeKeys) -> RootedScope:
        sites = await self._sites(scope)
        open_sites = await self._open_sites(scope)
        wanted = [site for site in sites if open_sites is None or site.guid in open_sites]
        closed = {site.guid for site in sites} - {site.guid for site in wanted}
        roots = [*await self._document_libraries(wanted), *await self._folders(scope)]
        if not (scope.sites or scope.folders):
            roots.append(await self._client.node(_ROOT))
        self.found |= {node.id: node for node in roots}
        return RootedScope(
            # The closed sites are not walked, but what lies in them is refused for the reason that it is.
            root_ids=frozenset({node.id for node in roots} | closed),
            open_sites=open_sites,
            aspects=tuple(map(_carries, scope.aspects)),
            excluded_aspects=tuple(map(_carries, scope.exclude_aspects)),
        )

    async def _sites(self, scope: ScopeKeys) -> list[Site]:
        if scope.sites != "all":
            return [await self._site(site_id) for site_id in scope.sites]
        sites = await self._visible_sites()
        if not sites:
            raise ScopeMissing('sites = "all": the account sees no site at all; check `auth`')
        return list(sites)

    async def _open_sites(self, scope: ScopeKeys) -> frozenset[str] | None:
        if not scope.site_visibility:
            return None
        sites = await self._visible_sites()
        return frozenset(site.guid for site in sites if site.visibility in scope.site_visibility)

    async def _visible_sites(self) -> tuple[Site, ...]:
        if self._all_sites is None:
            self._all_sites = tuple([site async for site in self._client.sites()])
        return self._all_sites

    async def _site(self, site_id: str) -> Site:
        try:
            return await self._client.site(site_id)
        except (NodeMissing, AccessRefused) as cause:
            raise ScopeMissing(
                f"sites: there is no site {site_id!r}, or it is private and the account is neither member nor "
                "administrator"
            ) from cause

    async def _document_libraries(self, sites: list[Site]) -> list[Node]:
        unknown = [site.id for site in sites if site.id not in self._libraries]
        for start in range(0, len(unknown), _SITES_AT_ONCE):
            asked = unknown[start : start + _SITES_AT_ONCE]
            self._libraries |= zip(asked, await all_of(map(self._document_library, asked)), strict=True)
        return [library for site in sites if (library := self._libraries[site.id]) is not None]

    async def _document_library(self, site_id: str) -> Node | None:
        """A site's document library; None for a site that never held a document."""
        try:
            container = await self._client.document_library(site_id)
        except NodeMissing:
            return None
        try:
            return await self._client.node(container.id)
        except (NodeMissing, AccessRefused) as cause:
            raise ScopeMissing(f"sites: the account may not read the document library of {site_id!r}") from cause

    async def _folders(self, scope: ScopeKeys) -> list[Node]:
        return [await self._folder(folder) for folder in scope.folders]

    async def _folder(self, folder: str) -> Node:
        try:
            node = await self._named_node(folder)
        except (NodeMissing, AccessRefused) as cause:
            raise ScopeMissing(f"folders: there is no {folder!r}, or the account may not see it") from cause
        if not node.is_folder:
            raise ScopeMissing(f"folders: {folder!r} is not a folder")
        return node

    async def _named_node(self, folder: str) -> Node:
        if match := _NODE_ID.fullmatch(folder):
            return await self._client.node(match[1])
        names = [name for name in folder.split("/") if name]
        if names[:1] == [_ROOT_NAME]:
            names = names[1:]
        return await self._client.node(_ROOT, relative_path="/".join(names) or None)


def _carries(aspect: AspectTest) -> _NodeTest:
    checks = tuple(property_checks(aspect))

    def carries(node: Node) -> bool:
        return aspect.name in node.aspect_names and all(check(node.properties) for check in checks)

    return carries


def _ancestor_ids(node: Node) -> set[str]:
    """The folders above a node, as far up as the account may read them."""
    above = {element.id for element in node.path.elements} if node.path else set()
    return above | ({node.parent_id} if node.parent_id else set())
