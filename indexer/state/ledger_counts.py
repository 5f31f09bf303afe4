"""What the ledger says of many documents at once: how many there are, which were not met, which are due again."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from indexer.state.tables import ledger
from vocabulary.access import HIDDEN_ACL
from vocabulary.documents import DocumentState


@dataclass(frozen=True, slots=True)
class FailedCounts:
    """Failed documents of a source: those that are tried again, and those that are not until they change."""

    waiting: int
    given_up: int


class LedgerCounts:
    """Questions to the document rows that no single document answers."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    @property
    def engine(self) -> sa.Engine:
        """The state store."""
        return self._engine

    async def due(self, source: str, now: float, *, limit: int) -> list[str]:
        """Ids of failed documents whose time to be tried again has come, the longest waiting first."""
        wanted = (
            sa.select(ledger.c.native_id)
            .where((ledger.c.source == source) & (ledger.c.retry_at <= now))
            .order_by(ledger.c.retry_at, ledger.c.native_id)
            .limit(limit)
        )
        return await asyncio.to_thread(self._scalars, wanted)

    async def count_failed(self, source: str) -> FailedCounts:
        """How many documents wait for another try, and how many were given up."""
        failed = (ledger.c.source == source) & (ledger.c.state == DocumentState.FAILED)
        counted = sa.select(sa.func.count(ledger.c.retry_at), sa.func.count()).where(failed)

        def read() -> FailedCounts:
            with self._engine.connect() as connection:
                waiting, all_failed = connection.execute(counted).one()
            return FailedCounts(waiting=int(waiting), given_up=int(all_failed) - int(waiting))

        return await asyncio.to_thread(read)

    async def count_by_state(self) -> dict[tuple[str, DocumentState], int]:
        """How many documents of each source last ended in each state. Looks at every row."""
        counted = sa.select(ledger.c.source, ledger.c.state, sa.func.count()).group_by(ledger.c.source, ledger.c.state)

        def read() -> dict[tuple[str, DocumentState], int]:
            with self._engine.connect() as connection:
                rows = connection.execute(counted).all()
            return {(source, DocumentState(state)): count for source, state, count in rows}

        return await asyncio.to_thread(read)

    def _scalars(self, statement: sa.Select[Any]) -> list[str]:
        with self._engine.connect() as connection:
            return list(connection.execute(statement).scalars())

    async def count(self, source: str) -> int:
        """How many documents of the source the index holds."""
        return await asyncio.to_thread(self._scalar, self._indexed(source))

    async def count_certain(self, source: str) -> int:
        """How many of them are not in doubt."""
        return await asyncio.to_thread(self._scalar, self._indexed(source).where(ledger.c.recipe.is_not(None)))

    async def count_unmet(self, source: str, walk: str) -> int:
        """How many of them the walk did not meet."""
        return await asyncio.to_thread(self._scalar, self._indexed(source).where(ledger.c.walk != walk))

    def _indexed(self, source: str) -> sa.Select[Any]:
        return sa.select(sa.func.count()).where((ledger.c.source == source) & ledger.c.in_index)

    def _scalar(self, statement: sa.Select[Any]) -> int:
        with self._engine.connect() as connection:
            return int(connection.execute(statement).scalar_one())

    async def unmet(self, source: str, walk: str, *, after: str = "", limit: int = 500) -> list[str]:
        """Ids of indexed documents, in order, that the full walk did not meet: out of scope if it was complete."""
        return await asyncio.to_thread(self._held_but, source, ledger.c.walk != walk, after, limit)

    async def held(self, source: str, *, after: str = "", limit: int = 500) -> list[str]:
        """Ids of all indexed documents of a source, in order."""
        return await asyncio.to_thread(self._held_but, source, sa.true(), after, limit)

    async def shown_unmet(self, source: str, met_in: str, *, after: str = "", limit: int = 500) -> list[str]:
        """Ids of indexed documents, in order, that a pass did not meet and that are not hidden from everybody."""
        shown = ledger.c.acl_id.is_distinct_from(int(HIDDEN_ACL))
        return await asyncio.to_thread(self._held_but, source, (ledger.c.met_in != met_in) & shown, after, limit)

    def _held_but(self, source: str, unmet: sa.ColumnElement[bool], after: str, limit: int) -> list[str]:
        wanted = (
            sa.select(ledger.c.native_id)
            .where((ledger.c.source == source) & unmet & ledger.c.in_index)
            .where(ledger.c.native_id > after)
            .order_by(ledger.c.native_id)
            .limit(limit)
        )
        return self._scalars(wanted)
