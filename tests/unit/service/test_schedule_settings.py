"""What a `schedule` may say, and how a mistake in one is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.scheduling.timetable import Job, timetable
from service.settings.schedule import Missed, Overlap, SchedulerSettings
from service.settings.settings import Settings, SettingsRefused, load_settings
from tests.unit.service.cli_folder import CliFolder
from vocabulary.ports import SyncMode


@pytest.fixture
def folder(tmp_path: Path) -> CliFolder:
    folder = CliFolder(tmp_path)
    folder.furnish()
    return folder


def load(folder: CliFolder, schedule: str, more: str = "") -> Settings:
    file = folder.path / "sightline.toml"
    file.write_text(file.read_text() + f"schedule = {schedule}\n{more}")
    return load_settings(file, {})


def problems(folder: CliFolder, schedule: str, more: str = "") -> tuple[str, ...]:
    with pytest.raises(SettingsRefused) as refused:
        load(folder, schedule, more)
    return refused.value.problems


def test_each_expression_of_a_schedule_is_a_job(folder: CliFolder) -> None:
    schedule = '{ content = "0 2 * * *", identities = "*/5 * * * *", timezone = "Europe/Berlin", jitter_s = 5 }'
    entries = timetable(load(folder, schedule))
    assert {entry.job: entry.cron for entry in entries} == {
        Job("handbook", SyncMode.FULL): "0 2 * * *",
        Job("handbook", SyncMode.IDENTITIES): "*/5 * * * *",
    }
    assert {(entry.zone.key, entry.jitter_s, entry.missed, entry.overlap) for entry in entries} == {
        ("Europe/Berlin", 5.0, Missed.RUN_ONCE, Overlap.PREEMPT)
    }


def test_a_source_without_a_schedule_has_no_jobs(folder: CliFolder) -> None:
    settings = load_settings(folder.path / "sightline.toml", {})
    assert timetable(settings) == ()
    assert settings.scheduler == SchedulerSettings()


@pytest.mark.parametrize(
    ("schedule", "problem"),
    [
        ('{ content = "0 2 * *" }', "schedule.content: expected five fields: minute, hour, day of the month, month, "),
        ('{ content = "0 2 * * * *" }', "schedule.content: expected five fields"),
        ('{ content = "@daily" }', "schedule.content: expected five fields"),
        ('{ content = "61 * * * *" }', "schedule.content: not a cron expression: bad minute"),
        ('{ content = "0 0 31 2 *" }', "schedule.content: not a cron expression: bad day-of-month"),
        ('{ content = "0 0 */31 2 mon#5" }', "schedule.content: no day ever matches it"),
        ('{ content = "0 2 * * *", timezone = "Europe/Berlln" }', "schedule.timezone: no such time zone"),
        ('{ content = "0 2 * * *", timezone = "Europe" }', "schedule.timezone: no such time zone"),
        ('{ content = "0 2 * * *", timezone = "../../etc/passwd" }', "schedule.timezone: no such time zone"),
        ('{ content = "0 2 * * *", jitter_s = -1 }', "schedule.jitter_s: should be greater than or equal to 0"),
        ('{ content = "0 2 * * *", missed = "twice" }', "schedule.missed: should be 'run-once' or 'skip'"),
        ('{ content = "0 2 * * *", overlap = "race" }', "schedule.overlap: should be 'preempt', 'wait' or 'skip'"),
        ('{ contents = "0 2 * * *" }', "schedule.contents: unknown key (did you mean content?)"),
        ('{ timezone = "UTC" }', "schedule: names no time: content, changes, permissions, identities or audit"),
        ('"0 2 * * *"', "schedule: should be an object"),
    ],
)
def test_a_mistake_is_one_line_with_its_key(folder: CliFolder, schedule: str, problem: str) -> None:
    (told,) = problems(folder, schedule)
    assert told.startswith(f"sources.handbook.{problem}")


def test_people_that_are_not_crawled_have_no_times(folder: CliFolder) -> None:
    told = problems(folder, '{ identities = "*/5 * * * *" }', "crawl_identities = false")
    assert told == ("sources.handbook.schedule.identities: nothing to read, crawl_identities is false",)


def test_a_source_is_not_asked_for_what_its_connector_lacks(folder: CliFolder) -> None:
    known = "filesystem sources know no such sync (only audit, full, identities, rescore)"
    assert problems(folder, '{ changes = "*/15 * * * *", permissions = "*/5 * * * *" }') == (
        f"sources.handbook.schedule.changes: {known}",
        f"sources.handbook.schedule.permissions: {known}",
    )


@pytest.mark.parametrize("setting", ["concurrent_sources = 0", "drain_s = -1", "patience = 3"])
def test_the_scheduler_refuses_what_it_cannot_do(folder: CliFolder, setting: str) -> None:
    (told,) = problems(folder, '{ content = "0 2 * * *" }', f"[scheduler]\n{setting}")
    assert told.startswith(f"scheduler.{setting.split(maxsplit=1)[0]}: ")
