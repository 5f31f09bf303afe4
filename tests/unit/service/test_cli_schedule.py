"""Scheduled crawls as an operator sees them: `schedule`, `serve`, their log, and their stop."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.unit.service.cli_folder import SETTINGS, TEXTS, CliFolder
from tests.unit.service.programs import address_in, running, stop
from tests.unit.service.test_cli_sync import documented_keys

FAR_AWAY = "0 0 1 1 *"  # a day on which no test runs for long
PATIENCE_S = 90.0


@pytest.fixture
def folder(tmp_path: Path) -> CliFolder:
    folder = CliFolder(tmp_path)
    folder.furnish()
    schedule(folder, f'{{ content = "{FAR_AWAY}", identities = "*/5 * * * *", timezone = "Europe/Berlin" }}')
    return folder


def schedule(folder: CliFolder, table: str, more: str = "") -> None:
    folder.write_settings(f"{SETTINGS}\nschedule = {table}\n{more}")


def config(folder: CliFolder) -> list[str]:
    return ["--config", str(folder.path / "sightline.toml")]


def state(folder: CliFolder, question: str) -> list[tuple[Any, ...]]:
    try:
        with sqlite3.connect(folder.path / "sightline-data" / "state.db", timeout=5) as connection:
            return connection.execute(question).fetchall()
    except sqlite3.OperationalError:  # not there yet
        return []


def wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def test_the_next_times_are_told_without_running_anything(folder: CliFolder) -> None:
    content, identities = folder.json("schedule", "--next")
    assert set(content) == documented_keys("`schedule --next`")
    assert (content["mode"], identities["mode"]) == ("full", "identities")
    soon = datetime.fromisoformat(identities["next_run"]) - datetime.now(UTC)
    assert timedelta(0) <= soon <= timedelta(minutes=5)
    new_year = datetime.fromisoformat(content["next_run"])
    assert (new_year.month, new_year.day, new_year.hour) == (12, 31, 23), "midnight in Berlin, in UTC"
    printed = folder.run("schedule", "--next")
    assert "-01-01 00:00 CET" in printed.stdout
    assert not (folder.path / "sightline-data").exists()
    (standing,) = folder.json("status")
    assert standing["modes"][0]["next_run"] == content["next_run"]


def test_without_a_schedule_there_is_nothing_to_run(folder: CliFolder) -> None:
    folder.write_settings(SETTINGS)
    result = folder.run("schedule")
    assert (result.exit_code, result.stderr) == (2, "error: sources: none has a schedule\n")


def test_serve_crawls_what_is_owed_and_answers_from_it(folder: CliFolder, capfd: pytest.CaptureFixture[str]) -> None:
    with running(["serve", "--port", "0", *config(folder)], announced_by="Serving on") as (process, printed):
        wait_until(lambda: state(folder, "SELECT 1 FROM runs WHERE state = 'succeeded'") != [])
        assert httpx.get(f"{address_in(printed)}/readyz").json() == {"status": "ready"}
        assert stop(process, signal.SIGTERM)[0] == 0
    answer = folder.json("search", "private", "lighthouse", "--as", "ann@example.com", "--mode", "keyword")
    assert answer["total"]["value"] == 1
    (run,) = folder.json("runs", "--mode", "full")
    log = capfd.readouterr().err
    assert f"run began: source=handbook mode=full run={run['id']} resumed=false" in log
    assert f"run ended: source=handbook mode=full run={run['id']} state=succeeded" in log
    assert "lighthouse" not in log


def test_serve_crawls_nothing_where_told_so(folder: CliFolder) -> None:
    with running(["serve", "--no-schedule", "--port", "0", *config(folder)], announced_by="Serving on") as (process, _):
        time.sleep(1)  # an owed crawl would have begun within milliseconds
        assert stop(process, signal.SIGTERM)[0] == 0
    assert folder.json("runs") == []


def test_a_crawl_that_is_told_to_stop_ends_in_order_and_goes_on_even_after_a_kill(folder: CliFolder) -> None:
    """Stopped by its supervisor, then killed outright, then left in peace."""
    for number in range(200):
        (folder.path / "handbook" / f"page-{number:03}.txt").write_text(f"Page {number} of a long book on parking.")
    schedule(folder, f'{{ content = "{FAR_AWAY}" }}', "page_size = 5")
    program = ["schedule", *config(folder)]
    with running(program, announced_by="Scheduled 1 job") as (process, _):
        wait_until(lambda: state(folder, "SELECT 1 FROM run_documents WHERE run_id = 1") != [])
        assert stop(process, signal.SIGTERM)[0] == 0
    (stopped,) = folder.json("runs")
    assert (stopped["state"], stopped["resumed"]) == ("interrupted", False)
    assert stopped["scanned"] == sum(stopped["states"].values()) > 0, "what was met is settled"
    with running(program, announced_by="Scheduled 1 job") as (process, _):
        wait_until(lambda: state(folder, "SELECT 1 FROM run_documents WHERE run_id = 2") != [])
        process.kill()
    with running(program, announced_by="Scheduled 1 job") as (process, _):
        wait_until(lambda: state(folder, "SELECT 1 FROM runs WHERE state = 'succeeded' AND NOT resumed") != [])
        assert stop(process, signal.SIGINT)[0] == 0
    listed = [(run["state"], run["resumed"]) for run in folder.json("runs")]
    assert listed == [("succeeded", False), ("succeeded", True), ("interrupted", True), ("interrupted", False)]
    (standing,) = folder.json("status")
    assert standing["documents"] == 200 + len(TEXTS)
