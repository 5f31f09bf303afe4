"""Runs: one execution of a sync, its lease, its tally and its report.

A run ends in exactly one state. One run per source is under way at a time: it holds the source's lease and renews it
by a heartbeat; a dead runner's lease expires, and the next run takes the source over where its checkpoint stands.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from indexer.state import beside, positions, tables
from indexer.state.leases import LEASE_S, RunInProgress, is_dead, lost, new_runner, require_lease
from indexer.state.run_history import COMPLETE, RunHistory, RunReport, RunState
from indexer.state.run_log import log_began, log_ended
from indexer.state.stop_requests import StopRequests
from indexer.state.tables import runs, source_state, upsert
from indexer.state.tally import Tally
from vocabulary.documents import Checkpoint
from vocabulary.errors import StateUnavailable
from vocabulary.ports import SyncMode


@dataclass(frozen=True, slots=True)
class RunTicket:
    """A run that has begun: its number, the pass over the source that it goes on with, and where that pass stands.

    `walk` names the pass. `full_walk` is the full walk that counts what this run meets as met: its own in a full sync,
    an unfinished one in a changes sync, none in a permissions sync, which brings no document up to date. `fence` is a
    number that every lease on the source has raised: an index lets no earlier lease write over a later one.
    """

    run_id: int
    source: str
    mode: SyncMode
    walk: str
    full_walk: str | None
    checkpoint: Checkpoint | None
    runner: str
    fence: int

    def has_met(self, *, walk: str, met_in: str) -> bool:
        """Whether a ledger row with these marks was brought up to date by this pass."""
        return walk == self.walk if self.mode is SyncMode.FULL else met_in == self.walk


class RunStore(RunHistory):
    """Runs and leases in the state store."""

    def __init__(self, engine: sa.Engine, *, clock: Callable[[], float] = time.time) -> None:
        super().__init__(engine)
        self._clock = clock
        self._unrecorded: dict[int, Callable[[], None]] = {}  # how runs ended, which the state store did not take
        self.stop_requests = StopRequests(engine, clock=clock)

    async def begin(self, source: str, mode: SyncMode, *, index_id: str) -> RunTicket:
        """Take the source's lease and open a run, going on with the pass that the mode's last run left unfinished.

        Where the index is not the one that the ledger's rows speak of, rows and positions are forgotten.

        Raises:
            RunInProgress: another run of the source is alive.
        """
        ticket = await asyncio.to_thread(self._begin, source, mode, index_id)
        log_began(source, mode, ticket.run_id, resumed=ticket.checkpoint is not None)
        return ticket

    def _begin(self, source: str, mode: SyncMode, index_id: str) -> RunTicket:
        runner = new_runner()
        with self._engine.begin() as connection:
            standing = self._standing(connection, source)
            fence = self._take_lease(connection, source, holder=standing.runner, runner=runner)
            self._close_dead_runs(connection, source)
            if standing.index_id != index_id:
                positions.forget_source(connection, source, index_id=index_id)
            position, resumed = positions.take(connection, source, mode)
            full = positions.unfinished_full_walk(connection, source)
            run_id = self._open_run(connection, source, mode, resumed=resumed)
        return RunTicket(
            run_id=run_id,
            source=source,
            mode=mode,
            walk=position.walk,
            full_walk=None if mode is SyncMode.PERMISSIONS else full,
            checkpoint=Checkpoint(position.checkpoint) if position.checkpoint is not None else None,
            runner=runner,
            fence=fence,
        )

    async def changes_position(self, source: str, *, index_id: str) -> Checkpoint | None:
        """Where changes are to be read from; None until a full sync has been completed into this index."""
        place = (
            sa.select(tables.positions.c.checkpoint)
            .join(source_state, source_state.c.source == tables.positions.c.source)
            .where(positions.of(source, SyncMode.CHANGES) & (source_state.c.index_id == index_id))
        )
        found = await asyncio.to_thread(self._rows, place)
        return Checkpoint(found[0].checkpoint) if found else None

    async def note_mark(self, ticket: RunTicket, mark: Checkpoint) -> None:
        """Remember where changes are to be read from once this full walk is complete."""

        def note() -> None:
            with self._engine.begin() as connection:
                require_lease(connection, source=ticket.source, runner=ticket.runner)
                place = positions.of(ticket.source, ticket.mode)
                connection.execute(sa.update(tables.positions).where(place).values(mark=mark.position))

        await asyncio.to_thread(note)

    def _standing(self, connection: sa.Connection, source: str) -> sa.Row[Any]:
        mine = sa.select(source_state).where(source_state.c.source == source)
        standing = connection.execute(mine).first()
        if standing is None:  # of two that begin the first run of a source at once, both come here
            connection.execute(upsert(connection, source_state).values(source=source).on_conflict_do_nothing())
            standing = connection.execute(mine).one()
        return standing

    async def close_dead(self) -> None:
        """Call those runs interrupted whose process died: nobody holds their source's lease, or their own, any more.

        The next run of a source does the same; where none comes, history would call them running for ever.
        """
        await asyncio.to_thread(self._close_dead)

    def _close_dead(self) -> None:
        with self._engine.begin() as connection:
            in_order = sa.select(source_state).order_by(source_state.c.source).with_for_update()
            connection.execute(in_order).all()
            # And written before it is read: SQLite locks nothing for a look, and who comes between begins a run.
            connection.execute(sa.update(source_state).values(source=source_state.c.source))
            for one in connection.execute(sa.select(source_state)).all():
                if one.runner is None or one.lease_until < self._clock() or is_dead(one.runner):
                    mine = source_state.c.source == one.source  # whoever only slept must not go on as what is closed
                    connection.execute(sa.update(source_state).where(mine).values(runner=None, lease_until=None))
                    self._close_dead_runs(connection, one.source)
            self._close(connection, beside.dead(connection, now=self._clock()))

    async def record_endings(self) -> bool:
        """Record how runs of this program ended that the state store did not take then; False: nor does it now."""
        try:
            for run_id, record in list(self._unrecorded.items()):
                await asyncio.to_thread(record)
                self._unrecorded.pop(run_id, None)
        except StateUnavailable:
            return False
        return True

    async def _record_ending(
        self, run_id: int, record: Callable[[], None], *, late: Callable[[], None] | None = None
    ) -> None:
        """Record how a run ended, now or when `record_endings` is called.

        Raises:
            StateUnavailable: the state store does not take it now.
        """
        self._unrecorded[run_id] = late or record
        await asyncio.to_thread(record)
        self._unrecorded.pop(run_id, None)

    def _close_dead_runs(self, connection: sa.Connection, source: str) -> None:
        """Close every run of the source's documents, whose lease nobody holds, and of the others those that died."""
        self._close(connection, (runs.c.source == source) & runs.c.mode.not_in(beside.MODES))
        self._close(connection, beside.dead(connection, source=source, now=self._clock()))

    def _close(self, connection: sa.Connection, whose: sa.ColumnElement[bool]) -> None:
        closed = {"state": RunState.INTERRUPTED, "ended_at": self._clock(), "message": "the process died"}
        connection.execute(sa.update(runs).where(whose & (runs.c.state == RunState.RUNNING)).values(**closed))

    def _open_run(
        self, connection: sa.Connection, source: str, mode: SyncMode, *, resumed: bool, **more: str | float
    ) -> int:
        opened = sa.insert(runs).values(
            source=source,
            mode=mode,
            state=RunState.RUNNING,
            resumed=resumed,
            started_at=self._clock(),
            tally=Tally().as_json(),
            **more,
        )
        return int(connection.execute(opened.returning(runs.c.id)).scalar_one())

    def _take_lease(self, connection: sa.Connection, source: str, *, holder: str | None, runner: str) -> int:
        """Swap the lease from the holder that was read to us: of two that try at once, one meets a changed row.

        Returns its fence: the time in milliseconds, so that it also grows where the state store was put back from a
        backup, or one more than the last where a clock is behind.
        """
        now = self._clock()
        moment_ms = int(now * 1000)
        fence = sa.case((source_state.c.fence >= moment_ms, source_state.c.fence + 1), else_=moment_ms)
        free = source_state.c.runner.is_(None) | (source_state.c.lease_until < now)
        if holder is not None and is_dead(holder):
            free = free | (source_state.c.runner == holder)
        taken = connection.execute(
            sa.update(source_state)
            .where((source_state.c.source == source) & free)
            .values(runner=runner, lease_until=now + LEASE_S, fence=fence)
            .returning(source_state.c.fence)
        ).scalar_one_or_none()
        if taken is None:
            raise RunInProgress(f"source {source!r} is being synced by another run ({holder})")
        return int(taken)

    async def under_way(self, source: str) -> RunReport | None:
        """The run that holds the source's lease and is not known to be dead; None where there is none."""
        held = source_state.c.runner.is_not(None) & (source_state.c.lease_until >= self._clock())
        holders = await asyncio.to_thread(
            self._rows, sa.select(source_state.c.runner).where((source_state.c.source == source) & held)
        )
        if not holders or is_dead(holders[0].runner):
            return None
        running = (runs.c.source == source) & (runs.c.state == RunState.RUNNING) & runs.c.mode.not_in(beside.MODES)
        newest = sa.select(runs.c.id).where(running).order_by(runs.c.id.desc()).limit(1)
        found = await asyncio.to_thread(self._rows, newest)
        return await self.show(found[0].id) if found else None

    async def ask_to_stop(self, run_id: int) -> bool:
        """Ask a run, and what its program begins behind it, to stop at its next page; False: it is over."""
        return await self.stop_requests.ask(run_id)

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
                raise lost(ticket.source)
            connection.execute(sa.update(runs).where(_open(ticket.run_id)).values(tally=tally))

    async def finish(self, ticket: RunTicket, state: RunState, tally: Tally, message: str) -> RunReport:
        """Close the run and give the lease back; a complete pass is over, an unfinished one stays to be resumed.

        A run that was closed already, as dead, stays as history has it: the report says how.

        Raises:
            StateUnavailable: it is still called running; `record_endings` says later how it ended.
        """
        told = tally.as_json()
        late = state
        if ticket.checkpoint is not None and state in COMPLETE:
            late = RunState.INTERRUPTED  # nobody follows it with the permissions then: the next run goes on, and does
        await self._record_ending(
            ticket.run_id,
            lambda: self._finish(ticket, state, told, message),
            late=lambda: self._finish(ticket, late, told, message or "its end was recorded late"),
        )
        report = await self.show(ticket.run_id)
        log_ended(report)
        return report

    def _finish(self, ticket: RunTicket, state: RunState, tally: dict[str, Any], message: str) -> None:
        mine = (source_state.c.source == ticket.source) & (source_state.c.runner == ticket.runner)
        released = sa.update(source_state).where(mine).values(runner=None, lease_until=None)
        with self._engine.begin() as connection:
            if connection.execute(released).rowcount == 1 and state in COMPLETE:
                positions.close(connection, ticket.source, ticket.mode)
            self._end(connection, ticket.run_id, state, {"tally": tally, "message": message})

    def _end(self, connection: sa.Connection, run_id: int, state: RunState, values: dict[str, Any]) -> None:
        ended = sa.update(runs).where(_open(run_id)).values(state=state, ended_at=self._clock(), **values)
        connection.execute(ended)

    async def forget_position(self, ticket: RunTicket) -> None:
        """Start the mode over next time: its position could not be resumed. Without one, changes need a full sync."""

        def forget() -> None:
            with self._engine.begin() as connection:
                connection.execute(sa.delete(tables.positions).where(positions.of(ticket.source, ticket.mode)))

        await asyncio.to_thread(forget)

    async def begin_beside(self, source: str, mode: SyncMode) -> int:
        """Open a run that reads people and groups, or an audit. It takes no lease of its source: it touches no
        document, and whose list of people is older than the one that is stored is refused there.

        `heartbeat_beside` keeps it from being taken for dead.
        """

        def begin() -> int:
            now = self._clock()
            with self._engine.begin() as connection:
                self._close(connection, beside.dead(connection, source=source, now=now))
                mine = beside.lease(new_runner(), now=now)
                return self._open_run(connection, source, mode, resumed=False, **mine)

        run_id = await asyncio.to_thread(begin)
        log_began(source, mode, run_id, resumed=False)
        return run_id

    async def heartbeat_beside(self, run_id: int) -> None:
        """Say that a run that was begun beside those of documents is still at work.

        Raises:
            RunInProgress: it was taken for dead.
        """

        def renew() -> None:
            with self._engine.begin() as connection:
                beside.renew(connection, run_id, now=self._clock())

        await asyncio.to_thread(renew)

    async def finish_beside(self, run_id: int, state: RunState, message: str) -> RunReport:
        """Close a run that was begun beside those of documents; the message says what it found.

        Raises:
            StateUnavailable: as in `finish`.
        """

        def finish() -> None:
            with self._engine.begin() as connection:
                self._end(connection, run_id, state, {"message": message})

        await self._record_ending(run_id, finish)
        report = await self.show(run_id)
        log_ended(report)
        return report


def _open(run_id: int) -> sa.ColumnElement[bool]:
    """The run while it is under way: history is only added to, and what has ended never changes again."""
    return (runs.c.id == run_id) & (runs.c.state == RunState.RUNNING)
