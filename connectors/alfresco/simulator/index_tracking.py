"""What Solr is told by the repository: transactions with their nodes, and change sets of ACLs with their readers.

Everything follows from the change log and is brought up to date when somebody asks. A node belongs to the latest
transaction that touched it, an ACL to the latest change set that altered whom it admits, so both move on and never
come twice. A node that only inherits shares the ACL of its parent; where that becomes another one the node is part of
the transaction, although nothing of it was modified. Where its own ACL is edited, it is not. Readers and denied are
those of `AccessControl`.

Source: SearchTrackingComponentImpl, AclDAOImpl, ADMAccessControlListDAO.updateChangedAcls; `getReaders` and
`getReadersDenied` of PermissionServiceImpl.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from connectors.alfresco.simulator.access import AccessControl
from connectors.alfresco.simulator.change_log import ChangeKind, Transaction
from connectors.alfresco.simulator.model import Node
from connectors.alfresco.simulator.permissions import Verdicts
from connectors.alfresco.simulator.tree import NodeTree

_MOVES_LISTS = frozenset({ChangeKind.SECURITY, ChangeKind.SETTLED, ChangeKind.MOVED, ChangeKind.RESTORED})


class Numbers:
    """Database ids: small numbers for names, in the order in which they are met first."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._names: list[str] = []

    def of(self, name: str) -> int:
        if name not in self._numbers:
            self._names.append(name)
            self._numbers[name] = len(self._names)
        return self._numbers[name]

    def name(self, number: int) -> str | None:
        return self._names[number - 1] if 0 < number <= len(self._names) else None


@dataclass(frozen=True, slots=True)
class TrackedNode:
    """A node and the transaction that touched it last; `acl` is None for a deleted one."""

    number: int
    id: str
    transaction_id: int
    acl: int | None


@dataclass(frozen=True, slots=True)
class AclChangeSet:
    id: int
    committed_at: datetime


