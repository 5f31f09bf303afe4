"""The identity store: people and memberships of every source, and who a token's user is among them.

In come complete lists of a source's identities; out come persons and the principals they act as. A list replaces the
earlier one wholly or not at all, and never a newer one. A name that fits two people fits nobody.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock
from typing import Any

from pyroaring import BitMap
from sqlalchemy import Column, ColumnElement, Connection, Engine, Table, and_, bindparam, delete, insert, select

from acl.expand import GroupGraph, acting_as
from acl.folding import fold
from acl.listed_people import person_of, person_row, stricter, with_odd_names
from acl.principal_numbers import PrincipalNumbers
from acl.reader import MatchUserBy
from acl.revocations import record_revocation
from acl.tables import (
    UNCHANGED,
    Origin,
    Realm,
    Version,
    acl_memberships,
    acl_people,
    lock_version,
    read_versions,
    set_version,
)
from vocabulary.access import Identity, Membership, Person, Principal, PrincipalKind
from vocabulary.errors import RetryableError, RunAborted
from vocabulary.stored_text import storable


class MatchOutcome(StrEnum):
    """How the search for a token's user among a source's people ended."""

    FOUND = "found"
    UNKNOWN = "unknown in this source"
    AMBIGUOUS = "more than one person has this name"
    DISABLED = "disabled in this source"
    MAPPED_TO_UNKNOWN = "mapped to a person whom this source does not have"
    MAPPINGS_DISAGREE = "mapped to more than one person"
    MAPPINGS_UNREADABLE = "the file of identity mappings cannot be used"


@dataclass(frozen=True, slots=True)
class Match:
    """The one person meant, or none and why."""

    outcome: MatchOutcome
    person: Person | None = None


@dataclass(frozen=True, slots=True)
class IdentityCounts:
    """What a source's list held; `changed` when it differs from the one before.

    `odd_names` people and groups have names that no store holds as they are, such as one with NUL: they are spelled
    otherwise there (`vocabulary/stored_text.py`), and count as they are.
    """

    people: int
    memberships: int
    changed: bool
    odd_names: int = 0


@dataclass(frozen=True, slots=True)
class _Graph:
    version: Version
    groups: GroupGraph


class IdentityStore:
    """People and memberships in the state store behind `engine`, whose tables exist; principals by `numbers`."""

    def __init__(
        self, engine: Engine, numbers: PrincipalNumbers | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._engine = engine
        self._numbers = numbers or PrincipalNumbers()
        self._clock = clock  # epoch seconds
        self._graphs: dict[str, _Graph] = {}
        self._lock = Lock()

    async def replace(
        self, source: str, identities: AsyncIterator[Identity], *, confirmed: bool = False, run: int | None = None
    ) -> IdentityCounts:
        """Store a source's complete list of identities in one transaction, after the last of them arrived.

        `confirmed`: a person has looked, and an emptiness is real. `run` is the run that reads the list.

        Raises:
            RunAborted: the list names identities that are not the source's, or is empty of people or of memberships
                where the stored one is not. Nothing is changed.
            RetryableError: another list was stored since this one began: it may be older. Nothing is changed.
        """
        version = await asyncio.to_thread(self._version, source)
        people: dict[str, Person] = {}
        memberships: set[tuple[str, str]] = set()
        odd: set[Principal] = set()
        async for identity in identities:
            _require_own(source, identity)
            odd |= with_odd_names(identity)
            if isinstance(identity, Person):
                spelled = str(identity.principal)
                people[spelled] = stricter(people.get(spelled, identity), identity)
            else:
                memberships.add((str(identity.member), str(identity.group)))
        rows = {
            acl_people: {person_row(source, person) for person in people.values()},
            acl_memberships: {(source, member, group) for member, group in memberships},
        }
        changed = await asyncio.to_thread(
            self._replace, source, rows, began_at=version, confirmed=confirmed, origin=Origin(run)
        )
        return IdentityCounts(people=len(people), memberships=len(memberships), changed=changed, odd_names=len(odd))

    async def find(self, source: str, user: str, *, by: MatchUserBy) -> Match:
        """Find the one enabled person whose name or address is `user`, regardless of case.

        A disabled person counts as a second match: whoever shares a name with a leaver is not the leaver for certain.
        """
        return await asyncio.to_thread(self._find, source, user, by)

    async def find_mapped(self, source: str, person_id: str) -> Match:
        """Find the one enabled person of this id, letter by letter."""
        return await asyncio.to_thread(self._find_mapped, source, person_id)

    async def principals_of(self, person: Person) -> frozenset[str]:
        """Every principal that the person acts as in their source, in canonical spelling."""
        return self._numbers.names(await self.numbers_of(person))

    async def numbers_of(self, person: Person, *, also_in: Collection[str] = ()) -> BitMap:
        """The numbers of every principal that the person acts as in their source.

        `also_in`: groups of the source, in canonical spelling, that they belong to by another's word than the source's.
        """
        return await asyncio.to_thread(self._numbers_of, person, also_in)

    async def groups(self, source: str) -> GroupGraph:
        """Who belongs to which group of a source, as it is stored now."""
        return await asyncio.to_thread(self._graph, source)

    def _version(self, source: str) -> int:
        with self._engine.connect() as connection:
            return read_versions(connection, [source]).get((Realm.IDENTITIES, source), UNCHANGED).number

    def _replace(
        self,
        source: str,
        rows: Mapping[Table, set[tuple[Any, ...]]],
        *,
        began_at: int,
        confirmed: bool,
        origin: Origin,
    ) -> bool:
        """Store the rows of each table, and say whether they differ from the stored ones.

        They are compared before the lock is taken: with 150,000 memberships that takes a second, which nobody should
        wait for. The version proves afterwards that what was compared with is still what is stored.
        """
        with self._engine.connect() as connection:
            stored = {table: _stored_rows(connection, table, source) for table in rows}
        with self._engine.begin() as connection:
            version = lock_version(connection, realm=Realm.IDENTITIES, source=source)
            if version != began_at:
                raise RetryableError(f"identities of {source}: another list was stored while this one was read")
            for table in rows:
                if stored[table] and not rows[table] and not confirmed:
                    raise _suspicious(source, table, len(stored[table]))
                _write_difference(connection, table, stored[table], rows[table], version=version + 1)
            if stored == rows:
                return False
            at = self._clock()
            set_version(connection, version + 1, realm=Realm.IDENTITIES, source=source, origin=origin, at=at)
            if any(stored[table] - rows[table] for table in rows):
                record_revocation(
                    connection,
                    version + 1,
                    realm=Realm.IDENTITIES,
                    source=source,
                    run=origin.run,
                    changed_at=origin.changed_at,
                    at=at,
                )
            return True

    def _find(self, source: str, user: str, by: MatchUserBy) -> Match:
        if not user:
            return Match(MatchOutcome.UNKNOWN)
        name = acl_people.c.email_folded if by is MatchUserBy.EMAIL else acl_people.c.username_folded
        with self._engine.connect() as connection:
            rows = connection.execute(
                select(acl_people).where(acl_people.c.source == source, name == storable(fold(user))).limit(2)
            ).all()
        if not rows:
            return Match(MatchOutcome.UNKNOWN)
        if len(rows) > 1:
            return Match(MatchOutcome.AMBIGUOUS)
        return _match(person_of(rows[0]._mapping))

    def _find_mapped(self, source: str, person_id: str) -> Match:
        principal = str(Principal.user(source, person_id))
        with self._engine.connect() as connection:
            row = connection.execute(
                select(acl_people).where(acl_people.c.source == source, acl_people.c.principal == principal)
            ).one_or_none()
        return Match(MatchOutcome.MAPPED_TO_UNKNOWN) if row is None else _match(person_of(row._mapping))

    def _numbers_of(self, person: Person, also_in: Collection[str]) -> BitMap:
        return acting_as(person, self._graph(person.principal.scope), also_in=also_in)

    def _graph(self, source: str) -> GroupGraph:
        """The source's groups as they are stored now, read again only when they changed."""
        with self._lock, self._engine.connect() as connection:
            version = read_versions(connection, [source]).get((Realm.IDENTITIES, source), UNCHANGED)
            cached = self._graphs.get(source)
            if cached is None or cached.version != version:
                cached = self._graphs[source] = _Graph(version, self._read_groups(connection, source))
            return cached.groups

    def _read_groups(self, connection: Connection, source: str) -> GroupGraph:
        rows = connection.execute(
            select(acl_memberships.c.member, acl_memberships.c.group).where(acl_memberships.c.source == source)
        )
        return GroupGraph(((member, group) for member, group in rows), self._numbers)


