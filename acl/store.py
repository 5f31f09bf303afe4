"""The ACL store: every list once, under an integer that documents carry instead of it.

In come lists as connectors read them; out come their ids. An id is positive, belongs to one key of one source for
ever, and is never given twice. A changed list keeps its id, so that a folder's new permissions write one record and
no document; other processes see the change with their next request.

A changed list takes at once and gives later. An index may still hold documents under it that have left it at the
source; whoever the list admits anew must not find them. So what it gives waits until the source is walked through.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from sqlalchemy import Connection, Engine, bindparam, func, insert, select, update

from acl.list_entries import in_force, in_pieces, narrowed, read_entries, spelled, takes, write_entries
from acl.reassignments import record_reassignments
from acl.revocations import record_revocation
from acl.tables import (
    UNCHANGED,
    Effect,
    Origin,
    Realm,
    acl_entries,
    acl_lists,
    acl_revocations,
    acl_state,
    lock_version,
    read_versions,
    set_version,
)
from vocabulary.access import Acl, AclId, Principal
from vocabulary.numbering import KnownAcl, Reassignment


@dataclass(frozen=True, slots=True)
class _Stored:
    id: AclId
    digest: str


class AclStore:
    """Gives ACLs their ids: the `AclNumbering` of the state store behind `engine`, whose tables exist."""

    def __init__(self, engine: Engine, *, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._clock = clock  # epoch seconds

    @cached_property
    def numbering(self) -> str:
        """The random name of the state. The first access blocks for one statement."""
        with self._engine.connect() as connection:
            return str(connection.execute(select(acl_state.c.numbering)).scalar_one())

    async def number(
        self,
        source: str,
        acls: Iterable[Acl],
        *,
        run: int | None = None,
        changed_at: Mapping[str, datetime] | None = None,
    ) -> Mapping[str, AclId]:
        """Store the lists and return the id of each key; of several lists with one key the last counts.

        Writes what changed and nothing else, and records that `run` brought it, and when each key's list was changed at
        the source, where that is known. What a known list gives anew waits for `grant`.
        """
        lists = {acl.key: acl for acl in acls}
        return await asyncio.to_thread(self._number, source, lists, run, changed_at or {})

    async def note_reassigned(self, source: str, documents: Sequence[Reassignment], *, run: int | None = None) -> None:
        """Record what documents were taken from whom by a write that the index has acknowledged."""

        def note() -> None:
            with self._engine.begin() as connection:
                record_reassignments(connection, source, documents, run=run, at=self._clock())

        if documents:
            await asyncio.to_thread(note)

    async def slowest_revocation_s(self, run: int) -> float | None:
        """The longest of what a run took, from its change at the source until it was in force; None: nobody knows."""
        taken = acl_revocations.c
        slowest = select(func.max(taken.in_force_at - taken.changed_at)).where(taken.run == run)

        def read() -> float | None:
            with self._engine.connect() as connection:
                seconds = connection.execute(slowest).scalar()
                return None if seconds is None else max(0.0, float(seconds))  # clocks of two machines may differ

        return await asyncio.to_thread(read)

    async def look_up(self, source: str, acls: Iterable[Acl]) -> Mapping[str, KnownAcl]:
        """Compare the lists with what is stored under their keys, and change nothing."""
        return await asyncio.to_thread(self._look_up, source, {acl.key: acl for acl in acls})

    async def keys(self, source: str, acl_ids: Collection[AclId]) -> Mapping[AclId, str]:
        """The keys of stored lists; an id that is none of the source's is missing."""

        def read() -> dict[AclId, str]:
            found: dict[AclId, str] = {}
            with self._engine.connect() as connection:
                for piece in in_pieces(list(acl_ids)):
                    its_own = (acl_lists.c.source == source) & acl_lists.c.id.in_(piece)
                    rows = connection.execute(select(acl_lists.c.id, acl_lists.c.key).where(its_own))
                    found |= {AclId(acl_id): key for acl_id, key in rows}
            return found

        return await asyncio.to_thread(read)

    async def version(self, source: str) -> int:
        """A number that grows with every change of the source's lists."""

        def read() -> int:
            with self._engine.connect() as connection:
                return read_versions(connection, [source]).get((Realm.LISTS, source), UNCHANGED).number

        return await asyncio.to_thread(read)

    async def count_changed(self, source: str, *, since: int) -> int:
        """How many lists are new, or have other entries, since the source was at that version."""
        younger = (acl_lists.c.source == source) & (acl_lists.c.version > since)

        def count() -> int:
            with self._engine.connect() as connection:
                return int(connection.execute(select(func.count()).select_from(acl_lists).where(younger)).scalar_one())

        return await asyncio.to_thread(count)

    async def grant(self, source: str, *, run: int | None = None, up_to: int | None = None) -> None:
        """Let the source's changed lists give what they give; those changed behind version `up_to` go on waiting."""
        await asyncio.to_thread(self._grant, source, Origin(run), up_to)

    async def admits_everyone(self, source: str, acl_id: AclId) -> bool:
        """Whether the list allows the source's everyone and denies nobody, or will; an unknown list does not."""
        return await asyncio.to_thread(self._admits_everyone, source, acl_id)

    def _number(
        self, source: str, lists: Mapping[str, Acl], run: int | None, changed_at: Mapping[str, datetime]
    ) -> Mapping[str, AclId]:
        with self._engine.connect() as connection:
            stored = _stored(connection, source, lists)
        changed = _changed(lists, stored)
        if changed:
            with self._engine.begin() as connection:
                stored = stored | _write(connection, source, changed, run=run, changed_at=changed_at, at=self._clock())
        return {key: stored[key].id for key in lists}

    def _look_up(self, source: str, lists: Mapping[str, Acl]) -> Mapping[str, KnownAcl]:
        with self._engine.connect() as connection:
            stored = _stored(connection, source, lists)
        changed = _changed(lists, stored)
        return {key: KnownAcl(stored[key].id if key in stored else None, key in changed) for key in lists}

    def _grant(self, source: str, origin: Origin, up_to: int | None) -> None:
        with self._engine.begin() as connection:
            version = 1 + lock_version(connection, realm=Realm.LISTS, source=source)
            if _carry_out_waiting(connection, source, version=version, up_to=up_to):
                set_version(connection, version, realm=Realm.LISTS, source=source, origin=origin, at=self._clock())

    def _admits_everyone(self, source: str, acl_id: AclId) -> bool:
        with self._engine.connect() as connection:
            its_own = (acl_lists.c.id == acl_id) & (acl_lists.c.source == source)
            if connection.execute(select(acl_lists.c.id).where(its_own)).first() is None:
                return False
            entries = read_entries(connection, [acl_id])[acl_id]
        allows = entries[Effect.ALLOW] | entries[Effect.ALLOW_LATER]
        denies = entries[Effect.DENY] - entries[Effect.DENY_NO_LONGER]
        return str(Principal.everyone(source)) in allows and not denies


