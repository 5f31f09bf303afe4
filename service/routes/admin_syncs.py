"""Starting and stopping the sync of a source: `POST` and `DELETE /admin/sources/{source}/sync`."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body
from pydantic import BaseModel, Field

from service.admin.acts import Act
from service.admin.administration import Administration
from service.admin.administrators import CurrentAdministrator
from service.admin.key_config import Scope
from service.admin.sync_desk import SyncDesk
from service.http.errors import problem_answer
from service.routes.admin_sources import NO_SUCH_SOURCE, SourceName
from service.routes.request_parts import Part
from service.scheduling.timetable import Job
from vocabulary.ports import SyncMode

_UNRECORDED = problem_answer("The log of acts cannot be written")
_START_PROBLEMS: dict[int | str, dict[str, Any]] = {
    404: NO_SUCH_SOURCE,
    409: problem_answer("The source is being synced already"),
    503: _UNRECORDED,
}
_STOP_PROBLEMS: dict[int | str, dict[str, Any]] = {
    404: NO_SUCH_SOURCE,
    409: problem_answer("No sync of the source is under way"),
    503: _UNRECORDED,
}


class StartBody(Part):
    """Which sync to start."""

    mode: Literal[SyncMode.FULL, SyncMode.CHANGES, SyncMode.PERMISSIONS, SyncMode.IDENTITIES, SyncMode.RESCORE] = (
        SyncMode.FULL
    )
    confirm_deletes: bool = Field(
        default=False, description="delete even what the deletion brake would hold back, or all people and groups"
    )


class SyncAnswer(BaseModel):
    """A sync that was asked for, or asked to stop; its run tells how it goes on."""

    source: str
    mode: SyncMode


def syncs_router(administration: Administration, desk: SyncDesk) -> APIRouter:
    """Route what starts and stops syncs."""
    router = administration.administrators.router(Scope.SYNC)
    acts = administration.state.acts

    @router.post(
        "/sources/{source}/sync",
        summary="Start a sync of a source",
        status_code=HTTPStatus.ACCEPTED,
        responses=_START_PROBLEMS,
    )
    async def start(
        administrator: CurrentAdministrator, source: SourceName, body: Annotated[StartBody | None, Body()] = None
    ) -> SyncAnswer:
        asked = body or StartBody()
        administration.require_source(source)
        desk.require_mode(source, asked.mode)
        parameters = asked.model_dump(mode="json")
        async with acts.record(administrator, Act.START_SYNC, subject=source, parameters=parameters) as act:
            await desk.start(Job(source, asked.mode, confirm_deletes=asked.confirm_deletes))
            act.outcome = "started"
        return SyncAnswer(source=source, mode=asked.mode)

    @router.delete(
        "/sources/{source}/sync",
        summary="Stop the sync of a source",
        status_code=HTTPStatus.ACCEPTED,
        responses=_STOP_PROBLEMS,
    )
    async def stop(administrator: CurrentAdministrator, source: SourceName) -> SyncAnswer:
        administration.require_source(source)
        async with acts.record(administrator, Act.STOP_SYNC, subject=source) as act:
            mode = await desk.stop(source)
            act.outcome = f"asked to stop: {mode}"
        return SyncAnswer(source=source, mode=mode)

    return router
