"""When each source's jobs are due, worked out from the settings and a moment; nothing here waits or runs.

A job is one mode of one source. Its times are those that cron would choose on the clock of its time zone: when clocks
go forward, a job of the lost hour is due at the first minute after it; when they go back, a job of the repeated hour
is due once, and a job that repeats by the minute goes on by real time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim

from service.audit.sampling import Sampling
from service.settings.schedule import MODE_OF_KEY, Missed, Overlap, SourceSchedule
from service.settings.settings import Settings
from vocabulary.ports import SyncMode


@dataclass(frozen=True, slots=True)
class Job:
    """One mode of one source; what a person has decided about it, who asks for it, makes no other job of it."""

    source: str
    mode: SyncMode
    confirm_deletes: bool = field(default=False, compare=False)
    sampling: Sampling | None = field(default=None, compare=False)  # of an audit; None: as many as usual, at random

    def __str__(self) -> str:
        return f"source={self.source} mode={self.mode}"


@dataclass(frozen=True, slots=True)
class LastRun:
    """When a job last ran, and whether it was interrupted before it was done."""

    started_at: datetime
    unfinished: bool = False


@dataclass(frozen=True, slots=True)
class ScheduledJob:
    """A job and its times."""

    job: Job
    cron: str
    zone: ZoneInfo
    jitter_s: float = 0.0
    missed: Missed = Missed.RUN_ONCE
    overlap: Overlap = Overlap.PREEMPT

    def next_after(self, moment: datetime) -> datetime:
        """The first time after the moment, in UTC and without jitter."""
        for local in CronSim(self.cron, moment.astimezone(self.zone)):
            due = local.astimezone(UTC)
            # Within the repeated hour, a time of its first half comes up again though it has passed.
            if due > moment:
                return due
        raise ValueError(f"{self.job}: no day ever matches {self.cron!r}")  # settings refuse such an expression

    def is_owed(self, last: LastRun | None, *, now: datetime) -> bool:
        """Say whether a time was missed since the job last ran; documents never crawled are owed from the start."""
        if self.missed is Missed.SKIP:
            return False
        if last is None:
            return self.job.mode is SyncMode.FULL
        return last.unfinished or self.next_after(last.started_at) <= now


def timetable(settings: Settings) -> tuple[ScheduledJob, ...]:
    """List every scheduled job, source by source."""
    return tuple(
        entry
        for source, configured in settings.sources.items()
        if configured.schedule is not None
        for entry in _entries(source, configured.schedule)
    )


def _entries(source: str, schedule: SourceSchedule) -> list[ScheduledJob]:
    return [
        ScheduledJob(
            job=Job(source, MODE_OF_KEY[key]),
            cron=cron,
            zone=ZoneInfo(schedule.timezone),
            jitter_s=schedule.jitter_s,
            missed=schedule.missed,
            overlap=schedule.overlap,
        )
        for key, cron in schedule.crons.items()
    ]
