"""One audit from its first question to its report: a run of mode `audit` in the source's history.

It asks what the last audit left pending, then what was drawn; compares; judges what differs; keeps what it found. It
fails where there is nothing to ask, or nobody who answers: silence is no success.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from indexer.heartbeat import heartbeat_beside
from indexer.layers import RetryPolicy
from indexer.state.audits import AuditCounts, AuditHistory, AuditRecord, Finding, FindingKind
from indexer.state.holds import HoldStore
from indexer.state.run_history import RunReport, RunState
from service.audit.comparison import BothSides, Comparison
from service.audit.drawing import Asked, Draw, draw_questions
from service.audit.index_side import IndexSide
from service.audit.rereading import Rereading
from service.audit.sampling import Sampling
from service.search import ServedIndex
from service.settings.settings import Settings
from service.wiring import State, open_source, open_witness
from vocabulary.documents import DocumentId
from vocabulary.errors import RunAborted, SightlineError, StateUnavailable
from vocabulary.ports import SyncMode
from vocabulary.statements import Question, Standpoint

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """What whoever starts an audit decides about it, beside what is asked."""

    policy: RetryPolicy = field(default_factory=RetryPolicy)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    on_progress: Callable[[int, int], None] = lambda done, total: None


@dataclass(frozen=True, slots=True)
class AuditOutcome:
    """An audit that was begun. Without a record it did not come to its end, and the run's message says why."""

    run: RunReport
    record: AuditRecord | None


async def audit_source(
    settings: Settings,
    state: State,
    index: ServedIndex,
    source: str,
    sampling: Sampling,
    *,
    options: AuditOptions | None = None,
) -> AuditOutcome:
    """Audit one source of an open index. What goes wrong once it has begun is reported, not raised.

    Raises:
        QueryInvalid: a token of the named person would mean nobody in the source.
    """
    draw = await draw_questions(settings, state, source, sampling)
    audit = _Audit(settings, state, index, source, options or AuditOptions())
    run_id = await state.runs.begin_beside(source, SyncMode.AUDIT)
    try:
        async with heartbeat_beside(state.runs, run_id):
            record = await audit.carry_out(run_id, draw, seed=sampling.seed)
    except asyncio.CancelledError:
        with suppress(StateUnavailable):  # the next run, or the next start, finds it dead
            await asyncio.shield(state.runs.finish_beside(run_id, RunState.INTERRUPTED, "interrupted"))
        raise
    except Exception as error:
        run = await state.runs.finish_beside(run_id, RunState.FAILED, str(error) or type(error).__name__)
        if not isinstance(error, SightlineError):
            raise
        return AuditOutcome(run, None)
    run = await state.runs.finish_beside(run_id, _ending(record), _in_words(record))
    return AuditOutcome(run, record)


