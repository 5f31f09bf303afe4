"""The contract of `SearchBackend`: identical copies as one hit."""

from __future__ import annotations

import pytest

from indexer.search.collapsing import MIN_WORDS
from tests.contract.search_backends import HYBRID, KEYWORD, SEMANTIC, ask, ask_to_the_end
from tests.fakes.documents import description, document, names, passage, reader
from vocabulary.documents import DocumentId, PassageKind
from vocabulary.errors import QueryInvalid
from vocabulary.indexing import Delete, Describe, Hide, Put
from vocabulary.ports import SearchBackend
from vocabulary.search import (
    Equals,
    FacetCount,
    FacetRequest,
    SearchMode,
    Sort,
)

TEXT = "harbour " * 9 + " ".join(f"sentence{n}" for n in range(MIN_WORDS))
OTHER = "harbour " * 9 + " ".join(f"remark{n}" for n in range(MIN_WORDS))


async def copies_of(index: SearchBackend, text: str = "harbour", **options: object) -> dict[str, int]:
    return {hit.document_id.native_id: hit.copies for hit in (await ask(index, text, **options)).hits}


@pytest.mark.parametrize("mode", SearchMode)
async def test_documents_of_the_same_text_are_one_hit_and_the_total_counts_all(
    index: SearchBackend, mode: SearchMode
) -> None:
    await index.apply([document("a", TEXT), document("b", OTHER), document("c", TEXT), document("d", TEXT)])
    page = await ask(index, "harbour", mode=mode)
    assert sorted((hit.document_id.native_id, hit.copies) for hit in page.hits) == [("a", 2), ("b", 0)]
    assert page.total.value == 4
    assert page.next_cursor is None
    assert await copies_of(index, mode=mode, collapse=False) == dict.fromkeys("abcd", 0)


async def test_browsing_folds_copies_too(index: SearchBackend) -> None:
    await index.apply([document(name, TEXT, title=title) for name, title in (("x", "C"), ("y", "A"), ("z", "B"))])
    assert await copies_of(index, "") == {"y": 2}


async def test_white_space_and_cuts_make_no_difference_and_titles_none(index: SearchBackend) -> None:
    words = TEXT.split()
    await index.apply(
        [
            document("a", TEXT, title="one"),
            document("b", "\n  ".join(words), title="another"),
            document("c", " ".join(words[:9]), " ".join(words[9:])),
            document("d", " ".join(reversed(words))),
            document("e", TEXT.upper()),
        ]
    )
    folded = await copies_of(index)
    assert (len(folded), folded["d"], folded["e"]) == (3, 0, 0)
    assert sum(folded.values()) == 2


async def test_a_short_text_or_none_is_no_copy(index: SearchBackend) -> None:
    short = " ".join(TEXT.split()[1 - MIN_WORDS :])
    await index.apply([document("a", short), document("b", short), document("harbour"), document("d", title="harbour")])
    assert await copies_of(index, "sentence19 harbour") == dict.fromkeys(("harbour", "d", "a", "b"), 0)


async def test_comments_are_no_part_of_the_text_that_is_compared(index: SearchBackend) -> None:
    remark = passage("a remark on the harbour", ordinal=1, kind=PassageKind.COMMENT, comment_id="1")
    await index.apply([Put(description("a"), (passage(TEXT), remark)), document("b", TEXT)])
    assert list((await copies_of(index)).values()) == [1]
    only_remarks = passage(OTHER, kind=PassageKind.COMMENT, comment_id="1")
    await index.apply([Put(description(name), (only_remarks,)) for name in "ab"])
    assert await copies_of(index) == {"a": 0, "b": 0}


async def test_the_first_of_the_answers_order_stands_for_its_copies(index: SearchBackend) -> None:
    await index.apply([document(name, TEXT, attributes={"n": n}) for n, name in enumerate("abc")])
    assert await copies_of(index, sort=Sort("n", descending=True)) == {"c": 2}
    await index.apply([document("d", TEXT, title="harbour harbour")])
    assert await copies_of(index) == {"d": 3}


async def test_only_copies_that_the_filter_lets_through_count(index: SearchBackend) -> None:
    await index.apply([document(name, TEXT, source=source) for name, source in (("a", "x"), ("b", "y"), ("c", "y"))])
    assert await copies_of(index, filter=Equals("source", "y")) == {"b": 1}


