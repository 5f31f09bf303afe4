"""What runs left: their reports, and how single documents ended in them. History is only added to."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from indexer.state.tables import run_documents, runs
from indexer.state.tally import Tally
from vocabulary.documents import DocumentId, DocumentState
from vocabulary.ports import SyncMode


class RunState(StrEnum):
    """How a run stands or ended."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"  # complete; every document in a state other than failed
    INCOMPLETE = "incomplete"  # complete; some documents failed
    BRAKED = "braked"  # complete; the deletion brake holds back what it would delete
    FAILED = "failed"  # ended early, see the message; the next run resumes
    INTERRUPTED = "interrupted"  # stopped or killed; the next run resumes


COMPLETE = frozenset({RunState.SUCCEEDED, RunState.INCOMPLETE, RunState.BRAKED})  # the pass came to its end
_LOOKS = (SyncMode.FULL, SyncMode.PERMISSIONS)  # complete, they have read who may read each document


@dataclass(frozen=True, slots=True)
class RunReport:
    """One run as history keeps it."""

    id: int
    source: str
    mode: SyncMode
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


class RunHistory:
    """The finished and the present runs in the state store, for reading."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    async def recent(
        self,
        source: str | None = None,
        *,
        mode: SyncMode | None = None,
        before: int | None = None,
        limit: int = 20,
    ) -> list[RunReport]:
        """The latest runs, newest first; with `before`, those of lower numbers."""
        wanted = sa.select(runs).order_by(runs.c.id.desc()).limit(limit)
        if source is not None:
            wanted = wanted.where(runs.c.source == source)
        if mode is not None:
            wanted = wanted.where(runs.c.mode == mode)
        if before is not None:
            wanted = wanted.where(runs.c.id < before)
        return [_report(row) for row in await asyncio.to_thread(self._rows, wanted)]

    async def latest(self) -> dict[tuple[str, str], RunReport]:
        """The last run of each source in each mode, by source and mode."""
        newest = sa.select(sa.func.max(runs.c.id)).group_by(runs.c.source, runs.c.mode)
        wanted = sa.select(runs).where(runs.c.id.in_(newest)).order_by(runs.c.id)
        reports = [_report(row) for row in await asyncio.to_thread(self._rows, wanted)]
        return {(report.source, report.mode): report for report in reports}

    async def since(self, run_id: int, *, among: Collection[int] = ()) -> list[RunReport]:
        """The runs that began behind that one, and those of the given numbers, in the order of their begin."""
        wanted = sa.select(runs).where((runs.c.id > run_id) | runs.c.id.in_(among)).order_by(runs.c.id)
        return [_report(row) for row in await asyncio.to_thread(self._rows, wanted)]

    async def last_complete(self) -> dict[tuple[str, str], datetime]:
        """When the last complete run of each source in each mode ended; whoever had none is absent."""
        wanted = (
            sa.select(runs.c.source, runs.c.mode, sa.func.max(runs.c.ended_at).label("at"))
            .where(runs.c.state.in_(COMPLETE))
            .group_by(runs.c.source, runs.c.mode)
        )
        rows = await asyncio.to_thread(self._rows, wanted)
        return {(row.source, row.mode): datetime.fromtimestamp(row.at, UTC) for row in rows}

    async def last_begin(self, source: str, modes: Collection[SyncMode], *, before: int | None = None) -> float | None:
        """When the last complete look in one of the modes began, in epoch seconds; None where there was none.

        A run that went on with an interrupted pass is none: what that pass had met by then may have changed since. With
        `before`, only runs that began before that one count.
        """
        wanted = sa.select(sa.func.max(runs.c.started_at).label("at")).where(
            runs.c.source == source, runs.c.mode.in_(modes), runs.c.state.in_(COMPLETE), ~runs.c.resumed
        )
        if before is not None:
            wanted = wanted.where(runs.c.id < before)
        begun_at = (await asyncio.to_thread(self._rows, wanted))[0].at
        return None if begun_at is None else float(begun_at)

    async def owes_a_look(self, source: str, *, tried_before: float | None = None) -> bool:
        """Whether the last complete pass was gone on with after an interruption, and nothing is read anew behind it.

        What it had met before may have changed its readers since. History knows it, so no kill makes it forgotten. With
        `tried_before` (epoch seconds), only if no run that began since then has tried to pay it.
        """
        wanted = (
            sa.select(runs.c.id, runs.c.resumed)
            .where(runs.c.source == source, runs.c.mode.in_(_LOOKS), runs.c.state.in_(COMPLETE))
            .order_by(runs.c.id.desc())
            .limit(1)
        )
        found = await asyncio.to_thread(self._rows, wanted)
        if not found or not found[0].resumed:
            return False
        return tried_before is None or not await self._has_looked(source, behind=found[0].id, since=tried_before)

    async def _has_looked(self, source: str, *, behind: int, since: float) -> bool:
        """Whether a look, however it ended, began behind that run and at that time or later."""
        tried = (runs.c.source == source) & runs.c.mode.in_(_LOOKS) & (runs.c.id > behind)
        wanted = sa.select(runs.c.id).where(tried & (runs.c.started_at >= since)).limit(1)
        return bool(await asyncio.to_thread(self._rows, wanted))

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

    async def last_of(self, document_id: DocumentId) -> tuple[int, RunDocument] | None:
        """The last run that lists how the document ended, and how; None where none does, or it was pruned."""
        listed = run_documents.c
        wanted = (
            sa.select(run_documents)
            .join(runs, runs.c.id == listed.run_id)
            .where(runs.c.source == document_id.source, listed.native_id == document_id.native_id)
            .order_by(listed.run_id.desc())
            .limit(1)
        )
        found = await asyncio.to_thread(self._rows, wanted)
        if not found:
            return None
        return found[0].run_id, RunDocument(document_id, DocumentState(found[0].state), found[0].reason)

    async def some(self, run_ids: Collection[int]) -> dict[int, RunReport]:
        """Those of the runs that history knows, by their numbers."""
        rows = await asyncio.to_thread(self._rows, sa.select(runs).where(runs.c.id.in_(sorted(run_ids))))
        return {row.id: _report(row) for row in rows}

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


def _report(row: sa.Row[Any]) -> RunReport:
    ended_at = datetime.fromtimestamp(row.ended_at, UTC) if row.ended_at is not None else None
    return RunReport(
        id=row.id,
        source=row.source,
        mode=SyncMode(row.mode),
        state=RunState(row.state),
        resumed=row.resumed,
        started_at=datetime.fromtimestamp(row.started_at, UTC),
        ended_at=ended_at,
        tally=Tally.from_json(row.tally),
        message=row.message,
    )
