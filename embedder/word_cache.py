"""Whole words of plain ASCII text, looked up instead of split anew: the same ids and offsets in a quarter of the time.

BERT's rules split ASCII text at spaces and around each punctuation mark, and what becomes of a word depends on the word
alone. So the model's own tokeniser is asked once for each word; every other text, and every tokeniser with other rules,
stays with the library.

Invariants: ids and offsets equal the library's on the whole text; memory is bounded: some 15 MB
with the words of prose, three times as much with the longest that are kept.

Source: Devlin et al., BERT (2019), `BasicTokenizer` and `WordpieceTokenizer`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
from tokenizers import Tokenizer

from vocabulary.documents import Tokens

_WORD = re.compile(r"[A-Za-z0-9]+|[!-/:-@\[-`{-~]")
# Control characters other than these vanish from inside words, and so would the place where two of ours meet.
_OTHER_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

# 500,000 tokens of dictionary and package texts have 29,000 different words, each written in its own case.
_MOST_WORDS = 65_536
# Longer ones, or those of more pieces, are keys, sums and encoded files, which hardly come again.
_LONGEST_KEPT = 32
_MOST_PIECES_KEPT = 6
# The library works outside Python's global lock and this does not: some 20 ms for so much.
_MOST_CHARACTERS = 65_536

Pieces: TypeAlias = tuple[list[int], list[int]]  # ids, and where each begins and ends in the word


def words_of(tokenizer: Tokenizer, description: Mapping[str, Any]) -> WordCache | None:
    """Return a cache for a tokeniser whose file (`tokenizer.json`) reads so; None where its rules are not BERT's.

    Nor where it has a special token with a space, which may stand for a line end, or with letters beyond ASCII, which
    may stand for plain ones once the text is normalised.
    """
    parts = {"normalizer": "BertNormalizer", "pre_tokenizer": "BertPreTokenizer", "model": "WordPiece"}
    if any((description.get(part) or {}).get("type") != kind for part, kind in parts.items()):
        return None
    special = [token["content"] for token in description.get("added_tokens") or ()]
    return WordCache(tokenizer, special) if all(map(_is_solid, special)) else None


def _is_solid(special_token: str) -> bool:
    return special_token.isascii() and special_token.isprintable() and " " not in special_token


class WordCache:
    """The words that a tokeniser has split already. Safe from any thread: what two of them learn is the same."""

    def __init__(self, tokenizer: Tokenizer, special_tokens: Iterable[str]) -> None:
        self._tokenizer = tokenizer
        self._pieces: dict[str, Pieces] = {}
        # Names of special tokens are found in a text before it is split, wherever they stand.
        self._special = re.compile("|".join(map(re.escape, special_tokens)) or "(?!)", re.IGNORECASE)

    def tokenise(self, text: str) -> Tokens | None:
        """Split a text, special tokens not added; None where the library has to."""
        if not self._is_plain(text):
            return None
        ids: list[int] = []
        offsets: list[int] = []
        for match in _WORD.finditer(text):
            word = match.group()
            word_ids, places = self._pieces.get(word) or self._split(word)
            ids += word_ids
            start = match.start()
            offsets += [start + place for place in places]
        return Tokens(np.array(ids, dtype=np.int32), np.array(offsets, dtype=np.int32).reshape(-1, 2))

    def _is_plain(self, text: str) -> bool:
        if len(text) > _MOST_CHARACTERS or not text.isascii():
            return False
        return not (_OTHER_CONTROLS.search(text) or self._special.search(text))

    def _split(self, word: str) -> Pieces:
        encoding = self._tokenizer.encode(word, add_special_tokens=False)
        pieces = encoding.ids, list(chain.from_iterable(encoding.offsets))
        if len(word) <= _LONGEST_KEPT and len(encoding.ids) <= _MOST_PIECES_KEPT:
            if len(self._pieces) >= _MOST_WORDS:
                self._pieces.clear()  # the common ones are back within a page
            self._pieces[word] = pieces
        return pieces
