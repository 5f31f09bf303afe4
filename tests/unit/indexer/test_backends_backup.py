"""Copies of files in use are of one instant, whole, and answer as the originals did."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from indexer.backends import EmbeddedBackend
from indexer.backends.embedded import backup as backup_module
from indexer.backends.embedded.backup import back_up, disown
from tests.fakes.documents import DIMENSIONS, NUMBERING, document, names, reader
from vocabulary.errors import ConfigurationError, IndexBusy
from vocabulary.search import Query

# Writes each number first to one file, then to the other, as a sync writes index and state store.
WRITER = """
import apsw, sys
first, second = (apsw.Connection(path) for path in sys.argv[1:])
for number in range(1_000_000):
    for connection in (first, second):
        connection.set_busy_timeout(60_000)
        connection.execute("INSERT INTO t VALUES(?)", (number,))
    if number == 20:
        print("under way", flush=True)
"""


def last_number(path: Path) -> int:
    connection = apsw.Connection(str(path))
    found = connection.execute("SELECT max(n) FROM t").fetchone()
    connection.close()
    assert found is not None
    return int(found[0])


def test_copies_of_two_files_are_of_one_instant(tmp_path: Path) -> None:
    first, second = tmp_path / "index.db", tmp_path / "state.db"
    for path in (first, second):
        connection = apsw.Connection(str(path))
        connection.pragma("journal_mode", "wal")
        connection.execute("CREATE TABLE t(n INTEGER PRIMARY KEY)")
        connection.close()
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(first), str(second)], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    writer.stdout.readline()
    try:
        for number in range(12):
            copies = tmp_path / f"first{number}", tmp_path / f"second{number}"
            back_up(dict(zip((second, first), copies, strict=True)))  # in the order that is wrong one after the other
            assert 0 <= last_number(copies[1]) - last_number(copies[0]) <= 1
    finally:
        writer.kill()
        writer.wait()
        writer.stdout.close()
    assert last_number(first) > 20


async def test_an_index_is_copied_while_it_is_written(tmp_path: Path) -> None:
    path, copies = tmp_path / "index.db", []
    async with EmbeddedBackend(path, dimensions=DIMENSIONS) as index:
        await index.adopt(NUMBERING)
        await index.put_seal("a word", hide_all=False)
        await index.apply([document("d0", "apple")])

        async def write() -> None:
            for batch in range(1, 40):
                await index.apply([document(f"d{batch}", "apple pie"), document("d0", f"apple {batch}")])

        writing = asyncio.create_task(write())
        while not writing.done():
            copies.append(tmp_path / f"copy{len(copies)}.db")
            await asyncio.to_thread(back_up, {path: copies[-1]})
        await writing
    for copy in copies:
        async with EmbeddedBackend(copy, dimensions=DIMENSIONS) as restored:
            assert await restored.inspect() == ()
            assert (restored.index_id, await restored.seal()) == (index.index_id, "a word")
            page = await restored.search(Query("", size=100), None, reader(1))
            assert sorted(names(page)) == sorted(f"d{number}" for number in range(page.total.value))


async def test_a_copy_without_its_state_store_shows_nothing(tmp_path: Path) -> None:
    path, copy = tmp_path / "index.db", tmp_path / "copy.db"
    async with EmbeddedBackend(path, dimensions=DIMENSIONS) as index:
        await index.adopt(NUMBERING)
        await index.put_seal("a word", hide_all=False)
        await index.apply([document("d0", "apple")])
        back_up({path: copy})
        disown(copy)
        assert (await index.search(Query(""), None, reader(1))).total.value == 1
    async with EmbeddedBackend(copy, dimensions=DIMENSIONS) as restored:
        assert (await restored.search(Query(""), None, reader(1))).total.value == 0
        assert await restored.seal() not in ("", "a word")
        assert (await restored.statistics()).documents == 1


def test_a_file_that_is_missing_or_locked_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="missing"):
        back_up({tmp_path / "missing.db": tmp_path / "copy.db"})
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(backup_module, "_LOCK_TIMEOUT_MS", 10)
    locked = apsw.Connection(str(tmp_path / "locked.db"))
    locked.execute("CREATE TABLE t(n); BEGIN IMMEDIATE")
    with pytest.raises(IndexBusy, match="locked"):
        back_up({tmp_path / "locked.db": tmp_path / "copy.db"})
    locked.close()
