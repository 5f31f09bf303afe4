"""The inverted index says where each term stands, however its segments were written, merged and cleared of the dead."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from indexer.backends.embedded import connections, segments
from indexer.backends.embedded.posting_batch import Batch
from indexer.backends.embedded.postings import (
    TABLES,
    Field,
    Space,
    places,
    postings,
    rows_with_phrase,
    terms_with_prefix,
)
from indexer.backends.embedded.segments import tidy
from indexer.search.clauses import phrase_positions

Texts = dict[int, list[str]]


@pytest.fixture
def connection() -> Iterator[Any]:
    opened = connections.connect(Path(":memory:"))
    opened.execute("CREATE TABLE document(id INTEGER PRIMARY KEY); CREATE TABLE passage(id INTEGER PRIMARY KEY)")
    opened.execute(TABLES)
    yield opened
    opened.close()


def store(connection: Any, texts: Texts, *, field: Field = Field.BODY) -> None:
    batch = Batch()
    for row, terms in texts.items():
        connection.execute("INSERT INTO passage VALUES(?)", (row,))
        batch.add(row, field, terms)
    batch.write(connection)


def remove(connection: Any, rows: list[int]) -> None:
    connection.executemany("DELETE FROM passage WHERE id = ?", [(row,) for row in rows])
    batch = Batch()
    batch.remove(Space.PASSAGES, rows)
    batch.write(connection)


def held(connection: Any, term: str, *, among: Texts) -> list[tuple[int, int]]:
    found = postings(connection, Field.BODY, term)
    assert list(found.rows) == sorted(found.rows)
    pairs = zip(found.rows.tolist(), found.frequencies.tolist(), strict=True)
    return [(row, frequency) for row, frequency in pairs if row in among]


def placed(connection: Any, term: str, *, among: Texts) -> list[tuple[int, int]]:
    found = places(connection, Field.BODY, term)
    pairs = zip(found.rows.tolist(), found.positions.tolist(), strict=True)
    return [(row, position) for row, position in pairs if row in among]


def expected(texts: Texts, term: str) -> list[tuple[int, int]]:
    return [(row, texts[row].count(term)) for row in sorted(texts) if term in texts[row]]


def expected_places(texts: Texts, term: str) -> list[tuple[int, int]]:
    return [(row, at) for row in sorted(texts) for at, each in enumerate(texts[row]) if each == term]


def assert_says(connection: Any, texts: Texts, words: list[str]) -> None:
    for word in words:
        assert held(connection, word, among=texts) == expected(texts, word)
        assert placed(connection, word, among=texts) == expected_places(texts, word)


@pytest.mark.parametrize("seed", range(4))
def test_what_was_written_is_read_through_all_merges(
    connection: Any, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(segments, "_SIZES", (8, 64))
    monkeypatch.setattr(segments, "_TERMS_AT_ONCE", 3)
    randomness, texts, next_row = random.Random(seed), {}, 1
    words = ["a", "ab", "b", "ba", "über", "ü", "日本", "z" * 300]
    for _ in range(60):
        written: Texts = {}
        for _ in range(randomness.randint(1, 6)):
            written[next_row] = randomness.choices(words, k=randomness.randrange(9))
            next_row += randomness.randint(1, 3)
        store(connection, written)
        texts |= written
        dead = [row for row in texts if randomness.random() < 0.1]
        remove(connection, dead)
        texts = {row: terms for row, terms in texts.items() if row not in dead}
        while tidy(connection):
            pass
        assert_says(connection, texts, words)
    assert connection.execute("SELECT count(*) FROM segment").fetchone()[0] < 20


def test_dead_rows_give_their_room_back(connection: Any) -> None:
    texts = {row: ["apple", f"word{row}"] for row in range(1, 101)}
    store(connection, texts)
    remove(connection, list(range(1, 31)))
    assert tidy(connection)
    assert not tidy(connection)
    assert postings(connection, Field.BODY, "apple").rows.tolist() == list(range(31, 101))
    assert not postings(connection, Field.BODY, "word7").rows.size
    remove(connection, list(range(31, 101)))
    assert tidy(connection)
    assert connection.execute("SELECT count(*) FROM segment").fetchone() == (0,)
    assert connection.execute("SELECT count(*) FROM posting").fetchone() == (0,)
    assert connection.execute("SELECT count(*) FROM term").fetchone() == (0,)


def test_fields_and_spaces_do_not_mix(connection: Any) -> None:
    batch = Batch()
    batch.add(1, Field.BODY, ["apple", "pie"])
    batch.add(1, Field.BODY_WORDS, ["apples"])
    batch.add(1, Field.TITLE, ["apple"])
    batch.add(2, Field.ATTRIBUTES, ["apple"])
    batch.write(connection)
    assert postings(connection, Field.BODY, "apple").rows.tolist() == [1]
    assert postings(connection, Field.BODY_WORDS, "apple").rows.tolist() == []
    assert postings(connection, Field.TITLE, "apple").rows.tolist() == [1]
    assert postings(connection, Field.ATTRIBUTES, "apple").rows.tolist() == [2]
    assert dict(connection.execute("SELECT space, row_count FROM segment")) == {0: 1, 1: 2}


def test_terms_with_a_prefix_come_in_order_each_once(connection: Any) -> None:
    store(connection, {1: ["apple", "app", "banana"], 2: ["apply"]}, field=Field.BODY_WORDS)
    store(connection, {3: ["apple", "apricot", "ap"], 4: []}, field=Field.BODY_WORDS)
    store(connection, {5: ["appendix"]}, field=Field.BODY)
    assert list(terms_with_prefix(connection, Field.BODY_WORDS, "app")) == ["app", "apple", "apply"]
    assert list(terms_with_prefix(connection, Field.BODY_WORDS, "")) == [
        "ap",
        "app",
        "apple",
        "apply",
        "apricot",
        "banana",
    ]
    assert list(terms_with_prefix(connection, Field.BODY_WORDS, "x")) == []


def test_a_very_long_text_is_indexed_from_its_beginning(connection: Any) -> None:
    store(connection, {1: ["long"] * 70_000 + ["end"], 2: ["end"]})
    assert held(connection, "long", among={1: []}) == [(1, 65_535)]
    assert held(connection, "end", among={1: [], 2: []}) == [(2, 1)]


def test_a_phrase_is_found_where_its_terms_stand_in_a_row(connection: Any) -> None:
    randomness = random.Random(7)
    texts = {row: randomness.choices("abc", k=randomness.randint(0, 12)) for row in range(1, 60)}
    for first in range(1, 60, 20):
        store(connection, {row: texts[row] for row in range(first, min(first + 20, 60))})
    for _ in range(80):
        phrase = randomness.choices("aabbcd", k=randomness.randint(2, 4))
        found = rows_with_phrase(connection, Field.BODY, phrase)
        counts = {row: len(phrase_positions(phrase, terms)) for row, terms in texts.items()}
        held_by = dict(zip(found.rows.tolist(), found.frequencies.tolist(), strict=True))
        assert held_by == {row: count for row, count in counts.items() if count}
