"""Requests to stop a run in order, made in any process; the one that carries the run out sees them within seconds.

A request is about one run, and is taken as long as that run is open: whoever asks late stops no other, and is told so.
A run that comes to its end before it looks has nothing left to stop; what would be begun behind it looks then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import sqlalchemy as sa

from indexer.state.run_history import RunState
from indexer.state.tables import runs, stop_requests, upsert


class StopRequests:
    """The requests in the state store behind `engine`, whose tables exist."""

    def __init__(self, engine: sa.Engine, *, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._clock = clock

    async def ask(self, run_id: int) -> bool:
        """Ask a run to stop at its next page; False: it has ended. May be repeated."""
        return await asyncio.to_thread(self._ask, run_id)

    async def is_asked(self, run_id: int) -> bool:
        """Whether somebody has asked the run to stop."""
        return await asyncio.to_thread(self._is_asked, run_id)

    def _ask(self, run_id: int) -> bool:
        # The run's row is locked before the request is written: a run that ends meanwhile ends before, or behind it.
        is_open = (runs.c.id == run_id) & (runs.c.state == RunState.RUNNING)
        with self._engine.begin() as connection:
            if connection.execute(sa.update(runs).where(is_open).values(state=RunState.RUNNING)).rowcount != 1:
                return False
            asked = upsert(connection, stop_requests).values(run_id=run_id, asked_at=self._clock())
            connection.execute(asked.on_conflict_do_nothing())
        return True

    def _is_asked(self, run_id: int) -> bool:
        wanted = sa.select(stop_requests.c.run_id).where(stop_requests.c.run_id == run_id)
        with self._engine.connect() as connection:
            return connection.execute(wanted).first() is not None
