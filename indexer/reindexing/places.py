"""Where an index is, and where the copy that follows it: one row of the state store, read before every use.

An index that was never built anew or moved has no row: it is where the settings say. Whoever changes the row locks it
first, and so does whoever notes a write while a copy follows: a switch knows of every write that was noted before it,
and every write that is noted after it goes to the new place.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, TypeVar

import sqlalchemy as sa

from indexer.state.leases import LEASE_S, is_dead
from indexer.state.tables import index_places, index_seals
from vocabulary.errors import RunAborted, SettingInvalid

T = TypeVar("T")


class CopyInProgress(RunAborted):
    """Another process copies the index."""


class PlaceUnknown(SettingInvalid):
    """The settings do not lead to where an index is kept."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an index is kept: the settings that lead there, which building of it, and what it was built with.

    No model, or None as languages: those that the settings name.
    """

    index: str
    generation: int = 1
    model: str = ""
    languages: tuple[str, ...] | None = None

    def __str__(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def parse(cls, text: str) -> Place:
        """Read what `str` spells."""
        spelled = json.loads(text)
        languages = spelled.pop("languages", None)
        return cls(**spelled, languages=None if languages is None else tuple(languages))


class Phase(StrEnum):
    """What the copy is for."""

    NONE = "none"  # there is no copy
    BUILDING = "building"  # it is being filled, and will take the index's place
    FORMER = "former"  # it had the index's place before, and can have it again


@dataclass(frozen=True, slots=True)
class Standing:
    """An index's place and its copy, at one moment."""

    index: str
    place: Place
    copy: Place | None = None
    phase: Phase = Phase.NONE
    is_switching: bool = False  # the copy is about to take the index's place: writers wait until it has
    switches: int = 0  # how often the index has changed places: it may be where it was, and another one meanwhile
    position: str = ""
    is_filled: bool = False
    copied: int = 0
    expected: int = 0
    began_at: float | None = None
    copiers: int = 0  # how many there have been: the fence of the last one's writes
    index_id: str | None = None  # which the index and its copies go by; None: nobody has moved it yet
    occupant: str | None = None  # another index that is kept, or copied to, where the settings of this one lead
    holder: str | None = field(default=None, compare=False)
    lease_until: float | None = field(default=None, compare=False)

    def is_held(self, now: float) -> bool:
        """Whether a process that copies is alive, as far as anybody can tell."""
        if self.holder is None or is_dead(self.holder):
            return False
        return self.lease_until is not None and self.lease_until >= now


class PlaceStore:
    """The places of all indexes in the state store."""

    def __init__(self, engine: sa.Engine, *, clock: Callable[[], float] = time.time) -> None:
        self.engine = engine
        self.clock = clock

    async def read(self, index: str) -> Standing:
        """How an index stands now."""
        return await asyncio.to_thread(self.read_now, index)

    def read_now(self, index: str) -> Standing:
        """How an index stands now; blocks for one statement."""
        with self.engine.connect() as connection:
            return standing_of(connection, index)

    async def read_sealed(self, index: str, index_id: str) -> tuple[Standing, frozenset[str]]:
        """How an index stands now, and the seals that runs have noted of it."""

        def read() -> tuple[Standing, frozenset[str]]:
            with self.engine.connect() as connection:
                return standing_of(connection, index), noted_seals(connection, index_id)

        return await asyncio.to_thread(read)

    async def change(self, index: str, change: Callable[[sa.Connection, Standing], T]) -> T:
        """Change how an index stands, with its row locked from the beginning."""

        def work() -> T:
            with self.engine.begin() as connection:
                return change(connection, locked(connection, index))

        return await asyncio.to_thread(work)

    async def renew(self, index: str, holder: str, **values: object) -> None:
        """Renew the copier's lease, and note how far it has come.

        Raises:
            CopyInProgress: the lease was lost to another process; the copy must not be written.
        """

        def renew(connection: sa.Connection, standing: Standing) -> None:
            require_holder(standing, holder)
            write(connection, index, lease_until=self.clock() + LEASE_S, **values)

        await self.change(index, renew)

    async def release(self, index: str, holder: str) -> None:
        """Give the copier's lease back; a switch that did not come about is over, and writers go on."""

        def release(connection: sa.Connection, standing: Standing) -> None:
            if standing.holder == holder:
                write(connection, index, holder=None, lease_until=None, is_switching=False)

        await self.change(index, release)


