from __future__ import annotations

import numpy as np

from embedder.runtimes.openvino import pad


def test_sequences_are_put_between_their_special_tokens_and_padded() -> None:
    ids, lengths = pad([np.array([7, 8, 9], dtype=np.int32), np.array([], dtype=np.int32)], (101, 102))
    assert ids.tolist() == [[101, 7, 8, 9, 102], [101, 102, 0, 0, 0]]
    assert lengths.tolist() == [5, 2]
