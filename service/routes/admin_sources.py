"""`GET /admin/sources` and one of them: how sources stand, as `sightline status` tells it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel

from service.admin.administration import Administration
from service.admin.key_config import Scope
from service.http.errors import problem_answer
from service.standing import SourceStanding, all_standings, standing_of

SourceName = Annotated[str, Path(description="the source's name", examples=["onprem-private"])]
NO_SUCH_SOURCE = problem_answer("There is no such source")


class SourcesAnswer(BaseModel):
    """Every source of the settings."""

    sources: list[SourceStanding]


def sources_router(administration: Administration) -> APIRouter:
    """Route questions about sources."""
    router = administration.administrators.router(Scope.SOURCES)
    settings, state = administration.settings, administration.state

    @router.get("/sources", summary="How every source stands")
    async def listed() -> SourcesAnswer:
        return SourcesAnswer(sources=await all_standings(settings, state, now=datetime.now(UTC)))

    @router.get("/sources/{source}", summary="How one source stands", responses={404: NO_SUCH_SOURCE})
    async def one(source: SourceName) -> SourceStanding:
        administration.require_source(source)
        return await standing_of(settings, state, source, now=datetime.now(UTC))

    return router
