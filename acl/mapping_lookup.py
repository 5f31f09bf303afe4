"""What operators say of who is who, as one: the mappings of the file and those of the state store.

Where the two name different people for one user, the user is nobody, as a name is that fits two people.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Engine

from acl.mapping import MappingKey, key_of
from acl.mapping_file import FileMappings, MappingFile
from acl.mapping_store import MappingStore
from acl.reader import ReaderClaims


@dataclass(frozen=True, slots=True)
class Mapped:
    """A user who was mapped; unless `people` holds the id of exactly one, they are nobody."""

    people: frozenset[str]
    is_unreadable: bool = False  # the file that may say who it is cannot be used now


class IdentityMappings:
    """Both kinds of mappings; `file` None: there is none."""

    def __init__(self, engine: Engine, file: MappingFile | None = None) -> None:
        self._store = MappingStore(engine)
        self._file = file

    def file_revision(self) -> int:
        """A number that changes with what the file says. Blocks for one look at the file's times."""
        return 0 if self._file is None else self._file.current().revision

    async def find(self, claims: ReaderClaims, source: str) -> Mapped | None:
        """What was said of the user in the source; None: nothing, so that their name decides."""
        key = key_of(issuer=claims.issuer, user=claims.user, source=source)
        in_file = await asyncio.to_thread(self._in_file, key)
        if in_file is not None and in_file.is_unreadable:
            return in_file
        kept = await self._store.find(key)
        people = (in_file.people if in_file is not None else frozenset()) | ({kept} if kept is not None else set())
        return Mapped(people) if people else None

    async def people(self, *, issuer: str, source: str) -> Mapping[str, frozenset[str]]:
        """Whom users of an issuer were mapped to in a source, by the users' folded names; several: the user is nobody.

        Of a file that cannot be used now, what its last usable reading said.
        """
        said = {user: {person} for user, person in (await self._store.people(issuer=issuer, source=source)).items()}
        reading = await asyncio.to_thread(self._file.current) if self._file is not None else FileMappings()
        for key, person in reading.people.items():
            if (key.issuer, key.source) == (issuer, source):
                said.setdefault(key.user_folded, set()).add(person)
        return {user: frozenset(people) for user, people in said.items()}

    def _in_file(self, key: MappingKey) -> Mapped | None:
        if self._file is None:
            return None
        reading = self._file.current()
        if _hides(reading, key):
            return Mapped(frozenset(), is_unreadable=True)
        person = reading.people.get(key)
        return None if person is None else Mapped(frozenset({person}))


def _hides(reading: FileMappings, key: MappingKey) -> bool:
    return bool(reading.problems) and (not reading.was_usable or key in reading.people)