def _write(
    connection: Connection,
    source: str,
    lists: Mapping[str, Acl],
    *,
    run: int | None,
    changed_at: Mapping[str, datetime],
    at: float,
) -> dict[str, _Stored]:
    """Store the lists under a new version of the source, and return what is stored of them then."""
    version = 1 + lock_version(connection, realm=Realm.LISTS, source=source)
    stored = _stored(connection, source, lists)  # again, under the lock: another process may have been faster
    changed = _changed(lists, stored)
    if not changed:
        return stored
    known = {key: acl for key, acl in changed.items() if key in stored}
    unknown = {key: acl for key, acl in changed.items() if key not in stored}
    before = read_entries(connection, [stored[key].id for key in known])
    stored |= _update(connection, {stored[key].id: acl for key, acl in known.items()}, version=version)
    stored |= _insert(connection, source, unknown, version=version)
    in_its_place = {stored[key].id: narrowed(before[stored[key].id], acl) for key, acl in known.items()}
    after = in_its_place | {stored[key].id: spelled(acl) for key, acl in unknown.items()}
    write_entries(connection, before, after, version=version)
    earliest = min((changed_at[key] for key in changed if key in changed_at), default=None)
    set_version(connection, version, realm=Realm.LISTS, source=source, origin=Origin(run, earliest), at=at)
    takers = [key for key in known if takes(before[stored[key].id], in_its_place[stored[key].id])]
    if takers:
        told = [changed_at[key] for key in takers if key in changed_at]
        first = min(told) if len(told) == len(takers) else None
        record_revocation(connection, version, realm=Realm.LISTS, source=source, run=run, changed_at=first, at=at)
    return stored


