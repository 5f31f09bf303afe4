"""The contract of `SearchBackend`: boosts by field and a preference for newer documents, where asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from indexer.backends import EmbeddedBackend, MemoryBackend
from tests.contract.opensearch_indexes import opensearch_index
from tests.contract.search_backends import EVERY_ENGINE, KEYWORD, ask, ask_to_the_end
from tests.fakes.documents import DIMENSIONS, NUMBERING, document, names
from vocabulary.documents import AttributeValue
from vocabulary.indexing import Put
from vocabulary.ports import SearchBackend
from vocabulary.search import Boosts, Recency, SearchMode, Tuning

Open = Callable[[Path, Tuning], AbstractAsyncContextManager[SearchBackend]]

# Half-lives so long that a day more or less, at midnight, is within the tolerance.
HALF_LIFE_DAYS, WEIGHT = 1_000.0, 1.0
TOLERANCE = 1e-3
TUNING = Tuning(recency=Recency("at", HALF_LIFE_DAYS, WEIGHT), boosts=Boosts(title=4.0, attributes=3.0))

OPEN: dict[str, Open] = {
    "memory": lambda _, tuning: MemoryBackend(dimensions=DIMENSIONS, tuning=tuning),
    "embedded": lambda folder, tuning: EmbeddedBackend(folder / "index.db", dimensions=DIMENSIONS, tuning=tuning),
    "opensearch": opensearch_index,
}


def aged(name: str, text: str, days: float | None, *, title: str = "", tags: str = "") -> Put:
    """A document so old; None: without an age."""
    attributes: dict[str, AttributeValue] = {"tags": tags} if tags else {}
    if days is not None:
        now = datetime.now(UTC)
        long_ago = now - timedelta(days=9_000)
        attributes["at"] = (long_ago, now - timedelta(days=days))  # the latest counts
    put = document(name, text, title=title or "untitled", attributes=attributes)
    return replace(put, description=replace(put.description, searched=("tags",)))


ALIKE = [
    aged("undated", "crane at the quay", None),
    aged("ancient", "crane at the quay", 8_000),
    aged("old", "crane at the quay", 2 * HALF_LIFE_DAYS),
    aged("half", "crane at the quay", HALF_LIFE_DAYS),
    aged("today", "crane at the quay", 0),
    aged("tomorrow", "crane at the quay", -400),
]
FACTORS = {"undated": 1.0, "ancient": 1 + 2**-8, "old": 1.25, "half": 1.5, "today": 2.0, "tomorrow": 2.0}
OTHERS = [
    aged("in title", "nothing of it", None, title="harbour"),
    aged("in text", "harbour harbour harbour", None),
    aged("in tags", "nothing of it", None, tags="harbour"),
    *(aged(f"much {n}", f"crane {'plum ' * n} zebra", 300.0 * n) for n in range(8)),
]


@pytest.fixture(params=EVERY_ENGINE)
async def tuned(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SearchBackend]:
    async with OPEN[request.param](tmp_path, TUNING) as index:
        await index.adopt(NUMBERING)
        await index.apply([*ALIKE, *OTHERS])
        yield index


async def test_newer_documents_come_first_by_the_rule_in_every_mode(tuned: SearchBackend) -> None:
    for mode in SearchMode:
        page = await ask(tuned, "crane at the quay", mode=mode, size=50, explain=True)
        scores = {hit.document_id.native_id: hit.score for hit in page.hits if hit.document_id.native_id in FACTORS}
        assert list(scores) == ["today", "tomorrow", "half", "old", "ancient", "undated"], mode
        for name, factor in FACTORS.items():
            assert scores[name] / scores["undated"] == pytest.approx(factor, rel=TOLERANCE), (mode, name)


async def test_an_explained_score_adds_up_with_its_recency(tuned: SearchBackend) -> None:
    for mode in SearchMode:
        page = await ask(tuned, "crane zebra", mode=mode, size=50, explain=True)
        assert len(page.hits) > 5
        for hit in page.hits:
            assert hit.score_parts is not None
            parts = dict(hit.score_parts)
            by_words = parts["bm25"] / parts["bm25_best"] if mode is SearchMode.HYBRID else parts["bm25"]
            of_mode = {
                SearchMode.KEYWORD: by_words,
                SearchMode.SEMANTIC: parts["cosine"],
                SearchMode.HYBRID: 0.7 * parts["cosine"] + 0.3 * by_words,
            }
            assert hit.score == pytest.approx(parts["recency"] * of_mode[mode], rel=TOLERANCE, abs=1e-4), mode


async def test_a_boosted_field_counts_as_often(tuned: SearchBackend, tmp_path: Path) -> None:
    async with MemoryBackend(dimensions=DIMENSIONS) as plain:
        await plain.adopt(NUMBERING)
        await plain.apply([*ALIKE, *OTHERS])
        usual = {hit.document_id.native_id: hit.score for hit in (await ask(plain, "harbour", mode=KEYWORD)).hits}
    page = await ask(tuned, "harbour", mode=KEYWORD)
    boosted = {hit.document_id.native_id: hit.score for hit in page.hits}
    expected = {"in title": 4.0, "in text": 1.0, "in tags": 3.0}
    assert {name: boosted[name] / usual[name] for name in boosted} == pytest.approx(expected, rel=TOLERANCE)
    assert names(page)[0] == "in title"


@pytest.mark.parametrize("mode", SearchMode)
async def test_pages_and_scores_are_those_of_the_reference(tuned: SearchBackend, mode: SearchMode) -> None:
    async with MemoryBackend(dimensions=DIMENSIONS, tuning=TUNING) as reference:
        await reference.adopt(NUMBERING)
        await reference.apply([*ALIKE, *OTHERS])
        for text in ("crane zebra", "plum* quay", '"crane at" -plum'):
            expected = (await ask(reference, text, mode=mode, size=50)).hits
            found = (await ask(tuned, text, mode=mode, size=50)).hits
            scores = {hit.document_id: hit.score for hit in expected}
            assert {hit.document_id: hit.score for hit in found} == pytest.approx(scores, rel=TOLERANCE)
            in_pages = await ask_to_the_end(tuned, text, mode=mode, size=3)
            assert in_pages == [hit.document_id.native_id for hit in found]
