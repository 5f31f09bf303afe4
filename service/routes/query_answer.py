"""The answer to a query, as the REST API shows it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TypeAlias

from pydantic import BaseModel, Field

from vocabulary.documents import AttributeValue, PassageKind
from vocabulary.search import (
    BucketCount,
    Excerpt,
    FacetCount,
    Hit,
    Page,
    Scalar,
    Suggestion,
    SuggestionKind,
    TotalRelation,
)

JsonScalar: TypeAlias = bool | int | float | str
JsonValue: TypeAlias = JsonScalar | list[JsonScalar]


class TotalAnswer(BaseModel):
    """How many documents match that this reader may see."""

    value: int = Field(examples=[12])
    relation: TotalRelation = Field(description="eq: exact; gte: at least so many")


class HighlightAnswer(BaseModel):
    """A range of the excerpt, counted in Unicode code points: [start, end)."""

    start: int
    end: int


class CommentAnswer(BaseModel):
    """The part of a comment that matched."""

    text: str
    highlights: list[HighlightAnswer]
    author: str | None = Field(examples=["Ann Example"])
    written_at: str | None = Field(examples=["2025-03-01T12:30:00Z"])


class ExcerptAnswer(CommentAnswer):
    """The part of the document that shows why it matched; `author` and `written_at` where it is a comment."""

    kind: PassageKind = Field(description="body: the document's text; comment: one of its comments")
    page: int | None = Field(description="page, slide or sheet, from 1")
    heading: str | None


class ResultAnswer(BaseModel):
    """One document."""

    document_id: str = Field(examples=["onprem-private/3c1f…"])
    source: str
    title: str
    uri: str
    score: float = Field(description="orders this answer; means nothing beyond it")
    excerpt: ExcerptAnswer | None
    attributes: dict[str, JsonValue]
    toxicity: float = Field(description="0 harmless to 1 toxic, of the worst passage", ge=0, le=1)
    toxicity_categories: list[str] = Field(description="what the document is flagged for; empty: nothing")
    copies: int = Field(description="how many more documents of this answer have the same text and are not shown")
    comments: list[CommentAnswer] = Field(description="up to three comments that match best, besides the excerpt")
    score_parts: dict[str, float] | None = Field(default=None, description="what the score is made of; see explain")


class FacetAnswer(BaseModel):
    """How many of the matching documents have one value."""

    value: JsonValue
    count: int


class BucketAnswer(BaseModel):
    """How many of the matching documents have a value from `gte` up to, not including, `lt`; null is open."""

    gte: JsonScalar | None
    lt: JsonScalar | None
    count: int


class QueryAnswer(BaseModel):
    """One page of results, best first. Everything in it comes from documents that this reader may see."""

    query_id: str
    total: TotalAnswer
    results: list[ResultAnswer]
    facets: dict[str, list[FacetAnswer | BucketAnswer]]
    spelling: str | None = Field(default=None, description="a better spelling of the query, where one is known")
    next_cursor: str | None = Field(description="send it as page.cursor to read on; null: this was the last page")


class SuggestionAnswer(BaseModel):
    """What may have been meant; it stands in a document that this reader may see."""

    text: str
    kind: SuggestionKind = Field(description="words: the typed words, completed; title: the title of a document")


class SuggestAnswer(BaseModel):
    """Completions of what was typed, best first."""

    suggestions: list[SuggestionAnswer]


def suggestions_of(suggestions: Iterable[Suggestion]) -> SuggestAnswer:
    """Show completions."""
    return SuggestAnswer(suggestions=[SuggestionAnswer(text=each.text, kind=each.kind) for each in suggestions])


def answer_of(page: Page, *, query_id: str) -> QueryAnswer:
    """Show one page of an index."""
    return QueryAnswer(
        query_id=query_id,
        total=TotalAnswer(value=page.total.value, relation=page.total.relation),
        results=[_result(hit) for hit in page.hits],
        facets={field: [_facet(count) for count in counts] for field, counts in page.facets.items()},
        spelling=page.spelling,
        next_cursor=page.next_cursor,
    )


def _result(hit: Hit) -> ResultAnswer:
    return ResultAnswer(
        document_id=str(hit.document_id),
        source=hit.document_id.source,
        title=hit.title,
        uri=hit.uri,
        score=hit.score,
        excerpt=None if hit.excerpt is None else _excerpt(hit.excerpt),
        attributes=attributes_answer(hit.attributes),
        toxicity=hit.toxicity_0_1,
        toxicity_categories=list(hit.toxicity_categories),
        copies=hit.copies,
        comments=[_comment(each) for each in hit.comments],
        score_parts=None if hit.score_parts is None else dict(hit.score_parts),
    )


def _excerpt(excerpt: Excerpt) -> ExcerptAnswer:
    comment = _comment(excerpt)
    return ExcerptAnswer(**dict(comment), kind=excerpt.kind, page=excerpt.page, heading=excerpt.heading)


def _comment(excerpt: Excerpt) -> CommentAnswer:
    return CommentAnswer(
        text=excerpt.text,
        highlights=[HighlightAnswer(start=span.start, end=span.end) for span in excerpt.highlights],
        author=excerpt.author,
        written_at=None if excerpt.written_at is None else moment_answer(excerpt.written_at),
    )


def _facet(counted: FacetCount | BucketCount) -> FacetAnswer | BucketAnswer:
    if isinstance(counted, FacetCount):
        return FacetAnswer(value=_json(counted.value), count=counted.count)
    return BucketAnswer(gte=_bound(counted.gte), lt=_bound(counted.lt), count=counted.count)


def _bound(bound: Scalar | None) -> JsonScalar | None:
    return None if bound is None else _scalar(bound)


def attributes_answer(attributes: Mapping[str, AttributeValue]) -> dict[str, JsonValue]:
    """Show attributes, by name."""
    return {name: _json(value) for name, value in sorted(attributes.items())}


def _json(value: AttributeValue) -> JsonValue:
    if isinstance(value, tuple):
        return [_scalar(each) for each in value]
    return _scalar(value)


def _scalar(value: Scalar) -> JsonScalar:
    return moment_answer(value) if isinstance(value, datetime) else value


def moment_answer(moment: datetime) -> str:
    """Show a moment in UTC, as ISO 8601."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
