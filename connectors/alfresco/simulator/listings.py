"""Ordered and filtered listings of folders, kept until something that they depend on changes.

A page then costs time in proportion to itself and not to its folder. What a listing depends on: which children the
folder has and what they are called, which the change log tells; what the children hold, if it is ordered by that; and
what its caller may read, unless that is everything.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from threading import Lock
from typing import NamedTuple

from connectors.alfresco.simulator.access import AccessControl
from connectors.alfresco.simulator.change_log import ChangeKind, Transaction
from connectors.alfresco.simulator.directory import Directory
from connectors.alfresco.simulator.model import Node
from connectors.alfresco.simulator.node_store import NodeStore

_MOST_KEPT = 256  # listings; some clients with some connections each read that many folders at a time


class Question(NamedTuple):
    """What a listing answers; `wanted` are the filter and the order as they were asked for."""

    folder_id: str
    user: str | None  # None: whoever may read everything
    wanted: Hashable
    is_by_values: bool  # ordered by something that a child can change without being renamed


class _Kept(NamedTuple):
    nodes: list[Node]
    rights: tuple[int, int] | None  # the state of permissions and memberships that it was made in


class ChildListings:
    """The listings of one repository."""

    def __init__(self, store: NodeStore, directory: Directory, access: AccessControl) -> None:
        self._store = store
        self._directory = directory
        self._access = access
        self._kept: OrderedDict[Question, _Kept] = OrderedDict()
        self._of_folder: dict[str, set[Question]] = {}
        self._lock = Lock()  # the world may be changed from other threads than the server's
        store.changes.subscribe(self._hear)

    def listing(
        self,
        folder: Node,
        user: str,
        wanted: Hashable,
        *,
        is_by_values: bool,
        arrange: Callable[[list[Node]], list[Node]],
    ) -> list[Node]:
        """Return the children that the caller may read, as `arrange` filters and sorts them; not to be changed."""
        reads_all = self._access.reads_everything(user)
        question = Question(folder.id, None if reads_all else user, wanted, is_by_values)
        rights = None if reads_all else (self._store.acl_generation, self._directory.generation)
        kept = self._kept.get(question)
        if kept is not None and kept.rights == rights:
            return kept.nodes
        last_change = self._store.changes.last_id
        children = self._store.children(folder)
        readable = children if reads_all else [node for node in children if self._access.may_read(user, node)]
        nodes = arrange(readable)
        with self._lock:
            if self._store.changes.last_id == last_change:  # else it may be neither the old state nor the new one
                self._keep(question, _Kept(nodes, rights))
        return nodes

    def __len__(self) -> int:
        return len(self._kept)

    def clear(self) -> None:
        """Make all listings anew, after something that no log tells of."""
        with self._lock:
            self._drop(self._kept)

    def _keep(self, question: Question, kept: _Kept) -> None:
        self._kept[question] = kept
        self._of_folder.setdefault(question.folder_id, set()).add(question)
        while len(self._kept) > _MOST_KEPT:
            self._drop([next(iter(self._kept))])

    def _drop(self, questions: Iterable[Question]) -> None:
        for question in list(questions):
            self._kept.pop(question, None)
            of_folder = self._of_folder[question.folder_id]
            of_folder.discard(question)
            if not of_folder:
                del self._of_folder[question.folder_id]

    def _hear(self, transaction: Transaction) -> None:
        """Drop the listings that a change made wrong."""
        if not self._kept:
            return
        with self._lock:
            for node_id in (*transaction.updated, *transaction.deleted):
                if transaction.kind is not ChangeKind.SECURITY:
                    self._drop(self._of_folder.get(node_id, ()))
                self._drop_orders_by_values(node_id)

    def _drop_orders_by_values(self, node_id: str) -> None:
        node = self._store.nodes.get(node_id)
        if node is None:
            return
        for folder_id in (node.parent_id, *node.secondary_parents):
            of_folder = self._of_folder.get(folder_id or "", ())
            self._drop([question for question in of_folder if question.is_by_values])
