"""Pins, synonyms and explained scores on OpenSearch: what the reference answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexer.backends import MemoryBackend
from tests.contract.opensearch_indexes import opensearch_index
from tests.contract.search_backends import ask
from tests.fakes.documents import DIMENSIONS, NUMBERING, document, names
from vocabulary.documents import DocumentId
from vocabulary.search import (
    Equals,
    FilterClause,
    Hit,
    Pin,
    SearchMode,
    Sort,
    Tuning,
)

pytestmark = pytest.mark.opensearch

PINNED = tuple(DocumentId("wiki", name) for name in ("form", "secret", "gone", "tv"))
TUNING = Tuning(
    pins=(Pin("travel costs", PINNED), Pin("", (DocumentId("wiki", "tv"),))),
    synonyms=("car, automobile, motor vehicle", "tv => television"),
)
STORED = [
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
ASKED: list[tuple[str, FilterClause | None, Sort | None]] = [
    ("travel COSTS", None, None),
    ("travel costs", None, Sort("type")),
    ("travel costs", Equals("type", "form"), None),
    ("travel costs", Equals("type", "other"), None),
    ("travel", None, None),
    ("", None, None),
    ("cars", None, None),
    ("motor vehicle", None, None),
    ("tv", None, None),
    ("television", None, None),
]


def _told(hit: Hit) -> tuple[object, ...]:
    parts = hit.score_parts or {}
    return hit.document_id, pytest.approx(hit.score, rel=1e-3), pytest.approx(dict(parts), rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("mode", SearchMode)
async def test_a_tuned_index_answers_as_the_reference(tmp_path: Path, mode: SearchMode) -> None:
    async with (
        opensearch_index(tmp_path, TUNING) as index,
        MemoryBackend(dimensions=DIMENSIONS, tuning=TUNING) as memory,
    ):
        for engine in (index, memory):
            await engine.adopt(NUMBERING)
            await engine.apply(STORED)
        for text, clause, sort in ASKED:
            page, expected = [
                await ask(each, text, mode=mode, filter=clause, sort=sort, explain=True) for each in (index, memory)
            ]
            assert page.total == expected.total, text
            assert names(page) == names(expected), text
            for hit, other in zip(page.hits, expected.hits, strict=True):
                assert (hit.document_id, hit.score, dict(hit.score_parts or {})) == _told(other), text
