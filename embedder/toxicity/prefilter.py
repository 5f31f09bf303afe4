"""Which sentences of a passage are worth a closer look, told from windows of the pass that embeds the passage.

A toxic sentence vanishes in the means of a long passage, yet not in those of the 16 tokens around it. In go the
means of blocks that the pass gives beside those of the whole, out come sentences that may be toxic; only they are
computed as sequences of their own. The prefilter is to miss little and may be wrong often: its mistakes cost time.

A window is two neighbouring blocks; each block but the last begins one, and a text of one block is one window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from embedder.models.folder import SPECIAL_TOKENS
from embedder.runtimes.port import BLOCK_TOKENS
from embedder.toxicity.ngrams import Array, Numbers
from embedder.toxicity.parts import Network, sigmoid
from embedder.toxicity.sentences import Sentence, sentences_of
from vocabulary.documents import ReadText

WINDOW_BLOCKS = 2
_FIRST_TOKEN = SPECIAL_TOKENS // 2  # a sequence begins with one special token, which belongs to its first block
# A sentence that a suspicious window only touches is not what made it suspicious.
_MIN_OVERLAP = 4


@dataclass(frozen=True, slots=True, eq=False)
class Prefilter:
    """A network on windows, with one output."""

    network: Network

    def window_scores_0_1(self, blocks: Array, lengths: Numbers) -> Array:
        """Return how suspicious each window is, float32 [n, windows]; 0 behind a sequence's last window.

        `blocks` float32 [n, blocks, 3 * hidden] are those of a pass, `lengths` [n] the tokens of its sequences, special
        ones included. What a runtime gives behind the means is not read.
        """
        blocks = blocks[..., : len(self.network.hidden_weight)]
        # The first product is linear in the means, so that each block is multiplied once and not with either window.
        hidden = window_means(blocks @ self.network.hidden_weight, lengths) + self.network.hidden_bias
        logits = np.maximum(hidden, 0) @ self.network.output_weight + self.network.output_bias
        scores: Array = np.where(windows_inside(blocks.shape[1], lengths), sigmoid(logits[..., 0]), np.float32(0))
        return scores

    def suspects(self, blocks: Array, texts: Sequence[ReadText], threshold: float) -> list[list[Sentence]]:
        """Return each text's sentences in windows that score at least `threshold`, in the order of the text."""
        lengths = np.array([len(text.tokens.ids) for text in texts], dtype=np.int64) + SPECIAL_TOKENS
        scores = self.window_scores_0_1(blocks, lengths)
        return [
            _suspicious(sentences_of(text), windows, threshold) if windows.max() >= threshold else []
            for text, windows in zip(texts, scores, strict=True)
        ]


def window_means(blocks: Array, lengths: Numbers) -> Array:
    """Return the means of windows, float32 [n, windows, k], for those of blocks [n, blocks, k]."""
    if blocks.shape[1] == 1:
        return blocks
    tokens = _block_tokens(blocks.shape[1], lengths)[..., None]
    sums = blocks * tokens
    means: Array = (sums[:, :-1] + sums[:, 1:]) / np.maximum(tokens[:, :-1] + tokens[:, 1:], 1)
    return means


def windows_inside(blocks: int, lengths: Numbers) -> npt.NDArray[np.bool_]:
    """Return which windows belong to their sequences, [n, windows]: the first, and those with a second block."""
    inside: npt.NDArray[np.bool_] = _block_tokens(max(blocks, WINDOW_BLOCKS), lengths)[:, 1:] > 0
    inside[:, 0] = True
    return inside


def _block_tokens(blocks: int, lengths: Numbers) -> Array:
    """Return how many tokens each block holds, float32 [n, blocks]."""
    before = BLOCK_TOKENS * np.arange(blocks)
    tokens: Array = np.clip(np.asarray(lengths)[:, None] - before, 0, BLOCK_TOKENS).astype(np.float32)
    return tokens


def window_places(windows: int) -> Numbers:
    """Return the tokens [first, last) of a text that each window looks at, special tokens not counted: [windows, 2]."""
    first = BLOCK_TOKENS * np.arange(windows)[:, None] - _FIRST_TOKEN
    return np.concatenate([first, first + WINDOW_BLOCKS * BLOCK_TOKENS], axis=1)


def sentence_scores_0_1(windows: Array, sentences: Sequence[Sentence]) -> Array:
    """Return how suspicious each sentence is, float32 [sentences]: as its worst window, of a text's [windows].

    It is in a window with `_MIN_OVERLAP` tokens, or whole if it has fewer.
    """
    runs = np.array([(each.first, each.last) for each in sentences], dtype=np.int64).reshape(-1, 1, 2)  # perhaps none
    places = window_places(len(windows))
    overlaps = np.minimum(runs[..., 1], places[:, 1]) - np.maximum(runs[..., 0], places[:, 0])
    inside = overlaps >= np.minimum(_MIN_OVERLAP, runs[..., 1] - runs[..., 0])
    scores: Array = np.where(inside, windows, np.float32(0)).max(axis=1)
    return scores


def _suspicious(sentences: Sequence[Sentence], windows: Array, threshold: float) -> list[Sentence]:
    scores = sentence_scores_0_1(windows, sentences)
    return [sentence for sentence, score in zip(sentences, scores, strict=True) if score >= threshold]
