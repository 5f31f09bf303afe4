"""The contract of `SearchBackend`: which documents match and in which order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest

from indexer.search.ranking import SEMANTIC_DEPTH
from tests.contract.search_backends import ANYONE, HYBRID, KEYWORD, SEMANTIC, ask, ask_to_the_end
from tests.fakes.documents import (
    DIMENSIONS,
    description,
    document,
    hashed_vector,
    names,
    passage,
)
from vocabulary.errors import QueryInvalid
from vocabulary.indexing import Put
from vocabulary.ports import SearchBackend
from vocabulary.search import (
    FacetCount,
    FacetRequest,
    Query,
    SearchMode,
    Sort,
    Total,
    TotalRelation,
)

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
    await index.apply(
        [
            document("a", "harbour in the rain " + "of a whole passage " * 40, title="first"),
            document("b", "the rain", title="Harbour"),
        ]
    )
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


ODD_AND_EXCLUDING = ("-budget", "title:budget")


@pytest.mark.parametrize("mode", SearchMode)
@pytest.mark.parametrize("text", ODD_TEXTS, ids=range(len(ODD_TEXTS)))
async def test_odd_queries_are_words_and_never_errors(index: SearchBackend, text: str, mode: SearchMode) -> None:
    await index.apply([document("a", "the budget"), document("b", "near the title")])
    page = await index.search(Query(text, mode=mode), hashed_vector("budget"), ANYONE)
    if mode is KEYWORD:
        assert ("a" in names(page)) == (text not in ODD_AND_EXCLUDING and "budget" in text)


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


async def test_a_long_document_near_the_query_does_not_crowd_out_others(index: SearchBackend) -> None:
    await index.apply([document("long", *["apple"] * 150), document("other", "apple pie")])
    assert names(await ask(index, "apple", mode=SEMANTIC)) == ["long", "other"]


async def test_semantic_total_and_facets_count_the_nearest_documents(index: SearchBackend) -> None:
    await index.apply([document(f"d{number:03}", f"apple {number}", "apple") for number in range(230)])
    page = await ask(index, "apple", mode=SEMANTIC, facets=(FacetRequest("source"),))
    assert page.total == Total(SEMANTIC_DEPTH, TotalRelation.EQUAL)
    assert page.facets["source"] == (FacetCount("wiki", SEMANTIC_DEPTH),)
    assert len(await ask_to_the_end(index, "apple", mode=SEMANTIC, size=30)) == SEMANTIC_DEPTH


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


async def test_a_hybrid_score_is_that_of_the_documented_rule(index: SearchBackend) -> None:
    await index.apply([document("a", "red apple")])
    (hit,) = (await ask(index, "red apple", mode=HYBRID)).hits
    assert hit.score == pytest.approx(0.7 * 1.0 + 0.3 * 1.0, abs=1e-3)  # vectors are stored as float16


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


async def test_a_word_that_the_query_says_twice_counts_twice(index: SearchBackend) -> None:
    await index.apply([document("a", "red apple"), document("b", "red pear"), document("c", "red plum")])
    assert names(await ask(index, "pear or apple pears"))[0] == "b"
    assert names(await ask(index, "pear or apple apples"))[0] == "a"
