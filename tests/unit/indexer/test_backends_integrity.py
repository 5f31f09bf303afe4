"""What a deep check finds in a damaged file, and what a repair brings back."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from indexer.backends import EmbeddedBackend
from tests.fakes.documents import DIMENSIONS, NUMBERING, document, names, reader
from vocabulary.indexing import Put
from vocabulary.search import (
    Equals,
    FacetRequest,
    Page,
    Query,
    SearchMode,
)

EVERYTHING = [f"d{number}" for number in range(6)]


@pytest.fixture
async def index(tmp_path: Path) -> EmbeddedBackend:
    """A closed index of six documents."""
    index = EmbeddedBackend(tmp_path / "index.db", dimensions=DIMENSIONS)
    async with index:
        await index.adopt(NUMBERING)
        await index.apply([_document(number) for number in range(6)])
    return EmbeddedBackend(tmp_path / "index.db", dimensions=DIMENSIONS)


def _document(number: int) -> Put:
    texts = ("apple pie", f"more of {number}") if number else ()
    return document(f"d{number}", *texts, title=f"apple {number}", attributes={"n": number, "tags": ("a", "b")})


async def answers(index: EmbeddedBackend) -> list[Page]:
    queries = [
        Query("apple", mode=SearchMode.KEYWORD, facets=(FacetRequest("n"), FacetRequest("tags"))),
        Query("pie", mode=SearchMode.KEYWORD),
        Query("", filter=Equals("n", 3)),
    ]
    return [await index.search(query, None, reader(1)) for query in queries]


def damage(tmp_path: Path, statement: str) -> None:
    connection = apsw.Connection(str(tmp_path / "index.db"))
    connection.execute(statement)
    connection.close()


DERIVED = {
    "terms that differ from the passages": "DELETE FROM term WHERE term = 'bpie'",
    "postings of no term": "INSERT INTO posting VALUES(999, x'', x'', x'')",
    "terms that differ from the documents": "UPDATE posting SET frequencies = x'0900'"
    " WHERE id IN (SELECT posting FROM term WHERE term = 't3')",
    "passages without their terms": "DELETE FROM segment WHERE space = 0",
    "documents without a heading": "DELETE FROM heading WHERE document_id = 2",
    "attributes differ": "DELETE FROM attribute WHERE field = 'n' AND document_id = 4",
    "attributes of no document": "INSERT INTO attribute VALUES('n', 99, 1, 5)",
    "terms that the vocabulary lacks": "DELETE FROM vocabulary WHERE term = 'appl'",
    "documents whose toxicity is not that of their worst passage": "UPDATE document SET toxicity = 0.5 WHERE id = 3",
    "vectors of no passage": "INSERT INTO embedding VALUES(99, zeroblob(64))",
}


async def test_a_sound_file_has_nothing_to_report(index: EmbeddedBackend) -> None:
    async with index:
        assert await index.inspect() == ()
        before = await answers(index)
        assert await index.repair() == 0
        assert await index.inspect() == ()
        assert await answers(index) == before


@pytest.mark.parametrize("finding", DERIVED)
async def test_derived_parts_are_found_wanting_and_rebuilt(
    index: EmbeddedBackend, tmp_path: Path, finding: str
) -> None:
    async with index:
        before = await answers(index)
    damage(tmp_path, DERIVED[finding])
    async with EmbeddedBackend(tmp_path / "index.db", dimensions=DIMENSIONS) as opened:
        assert finding in " ".join(await opened.inspect())
        assert await opened.repair() == 0
        assert await opened.inspect() == ()
        assert await answers(opened) == before


@pytest.mark.parametrize(
    ("finding", "statement"),
    [
        ("passages without a vector", "DELETE FROM embedding WHERE passage_id = 4"),
        ("vectors of another size", "UPDATE embedding SET vector = x'00' WHERE passage_id = 4"),
        (
            "passages whose toxic sentences lie outside them",
            "UPDATE passage SET toxic_spans = '[[0, 10, 0.9, \"\"]]' WHERE id = 1",
        ),
        ("passages whose toxic sentences lie outside them", "UPDATE passage SET toxic_spans = '[' WHERE id = 1"),
        ("documents without all their passages", "DELETE FROM passage WHERE document_id = 3"),
    ],
)
async def test_a_document_that_cannot_be_mended_is_removed_for_the_next_sync(
    index: EmbeddedBackend, tmp_path: Path, finding: str, statement: str
) -> None:
    damage(tmp_path, statement)
    async with index:
        assert finding in " ".join(await index.inspect())
        assert await index.repair() == 1
        assert await index.inspect() == ()
        stored = [document_id.native_id async for document_id in index.document_ids("wiki")]
        assert len(stored) == 5
        assert sorted(names(await index.search(Query(""), None, reader(1)))) == stored


async def test_damaged_pages_are_told_apart(index: EmbeddedBackend, tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    connection = apsw.Connection(str(path))
    (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'embedding'").fetchone()
    size = connection.pragma("page_size")
    connection.close()
    content = bytearray(path.read_bytes())
    content[(page - 1) * size : page * size] = bytes(size)
    path.write_bytes(content)
    async with index:
        assert [line.partition(":")[0] for line in await index.inspect()] == ["damaged pages"]
