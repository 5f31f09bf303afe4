"""A batch of operations to one change for each document: what it is to be when the batch is done. Pure.

Operations take effect in their order; folded, a document is read and written once, whatever a batch does to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from indexer.search.toxicity import texts_sha256
from vocabulary.access import HIDDEN_ACL, AclId, Principal
from vocabulary.documents import DocumentId
from vocabulary.indexing import (
    Delete,
    Describe,
    Description,
    Hide,
    IndexOperation,
    Put,
    Readmit,
    Rescore,
    document_of,
)


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Nothing happened to the document so far."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """The document is stored anew, whatever was there."""

    put: Put

    @property
    def description(self) -> Description:
        return self.put.description


@dataclass(frozen=True, slots=True)
class Redescribed:
    """A stored document keeps its passages."""

    description: Description


@dataclass(frozen=True, slots=True)
class Readmitted:
    """A stored document keeps its passages and all that it says of itself but its list and owner."""

    acl_id: AclId
    owner: Principal | None


@dataclass(frozen=True, slots=True)
class Hidden:
    """A stored document keeps all and is shown to nobody."""


@dataclass(frozen=True, slots=True)
class Removed:
    """The document is not there."""


Ending: TypeAlias = Unchanged | Replaced | Redescribed | Readmitted | Hidden | Removed


@dataclass(frozen=True, slots=True)
class Change:
    """How a document ends, and whether an operation on the way met no stored one.

    `needs_stored`: so it did if the index does not hold the document; `is_missing`: it was removed just before.
    `rescores` are about the passages that were stored before; `is_changed`: one came upon others within the batch.
    """

    document_id: DocumentId
    ending: Ending = Unchanged()
    needs_stored: bool = False
    is_missing: bool = False
    rescores: tuple[Rescore, ...] = ()
    is_changed: bool = False


def folded(operations: Sequence[IndexOperation]) -> list[Change]:
    """Return one change for each document, in the order in which they were first named."""
    changes: dict[DocumentId, Change] = {}
    for operation in operations:
        document_id = document_of(operation)
        changes[document_id] = _followed_by(changes.get(document_id, Change(document_id)), operation)
    return list(changes.values())


def _followed_by(change: Change, operation: IndexOperation) -> Change:
    match operation:
        case Put():
            return replace(change, ending=Replaced(operation))
        case Delete():
            return replace(change, ending=Removed())
        case Hide():
            return replace(change, ending=_hidden(change.ending))
    if isinstance(change.ending, Removed):
        return replace(change, is_missing=True)
    if isinstance(operation, Rescore):
        return _rescored(change, operation)
    needs_stored = change.needs_stored or not isinstance(change.ending, Replaced)
    if isinstance(operation, Describe):
        return replace(change, ending=_redescribed(change.ending, operation.description), needs_stored=needs_stored)
    return replace(change, ending=_readmitted(change.ending, operation), needs_stored=needs_stored)


def _rescored(change: Change, rescore: Rescore) -> Change:
    if not isinstance(change.ending, Replaced):
        return replace(change, rescores=(*change.rescores, rescore), needs_stored=True)
    put = change.ending.put
    ordered = sorted(put.passages, key=lambda each: each.passage.ordinal)
    if texts_sha256(each.passage.text for each in ordered) != rescore.texts_sha256:
        return replace(change, is_changed=True)
    scored = zip(ordered, rescore.toxicity, strict=True)
    passages = tuple(replace(each, toxicity=toxicity) for each, toxicity in scored)
    return replace(change, ending=Replaced(replace(put, passages=passages, scoring=rescore.scoring)))


def _redescribed_as(ending: Replaced | Redescribed, description: Description) -> Ending:
    if isinstance(ending, Replaced):
        return Replaced(replace(ending.put, description=description))
    return Redescribed(description)


def _hidden(ending: Ending) -> Ending:
    match ending:
        case Replaced() | Redescribed():
            return _redescribed_as(ending, replace(ending.description, acl_id=HIDDEN_ACL))
        case Readmitted():
            return replace(ending, acl_id=HIDDEN_ACL)
        case Removed():
            return ending
    return Hidden()


def _redescribed(ending: Ending, description: Description) -> Ending:
    return _redescribed_as(ending, description) if isinstance(ending, Replaced) else Redescribed(description)


def _readmitted(ending: Ending, operation: Readmit) -> Ending:
    if isinstance(ending, Replaced | Redescribed):
        readmitted = replace(ending.description, acl_id=operation.acl_id, owner=operation.owner)
        return _redescribed_as(ending, readmitted)
    return Readmitted(operation.acl_id, operation.owner)
