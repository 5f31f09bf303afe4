"""What an index is told to store, and what it says it has stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from vocabulary.access import AclId, Principal
from vocabulary.documents import AttributeValue, DocumentId, EnrichedPassage, Toxicity


@dataclass(frozen=True, slots=True)
class Description:
    """All that an index stores of a document besides its passages.

    `searched` names the attributes whose texts are searched by words, as the title is; the others are compared as a
    whole, by filters and by `field:value` in a query's text.
    """

    document_id: DocumentId
    title: str
    uri: str
    path: str
    acl_id: AclId
    owner: Principal | None
    attributes: Mapping[str, AttributeValue]
    searched: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scoring:
    """What an index stores of a document's toxicity besides the scores of its passages.

    `version` names what scored all of its passages; empty: nothing did. `categories` are those that the document is
    marked with, each once: what its source's rule takes no notice of is not among them.
    """

    version: str = ""
    categories: tuple[str, ...] = ()


NOT_SCORED = Scoring()


@dataclass(frozen=True, slots=True)
class Put:
    """Store a document and replace all its passages. Without passages it is found by its title alone."""

    description: Description
    passages: tuple[EnrichedPassage, ...]
    scoring: Scoring = NOT_SCORED


@dataclass(frozen=True, slots=True)
class Describe:
    """Replace a stored document's description and keep its passages."""

    description: Description


@dataclass(frozen=True, slots=True)
class Readmit:
    """Put a stored document under another ACL and owner, and keep everything else of it."""

    document_id: DocumentId
    acl_id: AclId
    owner: Principal | None


@dataclass(frozen=True, slots=True)
class Hide:
    """Put a stored document under the ACL that admits nobody and keep it; the next Put, Describe or Readmit shows it.

    Hiding an unknown document is no error.
    """

    document_id: DocumentId


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a document with all its passages; removing an unknown one is no error."""

    document_id: DocumentId


@dataclass(frozen=True, slots=True)
class Rescore:
    """Replace what is stored of a document's toxicity, and keep everything else of it.

    `toxicity` has one entry for each passage, in their order. `texts_sha256` is the fingerprint of the texts that were
    scored (`indexer.search.toxicity.texts_sha256`): a document that holds others by now is left as it is.
    """

    document_id: DocumentId
    texts_sha256: str
    toxicity: tuple[Toxicity, ...]
    scoring: Scoring


IndexOperation: TypeAlias = Put | Describe | Readmit | Hide | Delete | Rescore


def document_of(operation: IndexOperation) -> DocumentId:
    """Return the document that an operation is about."""
    return (operation.description if isinstance(operation, Put | Describe) else operation).document_id


class Refusal(StrEnum):
    """Why an index did not carry out what a batch asked for a document; a fixed word, counted as a failure's reason."""

    MISSING = "missing-in-index"  # it holds no document that could be described, readmitted or rescored
    REJECTED = "rejected-by-index"  # it cannot hold this one; no older copy of it is left, either
    SUPERSEDED = "superseded"  # it was written under a later lease; nothing was changed
    CHANGED = "changed-meanwhile"  # it holds other texts than those that were scored; its toxicity was not changed


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document as an index holds it: what would have to be put for another index to hold the same.

    Vectors are within float16 rounding. `position` is where to go on behind it, opaque to all but its index.
    """

    put: Put
    position: str


@dataclass(frozen=True, slots=True)
class IndexStatistics:
    """What an index holds, regardless of readers: for operators, never for answers."""

    documents: int
    passages: int
