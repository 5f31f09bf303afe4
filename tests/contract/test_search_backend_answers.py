"""The contract of `SearchBackend`: filters, facets, pages and what a hit shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from tests.contract.search_backends import HYBRID, KEYWORD, SEMANTIC, ask, ask_to_the_end
from tests.fakes.documents import (
    description,
    document,
    hashed_vector,
    names,
    passage,
)
from vocabulary.documents import DocumentId, PassageKind
from vocabulary.errors import QueryInvalid
from vocabulary.indexing import Delete, Put
from vocabulary.ports import SearchBackend
from vocabulary.search import (
    And,
    Equals,
    Exists,
    FacetCount,
    FacetRequest,
    FilterClause,
    In,
    Not,
    Or,
    Range,
    SearchMode,
    Sort,
)

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)

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


async def test_of_several_values_one_that_satisfies_is_enough_whatever_their_kind(index: SearchBackend) -> None:
    days = (NOON, NOON + timedelta(days=2))
    await index.apply([document("a", attributes={"n": (1, 30), "at": days, "flag": (True, False)}), document("b")])
    satisfied = (Equals("n", 30), Range("n", gt=20), Range("at", gt=NOON), Equals("at", NOON), Equals("flag", False))
    for clause in satisfied:
        assert names(await ask(index, filter=clause)) == ["a"]
    for clause in (Equals("n", "30"), Range("n", gt=1, lt=30), Range("at", gt=days[1]), Equals("flag", 0)):
        assert names(await ask(index, filter=clause)) == []


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
    attributes |= {"several": (NOON, 2.5, True, "x"), "moments": (NOON, NOON + timedelta(days=1))}
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
