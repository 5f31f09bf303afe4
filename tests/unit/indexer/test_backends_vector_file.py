"""The file of vectors beside an index: quicker than the rows, and never another answer than theirs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from indexer.backends import EmbeddedBackend
from indexer.backends.embedded import catalogue, current_vectors, picture_file, schema, vector_file
from tests.fakes.documents import DIMENSIONS, NUMBERING, document, hashed_vector, reader
from vocabulary.documents import DocumentId
from vocabulary.indexing import Delete
from vocabulary.search import Page, Query

pytestmark = pytest.mark.anyio
DOCUMENTS = 40
FROM_ROWS: list[int] = []  # how many vectors each search has read from the rows


@pytest.fixture(autouse=True)
def _small_files_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep files of a few vectors, and count those that are read from the rows all the same."""
    monkeypatch.setattr(catalogue, "EXACT_LIMIT", 10)
    monkeypatch.setattr(current_vectors, "_KEPT_BEHIND", 5)
    FROM_ROWS.clear()
    of_rows = current_vectors.StoredVectors._of_rows

    def counted(self: Any, passage_ids: npt.NDArray[np.int64]) -> Any:
        FROM_ROWS.append(passage_ids.size)
        return of_rows(self, passage_ids)

    monkeypatch.setattr(current_vectors.StoredVectors, "_of_rows", counted)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "index.db"


async def fill(path: Path) -> None:
    async with EmbeddedBackend(path, dimensions=DIMENSIONS) as index:
        await index.adopt(NUMBERING)
        await index.apply([document(f"d{each}", f"word{each} apple") for each in range(DOCUMENTS)])


async def answer(path: Path) -> Page:
    """Open the index and ask it; what is due is written when this returns."""
    async with EmbeddedBackend(path, dimensions=DIMENSIONS) as index:
        return await ask(index)


async def ask(index: EmbeddedBackend) -> Page:
    return await index.search(Query("apple", size=100), hashed_vector("word7 apple"), reader(1))


async def test_a_query_reads_its_candidates_from_the_file(path: Path) -> None:
    await fill(path)
    from_rows = await answer(path)
    assert FROM_ROWS == [DOCUMENTS]
    assert await answer(path) == from_rows
    assert FROM_ROWS == [DOCUMENTS]


async def test_a_running_process_takes_up_the_file_of_another(path: Path) -> None:
    await fill(path)
    async with EmbeddedBackend(path, dimensions=DIMENSIONS) as index:
        await answer(path)
        await ask(index)
    assert FROM_ROWS == [DOCUMENTS]


async def test_what_was_written_since_is_read_from_the_rows(path: Path) -> None:
    await fill(path)
    await answer(path)
    async with EmbeddedBackend(path, dimensions=DIMENSIONS) as index:
        await index.apply(
            [
                Delete(DocumentId("wiki", "d0")),
                document("d1", "word1 pear"),
                document("d2", "apple"),
                document("d2", "pear"),
            ]
        )
        page = await ask(index)
    assert FROM_ROWS == [DOCUMENTS, 2]
    vector_file.path_beside(path).unlink()
    assert await answer(path) == page


async def test_a_file_that_lacks_many_is_written_anew(path: Path) -> None:
    await fill(path)
    await answer(path)
    async with EmbeddedBackend(path, dimensions=DIMENSIONS) as index:
        await index.apply([document(f"new{each}", f"word{each} apple") for each in range(6)])
    await answer(path)
    await answer(path)
    assert FROM_ROWS == [DOCUMENTS, 6]


async def test_deleted_vectors_give_their_room_back(path: Path) -> None:
    await fill(path)
    await answer(path)
    before = vector_file.path_beside(path).stat().st_size
    async with EmbeddedBackend(path, dimensions=DIMENSIONS) as index:
        await index.apply([Delete(DocumentId("wiki", f"d{each}")) for each in range(25)])
    await answer(path)
    assert vector_file.path_beside(path).stat().st_size < before / 2


def _turned(file: Path, place: int) -> None:
    written = bytearray(file.read_bytes())
    written[place] ^= 1
    file.write_bytes(written)


