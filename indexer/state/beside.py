"""Runs that touch no document: people and groups read by themselves, and audits. Inside the caller's transaction.

They hold no lease on their source, so that neither waits for a crawl nor keeps one waiting, and several may be under
way at once. Each has a lease on itself instead: only by it does history know that its process died.
"""

from __future__ import annotations

import sqlalchemy as sa

from indexer.state.leases import LEASE_S, RunInProgress, is_dead
from indexer.state.run_history import RunState
from indexer.state.tables import runs
from vocabulary.ports import SyncMode

MODES = (SyncMode.IDENTITIES, SyncMode.AUDIT)
_UNDER_WAY = runs.c.mode.in_(MODES) & (runs.c.state == RunState.RUNNING)


def lease(runner: str, *, now: float) -> dict[str, str | float]:
    """What the row of such a run says of its process; times are epoch seconds."""
    return {"runner": runner, "lease_until": now + LEASE_S}


def renew(connection: sa.Connection, run_id: int, *, now: float) -> None:
    """Keep the run from being taken for dead.

    Raises:
        RunInProgress: it was: its process slept, and history calls it interrupted.
    """
    mine = _UNDER_WAY & (runs.c.id == run_id)
    if connection.execute(sa.update(runs).where(mine).values(lease_until=now + LEASE_S)).rowcount != 1:
        raise RunInProgress(f"run {run_id} was taken for dead while its process slept")


def dead(connection: sa.Connection, *, source: str | None = None, now: float) -> sa.ColumnElement[bool]:
    """The condition that picks those whose process died, of one source or of all.

    A run of a version that kept no lease names nobody, and counts as dead.
    """
    mine = _UNDER_WAY if source is None else _UNDER_WAY & (runs.c.source == source)
    runners = connection.execute(sa.select(runs.c.runner).where(mine & runs.c.runner.is_not(None))).scalars()
    gone = [runner for runner in runners if is_dead(runner)]  # no runner has another's name, and none comes back
    return mine & (runs.c.runner.is_(None) | (runs.c.lease_until < now) | runs.c.runner.in_(gone))
