"""Features to inputs of equal scale for what learns from them, and the scale folded back into the weights it found.

An encoder may have dead dimensions, which its last normalisation multiplies with nearly nothing: all-MiniLM-L6-v2 has
some that are the same for every text up to 1e-8, beside others that vary by 0.1 and more. What varies in them is noise
of one processor's arithmetic. Scaled up like the rest it gets weights of 1e7 and more, which say nothing here, other
things in another arithmetic, and everything as soon as layers are fine-tuned. Such a feature counts as constant: its
weight is 0. Needs the `train` extra.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.preprocessing import StandardScaler

from embedder.toxicity.ngrams import Array

# Standard deviations: float16 keeps states of size 1 to 5e-4, bfloat16 to 4e-3.
_LEAST_SPREAD = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Standardisation:
    """Mean 0 and standard deviation 1 for each feature that varies, 0 for the others."""

    mean: Array  # [features]
    scale: Array  # [features]; infinite for those that count as constant

    @classmethod
    def of(cls, features: Array) -> Self:
        """Measure features [n, features]."""
        scaler = StandardScaler().fit(features)
        return cls(scaler.mean_, np.where(np.sqrt(scaler.var_) < _LEAST_SPREAD, np.inf, scaler.scale_))

    def applied(self, features: Array) -> Array:
        """Return inputs, float32 [n, features]."""
        inputs: Array = features - self.mean.astype(np.float32)
        inputs /= self.scale.astype(np.float32)
        return inputs

    def folded(self, weight: Any, bias: Any) -> tuple[Array, Array]:
        """Turn weights [features, units] and biases [units] for inputs into those for features, float32."""
        inner = weight / self.scale[:, None]
        return inner.astype(np.float32), (bias - self.mean @ inner).astype(np.float32)
