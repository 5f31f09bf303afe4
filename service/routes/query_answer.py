"""The answer to a query, as the REST API shows it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TypeAlias

from pydantic import BaseModel, Field

from vocabulary.documents import AttributeValue
from vocabulary.search import (
    BucketCount,
    Excerpt,
    FacetCount,
    Hit,
    Page,
    Scalar,
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


class ExcerptAnswer(BaseModel):
    """The part of the document that shows why it matched."""

    text: str
    highlights: list[HighlightAnswer]


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
        attributes=_attributes(hit.attributes),
        toxicity=hit.toxicity_0_1,
    )


def _excerpt(excerpt: Excerpt) -> ExcerptAnswer:
    highlights = [HighlightAnswer(start=span.start, end=span.end) for span in excerpt.highlights]
    return ExcerptAnswer(text=excerpt.text, highlights=highlights)


def _facet(counted: FacetCount | BucketCount) -> FacetAnswer | BucketAnswer:
    if isinstance(counted, FacetCount):
        return FacetAnswer(value=_json(counted.value), count=counted.count)
    return BucketAnswer(gte=_bound(counted.gte), lt=_bound(counted.lt), count=counted.count)


def _bound(bound: Scalar | None) -> JsonScalar | None:
    return None if bound is None else _scalar(bound)


def _attributes(attributes: Mapping[str, AttributeValue]) -> dict[str, JsonValue]:
    return {name: _json(value) for name, value in sorted(attributes.items())}


def _json(value: AttributeValue) -> JsonValue:
    if isinstance(value, tuple):
        return [_scalar(each) for each in value]
    return _scalar(value)


def _scalar(value: Scalar) -> JsonScalar:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value
