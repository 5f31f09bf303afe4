"""What the scheduler starts, when, and in whose place. Jobs are scripted, time is moved by the test."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from service.scheduling.scheduler import Scheduler
from service.scheduling.timetable import Job, ScheduledJob
from service.settings.schedule import Missed, Overlap, SchedulerSettings
from tests.fakes.scripted_clock import ScriptedClock, settle
from vocabulary.errors import SourceUnavailable
from vocabulary.ports import SyncMode

FULL, PERMISSIONS, IDENTITIES = SyncMode.FULL, SyncMode.PERMISSIONS, SyncMode.IDENTITIES
START = datetime(2026, 6, 1, 0, 0, tzinfo=UTC)
PAGE_S = 10.0  # a scripted crawl looks at its stop event this often


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


@dataclass
class Workplace:
    """Runs scripted jobs, each for as long as the test says, and notes who began and ended when (minutes)."""

    clock: ScriptedClock
    work_s: dict[Job, float] = field(default_factory=dict)
    faults: dict[Job, Exception] = field(default_factory=dict)
    deaf: frozenset[Job] = frozenset()  # these do not hear that they should stop
    events: list[tuple[float, str, Job]] = field(default_factory=list)
    under_way: set[Job] = field(default_factory=set)
    left_s: dict[Job, float] = field(default_factory=dict)

    async def run(self, job: Job, stop: asyncio.Event) -> bool:
        touching = {other for other in self.under_way if other.mode not in {IDENTITIES, SyncMode.AUDIT}}
        beside = {other for other in touching if other.source == job.source}
        assert job.mode in {IDENTITIES, SyncMode.AUDIT} or not beside, "one run of a source's documents at a time"
        self.under_way.add(job)
        self._note("began", job)
        try:
            if job in self.faults:
                raise self.faults[job]
            left_s = self.left_s.pop(job, self.work_s.get(job, 0.0))
            while left_s > 0 and not (stop.is_set() and job not in self.deaf):
                await self.clock.wait(asyncio.Event(), PAGE_S)
                left_s -= PAGE_S
        except asyncio.CancelledError:
            self._note("cancelled", job)
            raise
        finally:
            self.under_way.remove(job)
        if left_s > 0:
            self.left_s[job] = left_s
        self._note("stopped" if left_s > 0 else "done", job)
        return left_s <= 0

    def of(self, *kinds: str) -> list[tuple[float, Job]]:
        return [(minute, job) for minute, kind, job in self.events if kind in kinds]

    def _note(self, kind: str, job: Job) -> None:
        self.events.append(((self.clock.now() - START).total_seconds() / 60, kind, job))


@pytest.fixture
def clock() -> ScriptedClock:
    return ScriptedClock(START)


@pytest.fixture
def workplace(clock: ScriptedClock) -> Workplace:
    return Workplace(clock)


def job(source: str, mode: SyncMode) -> Job:
    return Job(source, mode)


def entry(
    job: Job,
    cron: str,
    *,
    overlap: Overlap = Overlap.PREEMPT,
    missed: Missed = Missed.RUN_ONCE,
    jitter_s: float = 0.0,
) -> ScheduledJob:
    return ScheduledJob(job, cron, ZoneInfo("UTC"), overlap=overlap, missed=missed, jitter_s=jitter_s)


@asynccontextmanager
async def scheduling(
    workplace: Workplace,
    timetable: Sequence[ScheduledJob],
    *,
    settings: SchedulerSettings | None = None,
    owed: Iterable[Job] = (),
    random_up_to: Callable[[float], float] = lambda most: most,
) -> AsyncIterator[tuple[Scheduler, asyncio.Task[None]]]:
    scheduler = Scheduler(
        timetable,
        workplace.run,
        settings=settings or SchedulerSettings(),
        clock=workplace.clock,
        random_up_to=random_up_to,
    )
    running = asyncio.create_task(scheduler.run(owed))
    try:
        yield scheduler, running
    finally:
        running.cancel()
        await asyncio.wait([running])


NIGHTLY = job("intranet", FULL)
RIGHTS = job("intranet", PERMISSIONS)
PEOPLE = job("intranet", IDENTITIES)


async def test_jobs_run_at_their_times_and_between_them_nothing_does(
    clock: ScriptedClock, workplace: Workplace
) -> None:
    timetable = [entry(NIGHTLY, "0 2 * * *"), entry(RIGHTS, "*/30 * * * *")]
    async with scheduling(workplace, timetable):
        await clock.advance(at(150))
    assert workplace.of("done") == [
        (30, RIGHTS),
        (60, RIGHTS),
        (90, RIGHTS),
        (120, RIGHTS),
        (120, NIGHTLY),
        (150, RIGHTS),
    ]


async def test_of_jobs_due_together_permissions_come_first_and_everything_last(
    clock: ScriptedClock, workplace: Workplace
) -> None:
    timetable = [entry(job("intranet", mode), "0 1 * * *") for mode in (FULL, SyncMode.CHANGES, PERMISSIONS)]
    async with scheduling(workplace, timetable):
        await clock.advance(at(60))
    assert [one.mode for _, one in workplace.of("done")] == [PERMISSIONS, SyncMode.CHANGES, FULL]


async def test_people_are_read_beside_a_crawl_and_hold_nothing_up(clock: ScriptedClock, workplace: Workplace) -> None:
    workplace.work_s = {NIGHTLY: 3600, PEOPLE: 300}
    async with scheduling(workplace, [entry(NIGHTLY, "0 1 * * *"), entry(PEOPLE, "10 1 * * *")]):
        await clock.advance(at(120))
    assert workplace.of("began") == [(60, NIGHTLY), (70, PEOPLE)]
    assert workplace.of("done") == [(75, PEOPLE), (120, NIGHTLY)]


async def test_an_audit_is_made_beside_all_else_and_takes_nobodys_place(
    clock: ScriptedClock, workplace: Workplace
) -> None:
    audit, rights = job("intranet", SyncMode.AUDIT), job("extranet", PERMISSIONS)
    workplace.work_s = {NIGHTLY: 3600, audit: 1800}
    timetable = [entry(NIGHTLY, "0 1 * * *"), entry(audit, "10 1 * * *"), entry(rights, "20 1 * * *")]
    async with scheduling(workplace, timetable, settings=SchedulerSettings(concurrent_sources=1)):
        await clock.advance(at(120))
    assert workplace.of("began") == [(60, NIGHTLY), (70, audit), (80, rights)]
    assert workplace.of("done") == [(80, rights), (100, audit), (120, NIGHTLY)]


async def test_jitter_delays_a_job_and_leaves_its_next_time_alone(clock: ScriptedClock, workplace: Workplace) -> None:
    async with scheduling(workplace, [entry(RIGHTS, "*/10 * * * *", jitter_s=60)]):
        await clock.advance(at(35))
    assert workplace.of("began") == [(11, RIGHTS), (21, RIGHTS), (31, RIGHTS)]


async def test_an_urgent_job_interrupts_a_crawl_which_then_goes_on(clock: ScriptedClock, workplace: Workplace) -> None:
    workplace.work_s = {NIGHTLY: 3 * 3600, RIGHTS: 60}
    async with scheduling(workplace, [entry(NIGHTLY, "0 1 * * *"), entry(RIGHTS, "30 * * * *")]):
        await clock.advance(at(300))
    assert workplace.of("began", "stopped", "done") == [
        (30, RIGHTS),
        (31, RIGHTS),
        (60, NIGHTLY),
        (90, NIGHTLY),  # asked to make way, stops at its page
        (90, RIGHTS),
        (91, RIGHTS),
        (91, NIGHTLY),
        (150, NIGHTLY),
        (150, RIGHTS),
        (151, RIGHTS),
        (151, NIGHTLY),
        (210, NIGHTLY),
        (210, RIGHTS),
        (211, RIGHTS),
        (211, NIGHTLY),
        (243, NIGHTLY),  # three hours of work in all, held up three times
        (270, RIGHTS),
        (271, RIGHTS),
    ]
    assert workplace.of("done")[-2][1] == NIGHTLY


async def test_urgent_jobs_without_end_leave_half_of_the_time_to_the_documents(
    clock: ScriptedClock, workplace: Workplace
) -> None:
    workplace.work_s = {NIGHTLY: 3600, RIGHTS: 20 * 60}  # as long as four of its intervals
    async with scheduling(workplace, [entry(NIGHTLY, "0 1 * * *"), entry(RIGHTS, "2-59/5 1-23 * * *")]):
        await clock.advance(at(60 + 125))
    assert NIGHTLY in [one for _, one in workplace.of("done")]


@pytest.mark.parametrize(("overlap", "began"), [(Overlap.WAIT, [80, 90, 100]), (Overlap.SKIP, [90, 100])])
async def test_other_policies_let_a_crawl_end(
    clock: ScriptedClock, workplace: Workplace, overlap: Overlap, began: list[float]
) -> None:
    workplace.work_s = {NIGHTLY: 20 * 60}
    timetable = [entry(NIGHTLY, "0 1 * * *", overlap=overlap), entry(RIGHTS, "10,30,40 1 * * *", overlap=overlap)]
    async with scheduling(workplace, timetable):
        await clock.advance(at(105))
    assert workplace.of("stopped") == []
    assert workplace.of("done")[0] == (80, NIGHTLY)
    assert [minute for minute, one in workplace.of("began") if one == RIGHTS] == began


async def test_times_that_pass_while_a_job_is_due_are_that_one_job(clock: ScriptedClock, workplace: Workplace) -> None:
    workplace.work_s = {NIGHTLY: 50 * 60}
    timetable = [
        entry(NIGHTLY, "0 1 * * *", overlap=Overlap.WAIT),
        entry(RIGHTS, "5-45/5 1 * * *", overlap=Overlap.WAIT),
    ]
    async with scheduling(workplace, timetable):
        await clock.advance(at(180))
    assert workplace.of("began") == [(60, NIGHTLY), (110, RIGHTS)]


async def test_so_many_sources_are_crawled_at_once_and_no_more(clock: ScriptedClock, workplace: Workplace) -> None:
    crawls = [job(source, FULL) for source in ("a", "b", "c", "d")]
    workplace.work_s = dict.fromkeys(crawls, 600)
    most = 0

    async def watched(crawl: Job, stop: asyncio.Event) -> bool:
        nonlocal most
        most = max(most, len(workplace.under_way) + 1)
        return await Workplace.run(workplace, crawl, stop)

    timetable = [entry(crawl, f"{minute} 1 * * *") for minute, crawl in enumerate(crawls)]
    scheduler = Scheduler(
        timetable, watched, settings=SchedulerSettings(concurrent_sources=3), clock=clock, random_up_to=lambda _: 0.0
    )
    running = asyncio.create_task(scheduler.run())
    await clock.advance(at(90))
    scheduler.stop()
    await running
    assert most == 3
    assert workplace.of("began") == [(60, crawls[0]), (61, crawls[1]), (62, crawls[2]), (70, crawls[3])]


async def test_the_permissions_of_one_source_wait_for_no_crawl_of_another(
    clock: ScriptedClock, workplace: Workplace
) -> None:
    crawl = job("archive", FULL)
    workplace.work_s = {crawl: 3600}
    settings = SchedulerSettings(concurrent_sources=1)
    async with scheduling(workplace, [entry(crawl, "0 1 * * *"), entry(RIGHTS, "5 1 * * *")], settings=settings):
        await clock.advance(at(66))
    assert workplace.of("done") == [(65, RIGHTS)]


async def test_a_job_that_fails_is_logged_and_stops_nothing(
    clock: ScriptedClock, workplace: Workplace, caplog: pytest.LogCaptureFixture
) -> None:
    workplace.faults = {NIGHTLY: SourceUnavailable("no answer"), RIGHTS: ValueError("a bug")}
    other = job("archive", PERMISSIONS)
    timetable = [entry(one, "*/10 * * * *") for one in (NIGHTLY, RIGHTS, other)]
    async with scheduling(workplace, timetable) as (_, running):
        await clock.advance(at(20))
        assert not running.done()
    assert [one for _, one in workplace.of("done")] == [other, other]
    logged = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert logged.count("sync failed: source=intranet mode=full") == 2
    assert logged.count("sync failed: source=intranet mode=permissions") == 2


async def test_what_is_owed_runs_at_once(clock: ScriptedClock, workplace: Workplace) -> None:
    timetable = [entry(NIGHTLY, "0 2 * * *"), entry(RIGHTS, "0 * * * *")]
    async with scheduling(workplace, timetable, owed=[NIGHTLY]):
        await clock.advance(at(1))
    assert workplace.of("done") == [(0, NIGHTLY)]


@pytest.mark.parametrize(("missed", "ran"), [(Missed.RUN_ONCE, [NIGHTLY]), (Missed.SKIP, [])])
async def test_a_machine_that_slept_runs_a_missed_job_once_or_not_at_all(
    clock: ScriptedClock, workplace: Workplace, missed: Missed, ran: list[Job]
) -> None:
    async with scheduling(workplace, [entry(NIGHTLY, "0 2 * * *", missed=missed)]):
        await settle()
        clock.jump(to=START + timedelta(days=3, hours=5))
        await clock.advance(clock.now() + timedelta(minutes=2))
    assert [one for _, one in workplace.of("done")] == ran


async def test_asked_to_stop_it_lets_a_crawl_reach_its_page_and_starts_nothing_more(
    clock: ScriptedClock, workplace: Workplace
) -> None:
    workplace.work_s = {NIGHTLY: 3600}
    timetable = [entry(NIGHTLY, "0 1 * * *", overlap=Overlap.WAIT), entry(RIGHTS, "* 1 * * *", overlap=Overlap.WAIT)]
    async with scheduling(workplace, timetable) as (scheduler, running):
        await clock.advance(at(65))
        scheduler.stop()
        await clock.advance(at(70))
        assert running.done()
        assert running.exception() is None
    assert workplace.events[-1][1:] == ("stopped", NIGHTLY)
    assert 65 <= workplace.events[-1][0] <= 65 + 2 * PAGE_S / 60


async def test_what_does_not_stop_in_time_is_cancelled(
    clock: ScriptedClock, workplace: Workplace, caplog: pytest.LogCaptureFixture
) -> None:
    workplace.work_s, workplace.deaf = {NIGHTLY: 3600}, frozenset({NIGHTLY})
    settings = SchedulerSettings(drain_s=60)
    async with scheduling(workplace, [entry(NIGHTLY, "0 1 * * *")], settings=settings) as (scheduler, running):
        await clock.advance(at(65))
        scheduler.stop()
        await clock.advance(at(65.9))
        assert not running.done()
        await clock.advance(at(66))
        assert running.done()
        assert running.exception() is None
    assert workplace.events[-1][1:] == ("cancelled", NIGHTLY)
    assert "sync cancelled, it did not stop within 60 s: source=intranet mode=full" in caplog.text


async def test_cancelled_it_takes_its_jobs_with_it(clock: ScriptedClock, workplace: Workplace) -> None:
    workplace.work_s = {NIGHTLY: 3600}
    async with scheduling(workplace, [entry(NIGHTLY, "0 1 * * *")]) as (_, running):
        await clock.advance(at(65))
        running.cancel()
        await settle()
        assert running.cancelled()
    assert workplace.events[-1][1:] == ("cancelled", NIGHTLY)
    assert workplace.under_way == set()


async def test_a_rescoring_makes_way_to_whatever_of_its_source_is_due_and_goes_on(
    clock: ScriptedClock, workplace: Workplace
) -> None:
    rescoring, changes = job("intranet", SyncMode.RESCORE), job("intranet", SyncMode.CHANGES)
    workplace.work_s = {rescoring: 1_200, changes: 60}
    async with scheduling(workplace, [entry(changes, "5 * * * *")], owed=[rescoring]):
        await clock.advance(at(40))
    assert [job for _, job in workplace.of("stopped", "done")] == [rescoring, changes, rescoring]
