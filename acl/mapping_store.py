"""The identity mappings that were made through the service, in the state store.

A change raises the version of the source's mappings in the same transaction: every process obeys at its next request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Connection, Engine, and_, delete, select

from acl.mapping import IdentityMapping, MappingKey
from acl.revocations import record_revocation
from acl.tables import Origin, Realm, acl_mappings, lock_version, set_version, upsert
from vocabulary.stored_text import restored, storable


@dataclass(frozen=True, slots=True)
class KeptMapping:
    """A mapping, who made it and when."""

    mapping: IdentityMapping
    made_by: str
    made_at: datetime


class MappingStore:
    """Mappings in the state store behind `engine`, whose tables exist."""

    def __init__(self, engine: Engine, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._engine = engine
        self._clock = clock

    async def put(self, mapping: IdentityMapping, *, made_by: str) -> None:
        """Keep the mapping in place of an earlier one of the same user in the same source."""
        await asyncio.to_thread(self._put, KeptMapping(mapping, made_by, self._clock()))

    async def remove(self, key: MappingKey) -> bool:
        """Forget the mapping; False: there was none."""
        return await asyncio.to_thread(self._remove, key)

    async def list(self) -> tuple[KeptMapping, ...]:
        """Every mapping, ordered by source, issuer and user."""
        return await asyncio.to_thread(self._list)

    async def find(self, key: MappingKey) -> str | None:
        """The id of the person whom the user is mapped to."""
        return await asyncio.to_thread(self._find, key)

    async def people(self, *, issuer: str, source: str) -> Mapping[str, str]:
        """The ids of the people of a source whom users of an issuer are mapped to, by the users' folded names."""

        def read() -> dict[str, str]:
            columns = acl_mappings.c
            mapped = select(columns.user_folded, columns.person).where(
                columns.issuer == issuer, columns.source == source
            )
            with self._engine.connect() as connection:
                return {row.user_folded: restored(row.person) for row in connection.execute(mapped)}

        return await asyncio.to_thread(read)

    def _put(self, kept: KeptMapping) -> None:
        mapping = kept.mapping
        values = {
            "user": storable(mapping.user),
            "person": storable(mapping.person),
            "made_by": kept.made_by,
            "made_at": kept.made_at.isoformat(),
        }
        with self._engine.begin() as connection:
            version = lock_version(connection, realm=Realm.MAPPINGS, source=mapping.source)
            is_as_before = self._person(connection, mapping.key) == mapping.person
            statement = upsert(connection, acl_mappings).values(**mapping.key._asdict(), **values)
            connection.execute(
                statement.on_conflict_do_update(index_elements=list(acl_mappings.primary_key), set_=values)
            )
            if not is_as_before:
                self._announce(connection, version + 1, mapping.source)

    def _remove(self, key: MappingKey) -> bool:
        with self._engine.begin() as connection:
            version = lock_version(connection, realm=Realm.MAPPINGS, source=key.source)
            removed = connection.execute(delete(acl_mappings).where(_is(key))).rowcount > 0
            if removed:
                self._announce(connection, version + 1, key.source)
            return removed

    def _announce(self, connection: Connection, version: int, source: str) -> None:
        """Announce a change. Each takes from somebody what the user was given before, be it by their name."""
        now = self._clock()
        at, realm = now.timestamp(), Realm.MAPPINGS
        set_version(connection, version, realm=realm, source=source, origin=Origin(changed_at=now), at=at)
        record_revocation(connection, version, realm=realm, source=source, run=None, changed_at=now, at=at)

    def _list(self) -> tuple[KeptMapping, ...]:
        columns = acl_mappings.c
        with self._engine.connect() as connection:
            rows = connection.execute(
                select(acl_mappings).order_by(columns.source, columns.issuer, columns.user_folded)
            ).all()
        return tuple(
            KeptMapping(
                IdentityMapping(
                    issuer=row.issuer, user=restored(row.user), source=row.source, person=restored(row.person)
                ),
                made_by=row.made_by,
                made_at=datetime.fromisoformat(row.made_at),
            )
            for row in rows
        )

    def _find(self, key: MappingKey) -> str | None:
        with self._engine.connect() as connection:
            return self._person(connection, key)

    def _person(self, connection: Connection, key: MappingKey) -> str | None:
        person = connection.execute(select(acl_mappings.c.person).where(_is(key))).scalar_one_or_none()
        return None if person is None else restored(person)


def _is(key: MappingKey) -> ColumnElement[bool]:
    return and_(*(acl_mappings.c[name] == value for name, value in key._asdict().items()))
