"""`/admin/identities`: who is who, where names do not tell.

What is changed here is kept in the state store and obeyed by the next request of every process. Mappings of the file
(`identities.file`) are shown beside and changed in the file only.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from service.admin.administration import Administration
from service.admin.administrators import CurrentAdministrator
from service.admin.identity_desk import IdentityDesk, ListedMapping, Saying
from service.admin.key_config import Scope
from service.routes.request_parts import Name


class MappingBody(BaseModel):
    """A user of an issuer is a person of a source."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: Name = Field(description="of a `[[tokens]]` entry")
    user: Name = Field(description="as the issuer's tokens name them", examples=["a.miller@example.com"])
    source: Name
    person: Name | None = Field(description="the source's own id, letter by letter; null: no mapping, names tell")


class MappingAnswer(BaseModel):
    """A mapping, and where it comes from."""

    issuer: str
    user: str
    source: str
    person: str
    kept_in: Literal["state", "file"]
    made_by: str | None = Field(description="the administrator; null for a mapping of the file")
    made_at: datetime | None


class EffectAnswer(MappingBody):
    """What was said of a user, and what it leads to now."""

    effect: str = Field(description="`found`, or why the user is nobody in the source", examples=["found"])


class MappingsAnswer(BaseModel):
    """Every mapping."""

    mappings: list[MappingAnswer]
    file_problems: list[str] = Field(description="why the file cannot be used now; whom it mapped is nobody then")


def identities_router(administration: Administration) -> APIRouter:
    """Route questions about identity mappings, and their changes."""
    router = administration.administrators.router(Scope.IDENTITIES)
    desk = IdentityDesk(administration.settings, administration.state)

    @router.get("/identities", summary="Every identity mapping")
    async def listed() -> MappingsAnswer:
        mappings = await desk.mappings()
        return MappingsAnswer(
            mappings=[mapping_answer(each) for each in mappings.listed], file_problems=list(mappings.file_problems)
        )

    @router.put("/identities", summary="Say who a user of an issuer is in a source, or let their names tell again")
    async def put(administrator: CurrentAdministrator, body: MappingBody) -> EffectAnswer:
        effect = await desk.say(administrator, Saying(**body.model_dump()))
        return EffectAnswer(**body.model_dump(), effect=effect)

    return router


def mapping_answer(listed: ListedMapping) -> MappingAnswer:
    """Spell a mapping for programs."""
    mapping = listed.mapping
    return MappingAnswer(
        issuer=mapping.issuer,
        user=mapping.user,
        source=mapping.source,
        person=mapping.person,
        kept_in="file" if listed.is_of_file else "state",
        made_by=listed.made_by,
        made_at=listed.made_at,
    )