class _Audit:
    """What one audit works with."""

    def __init__(
        self, settings: Settings, state: State, index: ServedIndex, source: str, options: AuditOptions
    ) -> None:
        self._settings = settings
        self._state = state
        self._index = index
        self._source = source
        self._options = options
        self._history = AuditHistory(state.engine)

    async def carry_out(self, run_id: int, draw: Draw, *, seed: int) -> AuditRecord:
        if not draw.asked:
            raise RunAborted(_nothing_to_ask(draw))
        before = await self._pending_before()
        asked = [*_asked_again(before, draw), *draw.asked]
        compared = await self._compare(asked, issuer=draw.issuer)
        findings = await self._judged(compared, before)
        record = AuditRecord(run_id, self._source, _counts(seed, compared, findings), findings)
        await self._history.add(record)
        return record

    async def _pending_before(self) -> dict[Question, Finding]:
        """What the last audit left pending."""
        last = await self._history.last(self._source)
        findings = last.findings if last is not None else ()
        return {finding.question: finding for finding in findings if finding.kind is FindingKind.PENDING}

    async def _compare(self, asked: Sequence[Asked], *, issuer: str) -> list[Comparison]:
        is_public = self._settings.is_public(self._source)
        index = IndexSide(self._state, self._index, issuer=issuer, is_public=is_public)
        async with open_witness(self._settings, self._source) as witness:
            both = BothSides(index, witness, self._options.policy)
            return await both.compare(asked, on_progress=lambda done: self._options.on_progress(done, len(asked)))

    async def _judged(self, compared: Sequence[Comparison], before: dict[Question, Finding]) -> tuple[Finding, ...]:
        now = self._options.clock()
        differing = [each for each in compared if each.differs]
        held = await self._held_back(each.asked.question.document_id for each in differing if not each.shown)
        unread = await self._unread_changes([each for each in differing if each.asked.question.document_id not in held])
        last_run = await self._state.runs.last_begin(self._source, (SyncMode.FULL, SyncMode.PERMISSIONS))
        findings = [_finding(each, FindingKind.UNKNOWN, now) for each in compared if each.is_unknown]
        for each in differing:
            if not each.shown and each.asked.question.document_id in held:
                findings.append(_finding(each, FindingKind.HELD, now))
                continue
            first = before.get(each.asked.question)
            since = first.since if first is not None else now
            may_be_pending = each in unread and (last_run is None or last_run <= since.timestamp())
            kind = FindingKind.LEAK if each.shown else FindingKind.LOSS
            findings.append(_finding(each, FindingKind.PENDING if may_be_pending else kind, since))
        for finding in findings:
            _log_found(finding)
        return tuple(findings)

    async def _held_back(self, documents: Iterable[DocumentId]) -> frozenset[DocumentId]:
        """Those of the documents that the index hides for the source's rule on toxic text."""
        ids = {document_id.native_id for document_id in documents}
        found = await HoldStore(self._state.engine).look_up(self._source, ids)
        return frozenset(DocumentId(self._source, each.native_id) for each in found.values() if each.is_hidden)

    async def _unread_changes(self, differing: Sequence[Comparison]) -> frozenset[Comparison]:
        if not differing:
            return frozenset()
        async with open_source(self._settings, self._source) as connector:
            rereading = Rereading(self._state, self._index.backend, connector, self._options.policy)
            return await rereading.unread_changes(self._source, differing)


def _asked_again(before: Iterable[Question], draw: Draw) -> list[Asked]:
    """The pending questions that were not drawn anyway, of readers whom a token still means."""
    drawn = {each.question for each in draw.asked}
    again = []
    for question in set(before) - drawn:
        user = None if question.reader is None else draw.users.get(question.reader)
        if (user is None) == (question.reader is None):
            again.append(Asked(question, user, drawn_evenly=False))
    return sorted(again, key=lambda each: (each.question.document_id, each.user or ""))


def _nothing_to_ask(draw: Draw) -> str:
    if draw.unreachable:
        return f"nobody to ask about: no token can mean any of the {draw.unreachable} people of the source"
    return "nothing to ask: the index holds no document of the source, or the source has no people"


def _finding(compared: Comparison, kind: FindingKind, since: datetime) -> Finding:
    return Finding(compared.asked.question, kind, compared.shown, compared.statement, since)


def _counts(seed: int, compared: Sequence[Comparison], findings: Sequence[Finding]) -> AuditCounts:
    kinds = {finding.question: finding.kind for finding in findings}
    undecided = (FindingKind.PENDING, FindingKind.UNKNOWN, FindingKind.HELD)
    even = [kinds.get(each.asked.question) for each in compared if each.asked.drawn_evenly]
    return AuditCounts(
        seed=seed,
        asked=len(compared),
        agreed=sum(each.asked.question not in kinds for each in compared),
        as_reader=sum(each.statement.standpoint is Standpoint.READER for each in compared),
        even_asked=sum(kind not in undecided for kind in even),
        even_wrong=sum(kind in {FindingKind.LEAK, FindingKind.LOSS} for kind in even),
    )


def _ending(record: AuditRecord) -> RunState:
    """A leak, or a source that answered nothing, is a failure; a loss, or an answer missing, leaves it incomplete."""
    unknown = record.number_of(FindingKind.UNKNOWN)
    if record.number_of(FindingKind.LEAK) or unknown == record.counts.asked:
        return RunState.FAILED
    return RunState.INCOMPLETE if record.number_of(FindingKind.LOSS) or unknown else RunState.SUCCEEDED


def _in_words(record: AuditRecord) -> str:
    numbers = ", ".join(f"{record.number_of(kind)} {kind}" for kind in FindingKind)
    return f"{record.counts.asked} asked, {record.counts.agreed} alike, {numbers}; seed {record.counts.seed}"


def _log_found(finding: Finding) -> None:
    if finding.kind in {FindingKind.LEAK, FindingKind.LOSS}:
        document_id = finding.question.document_id
        _log.warning("audit found a %s: source=%s document=%s", finding.kind, document_id.source, document_id.native_id)
