"""The picture on disk: used where it belongs to the index, never believed where it does not."""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest

from indexer.backends import EmbeddedBackend
from indexer.backends.embedded import catalogue, current_catalogue, picture_file
from indexer.backends.embedded.backup import back_up
from indexer.backends.embedded.vector_sidecar import VectorSidecar
from tests.fakes.documents import DIMENSIONS, NUMBERING, document, hashed_vector, names, reader
from vocabulary.access import Principal
from vocabulary.documents import DocumentId
from vocabulary.indexing import Delete, Hide
from vocabulary.search import Query, SearchMode

pytestmark = pytest.mark.anyio
DOCUMENTS = 40
OWNER = Principal.user("wiki", "me")
FROM_ROWS: list[int] = []  # the changes of the pictures that were taken from the rows


@pytest.fixture(autouse=True)
def _small_pictures_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep pictures of a few passages, and count how often one is taken from the rows."""
    monkeypatch.setattr(catalogue, "EXACT_LIMIT", 10)
    monkeypatch.setattr(current_catalogue, "_KEPT_BEHIND", 5)
    FROM_ROWS.clear()
    take = current_catalogue.load

    def counted(connection: Any, dimensions: int, *, sequence: int) -> catalogue.Catalogue:
        FROM_ROWS.append(sequence)
        return take(connection, dimensions, sequence=sequence)

    monkeypatch.setattr(current_catalogue, "load", counted)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "index.db"


async def fill(path: Path) -> None:
    async with EmbeddedBackend(path, dimensions=DIMENSIONS) as index:
        await index.adopt(NUMBERING)
        await index.apply(
            [document(f"d{each}", f"word{each} apple", acl=1 + each % 3, owner=OWNER) for each in range(DOCUMENTS)]
        )


async def readable(path: Path, *acls: int) -> set[str]:
    """Open the index and return what somebody finds there by words and by meaning."""
    async with EmbeddedBackend(path, dimensions=DIMENSIONS) as index:
        query = Query("apple", mode=SearchMode.HYBRID, size=100)
        page = await index.search(query, hashed_vector("apple"), reader(*acls))
        assert page.total.value == len(page.hits)
        return set(names(page))


def having_acl(*acls: int) -> set[str]:
    return {f"d{each}" for each in range(DOCUMENTS) if 1 + each % 3 in acls}


async def test_a_start_reads_the_picture_instead_of_the_rows(path: Path) -> None:
    await fill(path)
    assert await readable(path, 1) == having_acl(1)
    assert picture_file.path_beside(path).exists()
    assert await readable(path, 1) == having_acl(1)
    assert await readable(path, 2, 3) == having_acl(2, 3)
    assert len(FROM_ROWS) == 1


async def test_what_changed_since_is_obeyed(path: Path) -> None:
    await fill(path)
    await readable(path, 1)
    async with EmbeddedBackend(path, dimensions=DIMENSIONS) as index:
        await index.apply(
            [
                Hide(DocumentId("wiki", "d0")),
                Delete(DocumentId("wiki", "d3")),
                document("d6", "word6 apple", acl=2),
                document("new", "another apple", acl=1),
            ]
        )
    assert await readable(path, 1) == having_acl(1) - {"d0", "d3", "d6"} | {"new"}
    assert len(FROM_ROWS) == 1


async def test_a_picture_that_is_far_behind_is_written_anew(path: Path) -> None:
    await fill(path)
    await readable(path, 1)
    first = picture_file.path_beside(path).read_bytes()
    async with EmbeddedBackend(path, dimensions=DIMENSIONS) as index:
        await index.apply([document(f"d{each}", "apple", acl=2) for each in range(10)])
    await readable(path, 1)
    assert picture_file.path_beside(path).read_bytes() != first
    assert len(FROM_ROWS) == 1


def _turned(path: Path, place: int) -> None:
    written = bytearray(path.read_bytes())
    written[place] ^= 1
    path.write_bytes(written)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "gone": Path.unlink,
    "empty": lambda picture: picture.write_bytes(b""),
    "cut short": lambda picture: picture.write_bytes(picture.read_bytes()[:-1]),
    "of another format": lambda picture: picture.write_bytes(b"SiLnPic0" + picture.read_bytes()[8:]),
    "a bit turned in its middle": lambda picture: _turned(picture, picture.stat().st_size // 2),
    "a bit turned in its header": lambda picture: _turned(picture, 20),
    "a bit turned in its checksum": lambda picture: _turned(picture, -1),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
async def test_a_damaged_picture_is_taken_anew(path: Path, damage: Callable[[Path], object]) -> None:
    await fill(path)
    await readable(path, 1)
    damage(picture_file.path_beside(path))
    assert await readable(path, 1) == having_acl(1)
    assert await readable(path, 1) == having_acl(1)
    assert len(FROM_ROWS) == 2


async def test_codes_of_another_library_are_made_anew(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill(path)
    await readable(path, 1)
    monkeypatch.setattr("indexer.backends.embedded.vector_sidecar._library", lambda _: "another")
    assert await readable(path, 1) == having_acl(1)
    assert len(FROM_ROWS) == 2


async def test_the_picture_of_another_index_is_not_believed(path: Path, tmp_path: Path) -> None:
    """As when a file is put in another's place: the numbers of its changes say nothing about that one's."""
    await fill(path)
    await readable(path, 1)
    other = tmp_path / "other.db"
    async with EmbeddedBackend(other, dimensions=DIMENSIONS) as index:
        await index.adopt(NUMBERING)
        await index.apply([document(f"d{each}", "apple", acl=9) for each in range(DOCUMENTS + 5)])
    picture_file.path_beside(path).rename(picture_file.path_beside(other))
    assert await readable(other, 1) == set()


async def test_a_backup_is_not_answered_from_a_later_picture(path: Path) -> None:
    await fill(path)
    backup = path.with_name("backup.db")
    back_up({path: backup})
    async with EmbeddedBackend(path, dimensions=DIMENSIONS) as index:
        await index.apply([document(f"later{each}", "apple", acl=1) for each in range(10)])
    await readable(path, 1)
    for left in path.parent.glob("index.db-[ws]*"):
        left.unlink()
    backup.replace(path)
    assert picture_file.path_beside(path).exists()
    assert await readable(path, 1) == having_acl(1)


async def test_killed_between_the_file_and_its_name_nothing_is_believed(path: Path) -> None:
    await fill(path)
    await readable(path, 1)
    kept = picture_file.path_beside(path).read_bytes()
    async with EmbeddedBackend(path, dimensions=DIMENSIONS) as index:
        await index.apply([document(f"d{each}", "apple", acl=2) for each in range(DOCUMENTS)])
    assert await readable(path, 1) == set()  # a newer picture is named now
    picture_file.path_beside(path).write_bytes(kept)
    assert await readable(path, 1) == set()


async def test_a_full_disk_costs_no_answer(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill(path)

    def full(_: int) -> None:
        raise OSError(28, "no space left on device")

    monkeypatch.setattr("os.fsync", full)
    assert await readable(path, 1) == having_acl(1)
    assert [each.name for each in path.parent.glob("*picture*")] == []


@pytest.mark.parametrize("error", [OSError(28, "no space left on device"), RuntimeError("codes of an odd size")])
async def test_what_could_not_be_kept_is_told_and_kept_later(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    def fail(_: int) -> None:
        raise error

    await fill(path)
    query, vector = Query("apple", mode=SearchMode.HYBRID, size=100), hashed_vector("apple")
    async with EmbeddedBackend(path, dimensions=DIMENSIONS) as index:
        with monkeypatch.context() as failing:
            failing.setattr("os.fsync", fail)
            await index.search(query, vector, reader(1))
            await index._keeping.end()
        assert f"what is kept beside {path} could not be written" in caplog.text
        await index.search(query, vector, reader(1))
        await index._keeping.end()
        assert list(path.parent.glob("*-picture*")) == [], "not with every query"
        monkeypatch.setattr(index._keeping, "_not_before", 0.0)
        assert len((await index.search(query, vector, reader(1))).hits) == len(having_acl(1))
    assert await readable(path, 1) == having_acl(1)
    assert len(FROM_ROWS) == 1


@pytest.mark.parametrize("kind", ["picture", "vectors"])
async def test_what_killed_processes_left_is_removed_and_what_another_writes_is_not(path: Path, kind: str) -> None:
    await fill(path)
    left, under_way = (path.with_name(f"index.db-{kind}.new-{name}") for name in ("left", "under_way"))
    left.write_bytes(b"half of it")
    with under_way.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        await readable(path, 1)
        assert list(path.parent.glob(f"*-{kind}.*")) == [under_way]
    await readable(path, 1)
    assert list(path.parent.glob(f"*-{kind}.*")) == []


async def test_the_picture_can_be_read_by_no_more_than_the_index(path: Path) -> None:
    await fill(path)
    await readable(path, 1)
    picture_file.path_beside(path).chmod(0o644)
    path.chmod(0o600)
    await readable(path, 1)
    assert picture_file.path_beside(path).stat().st_mode & 0o777 == 0o600
    assert len(FROM_ROWS) == 1


async def test_the_check_finds_a_picture_that_says_otherwise_than_the_rows(path: Path) -> None:
    await fill(path)
    await readable(path, 1)
    async with EmbeddedBackend(path, dimensions=DIMENSIONS) as index:
        assert await index.inspect() == ()
        with apsw.Connection(str(path)) as connection:  # as nothing of ours writes: past the log of changes
            connection.execute("UPDATE document SET acl_id = 7 WHERE id < 3")
        assert await index.inspect() == ("2 documents of which index.db-picture says otherwise than the rows",)
        _turned(picture_file.path_beside(path), 2_000)
        assert await index.inspect() == ("index.db-picture is damaged",)
        assert await index.repair() == 0
        assert await index.inspect() == ()
    assert await readable(path, 7) == {"d0", "d1"}


async def test_the_check_finds_codes_of_other_rows(path: Path) -> None:
    await fill(path)
    await readable(path, 1)
    with apsw.Connection(str(path)) as connection:
        connection.execute("UPDATE embedding SET vector = (SELECT vector FROM embedding WHERE passage_id = 1)")
    async with EmbeddedBackend(path, dimensions=DIMENSIONS) as index:
        (told,) = await index.inspect()
        assert "vectors of which index.db-picture says otherwise" in told


def test_codes_come_back_as_they_were() -> None:
    vectors = np.random.default_rng(2).normal(size=(300, 64)).astype(np.float32)
    sidecar = VectorSidecar(64, exact_limit=100, block=128)
    sidecar.add(vectors[:290])
    kept = sidecar.kept()
    assert kept is not None
    restored = VectorSidecar.restored(kept, block=128)
    assert restored is not None
    for each in (sidecar, restored):
        each.add(vectors[290:])
    mask = np.arange(300) % 3 > 0
    for query in vectors[:5]:
        assert (
            restored.nearest(query, mask=mask, count=5).tolist() == sidecar.nearest(query, mask=mask, count=5).tolist()
        )
    slots = np.arange(300)
    assert restored.agreement(slots, vectors).min() > 0.5
    assert restored.agreement(slots, np.roll(vectors, 1, axis=0)).mean() < 0.3


async def test_no_search_waits_while_another_takes_the_picture(path: Path) -> None:
    """It is asked for in the event loop: whoever waited there would stop all that the process does."""
    taken_by_another = current_catalogue.CurrentCatalogue(path, DIMENSIONS)
    with taken_by_another._lock:
        assert taken_by_another.to_keep() is None
