"""What an audit found, as programs read it: the admin API, and `--json` on the command line."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from indexer.state.audits import AuditRecord, Finding, FindingKind
from service.audit.rates import rate_of
from service.routes.told_text import ToldText
from vocabulary.statements import Standpoint, Verdict


class RateAnswer(BaseModel):
    """A share of the questions drawn evenly, and its 95 % bounds for all; from 0 to 1."""

    share: float
    low: float
    high: float


class FindingAnswer(BaseModel):
    """One question that index and source did not answer alike."""

    kind: FindingKind
    document_id: str
    reader: ToldText | None = Field(description="the person's id at the source; null: anybody")
    index: str = Field(description="`shows` or `hides`")
    source: Verdict
    asked_by: Standpoint
    reason: str
    since: datetime = Field(description="when an audit first found it")


class AuditAnswer(BaseModel):
    """One audit that came to its end."""

    source: str
    seed: int
    asked: int
    as_reader: int = Field(description="questions that the source answered to the readers themselves")
    agreed: int
    leak: int
    loss: int
    pending: int
    unknown: int
    mismatch_rate: RateAnswer | None = Field(description="null where no question drawn evenly was decided")
    findings: list[FindingAnswer]


def audit_answer(record: AuditRecord) -> AuditAnswer:
    """Spell an audit."""
    counts = record.counts
    rate = rate_of(counts.even_wrong, counts.even_asked)
    return AuditAnswer(
        source=record.source,
        seed=counts.seed,
        asked=counts.asked,
        as_reader=counts.as_reader,
        agreed=counts.agreed,
        leak=record.number_of(FindingKind.LEAK),
        loss=record.number_of(FindingKind.LOSS),
        pending=record.number_of(FindingKind.PENDING),
        unknown=record.number_of(FindingKind.UNKNOWN),
        mismatch_rate=None if rate is None else RateAnswer(share=rate.share, low=rate.low, high=rate.high),
        findings=[finding_answer(finding) for finding in record.findings],
    )


def finding_answer(finding: Finding) -> FindingAnswer:
    """Spell one finding."""
    reader = finding.question.reader
    return FindingAnswer(
        kind=finding.kind,
        document_id=str(finding.question.document_id),
        reader=None if reader is None else reader.id,
        index="shows" if finding.shown else "hides",
        source=finding.statement.verdict,
        asked_by=finding.statement.standpoint,
        reason=finding.statement.reason,
        since=finding.since,
    )
