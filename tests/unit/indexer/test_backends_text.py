"""Words, excerpts, cursors and fusion on their own."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.search import cursor
from indexer.search.analysis import analyzer
from indexer.search.bm25 import TextField, inverse_document_frequency, saturated
from indexer.search.highlighting import EXCERPT_CHARACTERS, Marker, excerpt_of
from indexer.search.query_language import parse
from vocabulary.documents import DocumentId, Passage, PassageKind
from vocabulary.errors import QueryInvalid
from vocabulary.search import Query


def marker(query: str) -> Marker:
    return Marker(analyzer(), parse(query, analyzer(), is_field=lambda _: False).scored)


MATCH = marker("match")


def passage(text: str) -> Passage:
    return Passage(0, PassageKind.BODY, text, 0, len(text), 1)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from(["match", "Matching", "ünïcode", "文字", "x" * 40, "y" * 400, "\n", "."]), max_size=90))
def test_an_excerpt_is_a_stretch_of_its_passage_and_its_spans_are_matches(words: list[str]) -> None:
    text = " ".join(words)
    excerpt = excerpt_of(passage(text), MATCH, highlight=True)
    assert excerpt.text in text
    assert len(excerpt.text) <= EXCERPT_CHARACTERS
    assert excerpt.text == excerpt.text.strip()
    marked = [excerpt.text[span.start : span.end] for span in excerpt.highlights]
    assert set(marked) <= {"match", "Matching"}
    if "match" in words or "Matching" in words:
        assert marked


def test_an_excerpt_shows_the_stretch_with_the_most_different_terms() -> None:
    filler = "filler words of no interest at all " * 12
    text = f"apple apple apple {filler} apple with pear {filler} plum"
    assert "apple with pear" in excerpt_of(passage(text), marker("apple pear plum"), highlight=True).text


def test_a_cursor_round_trips_whatever_the_id_is() -> None:
    query = Query("apple")
    for native_id in ("a", "a/b", "ünï", '"[]', "x" * 500):
        position = cursor.Position(7, DocumentId("wiki", native_id))
        assert cursor.decode(replace(query, cursor=cursor.encode(query, position))) == position


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80) | st.binary(max_size=60).map(lambda data: data.hex()))
def test_any_other_text_is_no_cursor(text: str) -> None:
    with pytest.raises(QueryInvalid):
        cursor.decode(Query("apple", cursor=text))


def test_a_cursor_allows_another_page_size_and_other_facets() -> None:
    query = Query("apple", size=3)
    given_out = cursor.encode(query, cursor.Position(3, DocumentId("wiki", "a")))
    assert cursor.decode(replace(query, size=50, highlight=False, cursor=given_out)) is not None


def test_bm25_agrees_with_a_worked_example() -> None:
    # 10 rows, 2 with the term: ln(1 + 8.5 / 2.5); tf 2 in an average row: 2 * 2.2 / (2 + 1.2)
    assert inverse_document_frequency(documents=10, documents_with_clause=2) == pytest.approx(1.4816, abs=1e-4)
    assert saturated(2.0, 120.0, field=TextField.BODY) == pytest.approx(1.375)
