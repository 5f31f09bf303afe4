"""What the in-memory engine holds, and how operations change it: the plainest reading of `IndexOperation`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from indexer.search.collapsing import content_key
from indexer.search.matching import Key, fields_of, toxicity_of
from indexer.search.toxicity import texts_sha256
from vocabulary.access import HIDDEN_ACL
from vocabulary.documents import DocumentId, EnrichedPassage
from vocabulary.indexing import (
    NOT_SCORED,
    Delete,
    Describe,
    Description,
    Hide,
    IndexOperation,
    Put,
    Readmit,
    Refusal,
    Rescore,
    Scoring,
    StoredDocument,
    document_of,
)


@dataclass(frozen=True, eq=False)
class Stored:
    """A document with its passages; `number` orders documents by when they were first stored.

    Every query asks for the same of it, so what follows from it is worked out once.
    """

    number: int
    description: Description
    passages: tuple[EnrichedPassage, ...]
    scoring: Scoring = NOT_SCORED

    @property
    def owner(self) -> str | None:
        return None if self.description.owner is None else str(self.description.owner)

    @cached_property
    def toxicity_0_1(self) -> float:
        return toxicity_of(self.passages)

    @cached_property
    def content_key(self) -> int:
        return content_key(self.passages)

    @cached_property
    def fields(self) -> Mapping[str, frozenset[Key]]:
        return fields_of(self.description, toxicity_0_1=self.toxicity_0_1, categories=self.scoring.categories)


@dataclass(slots=True)
class Rows:
    """The documents of an index; `documents` is replaced as a whole, never changed in place."""

    documents: dict[DocumentId, Stored] = field(default_factory=dict)
    _stored_so_far: int = 0
    _fences: dict[DocumentId, int] = field(default_factory=dict)  # of deleted documents, too

    def apply(self, operations: Sequence[IndexOperation], *, fence: int | None) -> dict[DocumentId, Refusal]:
        """Carry out the operations in order; return the documents of which something was not done."""
        documents = dict(self.documents)
        refused: dict[DocumentId, Refusal] = {}
        for operation in operations:
            document_id = document_of(operation)
            if fence is not None and fence < self._fences.get(document_id, fence):
                refused[document_id] = Refusal.SUPERSEDED
                continue
            if fence is not None:
                self._fences[document_id] = fence
            if (refusal := self._carry_out(operation, documents)) is not None:
                refused[document_id] = refusal
        self.documents = documents
        return refused

    def hide_all(self) -> None:
        """Hide every document; whoever wrote under whichever fence may write again."""
        self._fences.clear()
        self.apply([Hide(each) for each in self.documents], fence=None)

    def behind(self, position: str, *, limit: int) -> list[StoredDocument]:
        """Return documents behind a position, in the order in which they were first stored."""
        last = int(position or 0)
        documents = sorted((each for each in self.documents.values() if each.number > last), key=_number)
        return [_as_read(each) for each in documents[:limit]]

    def held(self, document_ids: Iterable[DocumentId]) -> list[StoredDocument]:
        """Return those of the documents that are stored, in the order in which they were first stored."""
        held = {each: self.documents[each] for each in document_ids if each in self.documents}
        return [_as_read(each) for each in sorted(held.values(), key=_number)]

    def _carry_out(self, operation: IndexOperation, documents: dict[DocumentId, Stored]) -> Refusal | None:
        """Change `documents`; say why it was not possible, or nothing."""
        document_id = document_of(operation)
        if isinstance(operation, Describe | Readmit | Rescore) and document_id not in documents:
            return Refusal.MISSING
        match operation:
            case Put():
                documents[document_id] = self._stored(operation, documents.get(document_id))
            case Describe(description):
                documents[document_id] = replace(documents[document_id], description=description)
            case Readmit(_, acl_id, owner):
                documents[document_id] = _redescribed(documents[document_id], acl_id=acl_id, owner=owner)
            case Hide():
                if document_id in documents:
                    documents[document_id] = _redescribed(documents[document_id], acl_id=HIDDEN_ACL)
            case Delete():
                documents.pop(document_id, None)
            case Rescore():
                stored = documents[document_id]
                if texts_sha256(each.passage.text for each in stored.passages) != operation.texts_sha256:
                    return Refusal.CHANGED
                documents[document_id] = _rescored(stored, operation)
        return None

    def _stored(self, put: Put, known: Stored | None) -> Stored:
        if known is None:
            self._stored_so_far += 1
        number = self._stored_so_far if known is None else known.number
        ordered = sorted(put.passages, key=lambda each: each.passage.ordinal)
        return Stored(number, put.description, tuple(map(_as_stored, ordered)), put.scoring)


def _redescribed(stored: Stored, **changed: Any) -> Stored:
    return replace(stored, description=replace(stored.description, **changed))


def _rescored(stored: Stored, rescore: Rescore) -> Stored:
    scored = zip(stored.passages, rescore.toxicity, strict=True)
    passages = tuple(replace(each, toxicity=toxicity) for each, toxicity in scored)
    return replace(stored, passages=passages, scoring=rescore.scoring)


def _number(stored: Stored) -> int:
    return stored.number


def _as_read(stored: Stored) -> StoredDocument:
    return StoredDocument(Put(stored.description, stored.passages, stored.scoring), str(stored.number))


def _as_stored(enriched: EnrichedPassage) -> EnrichedPassage:
    """Round a vector as every engine stores it."""
    return replace(enriched, vector=enriched.vector.astype(np.float16).astype(np.float32))
