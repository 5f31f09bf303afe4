"""What a toxicity model is computed from: a network on poolings, tables of n-grams, and a regression over both.

The parts see different things and err differently; each is trained by itself, and the regression that stacks them
learns on texts that none of them has seen how far to trust which. That makes its outputs calibrated as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from embedder.toxicity.ngrams import Array, NgramTable
from vocabulary.documents import ReadText


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """One hidden layer of rectified units. The features' standardisation is folded into its weights."""

    hidden_weight: Array  # [features, units]
    hidden_bias: Array  # [units]
    output_weight: Array  # [units, outputs]
    output_bias: Array  # [outputs]

    def logits(self, features: Array) -> Array:
        """Return float32 [n, outputs] for features [n, features]."""
        hidden = np.maximum(features @ self.hidden_weight + self.hidden_bias, 0)
        logits: Array = hidden @ self.output_weight + self.output_bias
        return logits


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """Parts and the stacking regression. `parts` below are the network and the tables, in this order."""

    network: Network
    tables: tuple[NgramTable, ...]
    stack_weight: Array  # [parts * outputs of a part, outputs]
    stack_bias: Array  # [outputs]

    @property
    def outputs(self) -> int:
        return len(self.stack_bias)

    def logits(self, features: Array, texts: Sequence[ReadText]) -> Array:
        """Return calibrated logits, float32 [n, outputs]."""
        logits: Array = self.part_logits(features, texts) @ self.stack_weight + self.stack_bias
        return logits

    def part_logits(self, features: Array, texts: Sequence[ReadText]) -> Array:
        """Return every part's logits side by side, as the regression reads them: float32 [n, parts * their outputs]."""
        return np.concatenate([self.network.logits(features), *(table.logits(texts) for table in self.tables)], axis=1)


def sigmoid(logits: Array) -> Array:
    """Return probabilities, float32; clipped where float32 ends anyway, so that exp() cannot overflow."""
    odds_against: Array = np.exp(-np.clip(logits, -30, 30), dtype=np.float32)
    return np.float32(1) / (np.float32(1) + odds_against)


def softmax(logits: Array) -> Array:
    """Return probabilities that sum to 1 in each row, float32 [n, outputs]."""
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True), dtype=np.float32)
    probabilities: Array = exponentials / exponentials.sum(axis=1, keepdims=True)
    return probabilities
