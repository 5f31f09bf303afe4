"""Documents that are held back for review, why, and what people decided of them.

A row is written before the index could show the document, and is taken away only after the index shows it. A decision
is about certain texts: when they change, it is gone. What stands here names sentences by their places, and quotes none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from indexer.state.leases import require_lease
from indexer.state.runs import RunTicket
from indexer.state.tables import holds, upsert

_LOOKED_UP_AT_ONCE = 500  # as the ledger


class Decision(StrEnum):
    """What a person decided of a held document."""

    RELEASED = "released"  # it is shown to its readers, until its text changes
    KEPT = "kept"  # it stays hidden, until its text changes


@dataclass(frozen=True, slots=True)
class Hold:
    """A document that a source's rule holds back, or held back before somebody released it.

    `texts_sha256` is of the texts that were judged, `model` what scored them; the sentence is at the characters
    [start, end) of the passage `ordinal`. `is_hidden` says whether the index hides the document for it.
    """

    native_id: str
    texts_sha256: str
    model: str
    category: str
    score_0_1: float
    ordinal: int
    start: int
    end: int
    held_at: float  # epoch seconds
    is_hidden: bool = True
    decision: Decision | None = None
    decided_by: str | None = None
    decided_at: float | None = None

    @property
    def held_since(self) -> datetime:
        return datetime.fromtimestamp(self.held_at, UTC)

    def is_decided(self, decision: Decision, texts_sha256: str) -> bool:
        """Whether somebody decided so of these very texts."""
        return self.decision is decision and self.texts_sha256 == texts_sha256


class HoldStore:
    """The held documents of all sources, in the state store."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    async def look_up(self, source: str, native_ids: Collection[str]) -> Mapping[str, Hold]:
        """The rows of those of the documents that are, or were, held back."""

        def read() -> dict[str, Hold]:
            found: dict[str, Hold] = {}
            ids = sorted(native_ids)
            with self._engine.connect() as connection:
                for start in range(0, len(ids), _LOOKED_UP_AT_ONCE):
                    some = holds.c.native_id.in_(ids[start : start + _LOOKED_UP_AT_ONCE])
                    rows = connection.execute(sa.select(holds).where((holds.c.source == source) & some))
                    found |= {row.native_id: _hold(row) for row in rows}
            return found

        return await asyncio.to_thread(read)

    async def put(self, ticket: RunTicket, held: Sequence[Hold]) -> None:
        """Note that these documents are held back, whatever was noted of them before.

        Raises:
            RunInProgress: the lease was lost to another run; the index must not be written.
        """
        if held:
            rows = [_row(ticket.source, hold) for hold in held]
            await asyncio.to_thread(self._write, ticket, lambda connection: _put(connection, rows))

    async def forget(self, ticket: RunTicket, native_ids: Collection[str]) -> None:
        """Note that nothing holds these documents back any more, now that the index shows them, or has them no more.

        Raises:
            RunInProgress: the lease was lost to another run.
        """
        if native_ids:
            which = sa.delete(holds).where(_of(ticket.source, native_ids))
            await asyncio.to_thread(self._write, ticket, lambda connection: connection.execute(which))

    async def note_shown(self, ticket: RunTicket, native_ids: Collection[str]) -> None:
        """Note that the index shows these documents, which were released when it was told to.

        Raises:
            RunInProgress: the lease was lost to another run.
        """
        if native_ids:
            shown = sa.update(holds).where(_of(ticket.source, native_ids)).values(is_hidden=False)
            await asyncio.to_thread(self._write, ticket, lambda connection: connection.execute(shown))

    def _write(self, ticket: RunTicket, work: Any) -> None:
        with self._engine.begin() as connection:
            require_lease(connection, source=ticket.source, runner=ticket.runner)
            work(connection)

    async def decide(self, source: str, reviewed: Hold, decision: Decision, *, by: str, at: float) -> bool:
        """Note what somebody decided of a document as they saw it; False: it is held back for other texts by now."""
        decided: dict[str, Any] = {"decision": decision, "decided_by": by, "decided_at": at}
        if decision is Decision.RELEASED:
            decided["is_hidden"] = True  # until a run has shown it
        seen = _of(source, [reviewed.native_id]) & (holds.c.texts_sha256 == reviewed.texts_sha256)

        def write() -> bool:
            with self._engine.begin() as connection:
                return connection.execute(sa.update(holds).where(seen).values(decided)).rowcount == 1

        return await asyncio.to_thread(write)

    async def decided_otherwise(self, source: str, *, after: str = "", limit: int) -> list[str]:
        """Ids of documents, in order, that somebody released and the index still hides, or keeps and it still shows."""
        is_other = sa.case((holds.c.decision == Decision.RELEASED, holds.c.is_hidden), else_=~holds.c.is_hidden)
        waiting = holds.c.decision.is_not(None) & is_other & (holds.c.native_id > after)
        wanted = sa.select(holds.c.native_id).where((holds.c.source == source) & waiting)
        rows = await asyncio.to_thread(self._rows, wanted.order_by(holds.c.native_id).limit(limit))
        return [row.native_id for row in rows]

    async def listed(
        self, source: str, *, undecided: bool, category: str | None = None, after: str = "", limit: int
    ) -> list[Hold]:
        """Held documents, of one category or of any, in the order of their ids.

        `undecided`: those alone that wait for a decision.
        """
        which = _reviewable(source, undecided=undecided) & (holds.c.native_id > after)
        if category is not None:
            which = which & (holds.c.category == category)
        wanted = sa.select(holds).where(which).order_by(holds.c.native_id).limit(limit)
        return [_hold(row) for row in await asyncio.to_thread(self._rows, wanted)]

    async def count_by_category(self, source: str, *, undecided: bool) -> Mapping[str, int]:
        """How many documents are held back for each category, the commonest first; `undecided` as in `listed`."""
        number = sa.func.count().label("number")
        counted = sa.select(holds.c.category, number).where(_reviewable(source, undecided=undecided))
        commonest_first = counted.group_by(holds.c.category).order_by(number.desc(), holds.c.category)
        rows = await asyncio.to_thread(self._rows, commonest_first)
        return {row.category: int(row.number) for row in rows}

    async def count_undecided(self, source: str) -> int:
        """How many documents wait for a decision."""
        return sum((await self.count_by_category(source, undecided=True)).values())

    def _rows(self, wanted: sa.Select[Any]) -> list[sa.Row[Any]]:
        with self._engine.connect() as connection:
            return list(connection.execute(wanted).all())


