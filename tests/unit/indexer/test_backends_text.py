"""Words, excerpts, cursors and fusion on their own."""

from __future__ import annotations

from dataclasses import replace

import apsw
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.backends import cursor
from indexer.backends.english_words import TOKENIZER, occurrences, query_terms, stems
from indexer.backends.highlighting import EXCERPT_CHARACTERS, excerpt_of
from indexer.backends.ranking import Ranking, fuse
from indexer.backends.row_scores import inverse_document_frequency, saturated
from vocabulary.documents import DocumentId, Passage, PassageKind
from vocabulary.errors import QueryInvalid
from vocabulary.search import Query


def passage(text: str) -> Passage:
    return Passage(0, PassageKind.BODY, text, 0, len(text), 1)


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=60))
def test_terms_are_exactly_those_of_the_text_index(text: str) -> None:
    connection = apsw.Connection(":memory:")
    connection.execute(f"CREATE VIRTUAL TABLE t USING fts5(x, tokenize='{TOKENIZER}')")
    connection.execute("CREATE VIRTUAL TABLE v USING fts5vocab(t, instance)")
    connection.execute("INSERT INTO t VALUES(?)", (text.encode("utf-8", "replace").decode(),))
    held = [row[0] for row in connection.execute("SELECT term FROM v ORDER BY offset")]
    connection.close()
    assert stems(text) == held


def test_query_terms_are_distinct_few_and_in_order() -> None:
    assert query_terms("How do the Budgets of budget planning work?") == ("budget", "plan", "work")
    assert query_terms("the of") == ("the", "of")
    assert query_terms("?!") == ()
    assert len(query_terms(" ".join(f"word{number}" for number in range(1_000)))) == 64


@pytest.mark.parametrize("text", ["a wörd here", "文字 wörd", "😀wörd", "plain word", "\ud800 wörd"])
def test_places_are_counted_in_characters(text: str) -> None:
    (found,) = occurrences(text, {"word"})
    assert text[found.start : found.end] in ("wörd", "word")


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from(["match", "Matching", "ünïcode", "文字", "x" * 40, "y" * 400, "\n", "."]), max_size=90))
def test_an_excerpt_is_a_stretch_of_its_passage_and_its_spans_are_matches(words: list[str]) -> None:
    text = " ".join(words)
    excerpt = excerpt_of(passage(text), ("match",), highlight=True)
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
    assert "apple with pear" in excerpt_of(passage(text), ("appl", "pear", "plum"), highlight=True).text


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


def ranking(*entries: tuple[int, int]) -> Ranking:
    documents, passages = zip(*entries, strict=True) if entries else ((), ())
    return Ranking(np.array(documents, np.int64), np.zeros(len(entries)), np.array(passages, np.int64))


def test_fusion_adds_reciprocal_ranks_and_takes_the_better_lists_passage() -> None:
    fused = fuse(ranking((1, 10), (2, 20), (3, 30)), ranking((2, 21), (4, 41), (1, 11)))
    assert fused.documents.tolist() == [2, 1, 4, 3]
    assert fused.passages.tolist() == [21, 10, 41, 30]
    assert fused.scores.tolist() == pytest.approx([1 / 62 + 1 / 61, 1 / 61 + 1 / 63, 1 / 62, 1 / 63])


def test_fusion_with_an_empty_side_keeps_the_other() -> None:
    for fused in (fuse(ranking((1, 1), (2, 2)), ranking()), fuse(ranking(), ranking((1, 1), (2, 2)))):
        assert fused.documents.tolist() == [1, 2]


def test_bm25_agrees_with_a_worked_example() -> None:
    # 10 rows, 2 with the term: ln(1 + 8.5 / 2.5); tf 2 in an average row: 2 * 2.2 / (2 + 1.2)
    assert inverse_document_frequency(rows=10, rows_with_term=2) == pytest.approx(1.4816, abs=1e-4)
    assert saturated(2.0, 50.0, average_length=50.0) == pytest.approx(1.375)
