"""`GET /admin/acts`: what administrators did, newest first."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi import Query as Parameter
from pydantic import BaseModel, Field

from service.admin.acts import Act, RecordedAct
from service.admin.administration import Administration
from service.admin.key_config import Scope

MAX_ACTS = 1_000
_Cursor = Annotated[
    str | None, Parameter(pattern=r"^[0-9]{1,18}$", description="the `next_cursor` of the answer before")
]


class ActAnswer(BaseModel):
    """One act."""

    number: int
    at: datetime
    administrator: str = Field(description="the key's name, or `command line (USER)`", examples=["support"])
    act: str = Field(examples=["search-as"])
    subject: str = Field(description="whom or what it is about", examples=["ann@example.com"])
    parameters: dict[str, Any]
    outcome: str | None = Field(description="how it ended; null: it goes on, or its process died", examples=["done"])
    ended_at: datetime | None


class ActsAnswer(BaseModel):
    """Acts, newest first."""

    acts: list[ActAnswer]
    next_cursor: str | None = Field(description="send it as cursor to read on; null: these were the last")


def act_answer(act: RecordedAct) -> ActAnswer:
    """Show one act."""
    return ActAnswer(
        number=act.number,
        at=act.at,
        administrator=act.administrator,
        act=act.act,
        subject=act.subject,
        parameters=dict(act.parameters),
        outcome=act.outcome,
        ended_at=act.ended_at,
    )


def acts_router(administration: Administration) -> APIRouter:
    """Route questions about the log of acts."""
    router = administration.administrators.router(Scope.ACTS)
    acts = administration.state.acts

    @router.get("/acts", summary="What administrators did, newest first")
    async def listed(
        cursor: _Cursor = None,
        since: Annotated[datetime | None, Parameter(description="only acts from then on; UTC without a zone")] = None,
        administrator: Annotated[str | None, Parameter(max_length=200)] = None,
        act: Act | None = None,
        limit: Annotated[int, Parameter(ge=1, le=MAX_ACTS)] = 100,
    ) -> ActsAnswer:
        found = await acts.listed(
            before=None if cursor is None else int(cursor),
            since=None if since is None else since if since.tzinfo else since.replace(tzinfo=UTC),
            administrator=administrator,
            act=act,
            limit=limit + 1,
        )
        shown = found[:limit]
        more = str(shown[-1].number) if len(found) > limit else None
        return ActsAnswer(acts=[act_answer(each) for each in shown], next_cursor=more)

    return router
