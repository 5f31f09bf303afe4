"""Runs each source's syncs at their times: one loop that waits, starts what is due, and stops in order.

Into it go a timetable and what runs a job; nothing comes out but log lines, for what a run did is in its report.

- One job of a source at a time; permissions go before changes, these before everything, but none has a second turn
  before those that wait have had their first. People and groups are read, and audits made, beside all that: they touch
  no document.
- Due permissions do not wait for hours behind a crawl of documents: the crawl is asked to stop at its next page, they
  are read, the crawl goes on from its checkpoint.
- A rescoring of stored text makes way in the same manner, to whatever of its source is due.
- Crawls of documents share `concurrent_sources` places. Permissions and identities have as many of their own, so that
  a revocation waits for no other source either; and so have audits.
- A job that fails is logged; it ends neither the loop nor another job.
- Asked to stop, the scheduler starts nothing more, asks what runs to stop in order, and cancels what is left after
  `drain_s`. Cancelled, it cancels at once.

A person may ask for a job that is not due, and stop one: both are jobs like all others until then.

Times that pass while a job is due already are that one job: nothing piles up. Between processes the lease in the state
store decides who runs (`service/scheduling/jobs.py`).
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from service.scheduling.timetable import Job, ScheduledJob
from service.settings.schedule import Missed, Overlap, SchedulerSettings
from vocabulary.ports import SyncMode

_log = logging.getLogger(__name__)

RunJob = Callable[[Job, asyncio.Event], Awaitable[bool]]
"""Runs a job; the event asks it to stop in order. False: it stopped, and has work left."""

_BY_URGENCY = (
    SyncMode.IDENTITIES,
    SyncMode.PERMISSIONS,
    SyncMode.CHANGES,
    SyncMode.FULL,
    SyncMode.RESCORE,
    SyncMode.AUDIT,
)
_BESIDE = (SyncMode.IDENTITIES, SyncMode.AUDIT)  # they touch no document: each has a lane of its own
_CRAWLS = frozenset({SyncMode.CHANGES, SyncMode.FULL, SyncMode.RESCORE})  # of documents, with their content or text
# A crawl that has just begun or gone on is left alone for so long, and for as long as it was held up: at least half of
# the time is the documents'.
LEAST_SLICE_S = 60.0
LONGEST_REST_S = 60.0  # the wall clock is looked at this often: it can be set, and a sleeping machine skips time
LATE_S = 300.0  # a time that is met later than this, because the machine slept, has been missed


class Clock(Protocol):
    """What time it is, and waiting."""

    def now(self) -> datetime:
        """The moment, aware, in UTC."""
        ...

    async def wait(self, event: asyncio.Event, timeout_s: float) -> None:
        """Wait until the event is set, or so long."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def wait(self, event: asyncio.Event, timeout_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await event.wait()


@dataclass(slots=True)
class _Running:
    job: Job
    began: datetime
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    is_given_up: bool = False  # stopped by a person: what is left waits for the job's next time
    task: asyncio.Task[None] | None = None


@dataclass(slots=True)
class _Lane:
    """Jobs that run one after the other: those of one source's documents, of its people, or its audits."""

    overlap: Overlap
    due: dict[SyncMode, datetime] = field(default_factory=dict)  # since when
    running: _Running | None = None
    stopped_at: datetime | None = None  # a crawl stopped then, with work left
    slice_s: float = LEAST_SLICE_S
    had_turn: set[SyncMode] = field(default_factory=set)
    asked: dict[SyncMode, Job] = field(default_factory=dict)  # by a person, until it is done

    @property
    def waits_since(self) -> datetime:
        return min(self.due.values(), default=datetime.max.replace(tzinfo=UTC))

    def in_turn(self) -> list[SyncMode]:
        """What is due, by urgency; who had a turn goes behind those that wait for theirs."""
        if self.due.keys() <= self.had_turn:
            self.had_turn.clear()
        return sorted(self.due, key=lambda mode: (mode in self.had_turn, _BY_URGENCY.index(mode)))

    def interruptible_at(self) -> datetime | None:
        """When the running crawl may be asked to make way; None: nothing urgent waits for it."""
        running = self.running
        if running is None or running.job.mode not in _CRAWLS or running.stop.is_set():
            return None
        if running.job.mode is SyncMode.RESCORE:  # it is nobody's revocation and no news, and goes on later
            return running.began + timedelta(seconds=self.slice_s) if self.due else None
        if self.overlap is not Overlap.PREEMPT or SyncMode.PERMISSIONS not in self.due:
            return None
        return running.began + timedelta(seconds=self.slice_s)


