"""Rows of the embedded engine to values and back, number by number."""

from __future__ import annotations

import numpy as np

from indexer.backends.embedded.codec import vectors_from_blobs, widened

EVERY_HALF = np.arange(1 << 16, dtype=np.uint16).view(np.float16)


def test_every_half_is_widened_to_the_number_that_it_is() -> None:
    finite = EVERY_HALF[np.isfinite(EVERY_HALF)]
    assert np.array_equal(widened(finite).view(np.uint32), finite.astype(np.float32).view(np.uint32))
    assert np.array_equal(widened(EVERY_HALF), EVERY_HALF.astype(np.float32), equal_nan=True)


def test_a_missing_vector_is_zero() -> None:
    stored = np.asarray([1.5, -2.0], "<f2").tobytes()
    assert vectors_from_blobs([stored, None], 2).tolist() == [[1.5, -2.0], [0.0, 0.0]]
    assert vectors_from_blobs([], 2).shape == (0, 2)