class IndexTracking:
    """The tracking service of one repository; `secret` None: it is closed to everybody."""

    def __init__(self, tree: NodeTree, access: AccessControl) -> None:
        self._tree = tree
        self._access = access
        self.secret: str | None = None
        self._read = 0  # transactions of the log
        self._nodes = Numbers()
        self._acls = Numbers()
        self._transaction_of: dict[str, int] = {}
        self._touched: dict[int, list[str]] = {}  # transaction -> nodes that it ever touched, most of them moved on
        self._acl_of: dict[str, int] = {}  # living node -> the ACL that readers of the log know it by
        self._deleted: set[str] = set()
        self._change_sets: list[AclChangeSet] = []
        self._change_set_of: dict[int, int] = {}
        self._acls_of: dict[int, set[int]] = {}  # change set -> the ACLs that it altered last

    def transactions(self) -> list[Transaction]:
        self._catch_up()
        return list(self._tree.changes)

    def nodes_of(self, transaction_id: int) -> list[TrackedNode]:
        """Return the nodes that this transaction touched last."""
        self._catch_up()
        touched = [
            node_id
            for node_id in self._touched.get(transaction_id, ())
            if self._transaction_of[node_id] == transaction_id
        ]
        return [node for node_id in touched if (node := self._tracked(node_id)) is not None]

    def node(self, number: int) -> tuple[Node, TrackedNode] | None:
        """Return a living node by its number."""
        self._catch_up()
        node = self._tree.nodes.get(self._nodes.name(number) or "")
        tracked = None if node is None else self._tracked(node.id)
        return None if node is None or tracked is None else (node, tracked)

    def change_sets(self) -> list[AclChangeSet]:
        self._catch_up()
        return list(self._change_sets)

    def acls_of(self, change_set_id: int) -> list[int]:
        """Return the ACLs that this change set altered last."""
        self._catch_up()
        return sorted(self._acls_of.get(change_set_id, ()))

    def readers(self, acl: int) -> tuple[int, Verdicts] | None:
        """Return an ACL's change set, its readers and its denied; None for one that counts for nothing any more."""
        self._catch_up()
        example = self._example(self._acls.name(acl) or "")
        change_set = self._change_set_of.get(acl)
        return None if example is None or change_set is None else (change_set, self._access.readers(example))

    def _example(self, acl_name: str) -> Node | None:
        """Return a node that the list counts for: the one that it is named for, or a child of that."""
        node = self._tree.nodes.get(acl_name.partition("/")[0])
        candidates = [] if node is None else [node, *self._tree.children(node)]
        return next((one for one in candidates if self._access.acl_name(one) == acl_name), None)

    def _tracked(self, node_id: str) -> TrackedNode | None:
        """Return what is told of a node; of one that is neither there nor deleted, nothing."""
        transaction_id, number = self._transaction_of[node_id], self._nodes.of(node_id)
        node = self._tree.nodes.get(node_id)
        if node is not None:
            return TrackedNode(number, node_id, transaction_id, self._acls.of(self._access.acl_name(node)))
        return TrackedNode(number, node_id, transaction_id, None) if node_id in self._deleted else None

    def _catch_up(self) -> None:
        """Read on in the change log; the first time nobody has been told anything that could have become another."""
        is_first = self._read == 0
        for transaction in self._tree.changes.since(self._read):
            self._take(transaction, is_first=is_first)
            top = self._tree.nodes.get(transaction.node_id)
            if transaction.kind in _MOVES_LISTS and top is not None:
                reaches_down = not is_first or top.id in self._tree.unsettled_acls
                self._change_lists(self._inheriting(top) if reaches_down else [top], transaction)
            self._read = transaction.id

    def _take(self, transaction: Transaction, *, is_first: bool) -> None:
        for node_id in transaction.deleted:
            self._touch(node_id, transaction)
            self._acl_of.pop(node_id, None)
            self._deleted.add(node_id)
        for node_id in transaction.updated:
            if transaction.kind is ChangeKind.SECURITY and not is_first and self._keeps_its_list(node_id):
                continue
            self._touch(node_id, transaction)
            self._place(node_id)
            self._deleted.discard(node_id)

    def _keeps_its_list(self, node_id: str) -> bool:
        """Return whether a node had a list of its own and still has: an edited list is a change set and no more."""
        node = self._tree.nodes.get(node_id)
        name = "" if node is None else self._access.acl_name(node)
        return name.partition("/")[0] == node_id and self._acl_of.get(node_id) == self._acls.of(name)

    def _touch(self, node_id: str, transaction: Transaction) -> None:
        self._nodes.of(node_id)
        self._transaction_of[node_id] = transaction.id
        self._touched.setdefault(transaction.id, []).append(node_id)

    def _place(self, node_id: str) -> int | None:
        """Note the ACL that a node has now, unless a later transaction has deleted it."""
        node = self._tree.nodes.get(node_id)
        if node is None:
            return None
        acl = self._acl_of[node_id] = self._acls.of(self._access.acl_name(node))
        return acl

    def _change_lists(self, nodes: Iterable[Node], transaction: Transaction) -> None:
        """Write a change set of these nodes' ACLs, and touch those that have another ACL than before."""
        reached: set[int] = set()
        for node in nodes:
            before, acl = self._acl_of.get(node.id), self._place(node.id)
            if acl != before and self._transaction_of.get(node.id) != transaction.id:
                self._touch(node.id, transaction)
            reached.update(() if acl is None else (acl,))
        change_set = AclChangeSet(len(self._change_sets) + 1, transaction.committed_at)
        self._change_sets.append(change_set)
        for acl in reached:
            self._acls_of.get(self._change_set_of.get(acl, 0), set()).discard(acl)
            self._change_set_of[acl] = change_set.id
        self._acls_of[change_set.id] = reached

    def _inheriting(self, top: Node) -> Iterator[Node]:
        """Yield the node and all below it as far as they inherit from it."""
        waiting = [top]
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(
                child
                for child in self._tree.children(node)
                if child.parent_id == node.id and child.inherits_permissions
            )
