"""Files of older versions open, equal new ones in their tables, and answer as they did."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw
import pytest

from indexer.backends import EmbeddedBackend
from indexer.backends.embedded import migrations
from indexer.search.analysis import Analyzer
from tests.fakes.documents import DIMENSIONS, document, names, reader
from vocabulary.documents import CLEAN, DocumentId, Toxicity
from vocabulary.errors import ConfigurationError
from vocabulary.indexing import NOT_SCORED
from vocabulary.search import Equals, Query, SearchMode

OLDER = sorted((Path(__file__).parents[2] / "fixtures" / "embedded").glob("schema-*.sql"))


def written_by(version: Path, path: Path) -> None:
    connection = apsw.Connection(str(path))
    connection.execute(version.read_text(encoding="utf-8")).fetchall()
    connection.close()


def tables(path: Path) -> tuple[Any, list[tuple[Any, ...]]]:
    connection = apsw.Connection(str(path))
    found = connection.execute("SELECT type, name FROM sqlite_schema ORDER BY type, name").fetchall()
    version = connection.pragma("user_version")
    connection.close()
    return version, found


def test_every_version_with_a_step_has_a_file_here() -> None:
    assert [int(each.stem.removeprefix("schema-")) for each in OLDER] == sorted(migrations.STEPS)


@pytest.mark.parametrize("version", OLDER, ids=lambda each: each.stem)
async def test_a_file_of_an_older_version_is_brought_to_this_one(tmp_path: Path, version: Path) -> None:
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    written_by(version, old)
    async with EmbeddedBackend(new, dimensions=DIMENSIONS):
        pass
    async with EmbeddedBackend(old, dimensions=DIMENSIONS) as index:
        assert await index.inspect() == ()
        page = await index.search(Query("apple", mode=SearchMode.KEYWORD), None, reader(1))
        assert sorted(names(page)) == ["d0", "d1"]
        await index.apply([document("d2", "apple")])
        assert (await index.search(Query("apple", mode=SearchMode.KEYWORD), None, reader(1))).total.value == 3
    assert tables(old) == tables(new)


async def test_scores_of_an_older_version_stay_and_nobody_knows_what_gave_them(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    written_by(next(each for each in OLDER if each.stem == "schema-7"), path)
    async with EmbeddedBackend(path, dimensions=DIMENSIONS) as index:
        (found,) = await index.look_up([DocumentId("wiki", "d0")])
        assert [each.toxicity for each in found.put.passages] == [Toxicity(0.25), CLEAN]
        assert found.put.scoring == NOT_SCORED
        page = await index.search(Query("", mode=SearchMode.KEYWORD, filter=Equals("toxicity", 0.25)), None, reader(1))
        assert names(page) == ["d0"]


async def test_a_step_that_fails_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "old.db"
    written_by(OLDER[-1], path)
    before = tables(path)

    def fail(connection: Any, analyzer: Analyzer) -> None:
        connection.execute("CREATE TABLE half_way(n)")
        raise apsw.FullError("no room")

    monkeypatch.setattr(migrations, "STEPS", {**migrations.STEPS, max(migrations.STEPS): fail})
    with pytest.raises(Exception, match="no room"):
        async with EmbeddedBackend(path, dimensions=DIMENSIONS):
            pass
    assert tables(path) == before


async def test_a_file_older_than_the_first_step_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    written_by(OLDER[0], path)
    connection = apsw.Connection(str(path))
    connection.pragma("user_version", 1)
    connection.close()
    with pytest.raises(ConfigurationError, match="delete it and sync again"):
        async with EmbeddedBackend(path, dimensions=DIMENSIONS):
            pass
