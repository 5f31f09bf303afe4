"""Documents that are held back for toxic text: `GET /admin/reviews`, one of them, and decisions about them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path
from fastapi import Query as Parameter
from pydantic import BaseModel, Field

from indexer.state.holds import Decision, Hold
from service.admin.acts import Act
from service.admin.administration import Administration
from service.admin.administrators import CurrentAdministrator
from service.admin.key_config import Scope
from service.explaining import named_document
from service.http.errors import problem_answer
from service.reviewing import Effect, HeldDocument, Reviews
from service.routes.query_answer import FacetAnswer
from service.routes.request_parts import Part
from vocabulary.documents import DocumentId

_UNKNOWN: dict[int | str, dict[str, Any]] = {404: problem_answer("Nothing holds back such a document")}
_DECIDING = _UNKNOWN | {
    409: problem_answer("The document has changed since it was looked at"),
    503: problem_answer("The log of acts cannot be written"),
}
_DocumentPath = Annotated[str, Path(alias="id", max_length=10_000, description="`SOURCE/ID`; slashes may stay")]
_ACTS = {Decision.RELEASED: Act.RELEASE, Decision.KEPT: Act.KEEP_HELD}


class HoldAnswer(BaseModel):
    """A held document, without anything of its text."""

    document_id: str
    category: str = Field(description="of the worst sentence")
    toxicity: float = Field(ge=0, le=1)
    model: str = Field(description="what scored it")
    held_since: datetime
    decision: Decision | None = Field(description="null: it waits for one")
    decided_by: str | None
    decided_at: datetime | None


class ReviewsAnswer(BaseModel):
    """Held documents of a source, in the order of their ids."""

    documents: list[HoldAnswer]
    categories: list[FacetAnswer] = Field(description="how many there are of each in all, the commonest first")
    next_cursor: str | None = Field(description="send it as cursor to read on; null: these were the last")


class HeldAnswer(HoldAnswer):
    """A held document with the sentence that it is held back for."""

    title: str
    uri: str
    text: str = Field(description="the passage of the sentence; empty: the index holds another text by now")
    start: int = Field(description="of the sentence: a range [start, end) of the text, in Unicode code points")
    end: int
    page: int | None
    seen: str = Field(description="names the text that is shown: send it along with the decision")


class DecisionBody(Part):
    """What somebody decides of a held document."""

    decision: Decision
    seen: str | None = Field(default=None, description="of the answer that was looked at; other text by now is refused")


class DecisionAnswer(BaseModel):
    """A decision, and what it has led to."""

    document_id: str
    decision: Decision
    effect: Effect


def reviews_router(administration: Administration) -> APIRouter:
    """Route questions about held documents, and decisions."""
    router = administration.administrators.router(Scope.REVIEWS)
    acts = administration.state.acts
    reviews = Reviews(administration.settings, administration.state, administration.search)

    @router.get("/reviews", summary="Documents that are held back", responses={404: problem_answer("No such source")})
    async def listed(
        source: Annotated[str, Parameter(description="the source's name")],
        decided: Annotated[bool, Parameter(description="those that somebody has decided about, too")] = False,
        category: Annotated[str | None, Parameter(max_length=1_000, description="those of this category alone")] = None,
        size: Annotated[int, Parameter(ge=1, le=1_000)] = 100,
        cursor: Annotated[str, Parameter(max_length=10_000)] = "",
    ) -> ReviewsAnswer:
        administration.require_source(source)
        undecided = not decided
        found = await reviews.listed(source, undecided=undecided, category=category, after=cursor, limit=size + 1)
        counted = await reviews.counted(source, undecided=undecided)
        return ReviewsAnswer(
            documents=[_hold(*each) for each in found[:size]],
            categories=[FacetAnswer(value=name, count=number) for name, number in counted.items()],
            next_cursor=found[size - 1][0].native_id if len(found) > size else None,
        )

    @router.get("/reviews/{id:path}", summary="One held document, with the sentence", responses=_DECIDING)
    async def shown(administrator: CurrentAdministrator, document: _DocumentPath) -> HeldAnswer:
        document_id = _known(administration, document)
        async with acts.record(administrator, Act.SHOW_REVIEW, subject=str(document_id)):
            return _held(await reviews.show(document_id))

    @router.post("/reviews/{id:path}", summary="Release a held document, or keep it hidden", responses=_DECIDING)
    async def decide(
        administrator: CurrentAdministrator, document: _DocumentPath, body: DecisionBody
    ) -> DecisionAnswer:
        document_id = _known(administration, document)
        async with acts.record(administrator, _ACTS[body.decision], subject=str(document_id)) as act:
            effect = await reviews.decide(document_id, body.decision, by=administrator.name, texts=body.seen)
            act.outcome = effect
        return DecisionAnswer(document_id=str(document_id), decision=body.decision, effect=effect)

    return router


def _known(administration: Administration, spelled: str) -> DocumentId:
    document_id = named_document(spelled)
    administration.require_source(document_id.source)
    return document_id


def _hold(document_id: DocumentId, hold: Hold) -> HoldAnswer:
    return HoldAnswer(
        document_id=str(document_id),
        category=hold.category,
        toxicity=hold.score_0_1,
        model=hold.model,
        held_since=hold.held_since,
        decision=hold.decision,
        decided_by=hold.decided_by,
        decided_at=None if hold.decided_at is None else datetime.fromtimestamp(hold.decided_at, UTC),
    )


def _held(held: HeldDocument) -> HeldAnswer:
    return HeldAnswer(
        **dict(_hold(held.document_id, held.hold)),
        title=held.title,
        uri=held.uri,
        text="" if held.passage is None else held.passage.text,
        start=held.hold.start,
        end=held.hold.end,
        page=None if held.passage is None else held.passage.page,
        seen=held.hold.texts_sha256,
    )
