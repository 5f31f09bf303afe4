"""The second look: the first hits in another order, every hit once, and never later than allowed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from indexer.backends import MemoryBackend
from indexer.search.tuning import Pins
from service.reranking import Reranker
from tests.fakes.documents import DIMENSIONS, NUMBERING, document, names, reader
from vocabulary.documents import DocumentId
from vocabulary.errors import IndexBusy, QueryInvalid
from vocabulary.search import Page, Pin, Query, SearchMode, Sort, Tuning

TUNING = Tuning(pins=(Pin("crane quay", (DocumentId("wiki", "d7"),)),))
COUNT, TOP = 12, 5


class ByTitle:
    """Prefers titles that come late in the alphabet; it needs `needs_s` for that, and says so."""

    def __init__(self) -> None:
        self.needs_s = 0.0
        self.asked: list[tuple[str, list[str]]] = []

    async def score(self, query: str, texts: Sequence[str], *, within_s: float) -> npt.NDArray[np.float32] | None:
        self.asked.append((query, list(texts)))
        if self.needs_s > within_s:
            return None
        return np.asarray([ord(text[0]) for text in texts], np.float32)


@pytest.fixture
def model() -> ByTitle:
    return ByTitle()


class Asked:
    """An index of documents whose titles run against their order, asked through a reranker."""

    def __init__(self, backend: MemoryBackend, model: ByTitle) -> None:
        self.backend = backend
        self.reranker = Reranker(model, Pins(TUNING), top=TOP, timeout_s=1.0)

    async def engine(self, query: Query) -> Page:
        return await self.backend.search(query, None, reader(1))

    async def ask(self, text: str, **options: object) -> Page:
        query = Query(text, mode=SearchMode.KEYWORD, **options)  # type: ignore[arg-type]  # options of its own
        return await self.reranker.answer(self.engine, query)

    async def to_the_end(self, text: str, **options: object) -> list[str]:
        page = await self.ask(text, **options)
        found = names(page)
        while page.next_cursor is not None:
            page = await self.ask(text, cursor=page.next_cursor, **options)
            found += names(page)
        return found


@pytest.fixture
async def asked(model: ByTitle) -> Asked:
    backend = MemoryBackend(dimensions=DIMENSIONS, tuning=TUNING)
    await backend.adopt(NUMBERING)
    stored = [
        document(f"d{n}", f"crane {'quay ' * (COUNT - n)}", title=f"{chr(ord('a') + n)} title", attributes={"n": n})
        for n in range(COUNT)
    ]
    await backend.apply(stored)
    return Asked(backend, model)


async def engine_order(asked: Asked, text: str) -> list[str]:
    return names(await asked.engine(Query(text, mode=SearchMode.KEYWORD, size=50)))


async def test_the_first_hits_are_in_the_models_order_and_the_others_behind_them(asked: Asked, model: ByTitle) -> None:
    before = await engine_order(asked, "quay")
    expected = [*sorted(before[:TOP], key=lambda name: -int(name[1:])), *before[TOP:]]
    assert before != expected
    for size in (1, 2, 3, TOP, 7, 50):
        assert await asked.to_the_end("quay", size=size) == expected, size
    query, texts = model.asked[0]
    assert query == "quay"
    assert texts[0].startswith(f"{chr(ord('a') + int(before[0][1:]))} title\ncrane")


async def test_scores_still_fall_and_totals_stay(asked: Asked) -> None:
    page = await asked.ask("quay", size=50, explain=True)
    scores = [hit.score for hit in page.hits]
    assert scores == sorted(scores, reverse=True)
    assert page.total.value == COUNT
    assert [("cross_encoder" in (hit.score_parts or {})) for hit in page.hits] == [True] * TOP + [False] * (COUNT - TOP)


async def test_pinned_documents_keep_their_places(asked: Asked) -> None:
    found = await asked.to_the_end("crane quay", size=3)
    assert found[0] == "d7"
    assert sorted(found) == sorted(await engine_order(asked, "crane quay"))


async def test_without_words_or_with_a_sort_nothing_is_looked_at_again(asked: Asked, model: ByTitle) -> None:
    assert names(await asked.ask("", size=50)) == await engine_order(asked, "")
    by_number = await asked.to_the_end("quay", size=5, sort=Sort("n"))
    assert by_number == [f"d{n}" for n in range(COUNT)]
    assert model.asked == []


async def test_too_late_the_order_stays_on_every_page(asked: Asked, model: ByTitle) -> None:
    model.needs_s = 2.0
    assert await asked.to_the_end("quay", size=2) == await engine_order(asked, "quay")


async def test_a_further_page_waits_longer_for_the_order_of_the_first_and_not_for_ever(
    asked: Asked, model: ByTitle
) -> None:
    first = await asked.ask("quay", size=2)
    model.needs_s = 5.0
    second = await asked.ask("quay", size=2, cursor=first.next_cursor)
    assert not set(names(first)) & set(names(second))
    model.needs_s = 11.0
    with pytest.raises(IndexBusy):
        await asked.ask("quay", size=2, cursor=first.next_cursor)


async def test_a_hit_that_left_meanwhile_costs_no_other(asked: Asked) -> None:
    first = await asked.ask("quay", size=2)
    rest = (await asked.to_the_end("quay", size=50))[2:]
    gone = first.hits[-1].document_id
    await asked.backend.apply([document(gone.native_id, "nothing of it")])
    second = await asked.ask("quay", size=2, cursor=first.next_cursor)
    assert names(second)[0] in rest[:2]


async def test_a_marked_cursor_of_another_query_is_refused(asked: Asked) -> None:
    first = await asked.ask("quay", size=2)
    assert first.next_cursor is not None
    for spoilt in (first.next_cursor, "r.", "r.e30"):
        with pytest.raises(QueryInvalid):
            await asked.ask("crane", size=2, cursor=spoilt)
