"""`POST /admin/indexes/{index}/query`: an index as somebody else finds it, for whoever is asked why they find nothing.

Who asked, as whom, and the whole question are on record before anything is looked up. The answer is made under that
person's filter and no other, by the same way as the person's own query.
"""

from __future__ import annotations

from typing import Annotated, Any, Self
from uuid import uuid4

from fastapi import APIRouter, Body, Path
from pydantic import Field, model_validator

from acl import MatchOutcome, ReaderClaims
from service.admin.acts import Act
from service.admin.administration import Administration
from service.admin.administrators import CurrentAdministrator
from service.admin.key_config import Scope
from service.http.errors import problem_answer
from service.reader import issuer_meant, named_filter
from service.routes.query_answer import QueryAnswer, answer_of
from service.routes.query_request import QueryBody
from service.routes.request_parts import Name, Part
from service.search import ServedIndex
from service.settings.indexes import IndexAccess
from service.settings.settings import Settings

MAX_GROUPS = 1_000
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    404: problem_answer("There is no such index"),
    413: problem_answer("The body is too large"),
    503: problem_answer("The index cannot answer now, or the log of acts cannot be written"),
}
_EXAMPLE = {"as": {"user": "ann@example.com"}, "query": "travel expenses"}


class PersonBody(Part):
    """Whose eyes to look with, as a token would name them."""

    user: Name = Field(description="what the issuer's `user_claim` would say", examples=["ann@example.com"])
    issuer: Name | None = Field(
        default=None, description="a configured issuer; without it the only one, or nobody's where there are several"
    )
    groups: Annotated[tuple[Name, ...], Field(max_length=MAX_GROUPS)] = Field(
        default=(), description="groups of the issuer, as its `groups_claim` would list them"
    )

    @model_validator(mode="after")
    def _names_the_issuer_of_groups(self) -> Self:
        if self.groups and self.issuer is None:
            raise ValueError("groups are those of an issuer: name it")
        return self

    def as_claims(self, settings: Settings) -> ReaderClaims:
        """Return what a token would prove.

        Raises:
            QueryInvalid: no `[[tokens]]` entry has the issuer.
        """
        return ReaderClaims(user=self.user, groups=self.groups, issuer=issuer_meant(settings, self.issuer))


class SearchAsBody(QueryBody):
    """A query, and whose eyes to look with."""

    as_: Annotated[PersonBody, Field(alias="as")]


class SearchAsAnswer(QueryAnswer):
    """What that person finds, and who they are."""

    people: dict[str, MatchOutcome] = Field(description="whether each source of the index knows them, by its name")


def search_as_router(administration: Administration) -> APIRouter:
    """Route questions with somebody else's eyes."""
    router = administration.administrators.router(Scope.SEARCH_AS)
    service, state = administration.search, administration.state

    @router.post("/indexes/{index}/query", summary="Search an index as somebody else", responses=_PROBLEMS)
    async def search_as(
        administrator: CurrentAdministrator,
        index: Annotated[str, Path(description="the index's name", examples=["private"])],
        body: Annotated[SearchAsBody, Body(examples=[_EXAMPLE])],
    ) -> SearchAsAnswer:
        served = service.index(index)
        query, claims = body.as_query(), body.as_.as_claims(administration.settings)
        asked = {"index": index, **body.model_dump(mode="json", by_alias=True, exclude_unset=True)}
        async with state.acts.record(administrator, Act.SEARCH_AS, subject=claims.user, parameters=asked):
            access = await named_filter(state.access_control, served, claims)
            page = await service.search(served, query, access)
            people = await _people(administration, served, claims)
        answer = answer_of(page, query_id=uuid4().hex)
        return SearchAsAnswer(**dict(answer), people=people)

    return router


async def _people(administration: Administration, index: ServedIndex, claims: ReaderClaims) -> dict[str, MatchOutcome]:
    """Say of each source whether it knows the person; of a public index, whose readers are nobody, none."""
    if index.access is IndexAccess.PUBLIC:
        return {}
    access_control = administration.state.access_control
    return {rule.source: (await access_control.match(claims, rule)).outcome for rule in index.identity_rules}
