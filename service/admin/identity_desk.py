"""Who is who, said by an administrator: over the admin API and on the command line alike.

Each saying is an act, recorded before it takes effect, and ends with whom the user is taken for then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from acl import FileMappings, IdentityMapping, KeptMapping, MatchOutcome, ReaderClaims, key_of
from service.admin.acts import Act
from service.admin.administrators import Administrator
from service.settings.settings import Settings
from service.wiring import State, identity_rule
from vocabulary.errors import QueryInvalid
from vocabulary.stored_text import is_storable


@dataclass(frozen=True, slots=True)
class Saying:
    """A user of an issuer is a person of a source; without a person, their names tell."""

    issuer: str
    user: str
    source: str
    person: str | None


@dataclass(frozen=True, slots=True)
class ListedMapping:
    """A mapping as it counts now. One of the file has no maker, and its user is spelled in lower case."""

    mapping: IdentityMapping
    made_by: str | None = None
    made_at: datetime | None = None

    @property
    def is_of_file(self) -> bool:
        return self.made_by is None


@dataclass(frozen=True, slots=True)
class Mappings:
    """Every mapping; `file_problems` say why the file cannot be used now: whom it mapped is nobody then."""

    listed: tuple[ListedMapping, ...]
    file_problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IdentityDesk:
    """Lists and changes the mappings of the settings' issuers and sources."""

    settings: Settings
    state: State

    async def mappings(self) -> Mappings:
        """Those of the state store, then those of the file."""
        kept = tuple(_listed(each) for each in await self.state.mappings.list())
        if self.state.mapping_file is None:
            return Mappings(kept, ())
        reading = await asyncio.to_thread(self.state.mapping_file.current)
        return Mappings((*kept, *_of_file(reading)), reading.problems)

    async def say(self, administrator: Administrator, saying: Saying) -> MatchOutcome:
        """Keep what is said in place of what was said of the user before; return how the search for them ends now.

        Raises:
            QueryInvalid: the issuer or the source is not configured.
            ActNotRecorded: the log of acts cannot be written; nothing was changed.
        """
        self._require_known(saying)
        kind = Act.UNMAP_IDENTITY if saying.person is None else Act.MAP_IDENTITY
        about = {"issuer": saying.issuer, "source": saying.source}
        about |= {} if saying.person is None else {"person": saying.person}
        async with self.state.acts.record(administrator, kind, subject=saying.user, parameters=about) as act:
            await self._keep(saying, made_by=administrator.name)
            effect = await self._effect(saying)
            act.outcome = effect
        return effect

    def _require_known(self, saying: Saying) -> None:
        if saying.issuer not in {entry.issuer for entry in self.settings.tokens}:
            raise QueryInvalid("issuer: no [[tokens]] entry has this issuer")
        if saying.source not in self.settings.sources:
            raise QueryInvalid("source: no such source")
        if not all(map(is_storable, (saying.user, saying.person or ""))):
            raise QueryInvalid("user, person: NUL and halves of characters are in no name")

    async def _keep(self, saying: Saying, *, made_by: str) -> None:
        if saying.person is None:
            await self.state.mappings.remove(key_of(issuer=saying.issuer, user=saying.user, source=saying.source))
            return
        mapping = IdentityMapping(issuer=saying.issuer, user=saying.user, source=saying.source, person=saying.person)
        await self.state.mappings.put(mapping, made_by=made_by)

    async def _effect(self, saying: Saying) -> MatchOutcome:
        claims = ReaderClaims(user=saying.user, groups=(), issuer=saying.issuer)
        rule = identity_rule(self.settings, saying.source)
        return (await self.state.access_control.match(claims, rule)).outcome


def _listed(kept: KeptMapping) -> ListedMapping:
    return ListedMapping(kept.mapping, kept.made_by, kept.made_at)


def _of_file(reading: FileMappings) -> Iterator[ListedMapping]:
    for key, person in sorted(reading.people.items()):
        yield ListedMapping(IdentityMapping(key.issuer, key.user_folded, key.source, person))
