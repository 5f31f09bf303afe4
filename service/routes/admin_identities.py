"""`/admin/identities`: who is who, where names do not tell.

What is changed here is kept in the state store and obeyed by the next request of every process. Mappings of the file
(`identities.file`) are shown beside and changed in the file only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from acl import FileMappings, IdentityMapping, KeptMapping, ReaderClaims, key_of
from service.admin.acts import Act
from service.admin.administration import Administration
from service.admin.administrators import CurrentAdministrator
from service.admin.key_config import Scope
from service.wiring import identity_rules
from vocabulary.errors import QueryInvalid

_Name = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]


class MappingBody(BaseModel):
    """A user of an issuer is a person of a source."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: _Name = Field(description="of a `[[tokens]]` entry")
    user: _Name = Field(description="as the issuer's tokens name them", examples=["a.miller@example.com"])
    source: _Name
    person: _Name | None = Field(description="the source's own id, letter by letter; null: no mapping, names tell")


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
    state = administration.state

    @router.get("/identities", summary="Every identity mapping")
    async def listed() -> MappingsAnswer:
        kept = [_kept(each) for each in await state.mappings.list()]
        if state.mapping_file is None:
            return MappingsAnswer(mappings=kept, file_problems=[])
        reading = await asyncio.to_thread(state.mapping_file.current)
        return MappingsAnswer(mappings=[*kept, *_of_file(reading)], file_problems=list(reading.problems))

    @router.put("/identities", summary="Say who a user of an issuer is in a source, or let their names tell again")
    async def put(administrator: CurrentAdministrator, body: MappingBody) -> EffectAnswer:
        _require_known(administration, issuer=body.issuer, source=body.source)
        kind = Act.UNMAP_IDENTITY if body.person is None else Act.MAP_IDENTITY
        about = body.model_dump(exclude={"user"}, exclude_none=True)
        async with state.acts.record(administrator, kind, subject=body.user, parameters=about) as act:
            await _keep(administration, body, made_by=administrator.name)
            act.outcome = effect = await _effect(administration, body)
        return EffectAnswer(**body.model_dump(), effect=effect)

    return router


def _require_known(administration: Administration, *, issuer: str, source: str) -> None:
    if issuer not in {entry.issuer for entry in administration.settings.tokens}:
        raise QueryInvalid("issuer: no [[tokens]] entry has this issuer")
    if source not in administration.settings.sources:
        raise QueryInvalid("source: no such source")


async def _keep(administration: Administration, body: MappingBody, *, made_by: str) -> None:
    mappings = administration.state.mappings
    if body.person is None:
        await mappings.remove(key_of(issuer=body.issuer, user=body.user, source=body.source))
    else:
        mapping = IdentityMapping(issuer=body.issuer, user=body.user, source=body.source, person=body.person)
        await mappings.put(mapping, made_by=made_by)


async def _effect(administration: Administration, body: MappingBody) -> str:
    """Who the user is now in the source, in the words of the search for them."""
    settings = administration.settings
    rules = identity_rules(settings, settings.sources[body.source].index)
    [rule] = [rule for rule in rules if rule.source == body.source]
    claims = ReaderClaims(user=body.user, groups=(), issuer=body.issuer)
    return (await administration.state.access_control.match(claims, rule)).outcome


def _kept(kept: KeptMapping) -> MappingAnswer:
    mapping = kept.mapping
    return MappingAnswer(
        issuer=mapping.issuer,
        user=mapping.user,
        source=mapping.source,
        person=mapping.person,
        kept_in="state",
        made_by=kept.made_by,
        made_at=kept.made_at,
    )


def _of_file(reading: FileMappings) -> Iterator[MappingAnswer]:
    for key, person in sorted(reading.people.items()):
        yield MappingAnswer(
            issuer=key.issuer,
            user=key.user_folded,
            source=key.source,
            person=person,
            kept_in="file",
            made_by=None,
            made_at=None,
        )
