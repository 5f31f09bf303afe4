"""A few sequences by which a way to compute a model is tried before it is trusted."""

from __future__ import annotations

import numpy as np

from vocabulary.documents import TokenIds

_LENGTHS = (1, 2, 15, 40, 127, 3)  # odd ones, and on both sides of blocks and of steps of the buckets


def probe_sequences(*, vocabulary: int, max_tokens: int) -> list[TokenIds]:
    """Return the same sequences each time, within the model's limits."""
    random = np.random.default_rng(0)
    return [random.integers(0, vocabulary, size=min(length, max_tokens), dtype=np.int32) for length in _LENGTHS]
