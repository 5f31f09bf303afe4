"""Runs: one execution of a sync, its lease, its tally and its report.

A run ends in exactly one state. One run per source is under way at a time: it holds the source's lease and renews it
by a heartbeat; a dead runner's lease expires, and the next run takes the source over where its checkpoint stands.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from indexer.tables import ledger, run_documents, runs, source_state
from vocabulary.documents import Checkpoint, DocumentId, DocumentState
from vocabulary.errors import RunAborted

LEASE_S = 60.0  # three missed heartbeats
HEARTBEAT_S = 20.0


class RunState(StrEnum):
    """How a run stands or ended."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"  # complete; every document in a state other than failed
    INCOMPLETE = "incomplete"  # complete; some documents failed
    BRAKED = "braked"  # complete; the deletion brake holds back what it would delete
    FAILED = "failed"  # ended early, see the message; the next run resumes
    INTERRUPTED = "interrupted"  # stopped or killed; the next run resumes


class RunInProgress(RunAborted):
    """Another run of the same source is alive."""


@dataclass(slots=True)
class Tally:
    """What a run counted. `check()` is the promise that nothing is lost silently."""

    scanned: int = 0  # documents met for the first time in this walk
    states: Counter[DocumentState] = field(default_factory=Counter)  # each scanned document once
    reasons: Counter[str] = field(default_factory=Counter)  # "state: reason"
    deleted: int = 0  # not met by a complete walk, or removed by the source's own word
    bytes_read: int = 0
    passages_embedded: int = 0
    passages_reused: int = 0

    def settle(self, state: DocumentState, reason: str) -> None:
        if state is DocumentState.DELETED:
            self.deleted += 1
        else:
            self.states[state] += 1
        if reason:
            self.reasons[f"{state}: {reason}"] += 1

    def check(self) -> str:
        """Say what does not add up; empty when every scanned document ended in exactly one state."""
        settled = sum(self.states.values())
        if settled == self.scanned:
            return ""
        return f"counts do not add up: {self.scanned} documents scanned, {settled} settled"

    def as_json(self) -> dict[str, Any]:
        return {
            "scanned": self.scanned,
            "states": {str(state): count for state, count in self.states.items()},
            "reasons": dict(self.reasons),
            "deleted": self.deleted,
            "bytes_read": self.bytes_read,
            "passages_embedded": self.passages_embedded,
            "passages_reused": self.passages_reused,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Tally:
        counts = {key: value for key, value in stored.items() if key not in ("states", "reasons")}
        states = Counter({DocumentState(state): count for state, count in stored.get("states", {}).items()})
        return cls(states=states, reasons=Counter(stored.get("reasons", {})), **counts)


@dataclass(frozen=True, slots=True)
class RunReport:
    """One run as history keeps it."""

    id: int
    source: str
    mode: str
    state: RunState
    resumed: bool
    started_at: datetime
    ended_at: datetime | None
    tally: Tally
    message: str

    @property
    def took_s(self) -> float | None:
        """Seconds from begin to end; None while it is under way."""
        return None if self.ended_at is None else (self.ended_at - self.started_at).total_seconds()


@dataclass(frozen=True, slots=True)
class RunDocument:
    """How one document ended in one run."""

    document_id: DocumentId
    state: DocumentState
    reason: str


@dataclass(frozen=True, slots=True)
class RunTicket:
    """A run that has begun: its number, the walk it goes on with, and where that walk stands."""

    run_id: int
    source: str
    walk: str
    checkpoint: Checkpoint | None
    runner: str


class RunStore:
    """Runs and leases in the state store."""

    def __init__(self, engine: sa.Engine, *, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._clock = clock

    async def begin(self, source: str, mode: str, *, index_id: str) -> RunTicket:
        """Take the source's lease and open a run, going on with the walk that an earlier run left unfinished.

        Where the index is not the one that the ledger's rows speak of, the rows are forgotten and the walk begins anew.

        Raises:
            RunInProgress: another run of the source is alive.
        """
        return await asyncio.to_thread(self._begin, source, mode, index_id)

    def _begin(self, source: str, mode: str, index_id: str) -> RunTicket:
        runner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        with self._engine.begin() as connection:
            standing = self._standing(connection, source)
            self._take_lease(connection, source, holder=standing.runner, runner=runner)
            self._close_dead_runs(connection, source)
            resumable = standing.walk is not None and standing.index_id == index_id
            walk = standing.walk if resumable else uuid.uuid4().hex
            if standing.index_id != index_id:
                connection.execute(sa.delete(ledger).where(ledger.c.source == source))
            position = standing.checkpoint if resumable else None
            connection.execute(
                sa.update(source_state)
                .where(source_state.c.source == source)
                .values(index_id=index_id, walk=walk, checkpoint=position)
            )
            run_id = self._open_run(connection, source, mode, resumed=resumable)
        checkpoint = Checkpoint(position) if position is not None else None
        return RunTicket(run_id=run_id, source=source, walk=walk, checkpoint=checkpoint, runner=runner)

    def _standing(self, connection: sa.Connection, source: str) -> sa.Row[Any]:
        mine = sa.select(source_state).where(source_state.c.source == source)
        standing = connection.execute(mine).first()
        if standing is None:
            connection.execute(sa.insert(source_state).values(source=source))
            standing = connection.execute(mine).one()
        return standing

    def _close_dead_runs(self, connection: sa.Connection, source: str) -> None:
        unfinished = (runs.c.source == source) & (runs.c.state == RunState.RUNNING)
        closed = {"state": RunState.INTERRUPTED, "ended_at": self._clock(), "message": "the process died"}
        connection.execute(sa.update(runs).where(unfinished).values(**closed))

    def _open_run(self, connection: sa.Connection, source: str, mode: str, *, resumed: bool) -> int:
        opened = sa.insert(runs).values(
            source=source,
            mode=mode,
            state=RunState.RUNNING,
            resumed=resumed,
            started_at=self._clock(),
            tally=Tally().as_json(),
        )
        return int(connection.execute(opened.returning(runs.c.id)).scalar_one())

    def _take_lease(self, connection: sa.Connection, source: str, *, holder: str | None, runner: str) -> None:
        """Swap the lease from the holder that was read to us: of two that try at once, one meets a changed row."""
        now = self._clock()
        free = source_state.c.runner.is_(None) | (source_state.c.lease_until < now)
        if holder is not None and _is_dead(holder):
            free = free | (source_state.c.runner == holder)
        taken = connection.execute(
            sa.update(source_state)
            .where((source_state.c.source == source) & free)
            .values(runner=runner, lease_until=now + LEASE_S)
        )
        if taken.rowcount != 1:
            raise RunInProgress(f"source {source!r} is being synced by another run ({holder})")

    async def heartbeat(self, ticket: RunTicket, tally: Tally) -> None:
        """Renew the lease and publish the tally so far.

        Raises:
            RunInProgress: the lease was lost to another run.
        """
        await asyncio.to_thread(self._heartbeat, ticket, tally.as_json())

    def _heartbeat(self, ticket: RunTicket, tally: dict[str, Any]) -> None:
        with self._engine.begin() as connection:
            renewed = connection.execute(
                sa.update(source_state)
                .where((source_state.c.source == ticket.source) & (source_state.c.runner == ticket.runner))
                .values(lease_until=self._clock() + LEASE_S)
            )
            if renewed.rowcount != 1:
                raise _lost(ticket)
            connection.execute(sa.update(runs).where(_open(ticket)).values(tally=tally))

    async def finish(self, ticket: RunTicket, state: RunState, tally: Tally, message: str) -> RunReport:
        """Close the run and give the lease back; a complete walk is over, an unfinished one stays to be resumed.

        A run that was closed already, as dead, stays as history has it: the report says how.
        """
        await asyncio.to_thread(self._finish, ticket, state, tally.as_json(), message)
        return await self.show(ticket.run_id)

    def _finish(self, ticket: RunTicket, state: RunState, tally: dict[str, Any], message: str) -> None:
        complete = state in (RunState.SUCCEEDED, RunState.INCOMPLETE, RunState.BRAKED)
        released: dict[str, Any] = {"runner": None, "lease_until": None}
        if complete:
            released |= {"walk": None, "checkpoint": None}
        mine = (source_state.c.source == ticket.source) & (source_state.c.runner == ticket.runner)
        with self._engine.begin() as connection:
            connection.execute(sa.update(source_state).where(mine).values(**released))
            connection.execute(
                sa.update(runs)
                .where(_open(ticket))
                .values(state=state, ended_at=self._clock(), tally=tally, message=message)
            )

    async def forget_walk(self, ticket: RunTicket) -> None:
        """Start the walk over next time: its position could not be resumed."""
        await asyncio.to_thread(self._forget_walk, ticket.source)

    def _forget_walk(self, source: str) -> None:
        with self._engine.begin() as connection:
            connection.execute(
                sa.update(source_state).where(source_state.c.source == source).values(walk=None, checkpoint=None)
            )

    async def recent(self, source: str | None = None, *, mode: str | None = None, limit: int = 20) -> list[RunReport]:
        """The latest runs, newest first."""
        wanted = sa.select(runs).order_by(runs.c.id.desc()).limit(limit)
        if source is not None:
            wanted = wanted.where(runs.c.source == source)
        if mode is not None:
            wanted = wanted.where(runs.c.mode == mode)
        return [_report(row) for row in await asyncio.to_thread(self._rows, wanted)]

    async def latest(self) -> dict[tuple[str, str], RunReport]:
        """The last run of each source in each mode, by source and mode."""
        newest = sa.select(sa.func.max(runs.c.id)).group_by(runs.c.source, runs.c.mode)
        wanted = sa.select(runs).where(runs.c.id.in_(newest)).order_by(runs.c.id)
        reports = [_report(row) for row in await asyncio.to_thread(self._rows, wanted)]
        return {(report.source, report.mode): report for report in reports}

    async def show(self, run_id: int) -> RunReport:
        """One run.

        Raises:
            KeyError: there is no run of that number.
        """
        found = await asyncio.to_thread(self._rows, sa.select(runs).where(runs.c.id == run_id))
        if not found:
            raise KeyError(run_id)
        return _report(found[0])

    async def documents(
        self, run_id: int, state: DocumentState | None = None, *, after: str = "", limit: int | None = None
    ) -> list[RunDocument]:
        """How the documents of a run ended, in the order of the source's ids and from behind the id `after`.

        Unchanged ones are counted, not listed.
        """
        source = (await self.show(run_id)).source
        listed = run_documents.c
        wanted = sa.select(run_documents).where(listed.run_id == run_id, listed.native_id > after)
        if state is not None:
            wanted = wanted.where(listed.state == state)
        rows = await asyncio.to_thread(self._rows, wanted.order_by(listed.native_id).limit(limit))
        return [RunDocument(DocumentId(source, row.native_id), DocumentState(row.state), row.reason) for row in rows]

    async def prune_documents(self, *, ended_before: datetime) -> int:
        """Forget how single documents ended in runs that ended before; the runs and their counts stay.

        Returns how many entries were forgotten.
        """
        return await asyncio.to_thread(self._prune_documents, ended_before.timestamp())

    def _prune_documents(self, ended_before: float) -> int:
        old = sa.select(runs.c.id).where(runs.c.ended_at < ended_before)
        with self._engine.begin() as connection:
            return connection.execute(sa.delete(run_documents).where(run_documents.c.run_id.in_(old))).rowcount

    def _rows(self, statement: sa.Select[Any]) -> list[sa.Row[Any]]:
        with self._engine.connect() as connection:
            return list(connection.execute(statement).all())


def require_lease(connection: sa.Connection, ticket: RunTicket) -> None:
    """Make sure that the run still holds its source: it may have slept, and another be at work since.

    Raises:
        RunInProgress: the lease was lost to another run.
    """
    holder = sa.select(source_state.c.runner).where(source_state.c.source == ticket.source)
    if connection.execute(holder).scalar() != ticket.runner:
        raise _lost(ticket)


def _open(ticket: RunTicket) -> sa.ColumnElement[bool]:
    """The ticket's run while it is under way: history is only added to, and what has ended never changes again."""
    return (runs.c.id == ticket.run_id) & (runs.c.state == RunState.RUNNING)


def _lost(ticket: RunTicket) -> RunInProgress:
    return RunInProgress(f"the lease on source {ticket.source!r} was lost to another run")


def _is_dead(runner: str) -> bool:
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


def _report(row: sa.Row[Any]) -> RunReport:
    ended_at = datetime.fromtimestamp(row.ended_at, UTC) if row.ended_at is not None else None
    return RunReport(
        id=row.id,
        source=row.source,
        mode=row.mode,
        state=RunState(row.state),
        resumed=row.resumed,
        started_at=datetime.fromtimestamp(row.started_at, UTC),
        ended_at=ended_at,
        tally=Tally.from_json(row.tally),
        message=row.message,
    )