async def test_a_copy_that_the_reader_may_not_see_changes_nothing(index: SearchBackend) -> None:
    await index.apply([document("hidden", TEXT, acl=2), document("a", TEXT), document("b", OTHER)])
    before = await ask(index, "harbour", access=reader(1))
    await index.apply([document(str(number), TEXT, acl=2) for number in range(100)])
    assert await ask(index, "harbour", access=reader(1)) == before
    assert [(hit.document_id.native_id, hit.copies) for hit in before.hits] == [("a", 0), ("b", 0)]
    await index.apply([Hide(DocumentId("wiki", "b"))])
    assert await copies_of(index, access=reader(1)) == {"a": 0}
    assert await copies_of(index, access=reader(1, 2)) == {"hidden": 101}


async def test_facets_count_copies_as_documents(index: SearchBackend) -> None:
    await index.apply([document("a", TEXT, source="x"), document("b", TEXT, source="y")])
    page = await ask(index, "harbour", facets=(FacetRequest("source"),))
    assert page.facets["source"] == (FacetCount("x", 1), FacetCount("y", 1))


async def test_copies_follow_what_is_written_and_withdrawn(index: SearchBackend) -> None:
    await index.apply([document("a", TEXT), document("b", TEXT)])
    await index.apply([Describe(description("b", title="renamed"))])
    assert await copies_of(index) == {"a": 1}
    await index.apply([document("b", OTHER)])
    assert await copies_of(index) == {"a": 0, "b": 0}
    await index.apply([document("a", OTHER)])
    assert await copies_of(index) == {"a": 1}
    await index.apply([Delete(DocumentId("wiki", "a"))])
    assert await copies_of(index) == {"b": 0}


@pytest.mark.parametrize("mode", [KEYWORD, SEMANTIC, HYBRID])
@pytest.mark.parametrize("size", [1, 2, 5])
async def test_pages_show_every_text_once_and_account_for_every_document(
    index: SearchBackend, mode: SearchMode, size: int
) -> None:
    texts = ["harbour " * 9 + " ".join(f"w{text}x{n}" for n in range(MIN_WORDS)) for text in range(7)]
    await index.apply([document(f"{number}", texts[number % 7]) for number in range(30)])
    whole = await copies_of(index, mode=mode, size=100)
    assert len(whole) == 7
    assert sum(whole.values()) + len(whole) == 30
    assert await ask_to_the_end(index, "harbour", mode=mode, size=size) == list(whole)


async def test_pages_stay_in_step_when_copies_come_and_go(index: SearchBackend) -> None:
    texts = {name: f"harbour {' '.join(f'{name}{n}' for n in range(MIN_WORDS))}" for name in "abcdef"}
    await index.apply([document(name, text, title=f"{name}2") for name, text in texts.items()])
    first = await ask(index, size=3)
    assert names(first) == list("abc")
    await index.apply([document("new-c", texts["c"], title="a1"), document("new-d", texts["d"], title="z")])
    assert names(await ask(index, cursor=first.next_cursor)) == list("def")
    await index.apply([Delete(DocumentId("wiki", "d"))])
    assert names(await ask(index, cursor=first.next_cursor)) == ["e", "f", "new-d"]


async def test_a_cursor_belongs_to_the_query_with_its_copies_folded_or_shown(index: SearchBackend) -> None:
    await index.apply([document(name, TEXT + name) for name in "abc"])
    cursor = (await ask(index, "harbour", size=1)).next_cursor
    assert cursor is not None
    with pytest.raises(QueryInvalid):
        await ask(index, "harbour", cursor=cursor, collapse=False)


async def test_a_thousand_copies_are_one_hit_and_the_next_text_follows(index: SearchBackend) -> None:
    await index.apply([document(f"{number:04}", TEXT) for number in range(1000)])
    await index.apply([document("z", OTHER)])
    first = await ask(index, "", size=1)
    assert [(hit.document_id.native_id, hit.copies) for hit in first.hits] == [("0000", 999)]
    assert names(await ask(index, "", size=1, cursor=first.next_cursor)) == ["z"]
