"""What was changed in the repository, in order: the one record that search lag, audit and index tracking share.

Every changing method of the world ends in `NodeTree._commit`, and nothing else writes here. The log only grows. A
transaction's time is the repository's real time even where `World.at` dates what is built inside, so times never go
back; the nodes already are as the change left them when the listeners hear of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from enum import Enum, auto
from typing import NamedTuple, TypeAlias

from connectors.alfresco.simulator.model import Node


class ChangeKind(Enum):
    CREATED = auto()
    UPDATED = auto()
    INTERNAL = auto()  # done by the repository itself because of something else, such as counting comments
    MOVED = auto()
    DELETED = auto()
    RESTORED = auto()
    SECURITY = auto()
    SETTLED = auto()  # the background job has handed down what was set on a folder


class Transaction(NamedTuple):
    """One call that changed something.

    `node_id` is what the call was about. `updated` are all nodes that are no longer as they were, the folders that it
    touched among them; `deleted` those that are gone, all below a deleted folder among them.
    """

    id: int
    kind: ChangeKind
    node_id: str
    node_type: str
    by: str
    committed_at: datetime
    updated: tuple[str, ...]
    deleted: tuple[str, ...]


Listener: TypeAlias = Callable[[Transaction], None]


class ChangeLog:
    """The transactions of one repository; their ids count up from 1 without gaps."""

    def __init__(self) -> None:
        self._transactions: list[Transaction] = []
        self._listeners: list[Listener] = []

    def __len__(self) -> int:
        return len(self._transactions)

    def __iter__(self) -> Iterator[Transaction]:
        return iter(list(self._transactions))

    def since(self, transaction_id: int) -> list[Transaction]:
        """Return the transactions after this one."""
        return self._transactions[transaction_id:]

    @property
    def last_id(self) -> int:
        """The id of the latest transaction; 0 before the first."""
        return len(self._transactions)

    def subscribe(self, listener: Listener) -> None:
        """Let `listener` hear of every transaction from now on, within the call that made it."""
        self._listeners.append(listener)

    def append(
        self,
        kind: ChangeKind,
        node: Node,
        *,
        by: str,
        committed_at: datetime,
        updated: Iterable[str] = (),
        deleted: Iterable[str] = (),
    ) -> None:
        transaction = Transaction(
            self.last_id + 1,
            kind,
            node.id,
            node.node_type,
            by,
            committed_at,
            tuple(dict.fromkeys(updated)),
            tuple(deleted),
        )
        self._transactions.append(transaction)
        for listener in self._listeners:
            listener(transaction)
