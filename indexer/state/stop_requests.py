"""Requests to stop a run in order, made in any process; the one that carries the run out sees them within seconds.

A request is about one run: whoever asks late stops no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import sqlalchemy as sa

from indexer.state.tables import stop_requests, upsert


class StopRequests:
    """The requests in the state store behind `engine`, whose tables exist."""

    def __init__(self, engine: sa.Engine, *, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._clock = clock

    async def ask(self, run_id: int) -> None:
        """Ask a run to stop at its next page. May be repeated."""
        await asyncio.to_thread(self._ask, run_id)

    async def is_asked(self, run_id: int) -> bool:
        """Whether somebody has asked the run to stop."""
        return await asyncio.to_thread(self._is_asked, run_id)

    def _ask(self, run_id: int) -> None:
        with self._engine.begin() as connection:
            asked = upsert(connection, stop_requests).values(run_id=run_id, asked_at=self._clock())
            connection.execute(asked.on_conflict_do_nothing())

    def _is_asked(self, run_id: int) -> bool:
        wanted = sa.select(stop_requests.c.run_id).where(stop_requests.c.run_id == run_id)
        with self._engine.connect() as connection:
            return connection.execute(wanted).first() is not None
