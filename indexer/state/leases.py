"""The lease that a run holds on its source: one runner at a time, known dead or alive."""

from __future__ import annotations

import os
import socket

import sqlalchemy as sa

from indexer.state.tables import source_state
from vocabulary.errors import RunAborted

LEASE_S = 60.0  # three missed heartbeats
HEARTBEAT_S = 20.0


class RunInProgress(RunAborted):
    """Another run of the same source is alive."""


def require_lease(connection: sa.Connection, *, source: str, runner: str) -> None:
    """Make sure that the run holds its source until the transaction ends: it may have slept, and another be at work.

    Raises:
        RunInProgress: the lease was lost to another run.
    """
    mine = (source_state.c.source == source) & (source_state.c.runner == runner)
    # Written, not read: the row is locked then, so that nobody takes the lease before what depends on it is committed.
    if connection.execute(sa.update(source_state).where(mine).values(runner=runner)).rowcount != 1:
        raise lost(source)


def lost(source: str) -> RunInProgress:
    return RunInProgress(f"the lease on source {source!r} was lost to another run")


def is_dead(runner: str) -> bool:
    """Whether the runner was a process of this machine that is no more; of other machines only the lease tells."""
    host, pid, _ = runner.rsplit(":", 2)
    if host != socket.gethostname():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
