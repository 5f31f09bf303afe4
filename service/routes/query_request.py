"""The body of a query and how it becomes a `Query`: what a caller may ask, within limits. Pure."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from service.routes.facet_request import MAX_FACETS, FacetBody, facet_of
from service.routes.filter_request import Filter, clause_of, within_limits
from service.routes.request_parts import FieldName, Part
from vocabulary.search import Query, SearchMode, Sort

MAX_TEXT = 2_000  # characters; the model reads 254 tokens, a keyword query needs fewer
MAX_PAGE = 100


class SortBody(Part):
    field: FieldName
    order: Literal["asc", "desc"] = "asc"


class PageBody(Part):
    size: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 10
    cursor: Annotated[str, Field(max_length=4_000)] | None = None


class QueryBody(Part):
    """What to search for, and how to answer."""

    query: str = Field(default="", max_length=MAX_TEXT, description="empty: every document the reader may see")
    mode: SearchMode = SearchMode.HYBRID
    filter: Annotated[Filter, BeforeValidator(within_limits)] | None = None
    facets: Annotated[tuple[FacetBody, ...], Field(max_length=MAX_FACETS)] = ()
    sort: SortBody | None = Field(default=None, description="by an attribute instead of by relevance")
    page: PageBody = PageBody()
    highlight: bool = True
    collapse: bool = Field(default=True, description="show identical copies as one result; false: each by itself")
    explain: bool = Field(default=False, description="what each score is made of; for administrators of a source only")

    def as_query(self) -> Query:
        """Say the same in the words of the backends."""
        return Query(
            text=self.query.strip(),
            mode=self.mode,
            filter=None if self.filter is None else clause_of(self.filter),
            facets=tuple(facet_of(facet) for facet in self.facets),
            sort=None if self.sort is None else Sort(self.sort.field, descending=self.sort.order == "desc"),
            size=self.page.size,
            cursor=self.page.cursor,
            highlight=self.highlight,
            collapse=self.collapse,
            explain=self.explain,
        )
