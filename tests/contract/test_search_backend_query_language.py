"""The contract of `SearchBackend`: what a query's words ask for. docs/rest-api.md has the table."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.contract.search_backends import HYBRID, KEYWORD, SEMANTIC, ask
from tests.fakes.documents import description, document, names, reader
from vocabulary.indexing import Describe, Put
from vocabulary.ports import SearchBackend
from vocabulary.search import Equals, Not, SearchMode

EVERY_MODE = pytest.mark.parametrize("mode", [KEYWORD, SEMANTIC, HYBRID])


def with_path(put: Put, path: str) -> Put:
    return replace(put, description=replace(put.description, path=path))


def with_searched(put: Put, *searched: str) -> Put:
    return replace(put, description=replace(put.description, searched=searched))


# --- phrases ---


async def test_a_phrase_is_words_in_a_row_and_required(index: SearchBackend) -> None:
    await index.apply(
        [
            document("row", "the annual budgets of the city"),
            document("apart", "annual plans and a budget"),
            document("turned", "budget annual"),
            document("title", "nothing", title="Annual Budget"),
            document("across", "ends with annual", "budget begins"),
        ]
    )
    for mode in (KEYWORD, HYBRID):
        assert set(names(await ask(index, '"annual budget"', mode=mode))) == {"row", "title"}
        assert set(names(await ask(index, 'city plans "annual budget"', mode=mode))) == {"row", "title"}
    assert names(await ask(index, 'city "annual budget"'))[0] == "row"


@EVERY_MODE
async def test_phrases_narrow_what_is_found_by_meaning(index: SearchBackend, mode: SearchMode) -> None:
    await index.apply([document("a", "red apple"), document("b", "apple red")])
    assert names(await ask(index, '"red apple"', mode=mode)) == ["a"]


async def test_a_phrase_counts_its_small_words(index: SearchBackend) -> None:
    await index.apply([document("a", "to be or not to be"), document("b", "to be sure, or not to go")])
    assert names(await ask(index, '"to be or not to be"')) == ["a"]


async def test_a_phrase_is_found_where_a_word_stands_twice_in_a_row(index: SearchBackend) -> None:
    await index.apply(
        [document("a", "very very good"), document("b", "very good"), document("c", "good very bad very")]
    )
    assert names(await ask(index, '"very very"')) == ["a"]


async def test_two_phrases_may_stand_in_different_parts_of_a_document(index: SearchBackend) -> None:
    await index.apply([document("a", "red apple", "green pear"), document("b", "red apple and green tea")])
    assert names(await ask(index, '"red apple" "green pear"')) == ["a"]


async def test_a_question_in_prose_may_quote_what_no_document_says(index: SearchBackend) -> None:
    await index.apply([document("row", "a small brown dog barks"), document("words", "a dog that is brown")])
    question = 'which of the animals that people keep in a house is called "brown dog" by them'
    assert names(await ask(index, question)) == ["row", "words"]
    assert names(await ask(index, question.replace("brown dog", "grey dog"))) == ["row", "words"]


# --- exclusions ---


@EVERY_MODE
async def test_exclusions_leave_documents_out_in_every_mode(index: SearchBackend, mode: SearchMode) -> None:
    await index.apply(
        [
            document("kept", "red apple"),
            document("word", "red apple draft"),
            document("part", "red apple", "another passage is a DRAFT"),
            document("title", "red apple", title="Drafts"),
        ]
    )
    assert names(await ask(index, "red apple -draft", mode=mode)) == ["kept"]


@EVERY_MODE
async def test_exclusions_alone_show_all_but_these_by_title(index: SearchBackend, mode: SearchMode) -> None:
    await index.apply([document("1", "x", title="beta"), document("2", "draft"), document("3", "y", title="alpha")])
    page = await ask(index, "-draft", mode=mode)
    assert (names(page), page.total.value) == (["3", "1"], 2)


async def test_phrases_prefixes_and_identifiers_can_be_excluded(index: SearchBackend) -> None:
    await index.apply(
        [document("a", "first draft"), document("b", "draft first INC-4"), document("c", "drafting INC 5")]
    )
    assert set(names(await ask(index, 'draft -"first draft"'))) == {"b", "c"}
    assert set(names(await ask(index, "draft -drafti*"))) == {"a", "b"}
    assert set(names(await ask(index, "draft -INC-4"))) == {"a", "c"}


# --- prefixes ---


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("managem*", {"a"}),
        ("manag*", {"a", "b"}),
        ("manager*", {"b"}),
        ("CAF*", {"c"}),
        ("inc-047*", {"d"}),
        ("repo*", {"e"}),
        ("zzz*", set()),
    ],
)
async def test_a_prefix_finds_words_as_they_are_written(index: SearchBackend, asked: str, found: set[str]) -> None:
    await index.apply(
        [
            document("a", "good management"),
            document("b", "one manager"),
            document("c", "the Café"),
            document("d", "see INC-04711"),
            document("e", title="report_v2.docx"),
        ]
    )
    assert set(names(await ask(index, asked))) == found


# --- identifiers ---


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("INC-04711", {"whole", "spaced", "longer"}),
        ("inc-04711", {"whole", "spaced", "longer"}),
        ('"INC-04711"', {"whole", "spaced", "longer"}),
        ("04711", {"whole", "spaced", "longer", "apart"}),
        ("report_v2.final.docx", {"file"}),
        ("final", {"file"}),
        ("ann.lee@example.org", {"address"}),
        ("ISO-27001", set()),
    ],
)
async def test_an_identifier_is_found_exactly_and_by_its_parts(
    index: SearchBackend, asked: str, found: set[str]
) -> None:
    await index.apply(
        [
            document("whole", "ticket INC-04711, closed"),
            document("spaced", "ticket INC 04711"),
            document("longer", "saved as INC-04711.pdf"),
            document("other", "ticket INC-04712"),
            document("apart", "INC of 2024, number 04711"),
            document("file", "x", title="Report_v2.final.DOCX"),
            document("address", "write to Ann.Lee@example.org today"),
            document("iso", "ISO-9001 and 27001"),
        ]
    )
    assert set(names(await ask(index, asked))) == found


async def test_beside_words_an_identifier_ranks_first_and_its_parts_are_words(index: SearchBackend) -> None:
    await index.apply(
        [
            document("other", "printer jam INC-04712 printer"),
            document("exact", "see INC-04711 about a jam"),
            document("parts", "04711"),
            document("none", "nothing here"),
        ]
    )
    found = names(await ask(index, "printer INC-04711"))
    assert found[0] == "exact"
    assert set(found) == {"other", "exact", "parts"}


# --- fields ---

MAY = datetime(2026, 5, 31, 12, tzinfo=UTC)
SHELF = [
    document("a", "tax", title="Annual budget", attributes={"author": "Ann Lee", "n": 7, "open": True, "at": MAY}),
    document("b", "tax", title="Plan", attributes={"author": ("Bob Leeds", "Ann Lee"), "n": 8, "open": False}),
    with_path(document("c", "tax", source="mail", attributes={"acme:client": "Miller & Sons"}), "/Projects/2024/Tax"),
]


@EVERY_MODE
@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("author:lee", {"a", "b"}),
        ("author:leeds", {"b"}),
        ('author:"ann lee"', {"a", "b"}),
        ('author:"lee ann"', set()),
        ("Author:LEE", {"a", "b"}),
        ("author:le*", {"a", "b"}),
        ("-author:leeds", {"a", "c"}),
        ("author:lee -author:bob", {"a"}),
        ("n:7", {"a"}),
        ("open:true", {"a"}),
        ("open:no", {"b"}),
        ("at:2026", {"a"}),
        ("at:2026-05-31", {"a"}),
        ("at:2026-06", set()),
        ("title:budgets", {"a"}),
        ('title:"annual budget"', {"a"}),
        ("-title:budget", {"b", "c"}),
        ("path:projects", {"c"}),
        ("path:projects/2024", {"c"}),
        ("path:2024/projects", set()),
        ("source:mail", {"c"}),
        ("acme:client:miller", {"c"}),
        ("n:?!", set()),
    ],
)
async def test_a_field_narrows_in_every_mode_with_and_without_words(
    index: SearchBackend, mode: SearchMode, asked: str, found: set[str]
) -> None:
    await index.apply(SHELF)
    assert set(names(await ask(index, asked, mode=mode))) == found
    assert set(names(await ask(index, f"tax {asked}", mode=mode))) == found


async def test_a_value_is_not_found_across_two_values_or_in_another_field(index: SearchBackend) -> None:
    await index.apply(
        [
            document("across", attributes={"tag": ("ann lee", "moor"), "other": "lee moor"}),
            document("within", attributes={"tag": ("ann", "lee moor")}),
            document("changed", attributes={"tag": "lee moor"}),
        ]
    )
    assert set(names(await ask(index, 'tag:"lee moor"'))) == {"within", "changed"}
    await index.apply([Describe(description("changed", attributes={"tag": "nothing"}))])
    assert set(names(await ask(index, 'tag:"lee moor"'))) == {"within"}
    assert set(names(await ask(index, "tag:noth*"))) == {"changed"}


async def test_a_field_that_no_readable_document_has_is_words(index: SearchBackend) -> None:
    await index.apply(
        [
            document("a", "colour red"),
            document("hidden", "red", acl=9, attributes={"colour": "red"}),
            document("b", "blue"),
        ]
    )
    assert names(await ask(index, "colour:red")) == ["a"]
    assert names(await ask(index, "colour:red", access=reader(1, 9))) == ["hidden"]


async def test_attributes_called_searched_are_found_by_words_and_follow_a_description(index: SearchBackend) -> None:
    told = {"summary": "Quarterly harbour dues", "code": "Harbour"}
    await index.apply([with_searched(document("a", "x", attributes=told), "summary", "missing"), document("b", "dues")])
    assert set(names(await ask(index, "dues"))) == {"a", "b"}
    assert names(await ask(index, '"harbour dues"')) == ["a"]
    assert names(await ask(index, "dues -harbour")) == ["b"]
    await index.apply([Describe(description("a", attributes=told))])
    assert names(await ask(index, "harbour")) == []
    await index.apply([Describe(replace(description("a", attributes=told), searched=("code",)))])
    assert names(await ask(index, "harbour")) == ["a"]


# --- rank ---


async def test_hidden_documents_move_no_score(index: SearchBackend) -> None:
    await index.apply([document("a", "rare harbour"), document("b", "common harbour"), document("c", "common sea")])
    before = (await ask(index, 'rare "common harbour" harb*')).hits, (await ask(index, "rare common harb*")).hits
    await index.apply([document(f"h{n}", "rare rare harbour", title="rare", acl=9) for n in range(20)])
    after = (await ask(index, 'rare "common harbour" harb*')).hits, (await ask(index, "rare common harb*")).hits
    assert after == before


async def test_a_filter_moves_no_score(index: SearchBackend) -> None:
    await index.apply([document(str(n), "common rare" if n == 1 else "common", attributes={"n": n}) for n in range(9)])
    whole = {hit.document_id: hit.score for hit in (await ask(index, "common rare")).hits}
    narrowed = (await ask(index, "common rare", filter=Not(Equals("n", 0)))).hits
    assert narrowed
    assert all(whole[hit.document_id] == pytest.approx(hit.score, rel=1e-5) for hit in narrowed)


# --- scripts and places ---


@pytest.mark.parametrize(
    ("asked", "found"),
    [("東京", {"a"}), ("京都", {"a", "b"}), ("都", {"a", "b"}), ('"東京都"', {"a"}), ("大阪", set())],
)
async def test_scripts_without_blanks_are_found_by_any_part(index: SearchBackend, asked: str, found: set[str]) -> None:
    await index.apply([document("a", "本社は東京都にあります"), document("b", "京都の会社"), document("c", "会社")])
    assert set(names(await ask(index, asked))) == found


@pytest.mark.parametrize(
    ("asked", "marked"),
    [
        ('"annual budget"', ["Annual budgets"]),
        ("budg*", ["budgets", "Budgetary"]),
        ("INC-04711", ["INC-04711"]),
        ("inc-04*", ["INC-04711"]),
        ("04711 harbour", ["04711"]),
        ("title:nothing", []),
    ],
)
async def test_what_matched_is_marked_in_whole_words(index: SearchBackend, asked: str, marked: list[str]) -> None:
    await index.apply([document("a", "Annual budgets, Budgetary rules: see INC-04711.", title="nothing")])
    (hit,) = (await ask(index, asked)).hits
    assert hit.excerpt is not None
    assert [hit.excerpt.text[span.start : span.end] for span in hit.excerpt.highlights] == marked


async def test_the_excerpt_is_of_the_passage_with_the_phrase(index: SearchBackend) -> None:
    await index.apply(
        [document("a", "annual annual budget plans budget", "budget: annual", "an annual  budget follows")]
    )
    for asked in ('"annual budget follows"', 'annu* "budget follows"'):
        (hit,) = (await ask(index, asked)).hits
        assert hit.excerpt is not None
        assert hit.excerpt.text == "an annual  budget follows"
