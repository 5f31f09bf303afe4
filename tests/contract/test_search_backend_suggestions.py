"""The contract of `SearchBackend`: what a reader has begun to type, completed from what they may read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.contract.search_backends import ANYONE
from tests.fakes.documents import document, reader
from vocabulary.access import AccessFilter
from vocabulary.documents import DocumentId, Vector
from vocabulary.errors import NumberingMismatch
from vocabulary.indexing import Delete, Hide
from vocabulary.ports import SearchBackend, Searching
from vocabulary.search import Page, Query, Suggestion, SuggestionKind


async def suggested(
    index: SearchBackend, text: str, *, access: AccessFilter = ANYONE, size: int = 8, kind: str = "words"
) -> list[str]:
    return [each.text for each in await index.suggest(text, access, size=size) if each.kind == kind]


async def titles(index: SearchBackend, text: str, **options: object) -> list[str]:
    return await suggested(index, text, kind="title", **options)  # type: ignore[arg-type]  # options of its own


async def test_the_word_that_was_begun_is_completed_in_whatever_form_it_stands(index: SearchBackend) -> None:
    await index.apply([document("a", "the harbour"), document("b", "harbours and harvests"), document("c", "a hat")])
    assert set(await suggested(index, "harb")) == {"harbour", "harbours"}
    assert set(await suggested(index, "HARV")) == {"harvests"}
    assert await suggested(index, "harbours") == []  # complete: nothing to add
    assert await suggested(index, "xyz") == []


async def test_words_of_more_documents_come_first_then_shorter_ones(index: SearchBackend) -> None:
    texts = {"a": "planes planning plan", "b": "planes planning", "c": "planes"}
    await index.apply([document(name, text) for name, text in texts.items()])
    assert await suggested(index, "pla") == ["planes", "planning", "planes planning", "plan"]
    assert await suggested(index, "pla", size=1) == ["planes"]


async def test_words_before_the_last_must_stand_in_the_document(index: SearchBackend) -> None:
    await index.apply([document("a", "the budget of the harbour"), document("b", "the hangar")])
    assert await suggested(index, "budget ha") == ["budget harbour"]
    assert await suggested(index, "nowhere ha") == []


async def test_behind_a_blank_comes_the_word_that_follows(index: SearchBackend) -> None:
    await index.apply([document("a", "the annual budget"), document("b", "a budget. Annual reports")])
    assert await suggested(index, "annual ") == ["annual budget", "annual reports"]
    assert await suggested(index, "annual") == []
    assert await suggested(index, "budget ") == []  # what follows belongs to another sentence


async def test_a_pair_is_offered_when_it_stands_in_two_documents(index: SearchBackend) -> None:
    await index.apply(
        [document("a", "annual budget"), document("b", "an annual budget"), document("c", "annual leave")]
    )
    assert await suggested(index, "ann") == ["annual", "annual budget"]


async def test_stop_words_complete_nothing(index: SearchBackend) -> None:
    await index.apply([document(name, "harbour the there") for name in "ab"])
    assert await suggested(index, "th") == []
    assert await suggested(index, "harb") == ["harbour"]


async def test_titles_that_hold_what_is_typed_are_offered_behind_the_words(index: SearchBackend) -> None:
    await index.apply([document("a", title="Harbour-Plan 2026.pdf"), document("b", title="The Harbour"), document("c")])
    assert set(await titles(index, "harb")) == {"The Harbour", "Harbour-Plan 2026.pdf"}
    assert await titles(index, "harbour pl") == ["Harbour-Plan 2026.pdf"]
    assert await suggested(index, "harbour pl") == ["harbour plan"]
    found = await index.suggest("harb", ANYONE, size=8)
    assert found[0] == Suggestion("harbour", SuggestionKind.WORDS)
    assert [each.kind for each in found[1:]] == [SuggestionKind.TITLE] * 2


async def test_titles_take_at_most_half_of_the_places_where_there_are_words(index: SearchBackend) -> None:
    await index.apply([document(f"{n}", f"harb{n}x harb{n}y", title=f"harbour {n}") for n in range(5)])
    found = await index.suggest("harb", ANYONE, size=4)
    assert [each.kind for each in found] == [SuggestionKind.WORDS] * 2 + [SuggestionKind.TITLE] * 2


async def test_case_and_accents_do_not_matter(index: SearchBackend) -> None:
    await index.apply([document("a", "Überführung am Fluß"), document("b", "l'Élan vital")])
    assert await suggested(index, "uber") == ["überführung"]
    assert await suggested(index, "ÉLA") == ["élan"]


@pytest.mark.parametrize("text", ["", " ", "h", "!", "*", '"', "-", ":", "\udcff", "word " * 11])
async def test_too_little_or_too_much_is_completed_to_nothing(index: SearchBackend, text: str) -> None:
    await index.apply([document("a", "harbour")])
    assert await index.suggest(text, ANYONE, size=8) == ()


@pytest.mark.parametrize("text", ['"harb', "-harb", "(harb", "harb*", "author:harb", "title:harb", "harb\x00"])
async def test_operators_are_only_signs_here(index: SearchBackend, text: str) -> None:
    await index.apply([document("a", "the harbour")])
    assert set(await suggested(index, text)) <= {"harbour"}


async def test_no_size_no_suggestions(index: SearchBackend) -> None:
    await index.apply([document("a", "harbour")])
    assert await index.suggest("harb", ANYONE, size=0) == ()


async def test_suggestions_follow_what_is_written_and_withdrawn(index: SearchBackend) -> None:
    await index.apply([document("a", "harbour")])
    await index.apply([document("a", "harvest")])
    assert await suggested(index, "har") == ["harvest"]
    await index.apply([Delete(DocumentId("wiki", "a"))])
    assert await suggested(index, "har") == []


async def test_words_and_titles_of_hidden_documents_are_never_suggested(index: SearchBackend) -> None:
    await index.apply([document("a", "merge of lanes"), document("secret", "the merger", title="Merger", acl=2)])
    assert await index.suggest("mer", reader(1), size=8) == (Suggestion("merge", SuggestionKind.WORDS),)
    assert set(await suggested(index, "mer", access=reader(1, 2))) == {"merge", "merger"}
    await index.apply([Hide(DocumentId("wiki", "secret"))])
    assert await suggested(index, "mer", access=reader(1, 2)) == ["merge"]


async def test_hidden_documents_do_not_move_the_order_of_suggestions(index: SearchBackend) -> None:
    readable = [document("a", "planet plant"), document("b", "planet"), document("c", "plan of")]
    await index.apply(readable)
    before = await index.suggest("pla", reader(1), size=8)
    hidden = [document(f"hidden{n}", "plant plan plant planetary", title="plan plant", acl=2) for n in range(60)]
    await index.apply(hidden)
    assert await index.suggest("pla", reader(1), size=8) == before
    assert await index.suggest("pla", reader(1, 2), size=8) != before


async def test_an_index_of_another_state_suggests_nothing(empty_index: SearchBackend) -> None:
    assert await empty_index.suggest("harb", ANYONE, size=8) == ()
    await empty_index.adopt("another state")
    with pytest.raises(NumberingMismatch):
        await empty_index.suggest("harb", ANYONE, size=8)


async def test_from_hits_that_are_left_out_nothing_is_suggested(index: SearchBackend) -> None:
    await index.apply([document("a", "the harbour"), document("b", "harvests")])

    def without_a(search: Searching) -> Searching:
        async def left(query: Query, vector: Vector | None, access: AccessFilter) -> Page:
            page = await search(query, vector, access)
            return replace(page, hits=tuple(hit for hit in page.hits if hit.document_id.native_id != "a"))

        return left

    suggestions = await index.suggest("har", ANYONE, size=8, through=without_a)
    assert {each.text for each in suggestions if each.kind is SuggestionKind.WORDS} == {"harvests"}