def _reviewable(source: str, *, undecided: bool) -> sa.ColumnElement[bool]:
    of_source = holds.c.source == source
    return of_source & holds.c.decision.is_(None) if undecided else of_source


def _of(source: str, native_ids: Collection[str]) -> sa.ColumnElement[bool]:
    return (holds.c.source == source) & holds.c.native_id.in_(native_ids)


def _put(connection: sa.Connection, rows: list[dict[str, Any]]) -> None:
    statement = upsert(connection, holds)
    decided = ("decision", "decided_by", "decided_at")  # of these very texts, meanwhile: that stands
    is_same = holds.c.texts_sha256 == statement.excluded.texts_sha256
    updated: dict[str, Any] = {
        column.name: statement.excluded[column.name] for column in holds.columns if not column.primary_key
    }
    updated |= {name: sa.case((is_same, holds.c[name]), else_=statement.excluded[name]) for name in decided}
    connection.execute(statement.on_conflict_do_update(index_elements=["source", "native_id"], set_=updated), rows)


def _row(source: str, hold: Hold) -> dict[str, Any]:
    return asdict(hold) | {"source": source}


def _hold(row: sa.Row[Any]) -> Hold:
    values = dict(row._mapping)
    values.pop("source")
    values["decision"] = None if values["decision"] is None else Decision(values["decision"])
    return Hold(**values)
