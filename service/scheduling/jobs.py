"""The scheduler at work on what is open: jobs become runs of syncs, and what was missed becomes a job.

Between processes the lease in the state store decides who runs: a job that finds its source taken is skipped, which is
no failure, and comes up again at its next time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from indexer.state import beside
from indexer.state.leases import RunInProgress
from indexer.state.run_history import RunReport, RunState
from indexer.state.tally import Tally
from service.audit.auditing import audit_source
from service.audit.sampling import Sampling
from service.rescoring import rescore_source
from service.scheduling.rescorings import Rescorings
from service.scheduling.scheduler import Scheduler
from service.scheduling.timetable import Job, LastRun, ScheduledJob
from service.settings.settings import Settings
from service.syncing import SyncOptions, SyncOutcome, sync_identities, sync_source
from service.wiring import Search, State, Workshop
from vocabulary.errors import SightlineError, StateUnavailable
from vocabulary.ports import SyncMode

_STATE_RETRY_S = 5.0  # a state store that is away for a restart or a lock

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Jobs:
    """Runs jobs over an open state and workshop."""

    settings: Settings
    state: State
    workshop: Workshop

    async def run(self, job: Job, stop: asyncio.Event) -> bool:
        """Run a job; False when it was asked to stop and has work left."""
        try:
            outcome = await self._sync(job, SyncOptions(confirm_deletes=job.confirm_deletes, stop=stop))
        except RunInProgress as error:
            _log.info("sync skipped: %s: %s", job, error)
            return True
        except SightlineError as error:
            _log.error("sync failed: %s: %s", job, error)
            await self._record_endings()
            return True
        if outcome.run is None or outcome.run.state is not RunState.INTERRUPTED:
            return True
        return await self._is_given_up(outcome.run.id)

    async def _record_endings(self) -> None:
        """Have history say how the job's run ended, however long the state store is away: without it, nothing runs."""
        while True:
            if await self.state.runs.record_endings():
                return
            await asyncio.sleep(_STATE_RETRY_S)

    async def _is_given_up(self, run_id: int) -> bool:
        """Whether a person stopped the run: what is left of it waits for the job's next time, not for its turn."""
        while True:
            try:
                return await self.state.runs.stop_requests.is_asked(run_id)
            except StateUnavailable as error:
                _log.warning("whether run %d was stopped by a person is asked again: %s", run_id, error)
            await asyncio.sleep(_STATE_RETRY_S)

    async def _sync(self, job: Job, options: SyncOptions) -> SyncOutcome:
        if job.mode is SyncMode.AUDIT:
            return await self._audit(job)
        if job.mode is SyncMode.RESCORE:
            return await self._rescore(job, options.stop)
        if job.mode is SyncMode.IDENTITIES:
            return await sync_identities(self.settings, self.state, job.source, options=options)
        return await sync_source(
            self.settings,
            self.state,
            self.workshop,
            job.source,
            mode=job.mode,
            options=options,
            on_progress=_show_nothing,
        )

    async def _rescore(self, job: Job, stop: asyncio.Event) -> SyncOutcome:
        run = await rescore_source(self.settings, self.state, self.workshop.search.service, job.source, stop=stop)
        return SyncOutcome(job.source, run=run)

    async def _audit(self, job: Job) -> SyncOutcome:
        index = self.workshop.search.service.index(self.settings.sources[job.source].index)
        outcome = await audit_source(self.settings, self.state, index, job.source, job.sampling or Sampling())
        return SyncOutcome(job.source, run=outcome.run)


def _show_nothing(tally: Tally) -> None:
    """The log and the run's report tell enough."""


async def owed_jobs(settings: Settings, entries: Sequence[ScheduledJob], state: State, *, now: datetime) -> list[Job]:
    """List the jobs whose time passed while no scheduler was running, or that were interrupted.

    Whatever becomes of missed times: permissions that were to be read behind a resumed run, and were not, are owed.
    """
    latest = await state.runs.latest()
    owed = []
    for entry in entries:
        run = latest.get((entry.job.source, entry.job.mode))
        last = None if run is None else LastRun(run.started_at, unfinished=_is_unfinished(run))
        if entry.is_owed(last, now=now):
            owed.append(entry.job)
    for source in dict.fromkeys(entry.job.source for entry in entries):
        look = Job(source, _look_of(settings, source))
        if look not in owed and await state.runs.owes_a_look(source):
            owed.append(look)
    return owed


def _is_unfinished(run: RunReport) -> bool:
    """Whether a run was interrupted, or is under way and is to be gone on with should its process die.

    What holds no lease of its source is closed once its process is dead: under way, it lives in another process.
    """
    return run.state is RunState.INTERRUPTED or (run.state is RunState.RUNNING and run.mode not in beside.MODES)


def _look_of(settings: Settings, source: str) -> SyncMode:
    """What reads from the beginning who may read each document of a source."""
    return SyncMode.PERMISSIONS if SyncMode.PERMISSIONS in settings.modes()[source] else SyncMode.FULL


def make_scheduler(
    settings: Settings, state: State, workshop: Workshop, *, entries: tuple[ScheduledJob, ...]
) -> Scheduler:
    """Make what runs these jobs at their times, and others when a person asks for them."""
    return Scheduler(entries, Jobs(settings, state, workshop).run, settings=settings.scheduler)


@asynccontextmanager
async def scheduling(
    scheduler: Scheduler, settings: Settings, state: State, search: Search
) -> AsyncIterator[asyncio.Task[None]]:
    """Run the scheduler's jobs until the context ends, then stop in order; cancelled meanwhile, at once.

    What another model has scored than the approved one is scored anew, beside the jobs of the timetable, and so it is
    when another one is approved meanwhile. Yields the scheduler's task; it ends early only by failing.
    """
    await state.runs.close_dead()
    owed = await owed_jobs(settings, scheduler.timetable, state, now=datetime.now(UTC))
    async with _rescoring(Rescorings(settings, state, search, scheduler), by_itself=bool(scheduler.timetable)):
        running = asyncio.create_task(scheduler.run(owed))
        try:
            yield running
        finally:
            scheduler.stop()
            await running


@asynccontextmanager
async def _rescoring(rescorings: Rescorings, *, by_itself: bool) -> AsyncIterator[None]:
    """Have stored text scored anew until the context ends; without a timetable, nothing begins by itself."""
    if not by_itself:
        yield
        return
    await rescorings.look()
    watching = asyncio.create_task(rescorings.watch())
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.wait({watching})