def standing_of(connection: sa.Connection, index: str) -> Standing:
    """Read how an index stands."""
    rows = {row.index_name: row for row in connection.execute(sa.select(index_places))}  # one for each index, at most
    row = rows.pop(index, None)
    occupant = next((name for name, other in rows.items() if index in _settings_of(other)), None)
    if row is None:
        return Standing(index, Place(index), occupant=occupant)
    return Standing(
        index,
        place=Place.parse(row.place),
        copy=None if row.copy is None else Place.parse(row.copy),
        phase=Phase(row.phase),
        is_switching=row.is_switching,
        switches=row.switches,
        position=row.position,
        is_filled=row.is_filled,
        copied=row.copied,
        expected=row.expected,
        began_at=row.began_at,
        copiers=row.copiers,
        index_id=row.index_id,
        occupant=occupant,
        holder=row.holder,
        lease_until=row.lease_until,
    )


def _settings_of(row: sa.Row[Any]) -> set[str]:
    return {Place.parse(text).index for text in (row.place, row.copy) if text is not None}


def locked(connection: sa.Connection, index: str) -> Standing:
    """Lock an index's row until the transaction ends, and read it.

    Written, not read: SQLite locks nothing for a reader, PostgreSQL no row.
    """
    connection.execute(
        sa.update(index_places).where(index_places.c.index_name == index).values(phase=index_places.c.phase)
    )
    return standing_of(connection, index)


def write(connection: sa.Connection, index: str, **values: object) -> None:
    """Change columns of an index's row, which this transaction has locked."""
    connection.execute(sa.update(index_places).where(index_places.c.index_name == index).values(**values))


def insert(connection: sa.Connection, standing: Standing) -> None:
    """Give an index its row, in place of any former one."""
    connection.execute(sa.delete(index_places).where(index_places.c.index_name == standing.index))
    row = {
        "index_name": standing.index,
        "place": str(standing.place),
        "copy": None if standing.copy is None else str(standing.copy),
        "phase": standing.phase,
        "is_switching": standing.is_switching,
        "switches": standing.switches,
        "position": standing.position,
        "is_filled": standing.is_filled,
        "copied": standing.copied,
        "expected": standing.expected,
        "began_at": standing.began_at,
        "copiers": standing.copiers,
        "index_id": standing.index_id,
        "holder": standing.holder,
        "lease_until": standing.lease_until,
    }
    connection.execute(sa.insert(index_places), row)


def require_holder(standing: Standing, holder: str) -> None:
    """Make sure that this copier still holds the lease.

    Raises:
        CopyInProgress: it was lost to another process.
    """
    if standing.holder != holder:
        raise CopyInProgress(f"index {standing.index!r} is being copied by another process ({standing.holder})")


def noted_seals(connection: sa.Connection, index_id: str) -> frozenset[str]:
    """Read the seals of which an index bears one, if it is of one time with the state store."""
    noted = sa.select(index_seals.c.seal).where(index_seals.c.index_id == index_id)
    return frozenset(connection.execute(noted).scalars())


def is_of_one_time(seal: str, noted: Collection[str]) -> bool:
    """Whether an index with this seal is of one time with the state store; one that no run has sealed yet is."""
    return seal in noted or not (noted or seal)


def switched(standing: Standing) -> Standing:
    """The index at the place of its copy, followed by what was its place."""
    assert standing.copy is not None  # noqa: S101 - a switch has somewhere to go
    return replace(
        standing,
        place=standing.copy,
        copy=standing.place,
        phase=Phase.FORMER,
        switches=standing.switches + 1,
        is_switching=False,
        is_filled=True,
        holder=None,
    )
