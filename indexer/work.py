"""What passes between the stages: a document on its way, with what has become of it so far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from indexer.passages import CutPassage
from indexer.planning import Plan, is_under
from indexer.state.ledger import LedgerRow
from vocabulary.access import HIDDEN_ACL, Acl, AclId, Principal
from vocabulary.documents import AccessRead, AclRead, Change, Document, DocumentState, EnrichedPassage, Upsert
from vocabulary.indexing import Description, IndexOperation, Put
from vocabulary.numbering import Reassignment


@dataclass(frozen=True, slots=True)
class Task:
    """A document that was met, and what it needs. `number` is its place among the acknowledgements."""

    number: int
    document: Document
    acl_id: AclId
    previous: LedgerRow | None
    plan: Plan
    reassigned: tuple[Reassignment, ...] = ()

    @property
    def weight(self) -> int:
        return 1 + sum(len(comment.text) for comment in self.document.comments)

    @property
    def description(self) -> Description:
        document = self.document
        return Description(
            document_id=document.id,
            title=document.title,
            uri=document.uri,
            path=document.path,
            acl_id=self.acl_id,
            owner=document.owner,
            attributes=document.attributes,
            searched=document.searched,
        )


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document whose text is cut into passages. `kept` are stored passages that stay in front of the new ones."""

    task: Task
    row: LedgerRow  # what the ledger will say once the index has the passages
    cut: tuple[CutPassage, ...] = ()
    kept: tuple[EnrichedPassage, ...] = ()
    keeps_passages: bool = False  # all stored passages stay: only the description is written

    @property
    def weight(self) -> int:
        return 1 + sum(len(piece.passage.text) for piece in self.cut)


@dataclass(frozen=True, slots=True)
class Settlement:
    """Changes ready to be written: what the index is told, and what the ledger says once it is acknowledged.

    `earlier` is what the ledger said before of the one document whose content was read; `reassigned` are those of the
    documents that come under another list or owner.
    """

    numbers: tuple[int, ...]
    rows: tuple[LedgerRow, ...] = ()
    unchanged: tuple[str, ...] = ()  # documents whose row stays as it is
    removed: tuple[str, ...] = ()
    operations: tuple[IndexOperation, ...] = ()
    earlier: LedgerRow | None = None
    reassigned: tuple[Reassignment, ...] = ()

    @property
    def weight(self) -> int:
        passages = (piece for put in self.operations if isinstance(put, Put) for piece in put.passages)
        return 1 + sum(len(piece.passage.text) + piece.vector.nbytes for piece in passages)


def reassignment(
    previous: LedgerRow | None, acl_id: AclId, owner: Principal | None, *, changed_at: datetime | None = None
) -> tuple[Reassignment, ...]:
    """Say that a document comes under another list or owner, where somebody may have found it under the former.

    Nobody knows that of a row in doubt; whoever interrupted its write may have told of it.
    """
    if previous is None or not previous.in_index or previous.state is DocumentState.HELD or not previous.acl_id:
        return ()
    if is_under(previous, acl_id, owner):
        return ()
    is_given_away = previous.owner is not None and previous.owner != str(owner)
    ends_ownership = is_given_away or (previous.owner is not None and acl_id == HIDDEN_ACL)
    told = None if is_given_away else changed_at  # when a list was changed says nothing of owners
    return (Reassignment(previous.native_id, AclId(previous.acl_id), acl_id, ends_ownership, told),)


def acl_of(change: Change) -> Acl | None:
    """The list that a change brings, if any."""
    match change:
        case Upsert(document):
            return document.acl
        case AclRead(acl) | AccessRead(_, acl):
            return acl
        case _:
            return None


def changed_at_of(changes: Iterable[Change]) -> Mapping[str, datetime]:
    """When lists that changes bring were changed at the source, by their keys, where it says so; the earlier of two."""
    earliest: dict[str, datetime] = {}
    for change in changes:
        if isinstance(change, AclRead | AccessRead) and change.acl is not None and change.changed_at is not None:
            key = change.acl.key
            earliest[key] = min(change.changed_at, earliest.get(key, change.changed_at))
    return earliest
