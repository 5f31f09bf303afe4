"""A disk that is full or lets nobody write: readers go on, writers are told to come back, and all recovers by itself.

Each runs in a child process: the limits of a process and its user are changed there.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import resource
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from indexer.backends import EmbeddedBackend
from tests.fakes.documents import DIMENSIONS, NUMBERING, document, names, reader
from vocabulary.errors import ConfigurationError, IndexBusy
from vocabulary.indexing import Delete, Put
from vocabulary.search import Query, SearchMode

NOBODY = 65_534  # the user of Debian and others who owns nothing


def in_a_child(work: Callable[[Path], None], path: Path) -> None:
    child = multiprocessing.get_context("spawn").Process(target=work, args=(path,))
    child.start()
    child.join(120)
    assert child.exitcode == 0


def large(number: int) -> Put:
    return document(f"d{number}", *(f"word{number} " * 400 for _ in range(2)))


async def found(index: EmbeddedBackend, text: str) -> list[str]:
    page = await index.search(Query(text, mode=SearchMode.KEYWORD, size=100), None, reader(1))
    return sorted(names(page))


async def fill_until_full(index: EmbeddedBackend) -> int:
    """Write documents until there is no room; return how many were acknowledged."""
    for number in range(10_000):
        try:
            await index.apply([large(number)])
        except IndexBusy as busy:
            assert busy.retry_after_s
            return number
    raise AssertionError("the disk never filled up")


async def recovers(index: EmbeddedBackend, make_room: Callable[[], None]) -> None:
    stored = await fill_until_full(index)
    assert stored > 0
    with pytest.raises(IndexBusy):
        await index.apply([large(stored)])
    assert await found(index, f"word{stored - 1}") == [f"d{stored - 1}"]
    assert await found(index, f"word{stored}") == []
    make_room()
    await index.apply([large(stored)])
    assert await found(index, f"word{stored}") == [f"d{stored}"]
    assert (await index.statistics()).documents == stored + 1
    assert await index.inspect() == ()


def _disk_full(path: Path) -> None:
    async def run() -> None:
        async with EmbeddedBackend(path, dimensions=DIMENSIONS) as index:
            await index.adopt(NUMBERING)
            soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, hard))
            await recovers(index, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard)))

    asyncio.run(run())


def test_a_full_disk_is_survived_and_recovered_from(tmp_path: Path) -> None:
    in_a_child(_disk_full, tmp_path / "index.db")


async def test_a_full_file_is_survived_and_recovered_from(tmp_path: Path) -> None:
    async with EmbeddedBackend(tmp_path / "index.db", dimensions=DIMENSIONS) as index:
        await index.adopt(NUMBERING)

        def limit(connection: apsw.Connection) -> None:
            connection.pragma("max_page_count", 200)

        def unlimit(connection: apsw.Connection) -> None:
            connection.pragma("max_page_count", 2**30)

        writer = index._connections._writer
        limit(writer)
        await recovers(index, lambda: unlimit(writer))


async def test_a_disk_that_lets_nobody_write_any_more_is_survived_and_recovered_from(tmp_path: Path) -> None:
    """As where the system makes a faulty disk read-only while the index is open: SQLite says so of each write."""
    async with EmbeddedBackend(tmp_path / "index.db", dimensions=DIMENSIONS) as index:
        await index.adopt(NUMBERING)
        await index.apply([large(0)])
        writer = index._connections._writer
        writer.pragma("query_only", "ON")
        for write in (index.apply([large(1)]), index.put_seal("seal", hide_all=True), index.repair()):
            with pytest.raises(IndexBusy, match=r"index\.db cannot be written now") as busy:
                await write
            assert busy.value.retry_after_s
        assert await found(index, "word0 word1") == ["d0"]
        writer.pragma("query_only", "OFF")
        await index.apply([large(1)])
        assert await found(index, "word0 word1") == ["d0", "d1"]
        assert await index.inspect() == ()


def _read_only(path: Path) -> None:
    async def run() -> None:
        with pytest.raises(ConfigurationError, match=r"index\.db"):
            async with EmbeddedBackend(path, dimensions=DIMENSIONS):
                pass

    if os.getuid() == 0:
        os.setuid(NOBODY)
    asyncio.run(run())


async def test_a_disk_that_lets_nobody_write_is_named_at_the_start(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    async with EmbeddedBackend(folder / "index.db", dimensions=DIMENSIONS) as index:
        await index.adopt(NUMBERING)
    for each in (*tmp_path.parents[:2], tmp_path):  # pytest's own folders are their user's alone
        each.chmod(0o755)
    (folder / "index.db").chmod(0o444)
    folder.chmod(0o555)
    try:
        in_a_child(_read_only, folder / "index.db")
    finally:
        folder.chmod(0o755)


async def test_deletes_give_their_space_back(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    async with EmbeddedBackend(path, dimensions=DIMENSIONS) as index:
        await index.adopt(NUMBERING)
        for first in range(0, 200, 50):
            await index.apply([large(number) for number in range(first, first + 50)])
        full = (await index.statistics()).documents, _pages(path)
        for first in range(0, 190, 50):
            deleted = [large(number).description.document_id for number in range(first, min(first + 50, 190))]
            await index.apply([Delete(each) for each in deleted])
        for _ in range(3):  # a little with each batch, so that none takes long
            await index.apply([large(199)])
        assert full[0] == 200
        assert _pages(path) < 0.25 * full[1]
        assert await index.inspect() == ()
        assert await found(index, "word195") == ["d195"]


def _pages(path: Path) -> int:
    connection = apsw.Connection(str(path))
    count = int(connection.pragma("page_count"))
    connection.close()
    return count
