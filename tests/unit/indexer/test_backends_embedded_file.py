"""The one file: other processes, killed writers, and files that are not ours."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

import apsw
import pytest

from indexer.backends import EmbeddedBackend
from tests.fakes.documents import DIMENSIONS, NUMBERING, description, document, hashed_vector, names, reader
from tests.unit.indexer import killed_writer
from vocabulary.documents import DocumentId
from vocabulary.errors import ConfigurationError
from vocabulary.indexing import Delete, Describe, IndexStatistics
from vocabulary.search import FacetRequest, Query, SearchMode, Sort

ROOT = Path(__file__).resolve().parents[3]

# Writes batches of ten documents that name their batch, replaces the former batch's, and says when each is safe;
# paced, it waits for a line before each.
WRITER = """
import asyncio, sys
from pathlib import Path
from indexer.backends import EmbeddedBackend
from tests.fakes.documents import DIMENSIONS, NUMBERING, document

async def write(path, first):
    async with EmbeddedBackend(Path(path), dimensions=DIMENSIONS) as index:
        await index.adopt(NUMBERING)
        for batch in range(first, first + 10_000):
            if sys.argv[3] == "paced" and not sys.stdin.readline():
                return
            texts = (f"batch{batch}", f"more{batch} text")
            await index.apply([document(f"d{n}", *texts, title=f"t{batch}") for n in range(10)])
            print(batch, flush=True)

