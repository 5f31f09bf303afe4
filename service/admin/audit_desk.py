"""Audits that an administrator starts, carried out by the scheduler of this program as the scheduled ones are."""

from __future__ import annotations

from dataclasses import dataclass

from acl import ReaderClaims
from indexer.state.audits import AuditHistory, AuditRecord
from indexer.state.run_history import RunReport
from service.audit.sampling import Sampling
from service.reader import issuer_meant
from service.scheduling.scheduler import Scheduler
from service.scheduling.timetable import Job
from service.settings.settings import Settings
from service.wiring import State, identity_rule
from vocabulary.errors import AuditUnderWay, QueryInvalid, RunUnknown
from vocabulary.ports import SyncMode


@dataclass(frozen=True, slots=True)
class AuditDesk:
    """Starts audits of the settings' sources, and tells what audits found."""

    settings: Settings
    state: State
    scheduler: Scheduler | None  # None: no key starts audits

    def require_form(self, source: str, sampling: Sampling) -> None:
        """Make sure of what the settings alone tell; of people and documents nothing is told before it is an act.

        Raises:
            QueryInvalid: a document of another source; an issuer that is not configured.
        """
        if sampling.document is not None and sampling.document.source != source:
            raise QueryInvalid(f"document: expected {source}/ID, as answers show it")
        issuer_meant(self.settings, sampling.issuer)

    async def start(self, source: str, sampling: Sampling) -> None:
        """Have an audit begin as soon as there is a place for it. Whether it may name the person is told: record first.

        Raises:
            QueryInvalid: a person whom no token means: what is found out later, only the run's message tells.
            AuditUnderWay: one of the source is under way in this program, or waits for its turn.
        """
        await self._require_person(source, sampling)
        job = Job(source, SyncMode.AUDIT, sampling=sampling)
        if self.scheduler is None or not self.scheduler.ask(job):
            raise AuditUnderWay("an audit of this source is under way, or waits for its turn")

    async def _require_person(self, source: str, sampling: Sampling) -> None:
        if sampling.user is None or self.settings.is_public(source):
            return
        claims = ReaderClaims(sampling.user, groups=(), issuer=issuer_meant(self.settings, sampling.issuer))
        match = await self.state.access_control.match(claims, identity_rule(self.settings, source))
        if match.person is None:
            raise QueryInvalid(f"person: nobody in {source} is meant by that name ({match.outcome})")

    async def found(self, run_id: int) -> tuple[RunReport, AuditRecord | None]:
        """One audit: its run, and what it found once it has come to its end.

        Raises:
            RunUnknown: there is no run of that number, or it is no audit.
        """
        try:
            run = await self.state.runs.show(run_id)
        except KeyError:
            raise RunUnknown("no such audit") from None
        if run.mode is not SyncMode.AUDIT:
            raise RunUnknown("no such audit")
        try:
            return run, await AuditHistory(self.state.engine).show(run_id)
        except KeyError:
            return run, None
