"""Sentences are runs of tokens: cut where a reader would, and at every place in doubt."""

from __future__ import annotations

import re
import time

import numpy as np
import pytest

from embedder.toxicity.sentences import MAX_TOKENS, Sentence, equal_parts_of, sentences_of
from vocabulary.documents import ReadText, Tokens


def _read(text: str) -> ReadText:
    """Split as BERT does before it looks words up: at spaces, and every mark and ideograph for itself."""
    places = [match.span() for match in re.finditer(r"[぀-鿿]|\w+|[^\w\s]", text)]
    offsets = np.array(places, dtype=np.int32).reshape(-1, 2)
    return ReadText(text, Tokens(np.arange(len(places), dtype=np.int32), offsets))


def _cut(text: str) -> list[str]:
    return [text[each.start : each.end] for each in sentences_of(_read(text))]


@pytest.mark.parametrize(
    "sentences",
    [
        ["The board met on Monday.", "It approved the budget of 2025!", "Who will sign it?"],
        ["Dr. Smith of Acme Inc. owes us 3.5 million, e.g. for No. 7.", "Prof. J. R. Jones does not."],
        ["Please restart the server first.", "you are such an idiot.", "thanks for your help, everyone"],
        ["She said: “That is not enough.”", "He nodded at 5 p.m. and left."],
        ["The answer to question No. 7 is no.", "We leave in the morning, etc.", "Then we return home."],
        ["以上が四半期の報告です。", "次の会議は来週です。"],
    ],
)
def test_running_text_is_cut_behind_its_sentences(sentences: list[str]) -> None:
    assert _cut(" ".join(sentences)) == sentences


def test_lines_are_sentences() -> None:
    assert _cut(
        "Minutes of the meeting\nAll of them were present\n\n1. Open the old window\n2. Close the new door"
    ) == [
        "Minutes of the meeting",
        "All of them were present",
        "1. Open the old window",
        "2. Close the new door",
    ]
    paragraph = "Ten years of experience with the servers of large hospitals and of small offices" * 2
    assert _cut(f"{paragraph}\nyou are such an idiot") == [paragraph, "you are such an idiot"]
    assert len(_cut("a chat line without an end\nand then another one below it")) == 2


def test_items_behind_bullets_are_sentences() -> None:
    assert _cut("We need three things • clean paper for it • black ink for it") == [
        "We need three things",
        "• clean paper for it",
        "• black ink for it",
    ]


def test_cells_between_bars_are_sentences() -> None:
    assert _cut("works with old printers|sold with a cable|you are an idiot") == [
        "works with old printers|",
        "sold with a cable|",
        "you are an idiot",
    ]


def test_what_is_too_short_goes_with_its_neighbour() -> None:
    assert _cut("OK. We will do it. Yes!") == ["OK. We will do it. Yes!"]
    assert _cut("Yes.") == ["Yes."]


def test_what_is_too_long_is_cut_between_words() -> None:
    text = "word " * 3 * MAX_TOKENS + "well-known,co-founder " * MAX_TOKENS
    pieces = sentences_of(_read(text))
    assert all(each.last - each.first <= MAX_TOKENS for each in pieces)
    assert all(text[each.start - 1 : each.start].strip() == "" for each in pieces)


def test_one_endless_word_is_cut_all_the_same() -> None:
    text = "x-" * 200
    assert [each.last - each.first for each in sentences_of(_read(text))] == [45] * 4 + [44] * 5


@pytest.mark.parametrize("seed", range(20))
def test_every_token_belongs_to_exactly_one_sentence(seed: int) -> None:
    random = np.random.default_rng(seed)
    parts = ["word", "Word", "Dr.", "e.g.", "3.", ".", "...", "?!", "\n", "\n\n", " ", "•", "(a)", "”", "。", "x" * 30]
    text = "".join(random.choice(parts) + random.choice(["", " ", " "]) for _ in range(random.integers(0, 300)))
    read = _read(text)

    pieces = sentences_of(read)

    assert [token for each in pieces for token in range(each.first, each.last)] == list(range(len(read.tokens.ids)))
    assert all(each.start == read.tokens.offsets[each.first, 0] for each in pieces)
    assert all(each.end == read.tokens.offsets[each.last - 1, 1] for each in pieces)


def test_tokens_without_a_text_are_cut_by_their_number() -> None:
    tokens = Tokens(np.arange(100, dtype=np.int32), np.zeros((100, 2), dtype=np.int32))
    assert [each.last - each.first for each in sentences_of(ReadText("", tokens))] == [34, 33, 33]


@pytest.mark.parametrize(
    "run",
    [" " * 20_000, "." * 20_000, '."' * 10_000, "x" + "\t" * 20_000 + "x"],
    ids=["spaces", "stops", "ends", "tabs"],
)
def test_a_long_run_of_one_character_takes_no_time(run: str) -> None:
    began = time.process_time()
    assert len(_cut(f"Ready{run}go")) >= 1
    assert time.process_time() - began < 1.0  # seconds; each looked at from each of the others takes tens


def test_equal_parts_go_over_the_ends_of_sentences_and_end_at_spaces() -> None:
    text = "One two. three four, five (six seven)"
    parts = equal_parts_of(_read(text), max_tokens=5)
    assert [text[each.start : each.end] for each in parts] == ["One two. three", "four, five", "(six seven)"]
    assert [equal_parts_of(_read(text), max_tokens=100), equal_parts_of(_read(""), max_tokens=5)] == [
        [Sentence(0, 11, 0, len(text))],
        [],
    ]