ROW_BYTES = 2 * DIMENSIONS + 8
DAMAGES: dict[str, Callable[[Path], object]] = {
    "gone": Path.unlink,
    "empty": lambda file: file.write_bytes(b""),
    "cut short": lambda file: os.truncate(file, 500),
    "of another format": lambda file: file.write_bytes(b"SiLnVec0" + file.read_bytes()[8:]),
    "a bit turned in a vector": lambda file: _turned(file, 64 + 3 * ROW_BYTES + 5),
    "a bit turned in a seal": lambda file: _turned(file, 64 + 3 * ROW_BYTES - 1),
    "a bit turned in its token": lambda file: _turned(file, 12),
    "a bit turned in its ids": lambda file: _turned(file, -40),
    "a bit turned in its checksum": lambda file: _turned(file, -1),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
async def test_what_is_damaged_is_read_from_the_rows(path: Path, damage: Callable[[Path], object]) -> None:
    await fill(path)
    from_rows = await answer(path)
    damage(vector_file.path_beside(path))
    assert await answer(path) == from_rows
    assert FROM_ROWS[1] > 0


async def test_a_file_that_is_damaged_while_it_is_open_is_not_believed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(path)
    from_rows = await answer(path)
    monkeypatch.setattr(current_vectors.CurrentVectors, "is_due", lambda *_, **__: False)  # nor written anew yet
    async with EmbeddedBackend(path, dimensions=DIMENSIONS) as index:
        assert await ask(index) == from_rows
        _turned(vector_file.path_beside(path), 100)
        assert await ask(index) == from_rows
        os.truncate(vector_file.path_beside(path), 500)
        assert await ask(index) == from_rows
        assert await ask(index) == from_rows
    assert FROM_ROWS == [DOCUMENTS, 1, DOCUMENTS, DOCUMENTS]


async def test_a_disk_that_cannot_be_read_costs_no_answer(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill(path)
    from_rows = await answer(path)
    async with EmbeddedBackend(path, dimensions=DIMENSIONS) as index:
        assert await ask(index) == from_rows

        def unreadable(*_: int) -> bytes:
            raise OSError(5, "input/output error")

        monkeypatch.setattr("os.pread", unreadable)
        assert await ask(index) == from_rows


@pytest.mark.parametrize("free", [0, 5_000])
async def test_the_file_leaves_room_for_the_index(path: Path, monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    await fill(path)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=free))
    await answer(path)
    assert list(path.parent.glob("*-vectors*")) == []


async def test_a_full_disk_leaves_nothing_of_a_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill(path)

    def full(_: int) -> None:
        raise OSError(28, "no space left on device")

    monkeypatch.setattr("os.fsync", full)
    await answer(path)
    assert list(path.parent.glob("*-vectors*")) == []


async def test_what_a_killed_process_has_left_is_removed(path: Path) -> None:
    await fill(path)
    left = path.with_name(f"{path.name}-vectors.new-killed")
    left.write_bytes(b"half a file")
    await answer(path)
    assert [each.name for each in path.parent.glob("*-vectors*")] == ["index.db-vectors"]


async def test_another_file_of_a_similar_name_is_not_taken_for_one_that_was_left(path: Path) -> None:
    await fill(path)
    other = path.with_name(f"{path.name}-vectors.2")
    other.write_bytes(b"the second building of another index")
    await answer(path)
    assert other.exists()


async def test_a_file_that_is_damaged_while_it_is_open_is_written_anew(path: Path) -> None:
    await fill(path)
    await answer(path)
    damaged = vector_file.path_beside(path).read_bytes()
    async with EmbeddedBackend(path, dimensions=DIMENSIONS) as index:
        await ask(index)
        _turned(vector_file.path_beside(path), 100)
        await ask(index)
    assert vector_file.path_beside(path).read_bytes()[8:24] != damaged[8:24]  # the token


async def test_a_file_that_could_not_be_opened_once_is_tried_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill(path)
    await answer(path)
    opened = vector_file.opened

    def none_free(*_: object, **__: object) -> None:
        raise OSError(24, "too many open files")

    async with EmbeddedBackend(path, dimensions=DIMENSIONS) as index:
        monkeypatch.setattr(index._vectors, "is_due", lambda *_, **__: False)
        monkeypatch.setattr(vector_file, "opened", none_free)
        await ask(index)
        monkeypatch.setattr(vector_file, "opened", opened)
        await ask(index)
    assert FROM_ROWS == [DOCUMENTS, DOCUMENTS]


async def test_a_damaged_token_costs_no_answer(path: Path) -> None:
    await fill(path)
    from_rows = await answer(path)
    async with EmbeddedBackend(path, dimensions=DIMENSIONS) as index:
        await index._connections.write(lambda connection: schema.write_state(connection, "vectors", "no token"))
        assert await ask(index) == from_rows


async def test_an_index_that_became_small_keeps_no_vectors_of_deleted_documents(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(path)
    await answer(path)
    async with EmbeddedBackend(path, dimensions=DIMENSIONS) as index:
        await index.apply([Delete(DocumentId("wiki", f"d{each}")) for each in range(35)])
    picture_file.path_beside(path).unlink()  # the next start counts what is left
    await answer(path)
    assert not vector_file.path_beside(path).exists()
    async with EmbeddedBackend(path, dimensions=DIMENSIONS) as index:
        assert await index._connections.read(vector_file.token_of) is None


async def test_nothing_is_put_beside_an_index_that_was_removed(path: Path) -> None:
    await fill(path)
    with vector_file.written(path, token="ab" * 16, dimensions=DIMENSIONS, expected=1) as written:
        async with EmbeddedBackend(path, dimensions=DIMENSIONS) as index:
            path.unlink()
            with pytest.raises(FileNotFoundError):
                vector_file.put_in_place(index._connections._writer, path, written, token="ab" * 16)
    assert not vector_file.path_beside(path).exists()


async def test_vectors_can_be_read_by_no_more_than_the_index(path: Path) -> None:
    await fill(path)
    await answer(path)
    vector_file.path_beside(path).chmod(0o644)
    path.chmod(0o600)
    await answer(path)
    assert vector_file.path_beside(path).stat().st_mode & 0o777 == 0o600


async def test_the_check_finds_vectors_that_differ_from_the_rows(path: Path) -> None:
    await fill(path)
    await answer(path)
    async with EmbeddedBackend(path, dimensions=DIMENSIONS) as index:
        assert await index.inspect() == ()
        _turned(vector_file.path_beside(path), 100)
        assert await index.inspect() == ("1 vectors of which index.db-vectors says otherwise than the rows",)
        _turned(vector_file.path_beside(path), -40)
        assert await index.inspect() == ("index.db-vectors: the file of vectors is damaged",)
        assert await index.repair() == 0
        assert await index.inspect() == ()
