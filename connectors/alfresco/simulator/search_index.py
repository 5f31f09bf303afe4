"""What searches can know at a moment: the repository as it was some time ago.

Without lag the index is the repository itself. With one, it is a copy that follows: each transaction is applied, with
the nodes as it left them, when it is as old as the lag. A frozen index applies nothing until the lag is set to less.
Groups and people are never late: a search as somebody asks with the groups they have now.
"""

from __future__ import annotations

from collections import deque
from datetime import timedelta

from connectors.alfresco.simulator.change_log import Transaction
from connectors.alfresco.simulator.model import Node
from connectors.alfresco.simulator.node_view import NodeView, frozen_copy
from connectors.alfresco.simulator.tree import NodeTree

NO_LAG = timedelta(0)
FROZEN = timedelta.max


class _LateNodes(NodeView):
    """Copies of all nodes as they are when it is made."""

    def __init__(self, tree: NodeTree) -> None:
        self.nodes = {node.id: frozen_copy(node) for node in list(tree.nodes.values())}
        self.roles = tree.roles
        self.unsettled_acls = tree.unsettled_acls
        self.acl_generation = 0

    def apply(self, transaction: Transaction, nodes: list[Node]) -> None:
        for node_id in transaction.deleted:
            self.nodes.pop(node_id, None)
        for node in nodes:
            self.nodes[node.id] = node
        self.acl_generation += 1


class SearchIndex:
    """The index of one repository; set `lag` at any time."""

    def __init__(self, tree: NodeTree) -> None:
        self._tree = tree
        self._lag = NO_LAG
        self._late: _LateNodes | None = None
        self._waiting: deque[tuple[Transaction, list[Node]]] = deque()
        tree.changes.subscribe(self._hear)

    @property
    def lag(self) -> timedelta:
        """How old a change must be for searches to see it; `FROZEN` keeps all further ones out."""
        return self._lag

    @lag.setter
    def lag(self, lag: timedelta) -> None:
        self._lag = lag
        if lag <= NO_LAG:
            self._late = None
            self._waiting.clear()
        elif self._late is None:
            self._late = _LateNodes(self._tree)

    @property
    def last_transaction_id(self) -> int:
        """The latest transaction that searches see."""
        self._catch_up()
        return self._waiting[0][0].id - 1 if self._waiting else self._tree.changes.last_id

    def view(self) -> NodeView:
        """Return the nodes that searches see now; they change with the index."""
        self._catch_up()
        return self._tree if self._late is None else self._late

    def _hear(self, transaction: Transaction) -> None:
        if self._late is not None:
            changed = [frozen_copy(self._tree.nodes[node_id]) for node_id in transaction.updated]
            self._waiting.append((transaction, changed))

    def _catch_up(self) -> None:
        late, now = self._late, self._tree.real_now()
        while late is not None and self._waiting and now - self._waiting[0][0].committed_at >= self._lag:
            late.apply(*self._waiting.popleft())
