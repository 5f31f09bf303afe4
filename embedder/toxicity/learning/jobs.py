"""What one head learns: which examples have an answer for it, and what that is; and the head with what it was tried on.

Between the examples of a set and the arrays that are fitted lies one function, which gives an example's target or says
that it has none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from embedder.toxicity.learning.encoding import Encoder, Progress
from embedder.toxicity.learning.examples import Example
from embedder.toxicity.learning.fitting import Lot, Plan, Targets
from embedder.toxicity.ngrams import Array
from embedder.toxicity.parts import Head


@dataclass(frozen=True, slots=True)
class Job:
    """A head to fit. `target` gives a number or, for independent outputs, a list of them; None where it is unknown."""

    plan: Plan
    target: Callable[[Example], Any]

    def of(self, examples: Sequence[Example]) -> list[Example]:
        """Return the examples that have a target."""
        return [example for example in examples if self.target(example) is not None]

    def lot(self, encoder: Encoder, examples: Sequence[Example], progress: Progress) -> Lot:
        """Return examples, which all have a target, with their features."""
        lot = self.bare_lot(encoder, examples)
        return Lot(lot.texts, lot.targets, encoder.features(lot.texts, progress))

    def bare_lot(self, encoder: Encoder, examples: Sequence[Example]) -> Lot:
        """Return examples without features, as tables of n-grams need none."""
        texts = encoder.read([example.text for example in examples])
        targets = np.array([self.target(example) for example in examples], dtype=np.int64)
        return Lot(texts, targets, np.empty((0, 0), dtype=np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A head, and its calibrated logits of texts that its parts have not seen."""

    job: Job
    head: Head
    calibration: Sequence[Example]
    logits: Array
    targets: Targets
