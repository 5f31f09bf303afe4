"""`sightline sync` killed with SIGKILL at several moments: the next sync brings the index to what the source holds."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from connectors.alfresco.simulator import World, served_world
from indexer.backends.embedded import EmbeddedBackend
from vocabulary.documents import DocumentId

DOCUMENTS = 90
DIMENSIONS = 384
SIGHTLINE = str(Path(sys.executable).with_name("sightline"))
PATIENCE_S = 120.0
SETTINGS = """
[state]
url = "sqlite:///state.db"
[indexes.public]
engine = "embedded"
path = "public"
access = "public"
[sources.site]
connector = "alfresco"
index = "public"
url = "{url}"
auth = {{ kind = "basic", username = "admin", password = {{ env = "ALFRESCO_PASSWORD" }} }}
sites = ["library"]
page_size = 10
"""


def library() -> World:
    world = World(name="killed")
    world.add_site("library", visibility="PUBLIC")
    root = world.document_library("library")
    for shelf in range(3):
        folder = world.add_folder(root, f"shelf {shelf}")
        for number in range(DOCUMENTS // 3):
            text = f"Book {number} of shelf {shelf}.\n" + "It tells of rivers, of bridges and of those who build. " * 40
            world.add_file(folder, f"book-{number:03}.txt", text.encode(), "text/plain")
    return world


def sync(folder: Path) -> subprocess.Popen[bytes]:
    command = [SIGHTLINE, "sync", "--json", "--config", str(folder / "sightline.toml")]
    environment = {"ALFRESCO_PASSWORD": "admin", "PATH": "/usr/bin:/bin"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def prepare(folder: Path, url: str) -> Path:
    folder.mkdir()
    (folder / "sightline.toml").write_text(SETTINGS.format(url=url))
    return folder


async def stored(folder: Path) -> tuple[Counter[DocumentId], set[int], int]:
    """How often each document of the source is stored, the passages that each has, and all passages."""
    async with EmbeddedBackend(folder / "public", dimensions=DIMENSIONS) as backend:
        ids = Counter([document_id async for document_id in backend.document_ids("site")])
        passages_each = {len(await backend.stored_passages(document_id)) for document_id in ids}
        return ids, passages_each, (await backend.statistics()).passages


async def test_a_sync_killed_again_and_again_ends_in_an_index_that_equals_the_source(tmp_path: Path) -> None:
    world = library()
    with served_world(world) as url:
        folder = prepare(tmp_path / "killed", url)
        for share in (0.05, 0.4, 0.8):
            _kill_after(sync(folder), lambda share=share: _requests(world) >= share * DOCUMENTS)
        _kill_after(sync(folder), lambda: _run_states(folder)[3:] == ["running"] and _has_checkpoint(folder))
        _finish(sync(folder))
        world.request_log.clear()
        _finish(sync(folder))
        assert world.request_log.content_requests() == []
    ids, passages_each, passages = await stored(folder)
    files = [node for node in world.subtree(world.document_library("library")) if node.name.endswith(".txt")]
    assert ids == Counter(DocumentId("site", node.id) for node in files)
    assert len(passages_each) == 1, "the documents are cut alike"
    assert passages == DOCUMENTS * passages_each.pop()
    assert (
        _run_states(folder) == ["interrupted"] * 4 + ["succeeded"] * 3
    )  # the resumed one is followed by its permissions


def _finish(process: subprocess.Popen[bytes]) -> None:
    output, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, output.decode()


def _requests(world: World) -> int:
    return len(world.request_log.content_requests())


def _has_checkpoint(folder: Path) -> bool:
    with sqlite3.connect(folder / "state.db") as connection:
        return connection.execute("SELECT 1 FROM positions WHERE checkpoint IS NOT NULL").fetchone() is not None


def _kill_after(process: subprocess.Popen[bytes], has_come: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not has_come():
        assert process.poll() is None, (process.stdout.read() if process.stdout else b"").decode()
        assert time.monotonic() < deadline, "the sync does not get on"
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()


def _run_states(folder: Path) -> list[str]:
    with sqlite3.connect(folder / "state.db") as connection:
        return [state for (state,) in connection.execute("SELECT state FROM runs ORDER BY id")]
