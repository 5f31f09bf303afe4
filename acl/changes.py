"""What is stored of access, each fact with the change that brought it: which run, and when.

In come keys (a list's id, a person, the steps of a chain of groups); out come the stored rows, each with the step of
its source's version that put it there. Facts that are older than the record of steps have no change: None.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, Select, select, tuple_

from acl.folding import fold
from acl.listed_people import person_of
from acl.reader import MatchUserBy
from acl.store import digest_of
from acl.tables import Effect, Realm, acl_changes, acl_entries, acl_lists, acl_memberships, acl_people
from vocabulary.access import Acl, AclId, Person, Principal
from vocabulary.stored_text import storable

_AT_ONCE = 500  # bound parameters: SQLite before 3.32 takes 999


@dataclass(frozen=True, slots=True)
class AccessChange:
    """One step of a source's lists or identities.

    `run` brought it (None: nobody said which), `at` it took effect here, `changed_at` the source says that the earliest
    of what it brought was changed there (None: it does not say). Times are aware, UTC.
    """

    realm: Realm
    source: str
    version: int
    run: int | None
    at: datetime
    changed_at: datetime | None


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """One entry of a list, in force or waiting, as its effect says."""

    effect: Effect
    principal: Principal
    brought_by: AccessChange | None


@dataclass(frozen=True, slots=True)
class StoredAcl:
    """A list as it is stored; `brought_by` is the last change of any of its entries.

    `digest` was written with the entries: what is not `as_written` was changed by something else than this program.
    """

    id: AclId
    source: str
    key: str
    entries: tuple[StoredEntry, ...]
    brought_by: AccessChange | None
    digest: str

    @property
    def as_written(self) -> bool:
        """Whether the entries are those that were written."""
        return self.digest == digest_of(self.meant)

    @property
    def in_force(self) -> Acl:
        """What the list does now."""
        return Acl(self.key, allow=self._named(Effect.ALLOW), deny=self._named(Effect.DENY))

    @property
    def meant(self) -> Acl:
        """What it does once all that waits is in force: the list as it was last read at the source."""
        return Acl(
            self.key,
            allow=self._named(Effect.ALLOW) | self._named(Effect.ALLOW_LATER),
            deny=self._named(Effect.DENY) - self._named(Effect.DENY_NO_LONGER),
        )

    def _named(self, effect: Effect) -> frozenset[Principal]:
        return frozenset(entry.principal for entry in self.entries if entry.effect is effect)


@dataclass(frozen=True, slots=True)
class StoredPerson:
    """A person as the source's directory last listed them."""

    person: Person
    brought_by: AccessChange | None


@dataclass(frozen=True, slots=True)
class StoredMembership:
    """`member` belongs directly to `group`."""

    member: Principal
    group: Principal
    brought_by: AccessChange | None


class AccessRecords:
    """Reads facts and their changes from the state store behind `engine`, whose tables exist."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def acl(self, source: str, acl_id: AclId) -> StoredAcl | None:
        """A list of the source; None where it has none of this id."""
        return await asyncio.to_thread(self._acl, source, acl_id)

    async def people_named(self, source: str, user: str, *, by: MatchUserBy) -> tuple[StoredPerson, ...]:
        """Everybody whose name or address is `user` as a token would give it, disabled people too, in order of ids."""
        name = acl_people.c.email_folded if by is MatchUserBy.EMAIL else acl_people.c.username_folded
        return await asyncio.to_thread(self._people, source, name == storable(fold(user))) if user else ()

    async def person(self, principal: Principal) -> StoredPerson | None:
        """The person of this principal; None where the source lists no such person."""
        found = await asyncio.to_thread(self._people, principal.scope, acl_people.c.principal == str(principal))
        return found[0] if found else None

    async def memberships(self, source: str, chain: Sequence[str]) -> tuple[StoredMembership, ...]:
        """The memberships that lead from the first of a chain to its last; one that is gone by now is missing."""
        return await asyncio.to_thread(self._memberships, source, list(pairwise(chain)))

    def _acl(self, source: str, acl_id: AclId) -> StoredAcl | None:
        with self._engine.connect() as connection:
            its_own = (acl_lists.c.source == source) & (acl_lists.c.id == acl_id)
            stored = connection.execute(select(acl_lists).where(its_own)).first()
            if stored is None:
                return None
            entries = connection.execute(
                select(acl_entries)
                .where(acl_entries.c.acl_id == acl_id)
                .order_by(acl_entries.c.effect, acl_entries.c.principal)
            ).all()
            changes = read_changes(
                connection, Realm.LISTS, source, {stored.version, *(entry.version for entry in entries)}
            )
        return StoredAcl(
            id=acl_id,
            source=source,
            key=stored.key,
            entries=tuple(
                StoredEntry(Effect(entry.effect), Principal.parse(entry.principal), changes.get(entry.version))
                for entry in entries
            ),
            brought_by=changes.get(stored.version),
            digest=stored.digest,
        )

    def _people(self, source: str, who: ColumnElement[bool]) -> tuple[StoredPerson, ...]:
        wanted = select(acl_people).where(acl_people.c.source == source, who).order_by(acl_people.c.principal)
        rows, changes = self._with_changes(source, wanted)
        return tuple(StoredPerson(person_of(row._mapping), changes.get(row.version)) for row in rows)

    def _memberships(self, source: str, steps: Sequence[tuple[str, str]]) -> tuple[StoredMembership, ...]:
        listed = acl_memberships.c
        these = tuple_(listed.member, listed.group).in_(steps)
        rows, changes = self._with_changes(source, select(acl_memberships).where(listed.source == source, these))
        found = {(row.member, row.group): changes.get(row.version) for row in rows}
        return tuple(
            StoredMembership(Principal.parse(member), Principal.parse(group), found[member, group])
            for member, group in steps
            if (member, group) in found
        )

    def _with_changes(
        self, source: str, statement: Select[Any]
    ) -> tuple[Sequence[Row[Any]], Mapping[int, AccessChange]]:
        with self._engine.connect() as connection:
            rows = connection.execute(statement).all()
            return rows, read_changes(connection, Realm.IDENTITIES, source, {row.version for row in rows})


def read_changes(
    connection: Connection, realm: Realm, source: str, versions: Iterable[int]
) -> Mapping[int, AccessChange]:
    """The recorded steps of a source to the versions; one that was never recorded is missing."""
    wanted = sorted(versions)
    found: dict[int, AccessChange] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        rows = connection.execute(
            select(acl_changes).where(
                acl_changes.c.realm == realm.value,
                acl_changes.c.source == source,
                acl_changes.c.version.in_(wanted[start : start + _AT_ONCE]),
            )
        )
        found |= {row.version: _change(row) for row in rows}
    return found


def _change(row: Row[Any]) -> AccessChange:
    changed_at = None if row.changed_at is None else datetime.fromtimestamp(row.changed_at, UTC)
    at = datetime.fromtimestamp(row.at, UTC)
    return AccessChange(Realm(row.realm), row.source, row.version, row.run, at, changed_at)
