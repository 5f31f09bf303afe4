"""Several programs over one state store, each a process of its own: what one changes, the next request obeys."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from indexer.state.run_history import RunState
from indexer.state.runs import RunStore
from service.state_store import open_engine
from tests.unit.service.cli_folder import PEOPLE, SETTINGS, CliFolder
from tests.unit.service.http_world import bearer
from tests.unit.service.programs import PROGRAM, address_in, running

pytestmark = [pytest.mark.large, pytest.mark.timeout(600)]  # every program loads a model: seconds each

PATIENCE_S = 120.0
NOT_READY = "urn:sightline:problem:not-ready"
ONLY_ANN = '[[people]]\nusername = "ann"\nemail = "ann@example.com"\n'


@dataclass(frozen=True)
class Site:
    """A handbook, its settings, and programs that run on them."""

    folder: CliFolder

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        command = [*PROGRAM, *arguments, "--config", str(self.folder.path / "sightline.toml")]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def finish(self, process: subprocess.Popen[str]) -> tuple[int, str]:
        output, _ = process.communicate(timeout=PATIENCE_S)
        return process.returncode, output

    def run(self, *arguments: str) -> None:
        code, output = self.finish(self.start(*arguments))
        assert code == 0, output

    @contextmanager
    def two_servers(self) -> Iterator[tuple[str, str]]:
        """Two servers that are started at the same moment."""
        arguments = ["serve", "--no-schedule", "--port", "0", "--config", str(self.folder.path / "sightline.toml")]
        with ExitStack() as opened, ThreadPoolExecutor(2) as starting:
            both = [starting.submit(opened.enter_context, running(arguments, announced_by="Serving on")) for _ in "ab"]
            first, second = [address_in(started.result()[1]) for started in both]
            yield first, second


@pytest.fixture
def site(tmp_path: Path, state_url: str) -> Site:
    folder = CliFolder(tmp_path / "site")
    folder.path.mkdir()
    folder.furnish()
    folder.write_settings(f'[state]\nurl = "{state_url}"\n{SETTINGS}')
    return Site(folder)


def ask(address: str, headers: dict[str, str]) -> httpx.Response:
    body = {"query": "", "page": {"size": 100}, "facets": ["source"]}
    return httpx.post(f"{address}/indexes/private/query", json=body, headers=headers, timeout=60)


def titles(address: str, who: str) -> set[str]:
    answer = ask(address, bearer(f"{who}@example.com"))
    assert answer.status_code == 200, answer.text
    found = {result["title"] for result in answer.json()["results"]}
    assert answer.json()["total"]["value"] == len(found)
    return found


def test_what_one_process_changes_the_next_request_of_the_others_obeys(site: Site) -> None:
    handbook = site.folder.path / "handbook"
    open_to_both = {path.name for path in handbook.glob("*.txt")}
    board = {path.name for path in (handbook / "board").glob("*.txt")}
    with site.two_servers() as servers:  # both make the tables of the empty database
        for each in servers:
            answer = ask(each, bearer("ann@example.com"))
            assert (answer.status_code, answer.json()["type"]) == (503, NOT_READY)
        site.run("sync")
        for each in servers:
            assert (titles(each, "ann"), titles(each, "bob")) == (open_to_both | board, open_to_both)

        (handbook / "board" / ".access.toml").write_text('allow = ["user:bob"]')
        site.run("sync")
        for each in servers:
            assert titles(each, "ann") == open_to_both, "whom a list shuts out is shut out at once"

        (site.folder.path / "people.toml").write_text(ONLY_ANN)
        site.run("sync", "--mode", "identities")
        for each in servers:
            assert (titles(each, "ann"), titles(each, "bob")) == (open_to_both, set())

        site.run("reindex", "private")
        site.run("reindex", "private", "--drop-old")
        (site.folder.path / "people.toml").write_text(PEOPLE)
        site.run("sync", "--mode", "identities")
        for each in servers:
            assert (titles(each, "ann"), titles(each, "bob")) == (open_to_both, open_to_both | board)


def test_of_two_syncs_of_one_source_one_is_turned_away_and_one_takes_over_from_the_dead(
    site: Site, state_url: str
) -> None:
    many = site.folder.path / "handbook" / "many"
    many.mkdir()
    for number in range(400):
        (many / f"{number}.txt").write_text(f"Page {number} tells of rivers and of bridges. " * 40)
    first = site.start("sync", "--json")
    _wait_for_a_run(state_url, first)
    code, output = site.finish(site.start("sync"))
    assert (code, "is being synced by another run" in output) == (1, True), output
    first.send_signal(signal.SIGKILL)
    site.finish(first)
    site.run("sync")
    runs = json.loads(_output(site, "runs", "--json"))
    assert [run["state"] for run in runs][-1] == RunState.INTERRUPTED
    assert RunState.RUNNING not in {run["state"] for run in runs}
    [source] = json.loads(_output(site, "status", "--json"))
    assert source["documents"] == 400 + 8


def _wait_for_a_run(state_url: str, process: subprocess.Popen[str]) -> None:
    engine = open_engine(state_url)
    deadline = time.monotonic() + PATIENCE_S
    while not _is_running(RunStore(engine)):
        assert process.poll() is None, "the sync was over before anybody could get in its way"
        assert time.monotonic() < deadline
        time.sleep(0.05)
    engine.dispose()


def _is_running(runs: RunStore) -> bool:
    return any(run.state is RunState.RUNNING for run in asyncio.run(runs.recent()))


def _output(site: Site, *arguments: str) -> str:
    code, output = site.finish(site.start(*arguments))
    assert code == 0, output
    return output
