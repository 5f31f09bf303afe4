"""The seam between the embedder and whatever multiplies its matrices.

A runtime takes bare token sequences and gives pooled hidden states; how it pads or packs them is its own affair.
Everything behind that (unit length, toxicity) is the same for every runtime and lies in `enricher.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from vocabulary.documents import TokenIds

# Two neighbouring blocks are a window of the toxicity prefilter: of windows of 16, 32 and 48 tokens the shortest found
# most (decision 013).
BLOCK_TOKENS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Pooled:
    """What one pass over n sequences gives, all float32.

    `features` holds the mean of the hidden states at a third, at two thirds and at the end of the layers, and the
    maximum of the last ones: the input of the toxicity head. `blocks` holds the three means of every `BLOCK_TOKENS`
    tokens in a row, special ones included: block b of a sequence is about its tokens [8 b, 8 b + 8) as far as it has
    them, and 0 behind its end. Maxima of blocks would cost 3 % of the pass and find nothing more (decision 013).

    A runtime that cannot look into the model gives neither, and nothing is scored then.
    """

    embeddings: npt.NDArray[np.float32]  # [n, hidden], as the model's own pooling says, of any length
    features: npt.NDArray[np.float32] | None = None  # [n, 4 * hidden]
    blocks: npt.NDArray[np.float32] | None = None  # [n, blocks, 3 * hidden]; only if asked for at loading


@dataclass(frozen=True, slots=True)
class Batching:
    """How a runtime wants its batches, where an operator sets nothing else."""

    max_tokens: int  # in one batch, special tokens included
    look_ahead: int  # waiting sequences that are sorted by length together
    packed: bool = False  # a batch costs its tokens; otherwise its rectangle, so that similar lengths belong together

    def with_settings(self, *, max_tokens: int, look_ahead: int) -> Batching:
        """Return the same with what an operator has set; 0 leaves the runtime its own."""
        return replace(self, max_tokens=max_tokens or self.max_tokens, look_ahead=look_ahead or self.look_ahead)


class Runtime(Protocol):
    """One loaded model on one device."""

    @property
    def name(self) -> str:
        """Library and arithmetic, for logs and reports; never part of a recipe."""
        ...

    @property
    def parallel_runs(self) -> int:
        """How many calls of `run` keep the device busy. One more at the same time is allowed, for a query."""
        ...

    @property
    def batching(self) -> Batching:
        """The batches that it runs best with; others give the same results."""
        ...

    def run(self, sequences: Sequence[TokenIds]) -> Pooled:
        """Compute one batch of at least one sequence, each within the model's limit. Blocks; safe from any thread."""
        ...


def feature_layers(layers: int) -> tuple[int, int, int]:
    """Return the layers, counted from 1, whose means are features: 2, 4 and 6 of 6."""
    return max(1, round(layers / 3)), max(1, round(2 * layers / 3)), layers
