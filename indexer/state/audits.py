"""What audits found: each is a run of mode `audit`, with the questions that index and source did not answer alike.

History is only added to. What one audit left pending, the next looks at first.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from indexer.state.tables import audit_findings, audits
from vocabulary.access import Principal
from vocabulary.documents import DocumentId
from vocabulary.statements import Question, Standpoint, Statement, Verdict


class FindingKind(StrEnum):
    """What it means that index and source did not answer alike."""

    LEAK = "leak"  # the index shows what the source does not
    LOSS = "loss"  # the source shows what the index does not
    HELD = "held-back"  # the index hides it for toxic text until somebody has reviewed it
    PENDING = "pending"  # the source has changed since it was last read; the next audit looks again
    UNKNOWN = "unknown"  # the source did not answer


@dataclass(frozen=True, slots=True)
class Finding:
    """One question that was not answered alike. `since` (aware, UTC) is when an audit first found it."""

    question: Question
    kind: FindingKind
    shown: bool  # by the index
    statement: Statement
    since: datetime


@dataclass(frozen=True, slots=True)
class AuditCounts:
    """What an audit asked. `even_…` are the questions drawn evenly: only of them a rate says something of all."""

    seed: int
    asked: int
    agreed: int
    as_reader: int  # answered by the source to the readers themselves, not by its rules
    even_asked: int
    even_wrong: int


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One audit as history keeps it."""

    run_id: int
    source: str
    counts: AuditCounts
    findings: tuple[Finding, ...]

    def number_of(self, kind: FindingKind) -> int:
        return Counter(finding.kind for finding in self.findings)[kind]


class AuditHistory:
    """The audits in the state store behind `engine`, whose tables exist."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    async def add(self, record: AuditRecord) -> None:
        """Keep what an audit found; its run has begun."""
        await asyncio.to_thread(self._add, record)

    async def show(self, run_id: int) -> AuditRecord:
        """One audit.

        Raises:
            KeyError: no audit of that number came to its end.
        """
        found = await asyncio.to_thread(self._read, audits.c.run_id == run_id)
        if found is None:
            raise KeyError(run_id)
        return found

    async def last(self, source: str) -> AuditRecord | None:
        """The source's last audit that came to its end; None before the first."""
        newest = sa.select(sa.func.max(audits.c.run_id)).where(audits.c.source == source).scalar_subquery()
        return await asyncio.to_thread(self._read, audits.c.run_id == newest)

    def _add(self, record: AuditRecord) -> None:
        row = asdict(record.counts)
        with self._engine.begin() as connection:
            connection.execute(sa.insert(audits).values(run_id=record.run_id, source=record.source, **row))
            if record.findings:
                connection.execute(sa.insert(audit_findings), [_row(record.run_id, one) for one in record.findings])

    def _read(self, which: sa.ColumnElement[bool]) -> AuditRecord | None:
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(audits).where(which)).first()
            if row is None:
                return None
            mine = sa.select(audit_findings).where(audit_findings.c.run_id == row.run_id)
            order = (audit_findings.c.kind, audit_findings.c.native_id, audit_findings.c.reader)
            found = [_finding(row.source, each) for each in connection.execute(mine.order_by(*order))]
        counts = AuditCounts(row.seed, row.asked, row.agreed, row.as_reader, row.even_asked, row.even_wrong)
        return AuditRecord(row.run_id, row.source, counts, tuple(found))


def _row(run_id: int, finding: Finding) -> dict[str, Any]:
    reader = finding.question.reader
    return {
        "run_id": run_id,
        "native_id": finding.question.document_id.native_id,
        "reader": "" if reader is None else str(reader),
        "kind": finding.kind,
        "shown": finding.shown,
        "verdict": finding.statement.verdict,
        "standpoint": finding.statement.standpoint,
        "reason": finding.statement.reason,
        "since": finding.since.timestamp(),
    }


def _finding(source: str, row: sa.Row[Any]) -> Finding:
    return Finding(
        question=Question(DocumentId(source, row.native_id), Principal.parse(row.reader) if row.reader else None),
        kind=FindingKind(row.kind),
        shown=row.shown,
        statement=Statement(Verdict(row.verdict), Standpoint(row.standpoint), row.reason),
        since=datetime.fromtimestamp(row.since, UTC),
    )