def _update(connection: Connection, lists: Mapping[AclId, Acl], *, version: int) -> dict[str, _Stored]:
    written = {acl.key: _Stored(acl_id, digest_of(acl)) for acl_id, acl in lists.items()}
    if written:
        connection.execute(
            update(acl_lists)
            .where(acl_lists.c.id == bindparam("of_id"))
            .values(digest=bindparam("new_digest"), version=version),
            [{"of_id": record.id, "new_digest": record.digest} for record in written.values()],
        )
    return written


def _insert(connection: Connection, source: str, lists: Mapping[str, Acl], *, version: int) -> dict[str, _Stored]:
    if not lists:
        return {}
    rows = [{"source": source, "key": acl.key, "digest": digest_of(acl), "version": version} for acl in lists.values()]
    inserted = connection.execute(
        insert(acl_lists).returning(acl_lists.c.key, acl_lists.c.id, acl_lists.c.digest), rows
    )
    return {key: _Stored(AclId(acl_id), digest) for key, acl_id, digest in inserted}


def _carry_out_waiting(connection: Connection, source: str, *, version: int, up_to: int | None) -> bool:
    """Put in force what waits in the source's lists, and say whether anything did."""
    waits = acl_entries.c.effect.in_([Effect.ALLOW_LATER, Effect.DENY_NO_LONGER])
    of_source = select(acl_lists.c.id).join(acl_entries).where(acl_lists.c.source == source, waits).distinct()
    if up_to is not None:
        of_source = of_source.where(acl_lists.c.version <= up_to)
    waiting = [AclId(acl_id) for (acl_id,) in connection.execute(of_source)]
    for ids in in_pieces(waiting):
        before = read_entries(connection, ids)
        after = {acl_id: in_force(each) for acl_id, each in before.items()}
        write_entries(connection, before, after, version=version)
        connection.execute(update(acl_lists).where(acl_lists.c.id.in_(ids)).values(version=version))
    return bool(waiting)


def _stored(connection: Connection, source: str, keys: Iterable[str]) -> dict[str, _Stored]:
    found: dict[str, _Stored] = {}
    for piece in in_pieces(list(keys)):
        rows = connection.execute(
            select(acl_lists.c.key, acl_lists.c.id, acl_lists.c.digest).where(
                acl_lists.c.source == source, acl_lists.c.key.in_(piece)
            )
        )
        found |= {key: _Stored(AclId(acl_id), digest) for key, acl_id, digest in rows}
    return found


def _changed(lists: Mapping[str, Acl], stored: Mapping[str, _Stored]) -> dict[str, Acl]:
    return {key: acl for key, acl in lists.items() if key not in stored or stored[key].digest != digest_of(acl)}


def digest_of(acl: Acl) -> str:
    """One spelling for one set of entries, whatever their order; JSON keeps the entries apart."""
    entries = [sorted(map(str, acl.allow)), sorted(map(str, acl.deny))]
    return hashlib.sha256(json.dumps(entries).encode()).hexdigest()
