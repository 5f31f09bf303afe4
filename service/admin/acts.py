"""What administrators did: a log that is only added to, and that is written before an act takes effect.

An act that cannot be recorded does not happen. How it ended is a second record beside the first, so that nothing is
ever written over; the database itself refuses to change or remove a record. Numbers grow and are never given twice.
Each act is also one line in the program's log, with its number and without the person or the question: a log that is
kept elsewhere knows of an act whose record somebody with the database's own rights took away.

No record holds a key, a token or anything of a document.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from service.admin.acts_tables import act_outcomes, acts
from service.admin.administrators import Administrator
from vocabulary.errors import RetryableError, StateUnavailable
from vocabulary.stored_text import restored, storable

DONE = "done"

_log = logging.getLogger(__name__)


class Act(StrEnum):
    """What was done."""

    SEARCH_AS = "search-as"  # the subject is the person
    EXPLAIN_ACCESS = "explain-access"  # the person
    START_SYNC = "start-sync"  # the source
    STOP_SYNC = "stop-sync"  # the source
    AUDIT = "audit"  # the source
    MAP_IDENTITY = "map-identity"  # the person as the issuer names them
    UNMAP_IDENTITY = "unmap-identity"  # the same
    SHOW_REVIEW = "show-review"  # the document, with the sentence that it is held back for
    RELEASE = "release"  # the document
    KEEP_HELD = "keep-held"  # the document
    RESCORE = "rescore"  # the source
    REINDEX = "reindex"  # the index
    MIGRATE_INDEX = "migrate-index"  # the index
    BACKUP = "backup"  # the folder
    APPROVE_MODEL = "approve-model"  # the version of a toxicity model: name@version
    DISAPPROVE_MODEL = "disapprove-model"  # the same


class ActNotRecorded(RetryableError):
    """The log of acts could not be written, so that the act was not done."""


@dataclass(slots=True)
class ActUnderWay:
    """An act that is recorded and goes on. Who does it may say, in few words of ours, how it ended."""

    number: int
    outcome: str = DONE


@dataclass(frozen=True, slots=True)
class RecordedAct:
    """One act as the log keeps it. Without an outcome it goes on, or its process died."""

    number: int
    at: datetime
    administrator: str
    act: str
    subject: str
    parameters: Mapping[str, Any]
    outcome: str | None
    ended_at: datetime | None


class AdminActs:
    """The log of acts in the state store."""

    def __init__(self, engine: sa.Engine, *, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._clock = clock

    @asynccontextmanager
    async def record(
        self, administrator: Administrator, act: Act, *, subject: str, parameters: Mapping[str, Any] | None = None
    ) -> AsyncIterator[ActUnderWay]:
        """Record an act, then let it happen in the body, then note how it ended.

        `subject` is whom or what it is about, `parameters` (JSON) what else somebody must know who judges it later.

        Raises:
            ActNotRecorded: the log could not be written; the body did not run.
        """
        under_way = ActUnderWay(await self.begin(administrator, act, subject=subject, parameters=parameters))
        try:
            yield under_way
        except BaseException as error:
            await asyncio.shield(self.end(under_way.number, failed(error)))
            raise
        await self.end(under_way.number, under_way.outcome)

    async def begin(
        self, administrator: Administrator, act: Act, *, subject: str, parameters: Mapping[str, Any] | None = None
    ) -> int:
        """Record an act that is about to happen, and return its number for `end`.

        Raises:
            ActNotRecorded: the log could not be written; the act must not happen.
        """
        row = {
            "at": self._clock(),
            "administrator": administrator.name,
            "act": act,
            "subject": storable(subject),
            "parameters": dict(parameters or {}),
        }
        try:
            number = await asyncio.to_thread(self._insert, sa.insert(acts).values(row).returning(acts.c.number))
        except (SQLAlchemyError, StateUnavailable) as error:
            raise ActNotRecorded(f"{act} was not done: the log of acts cannot be written") from error
        _log.info("act=%s number=%d administrator=%s", act, number, administrator.name)
        return number

    async def end(self, number: int, outcome: str) -> None:
        """Note how an act ended. It has happened by now: a log that cannot be written any more does not undo it."""
        row = {"number": number, "at": self._clock(), "outcome": outcome}
        statement = sa.insert(act_outcomes).values(row).returning(act_outcomes.c.number)
        try:
            await asyncio.to_thread(self._insert, statement)
        except (SQLAlchemyError, StateUnavailable):
            _log.exception("act number=%d ended (%s), which could not be recorded", number, outcome)

    async def listed(
        self,
        *,
        before: int | None = None,
        since: datetime | None = None,
        administrator: str | None = None,
        act: Act | None = None,
        limit: int,
    ) -> list[RecordedAct]:
        """Return the latest acts, newest first: those with numbers below `before`, not older than `since`."""
        wanted = sa.select(acts, act_outcomes.c.outcome, act_outcomes.c.at.label("ended_at")).join(
            act_outcomes, act_outcomes.c.number == acts.c.number, isouter=True
        )
        if before is not None:
            wanted = wanted.where(acts.c.number < before)
        if since is not None:
            wanted = wanted.where(acts.c.at >= since.timestamp())
        if administrator is not None:
            wanted = wanted.where(acts.c.administrator == administrator)
        if act is not None:
            wanted = wanted.where(acts.c.act == act)
        rows = await asyncio.to_thread(self._rows, wanted.order_by(acts.c.number.desc()).limit(limit))
        return [_recorded(row) for row in rows]

    def _insert(self, statement: Any) -> int:
        with self._engine.begin() as connection:
            return int(connection.execute(statement).scalar_one())

    def _rows(self, statement: sa.Select[Any]) -> list[sa.Row[Any]]:
        with self._engine.connect() as connection:
            return list(connection.execute(statement).all())


def failed(error: BaseException) -> str:
    """Spell how an act ended that did not come to its end: the kind of error and none of its words."""
    interruptions = (asyncio.CancelledError, KeyboardInterrupt)
    return "interrupted" if isinstance(error, interruptions) else f"failed: {type(error).__name__}"


def _recorded(row: sa.Row[Any]) -> RecordedAct:
    return RecordedAct(
        number=row.number,
        at=datetime.fromtimestamp(row.at, UTC),
        administrator=row.administrator,
        act=row.act,
        subject=restored(row.subject),
        parameters=row.parameters,
        outcome=row.outcome,
        ended_at=None if row.ended_at is None else datetime.fromtimestamp(row.ended_at, UTC),
    )
