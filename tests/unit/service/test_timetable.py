"""When jobs are due: as cron reads the expression, on the clock of the schedule's own time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from service.scheduling.timetable import Job, LastRun, ScheduledJob
from service.settings.schedule import Missed
from vocabulary.ports import SyncMode

BERLIN = ZoneInfo("Europe/Berlin")
# Berlin's clocks go from 2:00 to 3:00 on 2026-03-29 and from 3:00 back to 2:00 on 2026-10-25, both at 1:00 UTC.
LOST_HOUR = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
REPEATED_HOUR_AGAIN = datetime(2026, 10, 25, 1, 0, tzinfo=UTC)


def entry(
    cron: str, *, zone: ZoneInfo = BERLIN, mode: SyncMode = SyncMode.FULL, missed: Missed = Missed.RUN_ONCE
) -> ScheduledJob:
    return ScheduledJob(Job("intranet", mode), cron=cron, zone=zone, missed=missed)


def times(scheduled: ScheduledJob, after: datetime, count: int) -> list[datetime]:
    found = []
    for _ in range(count):
        after = scheduled.next_after(after)
        found.append(after)
    return found


@pytest.mark.parametrize("minute", [0, 30])
def test_a_nightly_job_of_the_lost_hour_runs_once_right_after_it(minute: int) -> None:
    nightly = entry(f"{minute} 2 * * *")
    the_day_before, the_day, the_day_after = times(nightly, LOST_HOUR - timedelta(days=1, hours=2), 3)
    assert the_day_before == datetime(2026, 3, 28, 2, minute, tzinfo=BERLIN)
    assert the_day == LOST_HOUR
    assert the_day_after == datetime(2026, 3, 30, 2, minute, tzinfo=BERLIN)


@pytest.mark.parametrize("minute", [0, 30])
def test_a_nightly_job_of_the_repeated_hour_runs_once(minute: int) -> None:
    nightly = entry(f"{minute} 2 * * *")
    first, second = times(nightly, REPEATED_HOUR_AGAIN - timedelta(hours=3), 2)
    assert first == REPEATED_HOUR_AGAIN - timedelta(hours=1) + timedelta(minutes=minute)
    assert second == datetime(2026, 10, 26, 2, minute, tzinfo=BERLIN)


@pytest.mark.parametrize("minutes_into_it", [0, 10, 29, 30, 59])
def test_within_the_repeated_hour_no_time_comes_up_that_has_passed(minutes_into_it: int) -> None:
    asked = REPEATED_HOUR_AGAIN + timedelta(minutes=minutes_into_it)
    assert entry("30 2 * * *").next_after(asked) == datetime(2026, 10, 26, 2, 30, tzinfo=BERLIN)


@pytest.mark.parametrize("change", [LOST_HOUR, REPEATED_HOUR_AGAIN])
def test_a_job_of_every_quarter_of_an_hour_knows_real_time_only(change: datetime) -> None:
    due = times(entry("*/15 * * * *"), change - timedelta(hours=2, seconds=1), 20)
    assert due[0] == change - timedelta(hours=2)
    assert {later - earlier for earlier, later in pairwise(due)} == {timedelta(minutes=15)}


def test_days_of_the_week_are_numbered_as_cron_does() -> None:
    monday = datetime(2026, 6, 1, tzinfo=UTC)
    utc = ZoneInfo("UTC")
    assert {entry(f"0 3 * * {day}", zone=utc).next_after(monday).isoweekday() for day in ("0", "7", "sun")} == {7}
    assert times(entry("0 3 15 * 5", zone=utc), monday, 3) == [
        datetime(2026, 6, day, 3, tzinfo=UTC) for day in (5, 12, 15)
    ], "a day of the month or a day of the week: either will do"


def test_a_time_is_after_the_moment_and_never_the_moment_itself() -> None:
    due = datetime(2026, 6, 1, 0, 0, tzinfo=UTC)
    nightly = entry("0 2 * * *")
    assert nightly.next_after(due - timedelta(microseconds=1)) == due
    assert nightly.next_after(due) == due + timedelta(days=1)


def test_a_job_is_owed_when_a_time_passed_since_it_last_ran_or_it_was_interrupted() -> None:
    now = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)
    days_ago, this_night = now - timedelta(days=3), datetime(2026, 6, 10, 0, 0, 20, tzinfo=UTC)
    nightly = entry("0 2 * * *")
    assert nightly.is_owed(LastRun(days_ago), now=now)
    assert nightly.is_owed(LastRun(this_night, unfinished=True), now=now)
    assert not nightly.is_owed(LastRun(this_night), now=now)
    assert not entry("0 2 * * *", missed=Missed.SKIP).is_owed(LastRun(days_ago, unfinished=True), now=now)


def test_of_what_never_ran_only_the_documents_are_owed() -> None:
    now = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)
    owed = {mode for mode in SyncMode if entry("0 2 * * *", mode=mode).is_owed(None, now=now)}
    assert owed == {SyncMode.FULL}
    assert not entry("0 2 * * *", missed=Missed.SKIP).is_owed(None, now=now)
