"""Text to the ids that the model reads, once for all: passages are counted and cut with the very same ids.

Invariant: the ids between the special tokens equal those of the model's own tokeniser on the whole text.
"""

from __future__ import annotations

import hashlib
import json
import re
from functools import cached_property
from itertools import chain
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from embedder.models.folder import SPECIAL_TOKENS
from embedder.word_cache import words_of
from vocabulary.documents import Tokens
from vocabulary.errors import SettingInvalid

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")  # no Unicode text has them; file names and broken parsers do


class Tokeniser:
    """The tokeniser of one model. Safe from any thread; what takes long works outside Python's global lock."""

    def __init__(self, file: Path, *, vocabulary: int | None) -> None:
        """Read a `tokenizer.json`. `vocabulary` is how many ids the model knows; None: it is not known here.

        Raises:
            SettingInvalid: the file is damaged, or does not fit the model.
        """
        try:
            self._tokenizer = Tokenizer.from_file(str(file))
        except Exception as error:
            raise SettingInvalid(f"embedder.model: {file} cannot be read: {error}") from error
        description = file.read_bytes()
        self.sha256 = hashlib.sha256(description).hexdigest()
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        if vocabulary is not None and self._tokenizer.get_vocab_size() > vocabulary:
            raise SettingInvalid(f"embedder.model: {file} knows more tokens than the model")
        self._file = file
        self._words = words_of(self._tokenizer, json.loads(description))

    def tokenise(self, text: str) -> Tokens:
        """Split a text of any length; special tokens are not added."""
        if self._words is not None and (looked_up := self._words.tokenise(text)) is not None:
            return looked_up
        text = valid_unicode(text)
        # The batch call, because it alone lets go of the global lock.
        (encoding,) = self._tokenizer.encode_batch([text], add_special_tokens=False)
        # Four times as fast as an array of pairs, and all of it holds the lock: a long text has 300,000 tokens.
        offsets = np.fromiter(chain.from_iterable(encoding.offsets), dtype=np.int32, count=2 * len(encoding))
        return Tokens(ids=np.array(encoding.ids, dtype=np.int32), offsets=offsets.reshape(-1, 2))

    @cached_property
    def special_ids(self) -> tuple[int, int]:
        """The ids before and behind every sequence.

        Raises:
            SettingInvalid: the model wants more or fewer.
        """
        around = self._tokenizer.encode("").ids
        if len(around) != SPECIAL_TOKENS:
            raise SettingInvalid(f"embedder.model: {self._file} adds {len(around)} special tokens, expected 2")
        return around[0], around[1]


def valid_unicode(text: str) -> str:
    """Return a text of the same length in which lone surrogates are replacement characters."""
    return _LONE_SURROGATE.sub("\ufffd", text) if _LONE_SURROGATE.search(text) else text
