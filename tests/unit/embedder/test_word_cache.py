from __future__ import annotations

import json
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from tokenizers import Tokenizer, models, pre_tokenizers

from embedder import word_cache
from embedder.models import locate_model, read_model_folder
from embedder.tokeniser import Tokeniser
from embedder.word_cache import WordCache, words_of

REFERENCE = Path(__file__).parents[2] / "fixtures" / "embedder" / "reference_vectors.safetensors"
FOLDER = read_model_folder(locate_model("all-MiniLM-L6-v2").folder)
LIBRARY = Tokenizer.from_file(str(FOLDER.tokenizer_file))
LIBRARY.no_truncation()
LIBRARY.no_padding()
DESCRIPTION = json.loads(FOLDER.tokenizer_file.read_bytes())
OURS = Tokeniser(FOLDER.tokenizer_file, vocabulary=FOLDER.shape.vocabulary)

WORDS = st.sampled_from(
    ["The", "unaffable", "don't", "x" * 101, "3.14", "[CLS]", "[sep]", "a_b", "naïve", "日本", "\u200d"]
)
GAPS = st.sampled_from([" ", "\n", "\t", "\r", "\x0b", "\x00", "\x7f", "\xa0", "\u0301", ""])
TEXTS = st.one_of(st.text(st.characters(max_codepoint=127)), st.text(), st.lists(WORDS | GAPS).map("".join))


def told_by_the_library(text: str) -> tuple[list[int], list[int]]:
    encoding = LIBRARY.encode(text, add_special_tokens=False)
    return encoding.ids, list(chain.from_iterable(encoding.offsets))


def told_by_ours(text: str) -> tuple[list[int], list[int]]:
    tokens = OURS.tokenise(text)
    return tokens.ids.tolist(), tokens.offsets.ravel().tolist()


@given(TEXTS)
def test_ids_and_places_of_any_text_are_the_librarys(text: str) -> None:
    assert told_by_ours(text) == told_by_the_library(text)


def test_ids_and_places_of_texts_in_many_languages_are_the_librarys() -> None:
    with safe_open(REFERENCE, framework="numpy") as stored:
        texts = json.loads(stored.metadata()["texts"])
    assert any(text.isascii() for text in texts)
    assert not all(text.isascii() for text in texts)
    assert list(map(told_by_ours, texts)) == list(map(told_by_the_library, texts))


def test_a_word_is_split_once() -> None:
    cache = words_of(LIBRARY, DESCRIPTION)
    assert cache is not None
    first = cache.tokenise("Unaffable readers, unaffable readers")
    del cache._tokenizer
    again = cache.tokenise("readers, Unaffable unaffable")
    assert first is not None
    assert again is not None
    assert set(again.ids.tolist()) == set(first.ids.tolist())


@pytest.mark.parametrize("text", ["naïve", "a\x00b", "a [MASK] b", "a [mask] b", "word " * 20_000])
def test_other_than_plain_text_of_ordinary_length_is_left_to_the_library(text: str) -> None:
    assert WordCache(LIBRARY, ["[MASK]"]).tokenise(text) is None


def test_a_full_cache_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_cache, "_MOST_WORDS", 3)
    cache = WordCache(LIBRARY, [])
    for word in ("one", "two", "three", "four", "five", "k" * 40):
        cache.tokenise(word)
    assert list(cache._pieces) == ["four", "five"]


def test_sums_and_keys_fill_no_memory() -> None:
    cache = WordCache(LIBRARY, [])
    found = cache.tokenise("d41d8cd98f00b204e9800998ecf8427e unaffable")
    assert found is not None
    assert list(cache._pieces) == ["unaffable"]


@pytest.mark.parametrize("special", ["New York", "Z\u00fcrich", "a\tb"])
def test_special_tokens_that_other_letters_may_spell_are_left_to_the_library(special: str) -> None:
    added = [*DESCRIPTION["added_tokens"], {"content": special}]
    assert words_of(LIBRARY, DESCRIPTION | {"added_tokens": added}) is None


def test_a_file_need_not_name_special_tokens() -> None:
    unnamed = {key: value for key, value in DESCRIPTION.items() if key != "added_tokens"}
    assert words_of(LIBRARY, unnamed) is not None


def test_a_tokeniser_with_other_rules_has_no_cache() -> None:
    other = Tokenizer(models.WordPiece({"[UNK]": 0}, unk_token="[UNK]"))
    other.pre_tokenizer = pre_tokenizers.Whitespace()
    assert words_of(other, json.loads(other.to_str())) is None
    assert words_of(LIBRARY, DESCRIPTION | {"normalizer": None}) is None