class Scheduler:
    """The loop. `run` it once; `stop` ends it."""

    def __init__(
        self,
        timetable: Sequence[ScheduledJob],
        run_job: RunJob,
        *,
        settings: SchedulerSettings,
        clock: Clock | None = None,
        random_up_to: Callable[[float], float] = lambda most: random.uniform(0, most),  # noqa: S311 - no secret
    ) -> None:
        self.timetable = timetable
        self._run_job = run_job
        self._settings = settings
        self._clock = clock or SystemClock()
        self._random_up_to = random_up_to
        self._lanes = {_lane_of(entry.job): _Lane(entry.overlap) for entry in timetable}
        self._next: dict[Job, datetime] = {}  # with jitter
        self._changed = asyncio.Event()  # a job ended, or a stop was asked for
        self._stopping = False

    def stop(self) -> None:
        """Ask the loop to end in order."""
        self._stopping = True
        self._changed.set()

    def ask(self, job: Job) -> bool:
        """Have a job begin as soon as there is a place; False: a job of its lane is under way, or it is due anyway."""
        lane = self._lanes.setdefault(_lane_of(job), _Lane(Overlap.PREEMPT))
        if self._stopping or lane.running is not None or job.mode in lane.due:
            return False
        lane.due[job.mode] = self._clock.now()
        lane.asked[job.mode] = job
        self._changed.set()
        return True

    def running_of(self, source: str) -> _Running | None:
        """The job of a source's documents that runs here now."""
        lane = self._lanes.get(_lane_of(Job(source, SyncMode.FULL)))
        return None if lane is None else lane.running

    def ask_to_make_way(self, job: Job) -> None:
        """Ask a job to end in order if it runs here, and to go on in its turn with what is left."""
        running = self.running_of(job.source)
        if running is not None and running.job.mode is job.mode:
            _log.info("sync asked to make way: %s", running.job)
            running.stop.set()

    def stop_source(self, source: str, *, meant: _Running | None = None) -> SyncMode | None:
        """Ask the running job of a source's documents to end in order, or drop a crawl of them that waits.

        Where one is `meant`, no other is stopped. Returns its mode; None where there is no such job. The schedule goes
        on with the job's next time.
        """
        lane = self._lanes.get(_lane_of(Job(source, SyncMode.FULL)))
        if lane is None:
            return None
        if meant is not None and lane.running is not meant:
            return None
        self._changed.set()
        if lane.running is not None:
            lane.running.is_given_up = True
            lane.running.stop.set()
            return lane.running.job.mode
        waiting = next((mode for mode in lane.due if mode in _CRAWLS or mode in lane.asked), None)
        if waiting is not None:
            del lane.due[waiting]
            lane.asked.pop(waiting, None)
        return waiting

    async def run(self, owed: Iterable[Job] = ()) -> None:
        """Run jobs at their times until stopped; the owed ones are due at once."""
        now = self._clock.now()
        for job in owed:
            _log.info("sync owed from before the start: %s", job)
            self._lanes.setdefault(_lane_of(job), _Lane(Overlap.PREEMPT)).due[job.mode] = now
        for entry in self.timetable:
            self._plan(entry, after=now)
        async with asyncio.TaskGroup() as tasks:
            while not self._stopping:
                self._changed.clear()
                now = self._clock.now()
                self._take_due(now)
                self._start_and_interrupt(tasks, now)
                await self._clock.wait(self._changed, self._rest_s(now))
            await self._drain()

    def _plan(self, entry: ScheduledJob, *, after: datetime) -> None:
        jitter = timedelta(seconds=self._random_up_to(entry.jitter_s))
        self._next[entry.job] = entry.next_after(after) + jitter

    def _take_due(self, now: datetime) -> None:
        for entry in self.timetable:
            due = self._next[entry.job]
            if due > now:
                continue
            self._plan(entry, after=now)
            lane = self._lanes[_lane_of(entry.job)]
            if entry.missed is Missed.SKIP and now - due > timedelta(seconds=LATE_S):
                _log.warning("sync skipped, its time was missed: %s", entry.job)
            elif lane.overlap is Overlap.SKIP and lane.running is not None:
                _log.info("sync skipped, another of the source is under way: %s", entry.job)
            else:
                lane.due.setdefault(entry.job.mode, due)

    def _start_and_interrupt(self, tasks: asyncio.TaskGroup, now: datetime) -> None:
        for (source, _), lane in sorted(self._lanes.items(), key=lambda one: one[1].waits_since):
            interruptible_at = lane.interruptible_at()
            if lane.running is None:
                self._start(source, lane, tasks, now)
            elif interruptible_at is not None and interruptible_at <= now:
                _log.info("sync asked to make way: %s", lane.running.job)
                lane.running.stop.set()

    def _start(self, source: str, lane: _Lane, tasks: asyncio.TaskGroup, now: datetime) -> None:
        mode = next((mode for mode in lane.in_turn() if self._has_place(mode)), None)
        if mode is None:
            return
        running = _Running(lane.asked.get(mode, Job(source, mode)), began=now)
        if mode in _CRAWLS:
            held_up_s = (now - lane.stopped_at).total_seconds() if lane.stopped_at is not None else 0.0
            lane.slice_s, lane.stopped_at = max(LEAST_SLICE_S, held_up_s), None
        lane.running = running
        lane.had_turn.add(mode)
        running.task = tasks.create_task(self._run_one(lane, running, due=lane.due.pop(mode)))

    def _has_place(self, mode: SyncMode) -> bool:
        alike = [running for running in self._running() if _places_of(running.job.mode) == _places_of(mode)]
        return len(alike) < self._settings.concurrent_sources

    def _running(self) -> Iterator[_Running]:
        return (lane.running for lane in self._lanes.values() if lane.running is not None)

    async def _run_one(self, lane: _Lane, running: _Running, *, due: datetime) -> None:
        complete = True
        try:
            complete = await self._run_job(running.job, running.stop)
        except Exception:  # noqa: BLE001 - whatever it is, it is this job's: the next time may do better, and others go on
            _log.exception("sync failed: %s", running.job)
        finally:
            lane.running = None
            self._changed.set()
        if complete or running.is_given_up:
            lane.asked.pop(running.job.mode, None)
        else:
            lane.due.setdefault(running.job.mode, due)  # in its old place: nobody overtakes it by being later
            lane.stopped_at = self._clock.now()

    def _rest_s(self, now: datetime) -> float:
        moments = [lane.interruptible_at() for lane in self._lanes.values()]
        soonest = min([*self._next.values(), *(moment for moment in moments if moment is not None)], default=None)
        if soonest is None:
            return LONGEST_REST_S
        return min(max((soonest - now).total_seconds(), 0.0), LONGEST_REST_S)

    async def _drain(self) -> None:
        for running in self._running():
            running.stop.set()
        deadline = self._clock.now() + timedelta(seconds=self._settings.drain_s)
        while any(self._running()) and self._clock.now() < deadline:
            self._changed.clear()
            await self._clock.wait(self._changed, (deadline - self._clock.now()).total_seconds())
        for running in self._running():
            _log.warning("sync cancelled, it did not stop within %g s: %s", self._settings.drain_s, running.job)
            if running.task is not None:
                running.task.cancel()


def _places_of(mode: SyncMode) -> str:
    """Which places a job takes: what takes long keeps no revocation waiting."""
    return "crawls" if mode in _CRAWLS else "audits" if mode is SyncMode.AUDIT else "revocations"


def _lane_of(job: Job) -> tuple[str, str]:
    return job.source, job.mode if job.mode in _BESIDE else ""
