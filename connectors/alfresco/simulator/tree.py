"""The tree of one repository: where each node is, its place in time, and the trashcan.

A child that comes, goes or is renamed touches the folder, that is: gives it a new `modifiedAt`; a move touches both
folders and not the node. Node ids are derived from the repository's name and the node's place at creation, so that two
repositories built alike are alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TypeAlias
from uuid import NAMESPACE_URL, uuid5

from connectors.alfresco.simulator.change_log import ChangeKind, ChangeLog
from connectors.alfresco.simulator.content_model import ContentModel
from connectors.alfresco.simulator.model import DeletedTree, Node
from connectors.alfresco.simulator.node_view import NodeView
from connectors.alfresco.simulator.permissions import STANDARD_ROLES

Clock: TypeAlias = Callable[[], datetime]
NodeOrId: TypeAlias = Node | str

ADMIN = "admin"

_FORBIDDEN_IN_NAMES = frozenset('"*\\><?/:|')


class NodeTree(NodeView):
    """A tree of nodes under one root folder, with its trashcan and the log of its changes."""

    def __init__(self, name: str, clock: Clock) -> None:
        self.name = name
        self.content_model = ContentModel()
        self.nodes = {}
        self.roles = dict(STANDARD_ROLES)
        self.acl_generation = 0
        self.unsettled_acls = {}
        self.trashcan: dict[str, DeletedTree] = {}
        self.changes = ChangeLog()
        self._clock = self._real_clock = clock
        self._creations: dict[str, int] = {}  # place -> how many nodes were created there so far
        self.root = self._create(None, "Company Home", node_type="cm:folder", creator="System")
        self._commit(ChangeKind.CREATED, self.root, "System")

    def now(self) -> datetime:
        """Return the repository's time, which it keeps in milliseconds."""
        return _in_milliseconds(self._clock())

    def real_now(self) -> datetime:
        """Return the time that `at` does not stop: when changes are committed."""
        return _in_milliseconds(self._real_clock())

    @contextmanager
    def at(self, moment: datetime) -> Iterator[None]:
        """Stop the clock at `moment` for the changes made inside."""
        before, self._clock = self._clock, lambda: moment
        try:
            yield
        finally:
            self._clock = before

    def node(self, node: NodeOrId) -> Node:
        """Return the node itself.

        Raises:
            KeyError: no node has this id (any more).
        """
        return self.nodes[node if isinstance(node, str) else node.id]

    def add_secondary_child(self, parent: NodeOrId, child: NodeOrId, *, by: str = ADMIN) -> None:
        """List a node under a second folder; permissions keep following its primary parent."""
        folder, node = self.node(parent), self.node(child)
        self._attach(folder, node)
        node.secondary_parents[folder.id] = None
        self._touch(folder, by)
        self._commit(ChangeKind.UPDATED, node, by, touched=[folder])

    def rename(self, node: NodeOrId, name: str, *, by: str = ADMIN) -> None:
        found = self.node(node)
        _reject_bad_name(name)
        parents = [self._parent(found), *(self.nodes[folder_id] for folder_id in found.secondary_parents)]
        for parent in parents:
            self._reject_taken_name(parent, name, besides=found)
        for parent in parents:
            self._detach(parent, found)
        found.name = name
        for parent in parents:
            self._attach(parent, found)
        self._touch(found, by)
        self._touch(parents[0], by)
        self._commit(ChangeKind.UPDATED, found, by, touched=parents)

    def move(self, node: NodeOrId, target: NodeOrId, *, by: str = ADMIN) -> None:
        """Give the node, with all below it, another primary parent, whose permissions it then inherits."""
        found, folder, old = self.node(node), self.node(target), self._parent(self.node(node))
        if folder.id == found.id or found.id in {ancestor.id for ancestor in self.ancestors(folder)}:
            raise ValueError(f"{found.name!r} cannot move below itself")
        if folder is old:
            return
        self._attach(folder, found)
        self._detach(old, found)
        found.parent_id = folder.id
        found.secondary_parents.pop(folder.id, None)
        self.acl_generation += 1
        self._touch(old, by)
        self._touch(folder, by)
        self._commit(ChangeKind.MOVED, found, by, touched=[old, folder])

    def delete(self, node: NodeOrId, *, by: str = ADMIN, permanent: bool = False) -> None:
        """Put the node and all below it into the trashcan, where only the node itself shows; or destroy them."""
        top = self.node(node)
        parent = self._parent(top)
        tree = {one.id: one for one in self.subtree(top)}
        relinked = [folder for one in tree.values() for folder in self._cut_secondary_links(one)]
        self._detach(parent, top)
        for node_id in tree:
            del self.nodes[node_id]
        self.acl_generation += 1
        self._touch(parent, by)
        if not permanent:
            self.trashcan[top.id] = DeletedTree(top, tree, archived_at=self.now(), archived_by=by)
        outside = [one for one in relinked if one.id not in tree]
        self._commit(ChangeKind.DELETED, top, by, touched=[parent, *outside], deleted=tree)

    def restore(self, node_id: str, *, by: str = ADMIN, into: NodeOrId | None = None) -> Node:
        """Bring a tree back from the trashcan to where it was, or into another folder."""
        tree = self.trashcan[node_id]
        parent = self._parent(tree.top) if into is None else self.node(into)
        self._attach(parent, tree.top)
        tree.top.parent_id = parent.id
        del self.trashcan[node_id]
        self.nodes.update(tree.nodes)
        self.acl_generation += 1
        self._touch(parent, by)
        self._commit(ChangeKind.RESTORED, tree.top, by, touched=[*tree.nodes.values(), parent])
        return tree.top

    def purge(self, node_id: str) -> None:
        """Remove a tree from the trashcan for good."""
        del self.trashcan[node_id]

    def child_named(self, parent: NodeOrId, name: str) -> Node | None:
        """Return the child of this name, primary or secondary; names are compared without case."""
        return self.nodes.get(self.node(parent).children.get(name.casefold(), ""))

    def _create(self, parent: Node | None, name: str, *, node_type: str, creator: str) -> Node:
        _reject_bad_name(name)
        if not self.content_model.knows(node_type):
            raise ValueError(f"unknown node type {node_type!r}")
        now = self.now()
        node = Node(
            id=self._new_id(f"{parent.id if parent else ''}/{name}"),
            name=name,
            node_type=node_type,
            parent_id=parent.id if parent else None,
            creator=creator,
            created_at=now,
            modifier=creator,
            modified_at=now,
        )
        if parent is not None:
            self._attach(parent, node)
            self._touch(parent, creator)
        self.nodes[node.id] = node
        return node

    def _new_id(self, place: str) -> str:
        count = self._creations.get(place, 0)
        self._creations[place] = count + 1
        return str(uuid5(NAMESPACE_URL, f"{self.name}|{place}|{count}"))

    def _parent(self, node: Node) -> Node:
        if node.parent_id is None:
            raise ValueError("the root folder stays where it is")
        return self.nodes[node.parent_id]

    def _touch(self, node: Node, by: str) -> None:
        node.modified_at = self.now()
        node.modifier = by

    def _commit(
        self, kind: ChangeKind, node: Node, by: str, *, touched: Iterable[Node] = (), deleted: Iterable[str] = ()
    ) -> None:
        """Log what one call did, when all of it is done; `touched` are further nodes that are not as they were."""
        changed = [*([] if kind is ChangeKind.DELETED else [node.id]), *(one.id for one in touched)]
        self.changes.append(kind, node, by=by, committed_at=self.real_now(), updated=changed, deleted=deleted)

    def _attach(self, folder: Node, child: Node) -> None:
        """List the child in the folder, by a name that no other child of it has."""
        if not self.content_model.is_container(folder.node_type):
            raise ValueError(f"{folder.name!r} is not a folder")
        self._reject_taken_name(folder, child.name, besides=child)
        folder.children[child.name.casefold()] = child.id

    def _detach(self, folder: Node, child: Node) -> None:
        del folder.children[child.name.casefold()]

    def _reject_taken_name(self, folder: Node, name: str, *, besides: Node) -> None:
        if folder.children.get(name.casefold(), besides.id) != besides.id:
            raise ValueError(f"{folder.name!r} has a child {name!r} already")

    def _cut_secondary_links(self, node: Node) -> list[Node]:
        """Take a node that is being deleted out of the folders that list it and its guests out of it; return those."""
        folders = [self.nodes[folder_id] for folder_id in node.secondary_parents]
        for folder in folders:
            self._detach(folder, node)
        node.secondary_parents.clear()
        guests = [child for child in self.children(node) if child.parent_id != node.id]
        for child in guests:
            self._detach(node, child)
            del child.secondary_parents[node.id]
        return [*folders, *guests]


def _in_milliseconds(moment: datetime) -> datetime:
    utc = moment.astimezone(UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def _reject_bad_name(name: str) -> None:
    """Refuse the names that the repository's constraint on cm:name refuses."""
    if not name or set(name) & _FORBIDDEN_IN_NAMES or name[-1] in ". ":
        raise ValueError(f"not a node name: {name!r}")
