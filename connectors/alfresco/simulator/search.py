"""Finds nodes as a person: by the database where it can answer, else by the index.

The database is never late. It checks one candidate after the other for the caller, stops when it has a page and one
more or after `max_permission_checks` candidates, and so knows no total; what lies beyond is silently left out. The
index is late by `lag`, lets each caller find what `AccessControl.may_find` allows, counts, and refuses to page deeper
than `window`. Both leave it to the caller to look at the living nodes.

Source: DBQueryEngine, NodePermissionAssessor, repository.properties (system.acl.maxPermissionChecks),
`index.max_result_window` of Elasticsearch.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import NamedTuple

from connectors.alfresco.simulator.access import AccessControl
from connectors.alfresco.simulator.afts import Expression, needs_index
from connectors.alfresco.simulator.afts_match import Matcher
from connectors.alfresco.simulator.directory import Directory
from connectors.alfresco.simulator.model import Node, Site
from connectors.alfresco.simulator.node_view import NodeView
from connectors.alfresco.simulator.paging import Paging
from connectors.alfresco.simulator.property_values import property_values, sort_key
from connectors.alfresco.simulator.search_index import SearchIndex
from connectors.alfresco.simulator.tree import NodeTree
from connectors.alfresco.simulator.wire import ApiError

_MAX_PERMISSION_CHECKS = 1000  # system.acl.maxPermissionChecks
_WINDOW = 10_000  # index.max_result_window
_REMEMBERED_LISTS = 8  # so that the pages of one search cost its evaluation once


class SortBy(NamedTuple):
    field: str
    descends: bool


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for: every one of the expressions must hold."""

    expressions: tuple[Expression, ...]
    paging: Paging
    sort: tuple[SortBy, ...] = ()
    is_for_index: bool = False  # True: the language is not one of the database
    counts_to: int | None = None  # the highest total shown; None: the true one


@dataclass(frozen=True, slots=True)
class Found:
    """One page; `last_transaction_id` is None where the database answered."""

    node_ids: list[str]
    total: int
    has_more: bool
    last_transaction_id: int | None = None


class SearchEngine:
    """The search service of one repository, with the switches of what real ones do to their callers."""

    def __init__(self, tree: NodeTree, directory: Directory, sites: Mapping[str, Site], access: AccessControl) -> None:
        self._tree = tree
        self._directory = directory
        self._sites = sites
        self._access = access
        self._index = SearchIndex(tree)
        self._remembered: OrderedDict[Hashable, list[str]] = OrderedDict()
        self.uses_database = True  # False: solr.query.fts.queryConsistency=EVENTUAL
        self.max_permission_checks = _MAX_PERMISSION_CHECKS
        self.window: int | None = _WINDOW  # None: paged as deep as asked, as Solr does

    @property
    def lag(self) -> timedelta:
        """How late the index is; `FROZEN` until it is set to less."""
        return self._index.lag

    @lag.setter
    def lag(self, lag: timedelta) -> None:
        self._index.lag = lag
        self._remembered.clear()

    def find(self, user: str, search: Search) -> Found:
        """Return the page that is asked for.

        Raises:
            ApiError: 500, the page lies beyond the index's window.
        """
        by_index = search.is_for_index or any(needs_index(expression) for expression in search.expressions)
        return self._by_index(user, search) if by_index or not self.uses_database else self._by_database(user, search)

    def _by_database(self, user: str, search: Search) -> Found:
        paging = search.paging
        end = paging.skip_count + paging.max_items
        candidates = self._matching(search, self._tree, self._tree.nodes.values())
        found: list[str] = []
        for node in islice(candidates, self.max_permission_checks):
            if self._access.may_select(user, node):
                found.append(node.id)
            if len(found) > end:
                break
        return Found(found[paging.skip_count : end], total=len(found), has_more=len(found) > end)

    def _by_index(self, user: str, search: Search) -> Found:
        end = search.paging.skip_count + search.paging.max_items
        if self.window is not None and end > self.window:
            message = f"Result window is too large, from + size must be less than or equal to: [{self.window}]"
            raise ApiError(500, "framework.exception.ApiDefault", message)
        found = self._findable(user, search)
        total = len(found) if self.window is None or search.counts_to is None else min(len(found), search.counts_to)
        return Found(
            found[search.paging.skip_count : end],
            total=total,
            has_more=len(found) > end,
            last_transaction_id=self._index.last_transaction_id,
        )

    def _findable(self, user: str, search: Search) -> list[str]:
        """Return all that the person finds, from memory while nothing has changed that it depends on."""
        view = self._index.view()
        key = self._state_of(user, view, search)
        if key not in self._remembered:
            access = AccessControl(view, self._directory, any_deny_denies=self._access.any_deny_denies)
            indexed = (node for node in list(view.nodes.values()) if _is_indexed(node))
            found = self._matching(search, view, indexed)
            self._remembered[key] = [node.id for node in found if access.may_find(user, node)]
            while len(self._remembered) > _REMEMBERED_LISTS:
                self._remembered.popitem(last=False)
        return self._remembered[key]

    def _state_of(self, user: str, view: NodeView, search: Search) -> Hashable:
        person = self._directory.people[user]
        return (
            search.expressions,
            search.sort,
            (user, person.enabled, self._directory.authorities(user), self._access.any_deny_denies),
            (self._index.last_transaction_id, view.acl_generation, self._tree.content_model.generation),
        )

    def _matching(self, search: Search, view: NodeView, nodes: Iterable[Node]) -> Iterable[Node]:
        """Yield the nodes that match, sorted; one by one in the order of their creation where no sort is asked for."""
        sites = {site.id: site.node_id for site in list(self._sites.values())}
        matcher = Matcher(view, self._tree.content_model, sites)
        tests = [matcher.test(expression) for expression in search.expressions]
        found: Iterable[Node] = (node for node in list(nodes) if all(holds(node) for holds in tests))
        for field, descends in reversed(search.sort):
            found = _sorted(list(found), field, descends=descends)
        return found


def _is_indexed(node: Node) -> bool:
    """Return whether the index holds the node; the aspect can keep it out."""
    if "cm:indexControl" not in node.aspects:
        return True
    return str(node.properties.get("cm:isIndexed", True)).casefold() != "false"


def _sorted(nodes: list[Node], field: str, *, descends: bool) -> list[Node]:
    """Sort by a property; nodes without it come last in either direction."""
    keys = {node.id: property_values(node, field) for node in nodes}
    present = [node for node in nodes if keys[node.id]]
    present.sort(key=lambda node: sort_key(keys[node.id][0]), reverse=descends)
    return [*present, *(node for node in nodes if not keys[node.id])]