asyncio.run(write(sys.argv[1], int(sys.argv[2])))
"""


def start_writer(path: Path, *, first: int, pace: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), str(first), pace],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


async def found(index: EmbeddedBackend, text: str) -> list[str]:
    page = await index.search(Query(text, mode=SearchMode.KEYWORD, size=100), None, reader(1))
    return sorted(names(page))


@pytest.mark.parametrize("deaths", [10, pytest.param(100, marks=pytest.mark.large)])
async def test_a_writer_killed_at_any_moment_leaves_whole_batches(tmp_path: Path, deaths: int) -> None:
    path, randomness, acknowledged = tmp_path / "index.db", random.Random(7), -1
    for _ in range(deaths):
        writer, told = killed_writer.start(path, first=acknowledged + 1)
        acknowledged = told.recv()
        time.sleep(randomness.uniform(0, 0.2))
        writer.kill()
        writer.join()
        acknowledged = max(acknowledged, *_received(told))
        await _assert_whole(path, acknowledged)
        acknowledged += 1  # a batch may have been committed and not yet acknowledged


def _received(told: Connection) -> list[int]:
    received = [-1]
    with told:
        while True:
            try:
                received.append(told.recv())
            except EOFError:
                return received


async def _assert_whole(path: Path, acknowledged: int) -> None:
    """Every part of the file agrees, and it holds one whole batch: the last acknowledged, or the one that followed."""
    async with EmbeddedBackend(path, dimensions=DIMENSIONS) as index:
        assert await index.inspect() == ()
        assert await index.statistics() == IndexStatistics(documents=10, passages=20)
        everyone = [f"d{number}" for number in range(killed_writer.DOCUMENTS)]
        holders = {batch: await found(index, f"batch{batch}") for batch in range(acknowledged - 1, acknowledged + 2)}
        assert holders[acknowledged - 1] == []
        assert sorted([holders[acknowledged], holders[acknowledged + 1]]) == [[], everyone]


async def test_a_reader_sees_what_another_process_wrote(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    async with EmbeddedBackend(path, dimensions=DIMENSIONS) as index:
        await index.adopt(NUMBERING)
        assert await found(index, "batch0") == []
        writer = start_writer(path, first=0, pace="paced")
        assert writer.stdin is not None
        assert writer.stdout is not None
        for batch in range(5):
            writer.stdin.write("go on\n")
            writer.stdin.flush()
            assert int(await asyncio.to_thread(writer.stdout.readline)) == batch
            assert len(await found(index, f"batch{batch}")) == 10
            assert await found(index, f"batch{batch - 1}") == []
        writer.stdin.close()
        assert await asyncio.to_thread(writer.wait) == 0
        writer.stdout.close()


async def test_two_open_indexes_follow_each_others_puts_describes_and_deletes(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    async with (
        EmbeddedBackend(path, dimensions=DIMENSIONS) as one,
        EmbeddedBackend(path, dimensions=DIMENSIONS) as two,
    ):
        assert one.index_id == two.index_id
        await one.adopt(NUMBERING)
        await one.apply([document("a", "apple"), document("b", "apple")])
        assert await found(two, "apple") == ["a", "b"]
        await two.apply([Describe(description("a", title="pear", acl=2)), Delete(DocumentId("wiki", "b"))])
        assert await found(one, "apple pear") == []
        await one.apply([Describe(description("a", title="pear"))])
        assert await found(two, "pear") == ["a"]


async def test_an_index_is_the_same_after_closing_and_opening_it(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "folder" / "index.db"
    async with EmbeddedBackend(path, dimensions=DIMENSIONS) as index:
        await index.adopt(NUMBERING)
        await index.apply([document("a", "apple", attributes={"n": 1})])
        name = index.index_id
    async with EmbeddedBackend(path, dimensions=DIMENSIONS) as index:
        assert index.index_id == name
        assert await found(index, "apple") == ["a"]


async def test_searches_beside_a_writer_see_whole_batches_only(tmp_path: Path) -> None:
    async with EmbeddedBackend(tmp_path / "index.db", dimensions=DIMENSIONS) as index:
        await index.adopt(NUMBERING)
        query = Query(
            " ".join(f"batch{batch}" for batch in range(30)), facets=(FacetRequest("batch"),), sort=Sort("batch")
        )

        async def write() -> None:
            for batch in range(30):
                attributes = {"batch": batch}
                await index.apply([document(f"d{n}", f"batch{batch}", attributes=attributes) for n in range(5)])

        async def search() -> None:
            page = await index.search(query, hashed_vector("batch1"), reader(1))
            (facet,) = page.facets["batch"]
            assert (facet.count, page.total.value) == (5, 5)
            assert {hit.attributes["batch"] for hit in page.hits} == {facet.value}

        await index.apply([document(f"d{n}", "batch0", attributes={"batch": 0}) for n in range(5)])
        writing = asyncio.create_task(write())
        while not writing.done():
            await asyncio.gather(*(search() for _ in range(4)))
        await writing


async def _refused(path: Path, *, dimensions: int = DIMENSIONS) -> str:
    with pytest.raises(ConfigurationError) as refusal:
        async with EmbeddedBackend(path, dimensions=dimensions):
            pass
    return str(refusal.value)


async def test_files_that_cannot_be_used_are_refused_by_name(tmp_path: Path) -> None:
    garbage, foreign, newer, other = (tmp_path / name for name in ("garbage", "foreign", "newer", "other"))
    garbage.write_bytes(random.Random(1).randbytes(10_000))
    connection = apsw.Connection(str(foreign))
    connection.execute("CREATE TABLE t(x)")
    connection.close()
    for path in (newer, other):
        async with EmbeddedBackend(path, dimensions=DIMENSIONS):
            pass
    connection = apsw.Connection(str(newer))
    connection.pragma("user_version", 99)
    connection.close()
    assert str(garbage) in await _refused(garbage)
    assert str(foreign) in await _refused(foreign)
    assert "newer version" in await _refused(newer)
    assert "dimensions" in await _refused(other, dimensions=DIMENSIONS + 1)
    assert str(tmp_path) in await _refused(tmp_path)


async def test_a_damaged_page_is_an_error_that_names_the_file_and_never_an_empty_answer(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    async with EmbeddedBackend(path, dimensions=DIMENSIONS) as index:
        await index.adopt(NUMBERING)
        await index.apply([document(f"d{n}", "apple " * 200) for n in range(50)])
    content = bytearray(path.read_bytes())
    content[2 * 4096 :] = b"\xff" * (len(content) - 2 * 4096)
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"index\.db"):
        async with EmbeddedBackend(path, dimensions=DIMENSIONS) as index:
            await found(index, "apple")
