"""What a reader asks an index and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from vocabulary.documents import AttributeValue, DocumentId, PassageKind

Scalar: TypeAlias = str | int | float | bool | datetime


class SearchMode(StrEnum):
    """How documents are matched and ranked."""

    HYBRID = "hybrid"  # keyword and semantic, fused
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
    """Count the matching documents by the values of an attribute: the `size` commonest, ties by value.

    A facet's `name` is its key in the answer, the field if empty: one field may be counted in several ways.
    """

    field: str
    size: int = 10
    name: str = ""

    @property
    def key(self) -> str:
        return self.name or self.field


@dataclass(frozen=True, slots=True)
class Bounds:
    """From `gte` up to, not including, `lt`, both numbers or both moments; a missing bound is open."""

    gte: int | float | datetime | None = None
    lt: int | float | datetime | None = None


@dataclass(frozen=True, slots=True)
class RangeFacet:
    """Count the matching documents with a value within each of the ranges, in their order, empty ones too.

    A document counts once in every range that one of its values lies in.
    """

    field: str
    ranges: tuple[Bounds, ...]
    name: str = ""

    @property
    def key(self) -> str:
        return self.name or self.field


class DateInterval(StrEnum):
    """A stretch of the calendar; a week begins on Monday."""

    YEAR = "year"
    MONTH = "month"
    WEEK = "week"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class DateFacet:
    """Count the matching documents by stretches of the calendar: the `size` latest that hold any, latest first.

    `time_zone` (IANA) says when a day begins. A document counts once in every stretch that one of its moments lies in.
    """

    field: str
    interval: DateInterval
    size: int = 12
    time_zone: str = "UTC"
    name: str = ""

    @property
    def key(self) -> str:
        return self.name or self.field


Facet: TypeAlias = FacetRequest | RangeFacet | DateFacet


@dataclass(frozen=True, slots=True)
class Query:
    """One request to an index. The vector of its text travels beside it: semantic and hybrid need one.

    An empty text matches every readable document (browse) and has no highlights. `cursor` is a `next_cursor` of an
    earlier answer to the same query. With `collapse`, of several matching documents with the same text only the first
    is a hit; totals and facets count all of them. With `explain`, hits say what their scores are made of.
    """

    text: str
    mode: SearchMode = SearchMode.HYBRID
    filter: FilterClause | None = None
    facets: tuple[Facet, ...] = ()
    sort: Sort | None = None
    size: int = 10
    cursor: str | None = None
    highlight: bool = True
    collapse: bool = True
    explain: bool = False


@dataclass(frozen=True, slots=True)
class Pin:
    """Documents that head the answer to a query, in this order, for readers who may read them.

    The query is compared without regard to case, accents and the number of blanks; the query's filter still holds.
    """

    query: str
    documents: tuple[DocumentId, ...]


@dataclass(frozen=True, slots=True)
class Boosts:
    """What a match counts by where it stands, beside what it counts anyway: 1 changes nothing, 2 doubles."""

    title: float = 1.0
    body: float = 1.0  # passages, comments among them
    attributes: float = 1.0  # those that are searched by words


@dataclass(frozen=True, slots=True)
class Recency:
    """A preference for newer documents: scores are multiplied by 1 + weight * 0.5 ** (age in days / half_life_days).

    The age is that of the latest moment of the attribute; a document without one gains nothing.
    """

    field: str
    half_life_days: float
    weight: float


@dataclass(frozen=True, slots=True)
class Tuning:
    """What an operator wants an index to know of its readers' language and needs.

    `synonyms` are lines of a synonyms file: `car, automobile` (each finds the others), `tv => television, telly` (the
    left finds the right as well); a number sign begins a remark.
    """

    pins: tuple[Pin, ...] = ()
    synonyms: tuple[str, ...] = ()
    boosts: Boosts = Boosts()
    recency: Recency | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A highlighted range of an excerpt, in characters: [start, end)."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The part of a passage that shows why its document matched. `author` and `written_at` are those of a comment."""

    text: str
    highlights: tuple[Span, ...]
    kind: PassageKind
    page: int | None
    heading: str | None
    author: str | None = None
    written_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """One document of an answer. `score` orders hits within one answer and means nothing beyond it.

    `toxicity_categories` are those that the document is marked with. `copies` is how many more documents of the answer
    have the same text and are not hits of their own. `comments` are those, up to three, that match best and are not the
    excerpt. `score_parts` are there where the query asked for them.
    """

    document_id: DocumentId
    title: str
    uri: str
    path: str
    score: float
    excerpt: Excerpt | None
    attributes: Mapping[str, AttributeValue]
    toxicity_0_1: float
    toxicity_categories: tuple[str, ...] = ()
    copies: int = 0
    comments: tuple[Excerpt, ...] = ()
    score_parts: Mapping[str, float] | None = None


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
class BucketCount:
    """How many of the matching, readable documents have a value from `gte` up to, not including, `lt`."""

    gte: int | float | datetime | None
    lt: int | float | datetime | None
    count: int


@dataclass(frozen=True, slots=True)
class Page:
    """One page of an answer, best hit first.

    `facets` are by key. `spelling` is the query's text with words that readable documents hold in place of words that
    hardly any does; None where there is nothing better.
    """

    total: Total
    hits: tuple[Hit, ...]
    facets: Mapping[str, tuple[FacetCount | BucketCount, ...]]
    next_cursor: str | None
    spelling: str | None = None


class SuggestionKind(StrEnum):
    """What a suggestion completes what was typed to."""

    WORDS = "words"  # the typed words, the last one completed and perhaps followed by the next
    TITLE = "title"  # the title of a document


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What a reader may have begun to type; it stands in a document that they may read."""

    text: str
    kind: SuggestionKind
