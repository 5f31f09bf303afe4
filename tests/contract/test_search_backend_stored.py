"""The contract of `SearchBackend`: what it holds, read back as it would be put into another index."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from tests.contract.search_backends import ENGINES, EVERY_ENGINE, HYBRID, ask
from tests.fakes.documents import NUMBERING, description, document, names, passage
from vocabulary.access import HIDDEN_ACL, Principal
from vocabulary.documents import DocumentId, EnrichedPassage, PassageKind, Toxicity, ToxicSpan
from vocabulary.errors import ConfigurationError
from vocabulary.indexing import Delete, Hide, Put, Scoring, StoredDocument
from vocabulary.ports import SearchBackend

SPAN = ToxicSpan(0, 5, 0.75, "slur")
RICH = Put(
    replace(
        description("rich", title="Budget 2024", acl=7, owner=Principal.user("wiki", "me")),
        attributes={
            "flag": True,
            "size": 3,
            "share": 0.5,
            "due": datetime(2024, 2, 29, 12, 30, tzinfo=UTC),
            "tags": ("a", 2, False, datetime(2023, 1, 1, tzinfo=UTC)),
            "empty": (),
        },
    ),
    (
        replace(passage("first words", page=3, heading="Part one"), toxicity=Toxicity(0.75, "slur", (SPAN,))),
        passage("a remark", ordinal=1, kind=PassageKind.COMMENT, comment_id="c1"),
    ),
    Scoring("head/1", ("slur",)),
)


async def everything(index: SearchBackend, *, limit: int = 2) -> list[StoredDocument]:
    found: list[StoredDocument] = []
    while page := await index.stored_documents(after=found[-1].position if found else "", limit=limit):
        assert len(page) <= limit
        found += page
    return found


def ids(stored: list[StoredDocument]) -> list[str]:
    return [each.put.description.document_id.native_id for each in stored]


def rounded(enriched: EnrichedPassage) -> EnrichedPassage:
    return replace(enriched, vector=enriched.vector.astype(np.float16).astype(np.float32))


def assert_equal(stored: Put, expected: Put) -> None:
    assert stored.description == expected.description
    assert [each.passage for each in stored.passages] == [each.passage for each in expected.passages]
    assert [each.toxicity for each in stored.passages] == [each.toxicity for each in expected.passages]
    assert stored.scoring == expected.scoring
    for each, wanted in zip(stored.passages, expected.passages, strict=True):
        assert np.array_equal(each.vector, rounded(wanted).vector)


async def test_a_document_is_read_back_as_it_was_put(index: SearchBackend) -> None:
    await index.apply([RICH, document("bare", title="only a title")])
    rich, bare = await everything(index)
    assert_equal(rich.put, RICH)
    assert_equal(bare.put, document("bare", title="only a title"))


async def test_documents_come_in_the_order_in_which_they_were_first_stored(index: SearchBackend) -> None:
    await index.apply([document("z", "one"), document("a", "two", source="another"), document("m", "three")])
    await index.apply([document("z", "changed")])
    assert ids(await everything(index)) == ["z", "a", "m"]
    assert ids(await everything(index, limit=1)) == ["z", "a", "m"]


async def test_hidden_documents_are_read_back_as_hidden(index: SearchBackend) -> None:
    await index.apply([document("a", "one"), Hide(DocumentId("wiki", "a"))])
    (hidden,) = await everything(index)
    assert hidden.put.description.acl_id == HIDDEN_ACL


async def test_a_reading_meets_what_was_there_whatever_is_written_meanwhile(index: SearchBackend) -> None:
    await index.apply([document(f"d{number}", "words") for number in range(6)])
    first = list(await index.stored_documents(limit=2))
    await index.apply([Delete(DocumentId("wiki", "d1")), Delete(DocumentId("wiki", "d3")), document("d4", "changed")])
    await index.apply([document("new", "words")])
    rest = list(await index.stored_documents(after=first[-1].position, limit=10))
    assert ids(first) == ["d0", "d1"]
    assert ids(rest)[:3] == ["d2", "d4", "d5"]
    assert set(ids(rest)[3:]) <= {"new"}


async def test_single_documents_are_looked_up_and_unknown_ones_are_missing(index: SearchBackend) -> None:
    await index.apply([document("a", "one"), RICH, document("b", "two")])
    wanted = [DocumentId("wiki", name) for name in ("b", "unknown", "rich", "b")]
    rich, other = await index.look_up(wanted)
    assert_equal(rich.put, RICH)
    assert_equal(other.put, document("b", "two"))
    assert await index.look_up([]) == []


@pytest.mark.parametrize("engine", EVERY_ENGINE)
@pytest.mark.parametrize("source", EVERY_ENGINE)
async def test_an_index_filled_with_the_rows_of_another_answers_alike(engine: str, source: str, tmp_path: Path) -> None:
    async with ENGINES[source](tmp_path / "from") as old, ENGINES[engine](tmp_path / "to") as new:
        await old.adopt(NUMBERING)
        await old.apply([document(f"d{number}", f"budget of year {number}") for number in (3, 1, 2)])
        await new.take_identity(old.index_id)
        await new.adopt(NUMBERING)
        await new.apply([each.put for each in await old.stored_documents(limit=10)])
        assert new.index_id == old.index_id
        for text in ("budget", "year 2", ""):
            before, after = [await ask(each, text, mode=HYBRID) for each in (old, new)]
            assert names(after) == names(before)
            # Engines compute cosines in different ways, of vectors that float16 has left a little off unit length.
            scores = pytest.approx([hit.score for hit in before.hits], rel=1e-6 if engine == source else 1e-3)
            assert [hit.score for hit in after.hits] == scores


async def test_an_index_with_documents_does_not_take_another_name(index: SearchBackend) -> None:
    await index.apply([document("a", "one")])
    name = index.index_id
    with pytest.raises(ConfigurationError):
        await index.take_identity("another")
    await index.take_identity(name)
    assert index.index_id == name


@pytest.mark.parametrize("engine", [each for each in EVERY_ENGINE if each.values != ("memory",)])
async def test_a_taken_name_lasts(engine: str, tmp_path: Path) -> None:
    async with ENGINES[engine](tmp_path) as index:
        await index.take_identity("name of another")
    async with ENGINES[engine](tmp_path) as index:
        assert index.index_id == "name of another"
