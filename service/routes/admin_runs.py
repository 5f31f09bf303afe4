"""`GET /admin/runs`, one run, and how its documents ended: what `sightline runs` tells."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path
from fastapi import Query as Parameter
from pydantic import BaseModel, ConfigDict, Field

from indexer.state.run_history import RunReport, RunState
from service.admin.administration import Administration
from service.admin.key_config import Scope
from service.http.errors import problem_answer
from service.run_reports import report_json
from vocabulary.documents import DocumentState
from vocabulary.errors import RunUnknown
from vocabulary.ports import SyncMode

MAX_RUNS = 1_000
MAX_DOCUMENTS = 10_000
_LARGEST_NUMBER = 2**31 - 1  # of a run, as PostgreSQL counts them
_NO_SUCH_RUN = problem_answer("There is no such run")
RunNumber = Annotated[int, Path(alias="id", ge=1, le=_LARGEST_NUMBER, description="the run's number")]


class RunAnswer(BaseModel):
    """One run with its counts; more of them may be added."""

    model_config = ConfigDict(extra="allow")

    id: int
    source: str
    mode: SyncMode
    state: RunState
    resumed: bool
    started_at: datetime
    ended_at: datetime | None
    took_s: float | None
    scanned: int
    states: dict[str, int] = Field(description="documents by the state they ended in; absent: none")
    reasons: dict[str, int]
    warnings: dict[str, int]
    deleted: int
    message: str


class RunsAnswer(BaseModel):
    """Runs, newest first."""

    runs: list[RunAnswer]
    next_cursor: str | None = Field(description="send it as cursor to read on; null: these were the last")


class RunDocumentAnswer(BaseModel):
    """How one document ended in a run."""

    document_id: str
    state: DocumentState
    reason: str


class RunDocumentsAnswer(BaseModel):
    """How documents ended in a run, in the order of their ids; unchanged ones are counted and not listed."""

    documents: list[RunDocumentAnswer]
    next_cursor: str | None = Field(description="send it as cursor to read on; null: these were the last")


def runs_router(administration: Administration) -> APIRouter:
    """Route questions about runs."""
    router = administration.administrators.router(Scope.RUNS)
    runs = administration.state.runs

    @router.get("/runs", summary="Runs, newest first")
    async def listed(
        source: Annotated[str | None, Parameter(max_length=64)] = None,
        mode: SyncMode | None = None,
        cursor: Annotated[str | None, Parameter(pattern=r"^[0-9]{1,9}$")] = None,
        limit: Annotated[int, Parameter(ge=1, le=MAX_RUNS)] = 20,
    ) -> RunsAnswer:
        before = None if cursor is None else int(cursor)
        found = await runs.recent(source, mode=mode, before=before, limit=limit + 1)
        shown = found[:limit]
        more = str(shown[-1].id) if len(found) > limit else None
        return RunsAnswer(runs=[run_answer(report) for report in shown], next_cursor=more)

    @router.get("/runs/{id}", summary="One run", responses={404: _NO_SUCH_RUN})
    async def one(number: RunNumber) -> RunAnswer:
        try:
            return run_answer(await runs.show(number))
        except KeyError:
            raise RunUnknown("no such run") from None

    @router.get("/runs/{id}/documents", summary="How a run's documents ended", responses={404: _NO_SUCH_RUN})
    async def documents(
        number: RunNumber,
        state: DocumentState | None = None,
        cursor: Annotated[str, Parameter(max_length=4_000, description="the `next_cursor` of the answer before")] = "",
        limit: Annotated[int, Parameter(ge=1, le=MAX_DOCUMENTS)] = 1_000,
    ) -> RunDocumentsAnswer:
        try:
            found = await runs.documents(number, state, after=cursor, limit=limit + 1)
        except KeyError:
            raise RunUnknown("no such run") from None
        shown = found[:limit]
        return RunDocumentsAnswer(
            documents=[
                RunDocumentAnswer(document_id=str(each.document_id), state=each.state, reason=each.reason)
                for each in shown
            ],
            next_cursor=shown[-1].document_id.native_id if len(found) > limit else None,
        )

    return router


def run_answer(report: RunReport) -> RunAnswer:
    """Spell a run."""
    return RunAnswer.model_validate(report_json(report))
