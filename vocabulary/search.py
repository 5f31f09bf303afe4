"""What a reader asks an index and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from vocabulary.access import AclId, Principal
from vocabulary.documents import AttributeValue, DocumentId, EnrichedPassage, PassageKind

Scalar: TypeAlias = str | int | float | bool | datetime


class SearchMode(StrEnum):
    """How documents are matched and ranked."""

    HYBRID = "hybrid"  # keyword and semantic, fused by reciprocal rank
    KEYWORD = "keyword"  # BM25 over title and text
    SEMANTIC = "semantic"  # nearest passages by cosine similarity


@dataclass(frozen=True, slots=True)
class Equals:
    """The attribute has the value, or holds it among several."""

    field: str
    value: Scalar


@dataclass(frozen=True, slots=True)
class In:
    """The attribute has, or holds, at least one of the values."""

    field: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """The attribute lies within the bounds; a missing bound is open. Bounds are of one type."""

    field: str
    gte: Scalar | None = None
    gt: Scalar | None = None
    lte: Scalar | None = None
    lt: Scalar | None = None


@dataclass(frozen=True, slots=True)
class Exists:
    """The document has the attribute."""

    field: str


@dataclass(frozen=True, slots=True)
class Not:
    """The clause does not hold; also for documents that lack the attribute."""

    clause: FilterClause


@dataclass(frozen=True, slots=True)
class And:
    """All clauses hold; an empty one holds always."""

    clauses: tuple[FilterClause, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one clause holds; an empty one never holds."""

    clauses: tuple[FilterClause, ...]


FilterClause: TypeAlias = Equals | In | Range | Exists | Not | And | Or


@dataclass(frozen=True, slots=True)
class Sort:
    """Order by an attribute instead of relevance; documents without it come last in both directions."""

    field: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class FacetRequest:
    """Count the matching documents by the values of an attribute: the `size` commonest, ties by value."""

    field: str
    size: int = 10


@dataclass(frozen=True, slots=True)
class Query:
    """One request to an index. The vector of its text travels beside it: semantic and hybrid need one.

    An empty text matches every readable document (browse) and has no highlights. `cursor` is a `next_cursor` of an
    earlier answer to the same query.
    """

    text: str
    mode: SearchMode = SearchMode.HYBRID
    filter: FilterClause | None = None
    facets: tuple[FacetRequest, ...] = ()
    sort: Sort | None = None
    size: int = 10
    cursor: str | None = None
    highlight: bool = True


@dataclass(frozen=True, slots=True)
class Span:
    """A highlighted range of an excerpt, in characters: [start, end)."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The part of the best passage that shows why the document matched."""

    text: str
    highlights: tuple[Span, ...]
    kind: PassageKind
    page: int | None
    heading: str | None


@dataclass(frozen=True, slots=True)
class Hit:
    """One document of an answer. `score` orders hits within one answer and means nothing beyond it."""

    document_id: DocumentId
    title: str
    uri: str
    path: str
    score: float
    excerpt: Excerpt | None
    attributes: Mapping[str, AttributeValue]
    toxicity_0_1: float


class TotalRelation(StrEnum):
    """Whether a total is exact or a lower bound."""

    EQUAL = "eq"
    AT_LEAST = "gte"


@dataclass(frozen=True, slots=True)
class Total:
    """How many readable documents match."""

    value: int
    relation: TotalRelation


@dataclass(frozen=True, slots=True)
class FacetCount:
    """How many of the matching, readable documents have this value."""

    value: Scalar
    count: int


@dataclass(frozen=True, slots=True)
class Page:
    """One page of an answer, best hit first."""

    total: Total
    hits: tuple[Hit, ...]
    facets: Mapping[str, tuple[FacetCount, ...]]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Description:
    """All that an index stores of a document besides its passages."""

    document_id: DocumentId
    title: str
    uri: str
    path: str
    acl_id: AclId
    owner: Principal | None
    attributes: Mapping[str, AttributeValue]


@dataclass(frozen=True, slots=True)
class Put:
    """Store a document and replace all its passages. Without passages it is found by its title alone."""

    description: Description
    passages: tuple[EnrichedPassage, ...]


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


IndexOperation: TypeAlias = Put | Describe | Readmit | Hide | Delete


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
