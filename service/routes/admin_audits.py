"""`/admin/audits`: the sources themselves are asked who may read what, and the index is held against it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Body
from fastapi import Query as Parameter
from pydantic import BaseModel, Field

from service.admin.acts import Act
from service.admin.administration import Administration
from service.admin.administrators import CurrentAdministrator
from service.admin.audit_desk import AuditDesk
from service.admin.key_config import Scope
from service.audit.sampling import LARGEST_SEED, MAX_QUESTIONS, USUAL_QUESTIONS, Sampling
from service.explaining import named_document
from service.http.errors import problem_answer
from service.routes.admin_runs import MAX_RUNS, RunAnswer, RunNumber, RunsAnswer, run_answer
from service.routes.admin_sources import NO_SUCH_SOURCE
from service.routes.audit_answer import AuditAnswer, audit_answer
from service.routes.request_parts import Name, Part
from vocabulary.ports import SyncMode

_NO_SUCH_AUDIT = problem_answer("There is no such audit")
_START_PROBLEMS: dict[int | str, dict[str, Any]] = {
    404: NO_SUCH_SOURCE,
    409: problem_answer("The source is being audited already"),
    503: problem_answer("The log of acts cannot be written"),
}


class AuditBody(Part):
    """What to ask about."""

    source: Name = Field(examples=["onprem-private"])
    sample: Annotated[int, Field(ge=1, le=MAX_QUESTIONS, strict=True)] = Field(
        default=USUAL_QUESTIONS, description="how many questions: documents × readers"
    )
    person: Name | None = Field(default=None, description="only ask for this reader, as a token would name them")
    issuer: Name | None = Field(
        default=None,
        description="whose tokens readers have; without it the only one, or nobody's where there are several",
    )
    document: Annotated[str, Field(max_length=10_000)] | None = Field(
        default=None, description="only ask about this document: `<source>/<the source's own id>`"
    )
    seed: Annotated[int, Field(ge=0, le=LARGEST_SEED, strict=True)] | None = Field(
        default=None, description="draw what an earlier audit with this seed drew"
    )

    def as_sampling(self) -> Sampling:
        """Return what is decided, with a new seed where none was given.

        Raises:
            QueryInvalid: the document's id is not of the form `<source>/<id>`.
        """
        return Sampling(
            questions=1 if self.person is not None and self.document is not None else self.sample,
            seed=Sampling().seed if self.seed is None else self.seed,
            user=self.person,
            issuer=self.issuer,
            document=None if self.document is None else named_document(self.document),
        )


class StartedAudit(BaseModel):
    """An audit that was asked for; `seed` tells it from others of the source."""

    source: str
    seed: int


class FoundAnswer(BaseModel):
    """An audit's run, and what it found: null while it is under way, or where it did not come to its end."""

    run: RunAnswer
    audit: AuditAnswer | None


def audits_router(administration: Administration) -> APIRouter:
    """Route what starts audits, and questions about them."""
    router = administration.administrators.router(Scope.AUDIT)
    state = administration.state
    desk = AuditDesk(administration.settings, state, administration.scheduler)

    @router.post("/audits", summary="Audit a source", status_code=HTTPStatus.ACCEPTED, responses=_START_PROBLEMS)
    async def start(administrator: CurrentAdministrator, body: Annotated[AuditBody, Body()]) -> StartedAudit:
        administration.require_source(body.source)
        sampling = body.as_sampling()
        desk.require_form(body.source, sampling)
        asked = sampling.parameters | {"seed": sampling.seed}
        async with state.acts.record(administrator, Act.AUDIT, subject=body.source, parameters=asked) as act:
            await desk.start(body.source, sampling)
            act.outcome = "started"
        return StartedAudit(source=body.source, seed=sampling.seed)

    @router.get("/audits", summary="Audits, newest first")
    async def listed(
        source: Annotated[str | None, Parameter(max_length=64)] = None,
        cursor: Annotated[str | None, Parameter(pattern=r"^[0-9]{1,9}$")] = None,
        limit: Annotated[int, Parameter(ge=1, le=MAX_RUNS)] = 20,
    ) -> RunsAnswer:
        before = None if cursor is None else int(cursor)
        found = await state.runs.recent(source, mode=SyncMode.AUDIT, before=before, limit=limit + 1)
        shown = found[:limit]
        more = str(shown[-1].id) if len(found) > limit else None
        return RunsAnswer(runs=[run_answer(report) for report in shown], next_cursor=more)

    @router.get("/audits/{id}", summary="What one audit found", responses={404: _NO_SUCH_AUDIT})
    async def one(number: RunNumber) -> FoundAnswer:
        run, record = await desk.found(number)
        return FoundAnswer(run=run_answer(run), audit=None if record is None else audit_answer(record))

    return router
