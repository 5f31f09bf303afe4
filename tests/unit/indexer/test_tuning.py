"""Pins, synonyms and explained scores: the same on both engines of this machine, and nobody learns of a document."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from indexer.backends import EmbeddedBackend, MemoryBackend
from indexer.search.analysis import analyzer
from indexer.search.tuning import Tuned
from tests.fakes.documents import DIMENSIONS, NUMBERING, document, hashed_vector, names, reader
from vocabulary.documents import DocumentId
from vocabulary.errors import ConfigurationError
from vocabulary.ports import SearchBackend
from vocabulary.search import (
    Equals,
    Page,
    Pin,
    Query,
    SearchMode,
    Tuning,
)

TUNING = Tuning(
    pins=(
        Pin("Travel  costs", (DocumentId("wiki", "form"), DocumentId("wiki", "secret"), DocumentId("wiki", "gone"))),
    ),
    synonyms=("car, automobile, motor vehicle", "# a remark", "tv => television  # one way"),
)
ANYONE = reader(1)


@pytest.fixture(params=["memory", "embedded"])
async def index(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SearchBackend]:
    engine: MemoryBackend | EmbeddedBackend = MemoryBackend(dimensions=DIMENSIONS, tuning=TUNING)
    if request.param == "embedded":
        engine = EmbeddedBackend(tmp_path / "index.db", dimensions=DIMENSIONS, tuning=TUNING)
    async with engine as opened:
        await opened.adopt(NUMBERING)
        await opened.apply(
            [
                document("form", "apply for a refund here", attributes={"type": "form"}),
                document("secret", "what the board travels for", acl=2),
                document("rules", "rules for travel costs"),
                document("other", "travel by train"),
                document("auto", "an automobile for you"),
                document("motor", "every motor vehicle has a vehicle tax"),
                document("tax", "tax of a vehicle with a motor"),
                document("television", "a television set"),
                document("tv", "a tv set"),
            ]
        )
        yield opened


async def ask(index: SearchBackend, text: str, *, mode: SearchMode = SearchMode.KEYWORD, **options: object) -> Page:
    vector = None if mode is SearchMode.KEYWORD else hashed_vector(text)
    return await index.search(Query(text, mode=mode, **options), vector, ANYONE)  # type: ignore[arg-type]


async def test_a_pinned_document_heads_the_answer_of_whoever_may_read_it(index: SearchBackend) -> None:
    page = await ask(index, "travel COSTS")
    assert names(page)[:2] == ["form", "rules"]
    assert "secret" not in names(page)
    assert page.total.value == 3
    scores = [hit.score for hit in page.hits]
    assert scores == sorted(scores, reverse=True)


async def test_a_pin_is_for_its_query_and_under_the_filter(index: SearchBackend) -> None:
    assert "form" not in names(await ask(index, "travel"))
    assert names(await ask(index, "travel costs", filter=Equals("type", "form"))) == ["form"]
    assert names(await ask(index, "travel costs", filter=Equals("type", "other"))) == []


async def test_pages_with_a_pin_neither_repeat_nor_skip(index: SearchBackend) -> None:
    found: list[str] = []
    cursor = None
    while True:
        page = await ask(index, "travel costs", size=1, cursor=cursor)
        found += names(page)
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == names(await ask(index, "travel costs"))


async def test_synonyms_find_each_other_and_one_way_ones_do_not(index: SearchBackend) -> None:
    assert set(names(await ask(index, "cars"))) == {"auto", "motor"}
    assert set(names(await ask(index, "motor vehicle"))) == {"motor", "tax", "auto"}
    assert set(names(await ask(index, "tv"))) == {"tv", "television"}
    assert set(names(await ask(index, "television"))) == {"television"}


@pytest.mark.parametrize("mode", SearchMode)
async def test_an_explained_score_adds_up(index: SearchBackend, mode: SearchMode) -> None:
    page = await ask(index, "travel by train", mode=mode, explain=True)
    assert page.hits
    for hit in page.hits:
        parts = hit.score_parts
        assert parts is not None
        by_words = parts["bm25"] / parts["bm25_best"] if parts["bm25_best"] else 0.0
        hybrid = 0.7 * parts["cosine"] + 0.3 * by_words
        expected = {
            SearchMode.KEYWORD: parts["bm25"],
            SearchMode.SEMANTIC: parts["cosine"],
            SearchMode.HYBRID: hybrid,
        }
        assert hit.score == pytest.approx(expected[mode])
    assert all(hit.score_parts is None for hit in (await ask(index, "travel", mode=mode)).hits)


@pytest.mark.parametrize("line", ["car", "car,", "car => ", "car => car", "?, car"])
def test_a_line_that_is_no_synonym_is_named(line: str) -> None:
    with pytest.raises(ConfigurationError, match="line 2"):
        Tuned(Tuning(synonyms=("", line)), analyzer())
