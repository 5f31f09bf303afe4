"""Decides what a person may do with a node: the entries that count for it, its owner, and the global rights.

Source: PermissionServiceImpl, OwnableServiceImpl and permissionDefinitions.xml; for search the reader, owner and denied
filters of Solr and Elasticsearch.
"""

from __future__ import annotations

from connectors.alfresco.simulator.directory import Directory
from connectors.alfresco.simulator.model import AccessEntry, Node, PlacedEntry
from connectors.alfresco.simulator.node_view import NodeView
from connectors.alfresco.simulator.permissions import (
    READ,
    READ_PERMISSIONS,
    SERVICE_ACCOUNT_RIGHTS,
    Right,
    Verdicts,
    in_order,
    judge,
)


class AccessControl:
    """Judges the nodes of one view for the people of one directory."""

    def __init__(self, store: NodeView, directory: Directory, *, any_deny_denies: bool = True) -> None:
        self._store = store
        self._directory = directory
        self.any_deny_denies = any_deny_denies  # the repository property security.anyDenyDenies
        self._generation = -1
        self._cached: dict[tuple[str, frozenset[Right]], Verdicts] = {}

    def may_read(self, user: str, node: Node) -> bool:
        return self.may(user, node, READ)

    def may_read_permissions(self, user: str, node: Node) -> bool:
        return self.may(user, node, READ_PERMISSIONS)

    def may(self, user: str, node: Node, wanted: frozenset[Right]) -> bool:
        """Return whether the person holds all the wanted rights; the closed and the unknown hold none."""
        person = self._directory.people.get(user)
        if person is None or not person.enabled:
            return False
        if person.is_service_account and wanted <= SERVICE_ACCOUNT_RIGHTS:
            return True
        return self._may_by_own_right(user, node, wanted)

    def reads_everything(self, user: str) -> bool:
        """Return whether no permission on any node can keep the person from reading it."""
        person = self._directory.people.get(user)
        if person is None or not person.enabled:
            return False
        return person.is_service_account or self._directory.is_admin(user)

    def may_select(self, user: str, node: Node) -> bool:
        """Return whether a database query as this person returns the node: the role of service accounts is not known.

        Source: NodePermissionAssessor.
        """
        person = self._directory.people.get(user)
        return person is not None and person.enabled and self._may_by_own_right(user, node, READ)

    def _may_by_own_right(self, user: str, node: Node, wanted: frozenset[Right]) -> bool:
        """Return whether an open account holds the rights as administrator, as owner or by the node's entries."""
        if self._directory.is_admin(user) or self._store.owner(node) == user:
            return True
        authorities = self._directory.authorities(user)
        return self._verdicts(node, wanted).admit(authorities, any_deny_denies=self.any_deny_denies)

    def may_find(self, user: str, node: Node) -> bool:
        """Return whether a search as this person finds the node: denied authorities come before the owner."""
        person = self._directory.people.get(user)
        if person is None or not person.enabled:
            return False
        if self._directory.is_admin(user):
            return True
        authorities, verdicts = self._directory.authorities(user), self._verdicts(node, READ)
        if self.any_deny_denies and authorities & verdicts.denied:
            return False
        return self._store.owner(node) == user or bool(authorities & verdicts.readers)

    def inherited_entries(self, node: Node) -> tuple[AccessEntry, ...]:
        """Return the distinct entries that reach the node from its ancestors; none where inheritance is off."""
        return tuple(dict.fromkeys(placed.entry for placed in self._placed(node) if placed.position > 0))

    def acl_name(self, node: Node) -> str:
        """Return a name for the list of entries that counts for the node; what only inherits has that of its parent."""
        while not node.entries and node.inherits_permissions and node.parent_id is not None:
            if node.parent_id in self._store.unsettled_acls:
                return f"{node.parent_id}/unsettled"
            node = self._store.nodes[node.parent_id]
        return node.id

    def readers(self, node: Node) -> Verdicts:
        """Return who may read by the entries that count for the node, and whom they shut out."""
        return self._verdicts(node, READ)

    def _placed(self, node: Node) -> list[PlacedEntry]:
        """Return the entries that count: the node's own, then each ancestor's while inheritance is on."""
        placed = [PlacedEntry(0, entry) for entry in node.entries]
        inherits = node.inherits_permissions
        for distance, ancestor in enumerate(self._store.ancestors(node), start=1):
            if not inherits:
                break
            entries, inherits = self._passed_on(ancestor)
            placed.extend(PlacedEntry(distance, entry) for entry in entries)
        return placed

    def _only_inherits(self, node: Node) -> bool:
        """Return whether exactly the entries of its parent count for the node."""
        return not node.entries and node.inherits_permissions and node.parent_id not in self._store.unsettled_acls

    def _passed_on(self, folder: Node) -> tuple[tuple[AccessEntry, ...], bool]:
        """Return what a folder hands down of its own, and whether its ancestors' entries come through it."""
        unsettled = self._store.unsettled_acls.get(folder.id)
        return unsettled or (folder.entries, folder.inherits_permissions)

    def _verdicts(self, node: Node, wanted: frozenset[Right]) -> Verdicts:
        """Judge a node's entries once per generation; a node that only inherits is judged as its parent."""
        while self._only_inherits(node) and node.parent_id is not None:
            node = self._store.nodes[node.parent_id]
        if self._generation != self._store.acl_generation:
            self._generation, self._cached = self._store.acl_generation, {}
        cached = self._cached  # a change during the judging replaces the attribute, so nothing stale is kept
        if (node.id, wanted) not in cached:
            cached[node.id, wanted] = judge(in_order(self._placed(node)), wanted, self._store.roles)
        return cached[node.id, wanted]
