"""How long revocations took: from the change at the source until it was in force here, and until a query obeyed it.

Where the source tells when something was changed (a lane), the time is that of the change. Elsewhere nobody knows, and
what is told is the most that it can have been: the change was made after the last complete reading had begun, or that
reading would have brought it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from acl import Realm, Revocation, RevocationRecords
from indexer.state.runs import RunStore
from vocabulary.ports import SyncMode

# People are read at the begin of every run, lists, and what is under them, by modes that walk through the whole scope.
_READ_PEOPLE = (SyncMode.FULL, SyncMode.CHANGES, SyncMode.PERMISSIONS, SyncMode.IDENTITIES)
_READ_LISTS = (SyncMode.FULL, SyncMode.PERMISSIONS)
_READINGS = {Realm.LISTS: _READ_LISTS, Realm.DOCUMENTS: _READ_LISTS, Realm.IDENTITIES: _READ_PEOPLE}


class Since(StrEnum):
    """From when on a revocation's time is taken."""

    CHANGE = "change"  # as the source tells it: exact
    PREVIOUS_READING = "previous-reading"  # the begin of the last complete one: at most


@dataclass(frozen=True, slots=True)
class TimedRevocation:
    """A revocation and how long it took, in seconds; `obeyed_s` is None while nobody has asked since.

    From `in_force_s` on no query could be answered otherwise: what lies between the two is the wait for a question.
    """

    revocation: Revocation
    since: Since
    in_force_s: float
    obeyed_s: float | None


class RevocationTimes:
    """Times the revocations that the state store knows. One whose begin nothing bounds is left out."""

    def __init__(self, records: RevocationRecords, runs: RunStore) -> None:
        self._records = records
        self._runs = runs

    async def latest(self, source: str, *, limit: int) -> list[TimedRevocation]:
        """Of the latest revocations of a source, up to `limit` of each realm, newest first."""
        return await self._timed(await self._records.latest(source, limit=limit))

    async def of_run(self, run: int) -> list[TimedRevocation]:
        """Of what a run took."""
        return await self._timed(await self._records.of_run(run))

    async def since(self, moment: datetime) -> list[TimedRevocation]:
        """Of those that are in force, or that the first query obeyed, since the moment or later."""
        return await self._timed(await self._records.since(moment))

    async def _timed(self, revocations: Iterable[Revocation]) -> list[TimedRevocation]:
        begun: dict[tuple[Realm, str, int | None], datetime | None] = {}  # many steps are of one run
        timed = []
        for one in revocations:
            key = one.realm, one.source, one.run
            if one.changed_at is None and key not in begun:
                begun[key] = await self._previous_reading(one)
            began_at = one.changed_at or begun[key]
            if began_at is not None:
                timed.append(_timed(one, began_at))
        return timed

    async def _previous_reading(self, revocation: Revocation) -> datetime | None:
        if revocation.run is None:
            return None
        modes = _READINGS[revocation.realm]
        begun_at = await self._runs.last_begin(revocation.source, modes, before=revocation.run)
        return None if begun_at is None else datetime.fromtimestamp(begun_at, UTC)


def _timed(revocation: Revocation, began_at: datetime) -> TimedRevocation:
    def seconds(until: datetime) -> float:
        return max(0.0, (until - began_at).total_seconds())  # clocks of two machines may differ

    return TimedRevocation(
        revocation,
        Since.PREVIOUS_READING if revocation.changed_at is None else Since.CHANGE,
        in_force_s=seconds(revocation.in_force_at),
        obeyed_s=None if revocation.obeyed_at is None else seconds(revocation.obeyed_at),
    )
