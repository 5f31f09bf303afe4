"""What was written to an index and not yet to its copy.

A write is noted before it begins and again when it has ended. While it is under way its documents stay on the list
whatever the copier has done with them: nobody knows whether it has read them before or after the write.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from indexer.reindexing.places import PlaceStore, Standing, locked
from indexer.state.tables import followed_writes, ledger, source_state
from vocabulary.documents import DocumentId

EVERYTHING = DocumentId("", "")  # all of the index was written at once
BEFORE = "before"  # as a write: under way, perhaps, when the copy began, by a process that did not note it
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Noted:
    """A write that may begin: how the index stands, and the write's name where a copy follows."""

    standing: Standing
    write: str | None


@dataclass(frozen=True, slots=True)
class PendingWrites:
    """Documents to bring to the copy, by the number of their entry; `under_way` are those whose write has not ended."""

    documents: Mapping[int, DocumentId]
    under_way: frozenset[int]

    @property
    def ended(self) -> frozenset[int]:
        return frozenset(self.documents) - self.under_way


class FollowedWrites:
    """The lists of all indexes in the state store."""

    def __init__(self, places: PlaceStore) -> None:
        self._places = places

    async def begin(self, index: str, documents: Iterable[DocumentId]) -> Noted | None:
        """Note that these documents are about to be written; None while the index is switching to its copy."""
        return await asyncio.to_thread(self._begin, index, list(documents))

    def _begin(self, index: str, documents: list[DocumentId]) -> Noted | None:
        standing = self._places.read_now(index)
        if standing.copy is None:
            return Noted(standing, None)  # a copy that begins behind this line is noticed when the write has ended
        with self._places.engine.begin() as connection:
            standing = locked(connection, index)
            if standing.is_switching and standing.is_held(self._places.clock()):
                return None
            if standing.copy is None:
                return Noted(standing, None)
            write = uuid.uuid4().hex
            note(connection, index, documents, write=write)
        return Noted(standing, write)

    async def end(self, index: str, noted: Noted, documents: Iterable[DocumentId]) -> Standing:
        """Note that the write has ended, and say how the index stands now: elsewhere, the write has to be repeated."""
        return await asyncio.to_thread(self._end, index, noted, list(documents))

    def _end(self, index: str, noted: Noted, documents: list[DocumentId]) -> Standing:
        if noted.write is None:
            standing = self._places.read_now(index)
            if standing.copy is None:
                return standing
        with self._places.engine.begin() as connection:
            standing = locked(connection, index)
            if noted.write is not None:
                _settle(connection, index, noted.write)
            elif standing.copy is not None:
                note(connection, index, documents, write=None)
        return standing

    async def pending(self, index: str, *, limit: int = _AT_ONCE) -> PendingWrites:
        """The oldest entries whose writes have ended."""
        ended = followed_writes.c.write.is_(None)
        return await asyncio.to_thread(self._pending, index, ended, limit)

    async def all_pending(self, index: str) -> PendingWrites:
        """Every entry, those of writes under way among them."""
        return await asyncio.to_thread(self._pending, index, sa.true(), None)

    def _pending(self, index: str, which: sa.ColumnElement[bool], limit: int | None) -> PendingWrites:
        with self._places.engine.connect() as connection:
            return _read(connection, index, which, limit)

    async def count(self, index: str) -> int:
        """How many entries there are."""
        of_index = sa.select(sa.func.count()).where(followed_writes.c.index_name == index)

        def read() -> int:
            with self._places.engine.connect() as connection:
                return int(connection.execute(of_index).scalar_one())

        return await asyncio.to_thread(read)

    async def forget(self, index: str, numbers: Iterable[int]) -> None:
        """Take entries off the list whose documents the copy now holds as they are."""

        def delete() -> None:
            with self._places.engine.begin() as connection:
                remove(connection, index, numbers)

        await asyncio.to_thread(delete)


def note(connection: sa.Connection, index: str, documents: Iterable[DocumentId], *, write: str | None) -> None:
    """Put documents on the list."""
    rows = [
        {"index_name": index, "source": each.source, "native_id": each.native_id, "write": write}
        for each in dict.fromkeys(documents)
    ]
    if rows:
        connection.execute(sa.insert(followed_writes), rows)


def note_doubtful(connection: sa.Connection, index: str, index_id: str, *, limit: int) -> bool:
    """Put on the list what runs under way are not certain of; False, and nothing, where that is more than `limit`.

    A write that was under way when a copy began was not noted here, but doubted or hidden in the ledger before.
    """
    has_run = (source_state.c.index_id == index_id) & source_state.c.runner.is_not(None)
    sources = sa.select(source_state.c.source).where(has_run)
    unsure = ledger.c.recipe.is_(None) | ledger.c.description_sha256.is_(None)
    doubtful = sa.select(ledger.c.source, ledger.c.native_id).where(
        ledger.c.source.in_(sources) & ledger.c.in_index & unsure
    )
    rows = connection.execute(doubtful.limit(limit + 1)).all()
    if len(rows) > limit:
        return False
    note(connection, index, [DocumentId(row.source, row.native_id) for row in rows], write=BEFORE)
    return True


def _settle(connection: sa.Connection, index: str, write: str) -> None:
    """Mark a write as ended, and drop older entries of its documents: there is one for each, however often written."""
    mine = sa.alias(followed_writes)
    same = (mine.c.source == followed_writes.c.source) & (mine.c.native_id == followed_writes.c.native_id)
    is_newer = sa.exists().where((mine.c.index_name == index) & (mine.c.write == write) & same)
    older = (followed_writes.c.index_name == index) & followed_writes.c.write.is_(None) & is_newer
    connection.execute(sa.delete(followed_writes).where(older))
    ended = (followed_writes.c.index_name == index) & (followed_writes.c.write == write)
    connection.execute(sa.update(followed_writes).where(ended).values(write=None))


def remove(connection: sa.Connection, index: str, numbers: Iterable[int]) -> None:
    """Take entries off the list; those of writes under way stay."""
    listed = sorted(numbers)
    for start in range(0, len(listed), _AT_ONCE):
        some = followed_writes.c.number.in_(listed[start : start + _AT_ONCE])
        ended = followed_writes.c.write.is_(None) | (followed_writes.c.write == BEFORE)
        connection.execute(sa.delete(followed_writes).where((followed_writes.c.index_name == index) & some & ended))


def remove_all(connection: sa.Connection, index: str) -> None:
    """Empty the list: nothing follows the index any more."""
    connection.execute(sa.delete(followed_writes).where(followed_writes.c.index_name == index))


def still_as(connection: sa.Connection, index: str, pending: PendingWrites) -> bool:
    """Whether the list is as it was when it was read: no write has begun or ended since."""
    return _read(connection, index, sa.true(), None) == pending


def _read(connection: sa.Connection, index: str, which: sa.ColumnElement[bool], limit: int | None) -> PendingWrites:
    wanted = sa.select(followed_writes).where((followed_writes.c.index_name == index) & which)
    rows = connection.execute(wanted.order_by(followed_writes.c.number).limit(limit)).all()
    return PendingWrites(
        {row.number: DocumentId(row.source, row.native_id) for row in rows},
        frozenset(row.number for row in rows if row.write is not None),
    )
