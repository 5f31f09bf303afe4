"""The prefilter learns to find messages in passages, within what a closer look may cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from embedder.toxicity.prefilter_training import REREAD_SHARE, fit_prefilter
from vocabulary.documents import ReadText, TokenIds, Tokens

WORDS, INPUTS = 60, 6
RUDE = range(50, WORDS)  # the words of toxic messages; clean text has them now and then
MEANINGS = np.random.default_rng(0).normal(size=(WORDS, INPUTS)).astype(np.float32)
MEANINGS[RUDE.start :, 0] += 4


def _text(ids: Sequence[int]) -> ReadText:
    """Words of one letter in sentences of ten."""
    text = "".join("w" + ("! " if number % 10 == 9 else " ") for number in range(len(ids)))
    starts = np.array([place for place, letter in enumerate(text) if letter == "w"], dtype=np.int32)
    return ReadText(text, Tokens(np.array(ids, dtype=np.int32), np.stack([starts, starts + 1], axis=1)))


def _texts(random: np.random.Generator, count: int, length: int, *, rude: float) -> list[ReadText]:
    chosen = random.random((count, length)) < rude
    words = np.where(chosen, random.integers(50, WORDS, (count, length)), random.integers(0, 50, (count, length)))
    return [_text(row) for row in words]


def _blocks_of(sequences: Sequence[TokenIds]) -> list[np.ndarray[Any, np.dtype[np.float32]]]:
    """Pool what each word means, between special tokens that mean nothing."""
    nothing = np.zeros((1, INPUTS), dtype=np.float32)
    states = [np.concatenate([nothing, MEANINGS[ids], nothing]) for ids in sequences]
    return [np.stack([each[start : start + 8].mean(0) for start in range(0, len(each), 8)]) for each in states]


def test_messages_in_passages_are_found_at_the_price_agreed() -> None:
    random = np.random.default_rng(3)
    toxic = _texts(random, 120, 12, rude=0.6)
    clean = _texts(random, 300, 100, rude=0.03)

    fitted = fit_prefilter(toxic, clean, blocks_of=_blocks_of, seed=1)

    assert fitted is not None
    assert fitted.recall >= 0.85
    assert 0 < fitted.threshold < 1
    assert 0 <= fitted.reread_share <= REREAD_SHARE
    assert fitted.flagged_share >= fitted.reread_share


def test_the_same_seed_gives_the_same_prefilter() -> None:
    random = np.random.default_rng(4)
    toxic, clean = _texts(random, 40, 12, rude=0.6), _texts(random, 120, 60, rude=0.03)

    first, second = (fit_prefilter(toxic, clean, blocks_of=_blocks_of, seed=2) for _ in range(2))

    assert first is not None
    assert second is not None
    assert first.threshold == second.threshold
    assert np.array_equal(first.prefilter.network.hidden_weight, second.prefilter.network.hidden_weight)


@pytest.mark.parametrize(("toxic", "clean"), [(0, 300), (120, 0), (1, 300), (120, 3)])
def test_too_little_text_gives_no_prefilter(toxic: int, clean: int) -> None:
    random = np.random.default_rng(5)
    texts = _texts(random, toxic, 12, rude=0.6), _texts(random, clean, 100, rude=0.03)
    assert fit_prefilter(*texts, blocks_of=_blocks_of, seed=1) is None
