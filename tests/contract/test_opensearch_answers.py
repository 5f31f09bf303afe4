"""What only OpenSearch can get wrong: several processes, windows of rows, older clusters."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from indexer.backends import MemoryBackend
from indexer.backends.opensearch import asked, search
from indexer.backends.opensearch.access_clause import AclIdSpelling
from indexer.backends.opensearch.backend import OpenSearchBackend
from indexer.backends.opensearch.writer import Writer
from tests.contract.opensearch_indexes import opensearch_index
from tests.contract.search_backends import HYBRID, KEYWORD, SEMANTIC, ask, ask_to_the_end
from tests.fakes.documents import DIMENSIONS, NUMBERING, document, names, reader
from vocabulary.access import Principal
from vocabulary.documents import DocumentId
from vocabulary.errors import NumberingMismatch
from vocabulary.indexing import Delete, Put
from vocabulary.ports import SearchBackend
from vocabulary.search import (
    FacetRequest,
    Hit,
    Query,
    SearchMode,
    Sort,
)

pytestmark = pytest.mark.opensearch

ME = Principal.user("wiki", "me")
# Lucene sums in single precision, and divides by lengths that float16 has changed a little.
_SCORE_DIFFERENCE = 1e-3
TEXT = "the same words in twenty places and more, word for word, so that nobody can tell one from the other copy of it"


@asynccontextmanager
async def filled(folder: Path, *operations: Put) -> AsyncIterator[OpenSearchBackend]:
    async with opensearch_index(folder) as index:
        await index.adopt(NUMBERING)
        await index.apply(operations)
        yield cast(OpenSearchBackend, index)


async def test_hiding_all_in_another_process_binds_the_very_next_answer(tmp_path: Path) -> None:
    async with filled(tmp_path, document("a", "budget")) as here, opensearch_index(tmp_path) as elsewhere:
        assert names(await ask(here, "budget", mode=HYBRID)) == ["a"]
        await elsewhere.put_seal("sealed", hide_all=True)
        assert names(await ask(here, "budget", mode=HYBRID)) == []
        assert names(await ask(here)) == []
        await elsewhere.apply([document("a", "budget")])
        assert names(await ask(here, "budget", mode=HYBRID)) == ["a"]


async def test_another_numbering_that_another_process_ties_binds_the_very_next_answer(tmp_path: Path) -> None:
    async with filled(tmp_path, document("a", "budget")) as here, opensearch_index(tmp_path) as elsewhere:
        assert names(await ask(here, "budget")) == ["a"]
        await elsewhere.apply([Delete(DocumentId("wiki", "a"))])
        await elsewhere.adopt("another")
        with pytest.raises(NumberingMismatch):
            await ask(here, "budget")
        assert names(await ask(here, "budget", access=reader(1, numbering="another"))) == []


async def test_a_cluster_without_bitmaps_answers_the_same(tmp_path: Path) -> None:
    stored = [document(f"{acl}", "red apple", acl=acl, owner=ME) for acl in (0, 1, 2, 3, 2**31 + 1)]
    everything = reader(1, 2**31 + 1, if_owner=[3], owners=[ME])
    async with filled(tmp_path, *stored) as index:
        plain: Counter[bool] = Counter()
        as_bitmaps, one_by_one = (
            AclIdSpelling(bitmaps, on_plain=partial(plain.update, (bitmaps,))) for bitmaps in (True, False)
        )
        for access in (everything, reader(2), reader(if_owner=[1]), reader(9)):
            index.searcher.spelling = as_bitmaps
            expected = [await ask(index, "apple", mode=mode, access=access) for mode in SearchMode]
            index.searcher.spelling = one_by_one
            assert [await ask(index, "apple", mode=mode, access=access) for mode in SearchMode] == expected
        assert plain == {False: 12}  # for each search one set, and for the owner another
        assert set(names(await ask(index, "apple", access=everything))) == {"1", "3", str(2**31 + 1)}


async def test_pages_reach_as_deep_as_a_cluster_lets_them_and_totals_count_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "MAX_DEPTH", 12)
    async with filled(tmp_path, *(document(f"{n:02}", "apple", attributes={"n": n}) for n in range(20))) as index:
        for text in ("", "apple"):
            assert await ask_to_the_end(index, text, size=5) == [f"{n:02}" for n in range(12)]
            page = await ask(index, text, size=5, facets=(FacetRequest("source"),))
            assert (page.total.value, page.facets["source"][0].count) == (20, 20)


@pytest.mark.parametrize("mode", [KEYWORD, HYBRID])
async def test_copies_beyond_the_fetched_rows_are_folded_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: SearchMode
) -> None:
    monkeypatch.setattr(search, "_SPARE_ROWS", 0)
    monkeypatch.setattr(asked, "_TAKEN", 3)
    copies = [document(f"copy{n}", TEXT) for n in range(30)]
    others = [document(f"other{n}", f"word {n}") for n in range(5)]
    async with filled(tmp_path, *copies, *others) as index:
        assert (await ask(index, "same word", mode=mode)).total.value == 35
        hits = [hit async for hit in _all_hits(index, "same word", mode=mode, size=2)]
        copies_of = {hit.document_id.native_id: hit.copies for hit in hits}
        assert len(hits) == len(copies_of) == 6
        assert sorted(copies_of.values()) == [0, 0, 0, 0, 0, 29]


@pytest.mark.parametrize("sort", [None, Sort("shelf"), Sort("shelf", descending=True)])
@pytest.mark.parametrize("mode", SearchMode)
async def test_a_long_answer_is_in_the_order_of_the_reference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: SearchMode, sort: Sort | None
) -> None:
    """Rows are fetched a few at a time, and what was found by meaning is far from what was found by words."""
    monkeypatch.setattr(search, "_SPARE_ROWS", 0)
    words = ["apple", "pear", "harbour", "crane", "zebra", "plum", "quay"]
    stored = [
        document(
            f"d{n:03}",
            " ".join(words[(n * step) % len(words)] for step in range(1, 2 + n % 9)),
            title=words[n % 5] if n % 3 else "",
            attributes={"shelf": n % 4} if n % 5 else {},
        )
        for n in range(150)
    ]
    async with filled(tmp_path, *stored) as index, MemoryBackend(dimensions=DIMENSIONS) as memory:
        await memory.adopt(NUMBERING)
        await memory.apply(stored)
        asked: dict[str, Any] = {"text": "crane apple harbour", "mode": mode, "sort": sort}
        expected = [hit async for hit in _all_hits(memory, size=50, **asked)]
        found = [hit async for hit in _all_hits(index, size=7, **asked)]
    scores = {hit.document_id: hit.score for hit in expected}
    assert {hit.document_id: hit.score for hit in found} == pytest.approx(scores, rel=_SCORE_DIFFERENCE)
    shelves = [hit.attributes.get("shelf") for hit in expected]
    assert sort is None or [hit.attributes.get("shelf") for hit in found] == shelves
    for (one, other), is_behind in zip(pairwise(found), _same_shelf(found, sort), strict=True):
        if is_behind:
            assert scores[one.document_id] >= scores[other.document_id] * (1 - _SCORE_DIFFERENCE)


def _same_shelf(found: Sequence[Hit], sort: Sort | None) -> list[bool]:
    """Return whether each hit and the next one are ordered by their scores."""
    shelves = [None if sort is None else hit.attributes.get("shelf") for hit in found]
    return [one == other for one, other in pairwise(shelves)]


async def _all_hits(index: SearchBackend, text: str, **options: Any) -> AsyncIterator[Hit]:
    page = await ask(index, text, **options)
    while True:
        for hit in page.hits:
            yield hit
        if page.next_cursor is None:
            return
        page = await ask(index, text, cursor=page.next_cursor, **options)


async def test_a_query_without_a_direction_is_near_to_nothing(tmp_path: Path) -> None:
    async with filled(tmp_path, document("a", "budget")) as index:
        nowhere = np.zeros(DIMENSIONS, np.float32)
        assert names(await index.search(Query("budget", mode=SEMANTIC), nowhere, reader(1))) == []
        assert names(await index.search(Query("budget", mode=HYBRID), nowhere, reader(1))) == ["a"]


@pytest.mark.parametrize("mode", SearchMode)
async def test_documents_stored_in_the_same_moment_by_two_programs_are_both_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: SearchMode
) -> None:
    monkeypatch.setattr(Writer, "_next_moment", lambda _: 7)
    stored = [document("a", "red apple"), document("b", "red apple"), document("a", "apple pie", source="other")]
    async with filled(tmp_path, *stored) as index:
        hits = [hit async for hit in _all_hits(index, "apple", mode=mode, size=1)]
        assert sorted(str(hit.document_id) for hit in hits) == ["other/a", "wiki/a", "wiki/b"]
        assert {hit.excerpt.text for hit in hits if hit.excerpt} == {"red apple", "apple pie"}
