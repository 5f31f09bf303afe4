"""Several programs over one state store and one index: what one of them writes, the next query of the others obeys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from indexer.state.run_history import RunState
from tests.integration.lean_programs import Server, Writer, server, writer
from tests.unit.service.cli_folder import PEOPLE, SETTINGS, CliFolder
from vocabulary.ports import SyncMode

NOT_READY = "urn:sightline:problem:not-ready"
ONLY_ANN = '[[people]]\nusername = "ann"\nemail = "ann@example.com"\n'
FOR_BOTH = {"travel.txt", "canteen.txt", *(f"note-{number}.txt" for number in range(4))}
BOARD = {"merger.txt", "budget.txt"}


@dataclass(frozen=True)
class Site:
    """A handbook, two processes that answer for it, and one that writes."""

    folder: CliFolder
    servers: tuple[Server, Server]
    writer: Writer

    def sync(self, mode: SyncMode = SyncMode.FULL) -> None:
        assert self.writer.sync(mode) == RunState.SUCCEEDED

    def write(self, name: str, text: str) -> None:
        (self.folder.path / name).write_text(text)

    def all_show(self, who: str, titles: set[str]) -> None:
        for each in self.servers:
            assert each.titles(who) == titles


@pytest.fixture
def site(tmp_path: Path, state_url: str) -> Iterator[Site]:
    folder = CliFolder(tmp_path / "site")
    folder.path.mkdir()
    folder.furnish()
    settings = _settings(folder, "sightline.toml", state_url)
    with ExitStack() as started:
        servers = (started.enter_context(server(settings)), started.enter_context(server(settings)))
        yield Site(folder, servers, started.enter_context(writer(settings)))


def _settings(folder: CliFolder, name: str, state_url: str) -> Path:
    file = folder.path / name
    file.write_text(f'[state]\nurl = "{state_url}"\n{SETTINGS}')
    return file


def test_the_next_query_of_each_process_obeys_what_another_has_written(site: Site) -> None:
    site.all_show("ann", set())  # an index that was never filled holds nothing, and the state knows nobody
    site.sync()
    site.all_show("ann", FOR_BOTH | BOARD)
    site.all_show("bob", FOR_BOTH)

    site.write("handbook/board/.access.toml", 'allow = ["user:bob"]')
    site.sync()
    site.all_show("ann", FOR_BOTH)  # whom a list shuts out is shut out at once
    site.all_show("bob", FOR_BOTH | BOARD)

    (site.folder.path / "handbook" / "new").mkdir()
    site.write("handbook/new/.access.toml", 'allow = ["user:ann"]')
    site.write("handbook/new/plan.txt", "A plan under a list that no process has met before.")
    site.sync()
    site.all_show("ann", FOR_BOTH | {"plan.txt"})
    site.all_show("bob", FOR_BOTH | BOARD)

    site.write("people.toml", ONLY_ANN)
    site.sync(SyncMode.IDENTITIES)
    site.all_show("bob", set())
    site.write("people.toml", PEOPLE)
    site.sync(SyncMode.IDENTITIES)
    site.all_show("bob", FOR_BOTH | BOARD)

    site.writer.map("ann@example.com", "nobody")
    site.all_show("ann", set())


def test_a_process_over_another_state_is_refused_and_the_others_notice_nothing(site: Site, tmp_path: Path) -> None:
    site.sync()
    strange = _settings(site.folder, "strange.toml", f"sqlite:///{tmp_path / 'strange.db'}")
    with server(strange) as stranger, writer(strange) as strange_writer:
        assert strange_writer.sync() == "NumberingMismatch"
        assert strange_writer.sync(SyncMode.IDENTITIES) == RunState.SUCCEEDED  # so that it knows who asks
        answer = stranger.ask("ann")
        assert (answer.status_code, answer.json().get("type")) == (503, NOT_READY), answer.text
        assert not {"results", "total", "facets"} & answer.json().keys()
    site.all_show("ann", FOR_BOTH | BOARD)
    site.all_show("bob", FOR_BOTH)
