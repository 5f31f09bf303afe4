"""Revocations: the steps of a source's access that took something from somebody, and the first query that obeyed each.

A step leaves its row in the transaction that puts it in force: a query whose filter is built after that obeys it, in
every process. `obeyed_at` says when the first such filter was built, by whichever process; until then nobody has asked,
and nobody could have been shown too much. A list takes where it allows somebody no more or denies somebody anew. Of
identities every step counts that removes or changes a person or a membership; what is only added is taken for a gift.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, and_, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from acl.tables import Realm, acl_revocations
from vocabulary.errors import StateUnavailable

_RETRY_S = 5.0  # a state store that is away for a restart or a lock

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Revocation:
    """One step that took something. Times are aware, UTC.

    `changed_at` is when the source says that the earliest of what it took was changed; None: it does not say it of all.
    """

    realm: Realm
    source: str
    version: int
    run: int | None
    changed_at: datetime | None
    in_force_at: datetime
    obeyed_at: datetime | None


def record_revocation(
    connection: Connection,
    version: int,
    *,
    realm: Realm,
    source: str,
    run: int | None,
    changed_at: datetime | None,
    at: float,
) -> None:
    """Note that the step to this version takes something, in the transaction that makes it."""
    connection.execute(
        insert(acl_revocations).values(
            realm=realm.value,
            source=source,
            version=version,
            run=run,
            changed_at=None if changed_at is None else changed_at.timestamp(),
            in_force_at=at,
        )
    )


class RevocationRecords:
    """Reads revocations from the state store behind `engine`, whose tables exist; none of realms of newer programs."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def latest(self, source: str, *, limit: int) -> list[Revocation]:
        """The latest revocations of a source, up to `limit` of each realm, newest first.

        Of each by itself: one reorganisation moves thousands of documents, and would displace all other revocations.
        """
        columns = acl_revocations.c
        latest: list[Revocation] = []
        for realm in Realm:
            of_realm = select(acl_revocations).where(columns.realm == realm.value, columns.source == source)
            latest += await self._read(of_realm.order_by(columns.version.desc()).limit(limit))
        return sorted(latest, key=lambda one: one.in_force_at, reverse=True)

    async def of_run(self, run: int) -> list[Revocation]:
        """What a run took."""
        return await self._read(select(acl_revocations).where(acl_revocations.c.run == run))

    async def since(self, moment: datetime) -> list[Revocation]:
        """Those that are in force, or that the first query obeyed, since the moment or later."""
        columns, at = acl_revocations.c, moment.timestamp()
        return await self._read(select(acl_revocations).where((columns.in_force_at >= at) | (columns.obeyed_at >= at)))

    async def _read(self, statement: Select[Any]) -> list[Revocation]:
        known = statement.where(acl_revocations.c.realm.in_([realm.value for realm in Realm]))

        def read() -> list[Revocation]:
            with self._engine.connect() as connection:
                return [_revocation(row) for row in connection.execute(known)]

        return await asyncio.to_thread(read)


class FirstUses:
    """Notes under which versions this process has built filters, and records what nobody has obeyed before.

    Noting is for every query, and touches nothing but memory; recording writes, and no query waits for it.
    """

    def __init__(self, engine: Engine, *, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._clock = clock  # epoch seconds
        self._noted: dict[tuple[Realm, str], int] = {}
        self._recorded: dict[tuple[Realm, str], int] = {}
        self._waiting: dict[tuple[Realm, str, int], float] = {}
        self._something_waits = asyncio.Event()

    def note(self, versions: Mapping[tuple[Realm, str], int]) -> None:
        """Note that a filter was built under these versions."""
        for (realm, source), version in versions.items():
            if version > self._noted.get((realm, source), 0):
                self._noted[realm, source] = version
                self._waiting[realm, source, version] = self._clock()
                self._something_waits.set()

    @asynccontextmanager
    async def recording(self) -> AsyncIterator[None]:
        """Record what is noted until the context ends, and then what is left."""
        recording = asyncio.create_task(self._record_forever())
        try:
            yield
        finally:
            recording.cancel()
            await asyncio.wait({recording})
            await self.record()

    async def record(self) -> bool:
        """Record what has been noted; False where the state store does not take it now: it goes on waiting."""
        waiting = dict(self._waiting)
        try:
            await asyncio.to_thread(self._write, waiting)
        except (SQLAlchemyError, StateUnavailable) as error:
            _log.warning("first uses of versions are recorded later: %s", type(error).__name__)
            return False
        for realm, source, version in waiting:
            del self._waiting[realm, source, version]
            self._recorded[realm, source] = max(version, self._recorded.get((realm, source), 0))
        return True

    async def _record_forever(self) -> None:
        while True:
            await self._something_waits.wait()
            self._something_waits.clear()
            if not await self.record():
                await asyncio.sleep(_RETRY_S)
                self._something_waits.set()

    def _write(self, waiting: Mapping[tuple[Realm, str, int], float]) -> None:
        """Set the time where no process has: of two at once, the second finds the row with its time."""
        if not waiting:
            return
        columns = acl_revocations.c
        with self._engine.begin() as connection:
            for (realm, source, version), at in sorted(waiting.items()):
                unobeyed = and_(
                    columns.realm == realm.value,
                    columns.source == source,
                    columns.version > self._recorded.get((realm, source), 0),
                    columns.version <= version,
                    columns.obeyed_at.is_(None),
                )
                connection.execute(update(acl_revocations).where(unobeyed).values(obeyed_at=at))


def _revocation(row: Row[Any]) -> Revocation:
    return Revocation(
        realm=Realm(row.realm),
        source=row.source,
        version=row.version,
        run=row.run,
        changed_at=None if row.changed_at is None else datetime.fromtimestamp(row.changed_at, UTC),
        in_force_at=datetime.fromtimestamp(row.in_force_at, UTC),
        obeyed_at=None if row.obeyed_at is None else datetime.fromtimestamp(row.obeyed_at, UTC),
    )
