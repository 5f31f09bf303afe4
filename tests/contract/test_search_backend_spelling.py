"""The contract of `SearchBackend`: a better spelling of a query, from what the reader may read alone."""

from __future__ import annotations

import pytest

from tests.contract.search_backends import HYBRID, KEYWORD, SEMANTIC, ask
from tests.fakes.documents import description, document, reader
from vocabulary.documents import DocumentId
from vocabulary.indexing import Delete, Describe, Hide
from vocabulary.ports import SearchBackend
from vocabulary.search import SearchMode


async def spelling(index: SearchBackend, text: str, **options: object) -> str | None:
    return (await ask(index, text, **options)).spelling


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("harbuor", "harbour"),  # two letters changed places
        ("harbur", "harbour"),  # one is missing
        ("harbbour", "harbour"),  # one is too many
        ("harvour", "harbour"),  # one is wrong
        ("arhbour", None),  # the first letter counts as right
        ("herbuor", "harbour"),  # two slips in a word of seven letters
        ("crame", "crane"),
        ("crnae", "crane"),
        ("cramme", None),  # two slips in a word of six letters make too many others
        ("lodnno", None),  # as "carbon", where documents hold "carlos"
        ("cran", "crane"),
        ("car", None),  # too short
        ("harbours", None),  # found by its stem
        ("the harbuor of lnodon", "the harbour of london"),
        ("HARBUOR", "harbour"),
        ("harbuor, cranes!", "harbour, cranes!"),
        ('"harbuor crane"', '"harbour crane"'),
        ("-harbuor", None),
        ('-"harbuor crane"', None),
        ("author:harbuor", None),
        ('author:"harbuor crane"', None),
        ("harbuor*", None),
        ("harbuor-2", None),
        ("harbuor.txt", None),
        ("", None),
        ("?!", None),
    ],
)
async def test_a_word_that_nothing_holds_becomes_the_nearest_one(
    index: SearchBackend, typed: str, meant: str | None
) -> None:
    await index.apply([document("a", "a crane in the harbour of london")])
    assert await spelling(index, typed) == meant


async def test_of_equally_near_words_the_one_in_most_documents_is_meant(index: SearchBackend) -> None:
    await index.apply([document("a", "the boat"), document("b", "the boar"), document("c", "the boar")])
    assert await spelling(index, "boax") == "boar"
    await index.apply([document("d", "a boat"), document("e", "this boat")])
    assert await spelling(index, "boax") == "boat"


async def test_fewer_slips_count_more_than_more_documents(index: SearchBackend) -> None:
    await index.apply([document("a", "a planter"), *(document(f"{n}", "these planets") for n in range(5))])
    assert await spelling(index, "plantar") == "planter"


async def test_a_word_is_spelled_as_readable_documents_write_it_mostly(index: SearchBackend) -> None:
    await index.apply([document("a", "Überführung"), document("b", "überführung, Überführungen")])
    assert await spelling(index, "uberfuhrugn") == "überführung"


async def test_titles_are_spelled_from_too(index: SearchBackend) -> None:
    await index.apply([document("a", "text", title="Lighthouse-Plan.pdf"), document("b", title="beacon")])
    assert await spelling(index, "lighthuose") == "lighthouse"
    assert await spelling(index, "baecon") == "beacon"


async def test_a_rare_word_is_left_alone_unless_another_is_far_more_common(index: SearchBackend) -> None:
    await index.apply([document("slip", "the adress"), *(document(f"{n}", "the address") for n in range(49))])
    assert await spelling(index, "adress") is None
    await index.apply([document("more", "one address more")])
    assert await spelling(index, "adress") == "address"
    await index.apply([document(f"slip{n}", "the adress") for n in range(2)])
    assert await spelling(index, "adress") is None


async def test_only_the_first_page_of_an_answer_by_words_is_spelled_anew(index: SearchBackend) -> None:
    await index.apply([document(f"{n}", "harbour and crane") for n in range(3)])
    for mode, expected in ((KEYWORD, "harbour crane"), (HYBRID, "harbour crane"), (SEMANTIC, None)):
        assert await spelling(index, "harbuor crane", mode=mode) == expected
    cursor = (await ask(index, "harbuor crane", size=1)).next_cursor
    assert cursor is not None
    assert await spelling(index, "harbuor crane", size=1, cursor=cursor) is None


async def test_keys_and_numbers_are_no_spelling(index: SearchBackend) -> None:
    await index.apply([document("a", "harbour7 harbo4r 0harbour harbour_1")])
    assert await spelling(index, "harbuor") == "harbour"  # of harbour_1, two words
    await index.apply([document("a", "harbour7 harbo4r 0harbour")])
    assert await spelling(index, "harbuor") is None


@pytest.mark.parametrize("mode", [KEYWORD, SearchMode.HYBRID])
async def test_what_only_hidden_documents_hold_is_never_the_spelling(index: SearchBackend, mode: SearchMode) -> None:
    await index.apply([document("hidden", "the merger", acl=2), document("a", "the measure")])
    assert await spelling(index, "mergar", mode=mode, access=reader(1)) is None
    assert await spelling(index, "mergar", mode=mode, access=reader(2)) == "merger"
    await index.apply([Hide(DocumentId("wiki", "hidden"))])
    assert await spelling(index, "mergar", mode=mode, access=reader(1, 2)) is None


async def test_another_form_of_a_readable_word_in_a_hidden_document_is_never_shown(index: SearchBackend) -> None:
    await index.apply([document("hidden", "mergers", acl=2), document("a", "a merger")])
    assert await spelling(index, "mergars", access=reader(1)) == "merger"
    assert await spelling(index, "mergars", access=reader(1, 2)) == "mergers"


async def test_hidden_documents_make_no_word_frequent_and_none_known(index: SearchBackend) -> None:
    await index.apply([document("a", "the boat"), document("b", "the boar"), document("c", "the boar")])
    await index.apply([document(f"hidden{n}", "boat boax", acl=2) for n in range(9)])
    assert await spelling(index, "boax", access=reader(1)) == "boar"
    assert await spelling(index, "boax", access=reader(1, 2)) is None


async def test_spelling_follows_what_is_written_and_withdrawn(index: SearchBackend) -> None:
    await index.apply([document("a", "the harbour", title="beacon")])
    await index.apply([Describe(description("a", title="lantern"))])
    assert await spelling(index, "baecon") is None
    assert await spelling(index, "lnatern") == "lantern"
    await index.apply([document("a", "the quay", title="lantern")])
    assert await spelling(index, "harbuor") is None
    await index.apply([Delete(DocumentId("wiki", "a"))])
    assert await spelling(index, "lnatern") is None


async def test_thousands_of_hidden_near_words_neither_show_nor_displace_a_readable_one(index: SearchBackend) -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    near = [f"harb{one}{two}r" for one in letters for two in letters if f"{one}{two}" != "ou"]
    await index.apply([document("a", "harbour"), document("hidden", " ".join(near * 2), acl=2)])
    assert await spelling(index, "harbuor", access=reader(1)) == "harbour"


async def test_a_long_question_is_spelled_anew_in_bounded_work(index: SearchBackend) -> None:
    await index.apply([document("a", "harbour")])
    spelled = await spelling(index, " ".join(["harbuor"] * 50))
    assert spelled is not None
    assert spelled.split().count("harbour") == 8
