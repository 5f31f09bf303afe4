"""Programs that stay: `serve` and `demo` as processes of their own, asked over HTTP and told to stop by signals."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from connectors.alfresco.simulator import sample
from service.cli import app
from service.demo_files import DemoFolder
from service.http.server import AddressUnavailable, listen, listen_nearby, port_of
from tests.unit.service.cli_folder import CliFolder
from tests.unit.service.programs import address_in, running, stop
from vocabulary.errors import SettingInvalid


def test_serve_answers_until_its_supervisor_stops_it(tmp_path: Path) -> None:
    folder = CliFolder(tmp_path)
    folder.furnish()
    arguments = ["serve", "--port", "0", "--config", str(tmp_path / "sightline.toml")]
    with running(arguments, announced_by="Serving on") as (process, printed):
        address = address_in(printed)
        assert httpx.get(f"{address}/readyz").json() == {"status": "ready"}
        assert httpx.post(f"{address}/indexes/private/query", json={}).status_code == 401
        assert httpx.post(f"{address}/indexes/public/query", json={}).json()["total"]["value"] == 0
        assert stop(process, signal.SIGTERM)[0] == 0


def titles_for(address: str, person: Mapping[str, str]) -> set[str]:
    headers = {"Authorization": f"Bearer {person['token']}"}
    answer = httpx.post(f"{address}/indexes/private/query", json={"page": {"size": 100}}, headers=headers)
    return {result["title"] for result in answer.json()["results"]}


def test_the_demo_shows_two_people_two_answers_and_reads_nothing_twice(tmp_path: Path) -> None:
    data = tmp_path / "demo"
    with running(["demo", "--port", "0", "--data", str(data)], announced_by="Search page") as (process, printed):
        address = address_in(printed)
        dev, manager, _ = httpx.get(f"{address}/demo/people.json").json()
        assert "wellarchitected-sustainability-pillar.pdf" in titles_for(address, dev)
        assert "wellarchitected-sustainability-pillar.pdf" not in titles_for(address, manager)
        curls = [line for line in printed if line.startswith("curl ")]
        assert sum("Authorization: Bearer " in line for line in curls) == 3
        code, rest = stop(process, signal.SIGINT)
    assert (code, "The demo has ended." in rest) == (0, True)
    again = CliRunner().invoke(app, ["demo", "--once", "--data", str(data)])
    assert again.exit_code == 0
    assert "No document was read again" in again.stdout


def test_the_demo_takes_another_port_when_its_own_is_taken() -> None:
    with listen("127.0.0.1", 0) as taken:
        with pytest.raises(AddressUnavailable, match=f"127.0.0.1:{port_of(taken)}: address already in use"):
            listen("127.0.0.1", port_of(taken))
        with listen_nearby("127.0.0.1", port_of(taken)) as other:
            assert port_of(other) not in (0, port_of(taken))


def test_the_demo_overwrites_no_settings_but_its_own(tmp_path: Path) -> None:
    folder = DemoFolder(tmp_path)
    folder.prepare(onprem="http://127.0.0.1:1", cloud="http://127.0.0.1:2")
    folder.prepare(onprem="http://127.0.0.1:3", cloud="http://127.0.0.1:4")
    assert "127.0.0.1:3" in folder.settings_file.read_text()
    folder.settings_file.write_text("# mine")
    with pytest.raises(SettingInvalid, match="not written by the demo"):
        folder.prepare(onprem="http://127.0.0.1:1", cloud="http://127.0.0.1:2")
    assert folder.settings_file.read_text() == "# mine"


def test_the_demo_makes_a_secret_of_its_own_and_keeps_it_to_itself(tmp_path: Path) -> None:
    folders = [DemoFolder(tmp_path / name) for name in ("one", "two")]
    for folder in folders:
        folder.prepare(onprem="http://127.0.0.1:1", cloud="http://127.0.0.1:2")
    files = [folder.path / "secrets" / "token-secret" for folder in folders]
    assert files[0].read_text() != files[1].read_text()
    assert [file.stat().st_mode & 0o777 for file in files] == [0o600, 0o600]
    assert sample.sample_password(sample.CRAWLER) not in folders[0].settings_file.read_text()


async def test_small_answers_are_sent_at_once() -> None:
    accepted: asyncio.Future[socket.socket] = asyncio.get_running_loop().create_future()

    async def note(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set_result(writer.get_extra_info("socket"))
        writer.close()

    with listen("127.0.0.1", 0) as listening:
        async with await asyncio.start_server(note, sock=listening):
            _, writer = await asyncio.open_connection("127.0.0.1", port_of(listening))
            connection = await accepted
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
            writer.close()
            await writer.wait_closed()


def test_the_simulated_repositories_listen_where_they_are_told() -> None:
    nowhere = "192.0.2.1"  # RFC 5737: an address for documentation, no machine's own
    refused = CliRunner().invoke(app, ["simulate-alfresco", "--host", nowhere])
    assert refused.exit_code == 1
    assert re.fullmatch(rf"error: cannot listen on {re.escape(nowhere)}, .*\n", refused.stderr)


def test_the_simulated_repositories_need_a_port_each() -> None:
    assert CliRunner().invoke(app, ["simulate-alfresco", "--onprem-port", "1", "--cloud-port", "1"]).exit_code == 2
