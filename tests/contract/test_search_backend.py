"""The contract of `SearchBackend`: every sentence of the port, for every engine.

A new engine adds one line to `ENGINES`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyroaring import FrozenBitMap

from indexer.backends import EmbeddedBackend, MemoryBackend
from tests.fakes.documents import (
    DIMENSIONS,
    NUMBERING,
    description,
    document,
    hashed_vector,
    names,
    passage,
    reader,
)
from vocabulary.access import HIDDEN_ACL, AccessFilter, Principal
from vocabulary.documents import DocumentId, PassageKind
from vocabulary.errors import NumberingMismatch, QueryInvalid
from vocabulary.ports import SearchBackend
from vocabulary.search import (
    And,
    Delete,
    Describe,
    Equals,
    Exists,
    FacetCount,
    FacetRequest,
    FilterClause,
    Hide,
    In,
    IndexStatistics,
    Not,
    Or,
    Page,
    Put,
    Query,
    Range,
    SearchMode,
    Sort,
    Total,
    TotalRelation,
)

ENGINES: dict[str, Callable[[Path], AbstractAsyncContextManager[SearchBackend]]] = {
    "memory": lambda _: MemoryBackend(dimensions=DIMENSIONS),
    "embedded": lambda folder: EmbeddedBackend(folder / "index.db", dimensions=DIMENSIONS),
}

ANYONE = reader(1)
KEYWORD, SEMANTIC, HYBRID = SearchMode.KEYWORD, SearchMode.SEMANTIC, SearchMode.HYBRID


@pytest.fixture(params=ENGINES)
async def empty(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SearchBackend]:
    async with ENGINES[request.param](tmp_path) as backend:
        yield backend


@pytest.fixture
async def index(empty: SearchBackend) -> SearchBackend:
    await empty.adopt(NUMBERING)
    return empty


async def ask(
    index: SearchBackend, text: str = "", *, mode: SearchMode = KEYWORD, access: AccessFilter = ANYONE, **options: Any
) -> Page:
    vector = None if mode is KEYWORD else hashed_vector(text)
    return await index.search(Query(text, mode=mode, **options), vector, access)


async def ask_to_the_end(index: SearchBackend, text: str = "", **options: Any) -> list[str]:
    found: list[str] = []
    page = await ask(index, text, **options)
    found += names(page)
    while page.next_cursor is not None:
        page = await ask(index, text, cursor=page.next_cursor, **options)
        found += names(page)
    return found


# --- identity and numbering ---


@pytest.mark.parametrize("engine", ENGINES)
async def test_two_indexes_have_two_names(engine: str, tmp_path: Path) -> None:
    async with ENGINES[engine](tmp_path / "a") as first, ENGINES[engine](tmp_path / "b") as second:
        assert first.index_id
        assert first.index_id != second.index_id


async def test_an_index_that_was_never_tied_answers_with_nothing(empty: SearchBackend) -> None:
    await empty.apply([document("a", "budget")])
    page = await ask(empty, "budget", facets=(FacetRequest("source"),))
    assert (page.total, page.hits, page.next_cursor) == (Total(0, TotalRelation.EQUAL), (), None)


async def test_documents_stored_before_any_tie_cannot_be_claimed(empty: SearchBackend) -> None:
    await empty.apply([document("a", "budget")])
    with pytest.raises(NumberingMismatch):
        await empty.adopt(NUMBERING)


async def test_an_empty_index_can_be_tied_anew(index: SearchBackend) -> None:
    await index.apply([document("a", "budget"), Delete(DocumentId("wiki", "a"))])
    await index.adopt("another")
    await index.apply([document("b", "budget")])
    assert names(await ask(index, "budget", access=reader(1, numbering="another"))) == ["b"]


async def test_a_filled_index_refuses_another_state_and_keeps_its_own(index: SearchBackend) -> None:
    await index.apply([document("a", "budget")])
    with pytest.raises(NumberingMismatch):
        await index.adopt("another")
    await index.adopt(NUMBERING)
    assert names(await ask(index, "budget")) == ["a"]


async def test_a_filter_of_another_numbering_is_refused(index: SearchBackend) -> None:
    await index.apply([document("a", "budget")])
    with pytest.raises(NumberingMismatch):
        await ask(index, "budget", access=reader(1, numbering="another"))


# --- writing ---


async def test_what_was_applied_can_be_searched_at_once(index: SearchBackend) -> None:
    for number in range(5):
        await index.apply([document(f"d{number}", "budget")])
        assert len(names(await ask(index, "budget"))) == number + 1


async def test_a_put_replaces_text_title_and_attributes(index: SearchBackend) -> None:
    await index.apply([document("a", "old words", "older words", title="former", attributes={"type": "pdf"})])
    await index.apply([document("a", "new words", title="current", attributes={"type": "docx"})])
    assert names(await ask(index, "old older former")) == []
    (hit,) = (await ask(index, "new current")).hits
    assert (hit.title, hit.attributes) == ("current", {"type": "docx"})
    assert names(await ask(index, filter=Equals("type", "pdf"))) == []
    assert await index.statistics() == IndexStatistics(documents=1, passages=1)


async def test_a_describe_replaces_the_description_and_keeps_the_passages(index: SearchBackend) -> None:
    await index.apply([document("a", "lasting words", title="former", attributes={"type": "pdf"})])
    before = await index.stored_passages(DocumentId("wiki", "a"))
    await index.apply([Describe(description("a", title="current", attributes={"size": 3}))])
    after = await index.stored_passages(DocumentId("wiki", "a"))
    assert [each.passage for each in after] == [each.passage for each in before]
    assert np.array_equal(after[0].vector, before[0].vector)
    assert names(await ask(index, "former")) == []
    assert names(await ask(index, "current")) == names(await ask(index, "lasting")) == ["a"]
    assert names(await ask(index, filter=Exists("type"))) == []
    assert names(await ask(index, filter=Equals("size", 3))) == ["a"]


async def test_a_describe_of_an_unknown_document_is_reported_and_writes_nothing(index: SearchBackend) -> None:
    unknown = await index.apply(
        [document("a", "budget"), Describe(description("a")), Describe(description("b", title="budget"))]
    )
    assert unknown == {DocumentId("wiki", "b")}
    assert await ask_to_the_end(index, "budget") == ["a"]


async def test_a_hidden_document_is_kept_and_found_by_nobody_until_it_is_described_again(index: SearchBackend) -> None:
    me = Principal.user("wiki", "me")
    everything = reader(1, if_owner=[1], owners=[me])
    await index.apply([document("a", "budget", owner=me), Hide(DocumentId("wiki", "a")), Hide(DocumentId("wiki", "b"))])
    assert names(await ask(index, "budget", access=everything)) == []
    assert await index.statistics() == IndexStatistics(documents=1, passages=1)
    await index.apply([Describe(description("a", owner=me))])
    assert names(await ask(index, "budget", access=everything)) == ["a"]


async def test_a_deleted_document_is_gone_with_all_its_passages(index: SearchBackend) -> None:
    await index.apply([document("a", "budget", "more budget"), document("b", "budget")])
    await index.apply([Delete(DocumentId("wiki", "a")), Delete(DocumentId("wiki", "unknown"))])
    assert names(await ask(index, "budget")) == names(await ask(index, "budget", mode=SEMANTIC)) == ["b"]
    assert await index.stored_passages(DocumentId("wiki", "a")) == ()
    assert await index.statistics() == IndexStatistics(documents=1, passages=1)


async def test_operations_take_effect_in_their_order(index: SearchBackend) -> None:
    await index.apply([document("a", "first"), Delete(DocumentId("wiki", "a")), document("a", "second")])
    assert names(await ask(index, "first")) == []
    assert names(await ask(index, "second")) == ["a"]


async def test_a_batch_with_a_bad_operation_changes_nothing(index: SearchBackend) -> None:
    bad = Put(description("b"), (replace(passage("budget"), vector=np.zeros(DIMENSIONS + 1, np.float32)),))
    with pytest.raises(ValueError, match="wiki/b"):
        await index.apply([document("a", "budget"), bad])
    assert await index.statistics() == IndexStatistics(documents=0, passages=0)


async def test_a_replay_changes_nothing(index: SearchBackend) -> None:
    batch = [
        document("a", "budget of the year", "budget plan", attributes={"type": "pdf"}),
        document("b", "budget"),
        Describe(description("b", title="renamed budget")),
        Delete(DocumentId("wiki", "c")),
    ]
    await index.apply(batch)
    before = [await ask(index, "budget", mode=mode, facets=(FacetRequest("type"),)) for mode in SearchMode]
    await index.apply(batch)
    await index.apply(batch)
    after = [await ask(index, "budget", mode=mode, facets=(FacetRequest("type"),)) for mode in SearchMode]
    assert after == before


async def test_stored_passages_come_back_in_their_order_within_float16(index: SearchBackend) -> None:
    kept = (
        passage("second", ordinal=7, kind=PassageKind.COMMENT, comment_id="c1", toxicity=0.25),
        passage("first ünïcode 文", ordinal=2, page=4, heading="Chapter"),
    )
    await index.apply([Put(description("a"), kept)])
    stored = await index.stored_passages(DocumentId("wiki", "a"))
    assert [each.passage for each in stored] == [kept[1].passage, kept[0].passage]
    assert [each.toxicity_0_1 for each in stored] == [0.0, 0.25]
    for each, original in zip(stored, reversed(kept), strict=True):
        assert each.vector.dtype == np.float32
        assert np.allclose(each.vector, original.vector, rtol=2**-10, atol=1e-6)


async def test_an_unknown_document_has_no_stored_passages(index: SearchBackend) -> None:
    assert await index.stored_passages(DocumentId("wiki", "a")) == ()


async def test_document_ids_are_those_of_the_source_in_order(index: SearchBackend) -> None:
    await index.apply([document(name, source=source) for name in ("b", "a/x", "Z") for source in ("wiki", "mail")])
    assert [str(each) async for each in index.document_ids("wiki")] == ["wiki/Z", "wiki/a/x", "wiki/b"]
    assert [each async for each in index.document_ids("nothing")] == []


async def test_statistics_count_regardless_of_readers(index: SearchBackend) -> None:
    await index.apply([document("a", "one", "two", acl=HIDDEN_ACL), document("b"), document("c", "three", acl=9)])
    assert await index.statistics() == IndexStatistics(documents=3, passages=3)


# --- keyword ---


async def test_any_word_of_the_query_is_enough(index: SearchBackend) -> None:
    await index.apply([document("a", "apple tart"), document("b", "pear tart"), document("c", "plum cake")])
    assert set(names(await ask(index, "apple pear"))) == {"a", "b"}


@pytest.mark.parametrize(
    ("stored", "asked"),
    [("running budgets", "run budget"), ("the CAFÉ opens", "cafe"), ("Ünïcode", "unicode"), ("INC-04711", "inc-04711")],
)
async def test_words_match_by_stem_without_case_or_accents(index: SearchBackend, stored: str, asked: str) -> None:
    await index.apply([document("a", stored), document("b", "something else")])
    assert names(await ask(index, asked)) == ["a"]


async def test_stop_words_count_only_when_there_is_nothing_else(index: SearchBackend) -> None:
    await index.apply([document("a", "the harbour"), document("b", "to be or not to be")])
    assert names(await ask(index, "what is the harbour")) == ["a"]
    assert names(await ask(index, "to be")) == ["b"]


async def test_a_word_in_the_title_outweighs_one_in_the_text(index: SearchBackend) -> None:
    await index.apply([document("a", "harbour in the rain", title="first"), document("b", "the rain", title="Harbour")])
    assert names(await ask(index, "harbour")) == ["b", "a"]


async def test_a_rare_word_outweighs_a_common_one(index: SearchBackend) -> None:
    common = [document(f"c{number}", "common text") for number in range(8)]
    await index.apply([*common, document("r", "rare text")])
    assert names(await ask(index, "common rare"))[0] == "r"


async def test_a_document_without_passages_is_found_by_its_title_alone(index: SearchBackend) -> None:
    await index.apply([document("a", title="annual budget"), document("b", "other")])
    for mode in (KEYWORD, HYBRID):
        page = await ask(index, "budgets", mode=mode, size=1)
        assert names(page) == ["a"]
        assert page.hits[0].excerpt is None


async def test_a_document_appears_once_with_its_best_passage(index: SearchBackend) -> None:
    texts = ("nothing to see", "one harbour among very many other words here", "harbour harbour")
    await index.apply([document("a", *texts)])
    page = await ask(index, "harbour")
    assert page.total.value == len(page.hits) == 1
    assert page.hits[0].excerpt is not None
    assert page.hits[0].excerpt.text == "harbour harbour"


ODD_TEXTS = [
    '"',
    '""budget',
    "budget*",
    "NEAR(budget, 2)",
    "title:budget",
    "-budget",
    "budget AND OR",
    "^budget",
    "(",
    "\0",
]
ODD_TEXTS += [
    "\ud800 budget",
    "😀",
    "'; DROP TABLE document;--",
    "a" * 50_000,
    "budget " * 5_000,
    "{budget}",
    "١٢٣",
    "%s",
]


@pytest.mark.parametrize("mode", SearchMode)
@pytest.mark.parametrize("text", ODD_TEXTS, ids=range(len(ODD_TEXTS)))
async def test_odd_queries_are_words_and_never_errors(index: SearchBackend, text: str, mode: SearchMode) -> None:
    await index.apply([document("a", "the budget"), document("b", "near the title")])
    page = await index.search(Query(text, mode=mode), hashed_vector("budget"), ANYONE)
    if mode is KEYWORD:
        assert ("a" in names(page)) == ("budget" in text)


async def test_a_query_of_signs_alone_matches_no_words(index: SearchBackend) -> None:
    await index.apply([document("a", "budget")])
    page = await ask(index, "?!", facets=(FacetRequest("source"),))
    assert (page.total.value, page.facets["source"]) == (0, ())


# --- semantic and hybrid ---


async def test_semantic_orders_documents_by_their_nearest_passage(index: SearchBackend) -> None:
    await index.apply(
        [
            document("far", "green boat"),
            document("near", "unrelated words", "red apple pie"),
            document("nearer", "red apple"),
        ]
    )
    page = await ask(index, "red apple", mode=SEMANTIC)
    assert [name for name in names(page) if name != "far"] == ["nearer", "near"]
    assert page.hits[1].excerpt is not None
    assert page.hits[1].excerpt.text == "red apple pie"


@pytest.mark.parametrize("mode", [SEMANTIC, HYBRID])
async def test_passages_below_the_similarity_floor_are_no_matches(index: SearchBackend, mode: SearchMode) -> None:
    query, across = hashed_vector("apple"), hashed_vector("stone")
    across -= (across @ query) * query
    across /= np.linalg.norm(across)
    await index.apply(
        [
            Put(
                description(name),
                (replace(passage("grey stone"), vector=cosine * query + (1 - cosine**2) ** 0.5 * across),),
            )
            for name, cosine in (("above", 0.25), ("below", 0.15), ("opposite", -1.0))
        ]
    )
    page = await ask(index, "apple", mode=mode)
    assert (names(page), page.total.value) == (["above"], 1)


async def test_semantic_total_and_facets_count_the_documents_of_the_nearest_passages(index: SearchBackend) -> None:
    await index.apply([document(f"d{number:03}", f"apple {number}", "apple") for number in range(130)])
    page = await ask(index, "apple", mode=SEMANTIC, facets=(FacetRequest("source"),))
    assert page.total == Total(100, TotalRelation.EQUAL)
    assert page.facets["source"] == (FacetCount("wiki", 100),)
    assert len(await ask_to_the_end(index, "apple", mode=SEMANTIC, size=30)) == 100


async def test_hybrid_finds_what_either_side_finds_and_counts_it_once(index: SearchBackend) -> None:
    await index.apply(
        [document("both", "red apple"), document("title", "zebra", title="Apple"), document("c", "grey stone")]
    )
    keyword = set(await ask_to_the_end(index, "red apple"))
    semantic = set(await ask_to_the_end(index, "red apple", mode=SEMANTIC))
    page = await ask(index, "red apple", mode=HYBRID)
    assert set(names(page)) == keyword | semantic
    assert page.total.value == len(keyword | semantic)
    assert names(page)[0] == "both"


async def test_hybrid_scores_are_reciprocal_ranks_of_both_lists(index: SearchBackend) -> None:
    await index.apply([document("a", "red apple")])
    (hit,) = (await ask(index, "red apple", mode=HYBRID)).hits
    assert hit.score == pytest.approx(2 / 61)


@pytest.mark.parametrize("mode", [SEMANTIC, HYBRID])
async def test_a_missing_or_foreign_vector_is_the_callers_mistake(index: SearchBackend, mode: SearchMode) -> None:
    for vector in (None, np.zeros(DIMENSIONS + 1, np.float32), np.full(DIMENSIONS, np.nan, np.float32)):
        with pytest.raises(QueryInvalid):
            await index.search(Query("apple", mode=mode), vector, ANYONE)


# --- browse and sort ---


@pytest.mark.parametrize("mode", SearchMode)
async def test_an_empty_text_shows_all_by_title(index: SearchBackend, mode: SearchMode) -> None:
    await index.apply(
        [document("1", "x", title="beta"), document("2", title="Alpha"), document("3", "y", title="gamma")]
    )
    page = await index.search(Query("  ", mode=mode), None, ANYONE)
    assert names(page) == ["2", "1", "3"]
    assert page.total.value == 3
    assert all(not hit.excerpt.highlights for hit in page.hits if hit.excerpt)


NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (1, 2.5),
        (-3.0, 2**70),
        ("A", "a"),
        (False, True),
        (NOON, NOON + timedelta(microseconds=1)),
        (NOON.astimezone(timezone(timedelta(hours=9))), NOON + timedelta(hours=1)),
    ],
)
@pytest.mark.parametrize("text", ["", "words"])
async def test_sort_orders_by_value_with_missing_last_in_both_directions(
    index: SearchBackend, text: str, low: Any, high: Any
) -> None:
    await index.apply(
        [
            document("none", "words words"),
            document("high", "words", attributes={"value": high}),
            document("low", "words", attributes={"value": low}),
        ]
    )
    assert await ask_to_the_end(index, text, sort=Sort("value"), size=1) == ["low", "high", "none"]
    assert await ask_to_the_end(index, text, sort=Sort("value", descending=True), size=1) == ["high", "low", "none"]


async def test_of_several_values_the_smallest_sorts_and_the_largest_in_descending_order(index: SearchBackend) -> None:
    await index.apply(
        [document("wide", attributes={"tags": ("a", "z")}), document("narrow", attributes={"tags": ("m",)})]
    )
    assert names(await ask(index, sort=Sort("tags"))) == ["wide", "narrow"]
    assert names(await ask(index, sort=Sort("tags", descending=True))) == ["wide", "narrow"]


async def test_equal_sort_values_keep_the_order_of_relevance(index: SearchBackend) -> None:
    await index.apply(
        [
            document("a", "harbour among many other words in this text", attributes={"n": 1}),
            document("b", "harbour harbour", attributes={"n": 1}),
        ]
    )
    for descending in (False, True):
        assert names(await ask(index, "harbour", sort=Sort("n", descending=descending))) == ["b", "a"]


# --- filters ---

WORLD = [
    document("pdf", "words", attributes={"type": "pdf", "size": 10, "tags": ("x", "y"), "open": True, "at": NOON}),
    document("docx", "words", attributes={"type": "docx", "size": 2.5, "tags": (), "open": False}),
    document("bare", "words", source="mail"),
    document("mixed", "words", attributes={"type": 7, "size": "10", "tags": ("y",), "at": NOON + timedelta(days=1)}),
]
FILTERS: list[tuple[FilterClause, set[str]]] = [
    (Equals("type", "pdf"), {"pdf"}),
    (Equals("type", "PDF"), set()),
    (Equals("tags", "y"), {"pdf", "mixed"}),
    (Equals("size", 10), {"pdf"}),
    (Equals("size", 10.0), {"pdf"}),
    (Equals("open", True), {"pdf"}),
    (Equals("open", 1), set()),
    (Equals("size", float("nan")), set()),
    (Equals("at", NOON.astimezone(timezone(timedelta(hours=-5)))), {"pdf"}),
    (Equals("source", "mail"), {"bare"}),
    (Equals("absent", "x"), set()),
    (In("type", ("pdf", 7)), {"pdf", "mixed"}),
    (In("type", ()), set()),
    (Range("size", gte=2.5, lt=10), {"docx"}),
    (Range("size", gt=2.5, lte=10), {"pdf"}),
    (Range("size", gte="1"), {"mixed"}),
    (Range("size", gte=1, lte="9"), set()),
    (Range("size"), {"pdf", "docx", "mixed"}),
    (Range("at", gt=NOON), {"mixed"}),
    (Range("at", gte=NOON, lte=NOON), {"pdf"}),
    (Range("tags", gt="x"), {"pdf", "mixed"}),
    (Exists("tags"), {"pdf", "mixed"}),
    (Not(Exists("tags")), {"docx", "bare"}),
    (Not(Equals("type", "pdf")), {"docx", "bare", "mixed"}),
    (And(()), {"pdf", "docx", "bare", "mixed"}),
    (Or(()), set()),
    (And((Equals("tags", "y"), Not(Equals("size", "10")))), {"pdf"}),
    (Or((Equals("type", "docx"), Equals("source", "mail"))), {"docx", "bare"}),
    (Not(Or((Exists("type"), And((Exists("size"),))))), {"bare"}),
]


@pytest.mark.parametrize(("clause", "expected"), FILTERS, ids=[str(number) for number in range(len(FILTERS))])
async def test_a_filter_holds_for_the_documents_it_names(
    index: SearchBackend, clause: FilterClause, expected: set[str]
) -> None:
    await index.apply(WORLD)
    for text, mode in (("", KEYWORD), ("words", KEYWORD), ("words", SEMANTIC), ("words", HYBRID)):
        page = await ask(index, text, mode=mode, filter=clause)
        assert set(names(page)) == expected
        assert page.total.value == len(expected)


async def test_a_documents_own_source_attribute_does_not_stand_in_for_its_source(index: SearchBackend) -> None:
    await index.apply([document("a", attributes={"source": "forged"})])
    assert names(await ask(index, filter=Equals("source", "forged"))) == []
    assert names(await ask(index, filter=Equals("source", "wiki"))) == ["a"]
    await index.apply([document("a")])
    assert names(await ask(index, filter=Equals("source", "wiki"))) == ["a"]


# --- facets ---


async def test_facets_count_matching_documents_by_value_commonest_first(index: SearchBackend) -> None:
    await index.apply(
        [
            document("a", "apple", attributes={"tags": ("x", "y")}),
            document("b", "apple", attributes={"tags": ("y", "z")}),
            document("c", "apple"),
            document("d", "pear", attributes={"tags": ("z",)}),
        ]
    )
    page = await ask(index, "apple", facets=(FacetRequest("tags"), FacetRequest("source"), FacetRequest("absent")))
    assert page.facets["tags"] == (FacetCount("y", 2), FacetCount("x", 1), FacetCount("z", 1))
    assert page.facets["source"] == (FacetCount("wiki", 3),)
    assert page.facets["absent"] == ()
    assert (await ask(index, "apple", facets=(FacetRequest("tags", size=2),))).facets["tags"] == (
        FacetCount("y", 2),
        FacetCount("x", 1),
    )


async def test_facets_keep_the_kinds_of_values_apart(index: SearchBackend) -> None:
    values = {"a": True, "b": 1, "c": "1", "d": NOON, "e": 1.0}
    await index.apply([document(name, attributes={"v": value}) for name, value in values.items()])
    counted = (await ask(index, facets=(FacetRequest("v"),))).facets["v"]
    assert [(each.value, type(each.value), each.count) for each in counted] == [
        (1, int, 2),
        (True, bool, 1),
        (NOON, datetime, 1),
        ("1", str, 1),
    ]


async def test_facets_are_of_the_whole_answer_and_after_the_filter(index: SearchBackend) -> None:
    await index.apply([document(str(n), "apple", attributes={"odd": bool(n % 2), "n": n}) for n in range(9)])
    page = await ask(index, "apple", size=1, filter=Range("n", lt=5), facets=(FacetRequest("odd"),))
    assert page.facets["odd"] == (FacetCount(False, 3), FacetCount(True, 2))


# --- pages ---


@pytest.mark.parametrize("size", [1, 2, 7])
@pytest.mark.parametrize("mode", SearchMode)
async def test_pages_partition_the_answer(index: SearchBackend, mode: SearchMode, size: int) -> None:
    await index.apply([document(str(number), f"apple pie {number % 4}") for number in range(12)])
    whole = names(await ask(index, "apple pie 3", mode=mode, size=100))
    assert await ask_to_the_end(index, "apple pie 3", mode=mode, size=size) == whole
    assert len(whole) == len(set(whole)) == 12


async def test_the_last_page_has_no_cursor(index: SearchBackend) -> None:
    await index.apply([document("a", "apple"), document("b", "apple")])
    assert (await ask(index, "apple", size=2)).next_cursor is None
    assert (await ask(index, "apple", size=0)).next_cursor is None
    assert (await ask(index, "apple", size=0)).total.value == 2


async def test_pages_stay_in_step_when_documents_come_and_go_before_them(index: SearchBackend) -> None:
    await index.apply([document(name, title=name) for name in "bcdefg"])
    first = await ask(index, size=3)
    await index.apply([document("a", title="a"), Delete(DocumentId("wiki", "b"))])
    assert names(first) + names(await ask(index, size=9, cursor=first.next_cursor)) == list("bcdefg")


async def test_pages_go_on_when_the_last_shown_document_is_gone(index: SearchBackend) -> None:
    await index.apply([document(name, title=name) for name in "abcdef"])
    first = await ask(index, size=3)
    await index.apply([Delete(DocumentId("wiki", "c"))])
    assert set(names(await ask(index, cursor=first.next_cursor))) <= set("def")


@pytest.mark.parametrize("cursor", ["", "x", "é", "W10", "bnVsbA", "WzEsIngiLDEsInciLCJhIl0", "A" * 5_000, "[[[["])
async def test_a_garbled_cursor_is_the_callers_mistake(index: SearchBackend, cursor: str) -> None:
    with pytest.raises(QueryInvalid):
        await ask(index, "apple", cursor=cursor)


async def test_a_cursor_of_another_query_is_the_callers_mistake(index: SearchBackend) -> None:
    await index.apply([document(name, "apple pear") for name in "abc"])
    cursor = (await ask(index, "apple", size=1)).next_cursor
    assert cursor is not None
    for text, options in (("pear", {}), ("apple", {"sort": Sort("n")}), ("apple", {"filter": Exists("n")})):
        with pytest.raises(QueryInvalid):
            await ask(index, text, cursor=cursor, **options)


async def test_negative_sizes_are_the_callers_mistake(index: SearchBackend) -> None:
    for options in ({"size": -1}, {"facets": (FacetRequest("source", size=-1),)}):
        with pytest.raises(QueryInvalid):
            await ask(index, "apple", **options)


# --- what a hit shows ---


async def test_a_hit_shows_what_was_stored(index: SearchBackend) -> None:
    attributes = {"s": "ü", "i": 2**70, "f": 0.5, "b": True, "at": NOON, "t": ("x", "y"), "none": ()}
    stored = replace(description("a", title="Título", attributes=attributes), uri="https://x/ä", path="/p")
    await index.apply([Put(stored, (passage("red", toxicity=0.25), passage("blue", ordinal=1, toxicity=0.75)))])
    (hit,) = (await ask(index, "red")).hits
    assert (hit.document_id, hit.title, hit.uri, hit.path) == (stored.document_id, "Título", "https://x/ä", "/p")
    assert hit.attributes == attributes
    assert hit.toxicity_0_1 == 0.75


async def test_an_excerpt_tells_where_its_passage_stands(index: SearchBackend) -> None:
    kept = passage("a comment on harbours", ordinal=3, kind=PassageKind.COMMENT, page=2, heading="Ports")
    await index.apply([Put(description("a"), (passage("nothing"), kept))])
    excerpt = (await ask(index, "harbour")).hits[0].excerpt
    assert excerpt is not None
    assert (excerpt.kind, excerpt.page, excerpt.heading) == (PassageKind.COMMENT, 2, "Ports")


@pytest.mark.parametrize("mode", SearchMode)
async def test_an_excerpt_is_short_and_highlights_the_words_that_match(index: SearchBackend, mode: SearchMode) -> None:
    filler = "Lorem ipsum dolor sit amet — ünïcode 文字 padding. " * 20
    text = f"{filler}The harbours’ budget of the CITY.\n{filler}"
    asked = "city budgets the harbour"
    await index.apply([Put(description("a"), (replace(passage(text), vector=hashed_vector(asked)),))])
    excerpt = (await ask(index, asked, mode=mode)).hits[0].excerpt
    assert excerpt is not None
    assert len(excerpt.text) <= 300
    assert [excerpt.text[span.start : span.end] for span in excerpt.highlights] == ["harbours", "budget", "CITY"]


async def test_without_highlighting_an_excerpt_has_no_spans(index: SearchBackend) -> None:
    await index.apply([document("a", "the harbour")])
    excerpt = (await ask(index, "harbour", highlight=False)).hits[0].excerpt
    assert excerpt is not None
    assert (excerpt.text, excerpt.highlights) == ("the harbour", ())


# --- who sees what ---

ME, YOU = Principal.user("wiki", "me"), Principal.user("wiki", "you")


async def test_the_hidden_acl_admits_nobody_even_if_a_filter_holds_it(index: SearchBackend) -> None:
    await index.apply([document("a", "budget", acl=HIDDEN_ACL, owner=ME)])
    access = AccessFilter(NUMBERING, FrozenBitMap([0, 1]), FrozenBitMap([0, 1]), frozenset({str(ME)}))
    for mode in SearchMode:
        page = await ask(index, "budget", mode=mode, access=access, facets=(FacetRequest("source"),))
        assert (page.total.value, page.hits, page.facets["source"]) == (0, (), ())
    assert (await ask(index, access=access)).total.value == 0


async def test_owners_see_their_own_where_the_filter_says_so(index: SearchBackend) -> None:
    await index.apply(
        [
            document("mine", "budget", acl=2, owner=ME),
            document("yours", "budget", acl=2, owner=YOU),
            document("denied", "budget", acl=3, owner=ME),
            document("nobodys", "budget", acl=2),
        ]
    )
    assert names(await ask(index, "budget", access=reader(1, if_owner=[2], owners=[ME]))) == ["mine"]
    assert names(await ask(index, "budget", access=reader(if_owner=[2]))) == []


async def test_an_acl_number_that_the_index_never_saw_is_harmless(index: SearchBackend) -> None:
    await index.apply([document("a", "budget", acl=2**31)])
    assert names(await ask(index, "budget", access=reader(1, 5, 2**32 - 1))) == []
    assert names(await ask(index, "budget", access=reader(2**31))) == ["a"]


async def test_a_changed_acl_takes_effect_with_the_next_query(index: SearchBackend) -> None:
    await index.apply([document("a", "budget")])
    assert names(await ask(index, "budget", mode=HYBRID)) == ["a"]
    await index.apply([Describe(description("a", acl=2))])
    assert names(await ask(index, "budget", mode=HYBRID)) == []
    assert names(await ask(index, "budget", mode=HYBRID, access=reader(2))) == ["a"]


SECRETS = [
    document("s1", "secret apple apple apple merger", title="apple merger", acl=2, attributes={"type": "pdf"}),
    document("s2", "merger " * 50, "apple tree " * 40, acl=2, attributes={"type": "secret"}),
    document("s3", title="apple merger", acl=HIDDEN_ACL, owner=ME, attributes={"n": 0}),
]
PUBLIC = [
    document("a", "apple pie with merger of tastes", attributes={"type": "pdf", "n": 2}),
    document("b", "apple apple tree", title="tree", attributes={"type": "docx", "n": 1}),
    document("c", "a tree of words", "an apple", attributes={"type": "pdf"}),
    document("d", title="pear tree"),
]


@pytest.mark.parametrize("mode", SearchMode)
@pytest.mark.parametrize("text", ["", "apple tree", "merger tree", "secret", "apple merger secret"])
async def test_what_a_reader_may_not_see_changes_nothing_in_any_answer(
    index: SearchBackend, text: str, mode: SearchMode
) -> None:
    access = reader(1, if_owner=[1], owners=[ME])
    facets = (FacetRequest("type"), FacetRequest("source"), FacetRequest("n"))

    async def answers() -> list[Page]:
        pages = [await ask(index, text, mode=mode, access=access, facets=facets, size=2)]
        pages.append(await ask(index, text, mode=mode, access=access, sort=Sort("n"), size=2))
        while (cursor := pages[-1].next_cursor) is not None:
            pages.append(await ask(index, text, mode=mode, access=access, sort=Sort("n"), size=2, cursor=cursor))
        return pages

    await index.apply(PUBLIC)
    alone = await answers()
    await index.apply(SECRETS)
    assert await answers() == alone
    assert "secret" not in repr([page.facets for page in alone])


async def test_a_forged_cursor_learns_nothing_of_hidden_documents(index: SearchBackend) -> None:
    from indexer.backends.cursor import Position, encode  # noqa: PLC0415 - only a forger needs it

    await index.apply([*PUBLIC, *SECRETS])
    query = Query("", mode=KEYWORD, size=2)
    of_hidden, of_unknown = [
        await ask(index, size=2, cursor=encode(query, Position(1, DocumentId("wiki", name)))) for name in ("s1", "none")
    ]
    assert of_hidden == of_unknown
