"""The prefilter scores windows of 16 tokens and names the sentences in them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from embedder.toxicity.parts import Network, sigmoid
from embedder.toxicity.prefilter import Prefilter, window_means
from vocabulary.documents import ReadText, Tokens

INPUTS, UNITS = 9, 5
Array = np.ndarray[Any, np.dtype[np.float32]]


def _random_network() -> Network:
    random = np.random.default_rng(7)
    shapes = (INPUTS, UNITS), (UNITS,), (UNITS, 1), (1,)
    return Network(*(random.normal(size=shape).astype(np.float32) for shape in shapes))


def _blocks_of(states: Array, blocks: int) -> Array:
    """Average states [tokens, inputs] as a runtime does; behind the end stands what nobody may read."""
    means = np.full((blocks, INPUTS), 1e9, dtype=np.float32)
    for number in range(-(-len(states) // 8)):
        means[number] = states[8 * number : 8 * number + 8].mean(0)
    return means


@pytest.mark.parametrize("lengths", [[2], [5, 8], [9, 16, 17], [24, 40, 3]])
def test_a_window_is_scored_by_the_mean_of_its_tokens(lengths: list[int]) -> None:
    random = np.random.default_rng(1)
    network, width = _random_network(), -(-max(lengths) // 8)
    states = [random.normal(size=(length, INPUTS)).astype(np.float32) for length in lengths]
    blocks = np.stack([_blocks_of(each, width) for each in states])

    scores = Prefilter(network).window_scores_0_1(blocks, np.array(lengths))

    assert scores.shape == (len(lengths), max(1, width - 1))
    for row, own in enumerate(states):
        windows = range(max(1, -(-len(own) // 8) - 1))
        means = np.stack([own[8 * number : 8 * number + 16].mean(0) for number in windows])
        np.testing.assert_allclose(scores[row, : len(windows)], sigmoid(network.logits(means))[:, 0], atol=1e-5)
        assert not scores[row, len(windows) :].any()


def test_training_sees_what_the_network_is_asked_about() -> None:
    blocks = np.random.default_rng(2).normal(size=(2, 4, INPUTS)).astype(np.float32)
    network, lengths = _random_network(), np.array([32, 27])
    expected = sigmoid(network.logits(window_means(blocks, lengths)))[..., 0]
    np.testing.assert_allclose(Prefilter(network).window_scores_0_1(blocks, lengths), expected, atol=1e-5)


def _marked(first: int, last: int, tokens: int) -> Array:
    """Blocks of a text whose tokens [first, last) alone are 1, under a network that looks for ones."""
    states = np.zeros((tokens + 2, INPUTS), dtype=np.float32)
    states[1 + first : 1 + last] = 1
    return _blocks_of(states, -(-len(states) // 8))[None]


LOOKS_FOR_ONES = Prefilter(
    Network(
        hidden_weight=np.eye(INPUTS, 1, dtype=np.float32),  # the first mean: the share of ones in the window
        hidden_bias=np.zeros(1, dtype=np.float32),
        output_weight=np.full((1, 1), 100, dtype=np.float32),
        output_bias=np.full(1, -37, dtype=np.float32),  # suspicious from 6 of 16 on
    )
)


def _text(*sentence_lengths: int) -> ReadText:
    text = " ".join("w " * (length - 1) + "w!" for length in sentence_lengths)
    places = [(index, index + 1) for index, letter in enumerate(text) if letter == "w"]
    return ReadText(text, Tokens(np.arange(len(places), dtype=np.int32), np.array(places, dtype=np.int32)))


def test_only_sentences_in_suspicious_windows_are_looked_at() -> None:
    text = _text(20, 15, 8, 40, 20)

    (suspects,) = LOOKS_FOR_ONES.suspects(_marked(35, 43, tokens=103), [text], threshold=0.5)

    assert (35, 43) in {(each.first, each.last) for each in suspects}
    assert all(each.last > 20 and each.first < 83 for each in suspects)


def test_nothing_suspicious_gives_no_sentence() -> None:
    assert LOOKS_FOR_ONES.suspects(_marked(0, 0, tokens=30), [_text(10, 10, 10)], threshold=0.5) == [[]]


@pytest.mark.parametrize("first", range(0, 60, 7))
def test_a_marked_sentence_is_found_wherever_it_stands(first: int) -> None:
    text = _text(*(7 for _ in range(10)))
    (suspects,) = LOOKS_FOR_ONES.suspects(_marked(first, first + 7, tokens=70), [text], threshold=0.5)
    assert (first, first + 7) in {(each.first, each.last) for each in suspects}
