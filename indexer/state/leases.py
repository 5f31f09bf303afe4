"""The lease that a run holds on its source: one runner at a time, known dead or alive."""

from __future__ import annotations

import os
import socket
import uuid

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


def lock_sources(connection: sa.Connection, index_id: str) -> list[str]:
    """Lock the rows of the sources of an index until the transaction ends, and name them.

    Runs lock their source before anything else that they write, so whoever writes ledger rows or leases of several
    sources locks them first, too, and in their order: two that lock the same in different orders wait for ever.
    """
    of_index = sa.select(source_state.c.source).where(source_state.c.index_id == index_id)
    return list(connection.execute(of_index.order_by(source_state.c.source).with_for_update()).scalars())


def lost(source: str) -> RunInProgress:
    return RunInProgress(f"the lease on source {source!r} was lost to another run")


def new_runner() -> str:
    """A name for who carries out a run, which tells on its machine whether the process is still there."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


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