def _match(person: Person) -> Match:
    return Match(MatchOutcome.FOUND, person) if person.enabled else Match(MatchOutcome.DISABLED)


def _require_own(source: str, identity: Identity) -> None:
    """Keep a source from speaking of another's people and groups, or of those whom no list may name."""
    if isinstance(identity, Membership):
        well_formed = _is_own(source, identity.group, {PrincipalKind.GROUP}) and _is_own(
            source, identity.member, {PrincipalKind.GROUP, PrincipalKind.USER}
        )
    else:
        well_formed = _is_own(source, identity.principal, {PrincipalKind.USER})
    if not well_formed:
        raise RunAborted(f"identities of {source}: the list holds an identity that is not a person or group of it")


def _is_own(source: str, principal: Principal, kinds: Collection[PrincipalKind]) -> bool:
    return principal.scope == source and principal.kind in kinds and bool(principal.id)


def _stored_rows(connection: Connection, table: Table, source: str) -> set[tuple[Any, ...]]:
    return {tuple(row) for row in connection.execute(select(*_listed_columns(table)).where(table.c.source == source))}


def _listed_columns(table: Table) -> list[Column[Any]]:
    """What a source lists, without the version that brought it."""
    return [column for column in table.columns if column.name != "version"]


def _suspicious(source: str, table: Table, stored: int) -> RunAborted:
    """A directory that is empty of a sudden looks more like a fault of it than like the wish of a person."""
    missing = "people" if table is acl_people else "members of groups"
    return RunAborted(
        f"identities of {source}: the directory lists no {missing}, {stored} are stored; nothing was changed; "
        "if they are really gone, sync with --confirm-deletes"
    )


def _write_difference(
    connection: Connection, table: Table, stored: set[tuple[Any, ...]], rows: set[tuple[Any, ...]], *, version: int
) -> None:
    """Make the stored rows of one source equal to `rows`; new ones carry the version."""
    gone, new = stored - rows, rows - stored
    key = list(table.primary_key.columns)
    if gone:
        positions = [list(table.columns).index(column) for column in key]
        connection.execute(
            delete(table).where(_equals_parameters(key)),
            [{f"old_{column.name}": row[i] for column, i in zip(key, positions, strict=True)} for row in gone],
        )
    if new:
        names = [column.name for column in _listed_columns(table)]
        connection.execute(insert(table), [dict(zip(names, row, strict=True)) | {"version": version} for row in new])


def _equals_parameters(columns: list[Any]) -> ColumnElement[bool]:
    return and_(*(column == bindparam(f"old_{column.name}") for column in columns))
