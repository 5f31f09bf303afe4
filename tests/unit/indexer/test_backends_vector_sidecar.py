"""The vector sidecar: exact while small, coded when large, and masked always."""

from __future__ import annotations

import numpy as np
import pytest

from indexer.backends.embedded import vector_sidecar
from indexer.backends.embedded.vector_sidecar import VectorSidecar

DIMENSIONS, ROWS = 64, 4_000


def clustered(rows: int, *, seed: int = 1) -> vector_sidecar.Vectors:
    numbers = np.random.default_rng(seed)
    centres = numbers.normal(size=(40, DIMENSIONS))
    vectors = centres[numbers.integers(0, 40, rows)] + numbers.normal(0, 0.7, (rows, DIMENSIONS))
    unit: vector_sidecar.Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


def true_nearest(vectors: vector_sidecar.Vectors, query: vector_sidecar.Vectors, mask: vector_sidecar.Mask) -> set[int]:
    similarities = np.where(mask, vectors @ query, -2)
    return set(np.argsort(-similarities)[:10].tolist())


@pytest.mark.parametrize(
    ("exact_limit", "block"), [(ROWS, 9), (100, 10_000), (100, 1_500)], ids=["exact", "coded", "in blocks"]
)
@pytest.mark.parametrize("share", [1.0, 0.95, 0.1, 0.003])
def test_the_nearest_admitted_vectors_are_among_the_candidates(exact_limit: int, block: int, share: float) -> None:
    vectors, numbers = clustered(ROWS), np.random.default_rng(5)
    sidecar = VectorSidecar(DIMENSIONS, exact_limit=exact_limit, block=block)
    for piece in np.array_split(vectors, 7):
        sidecar.add(piece)
    assert len(sidecar) == ROWS
    assert (sidecar.trained_for > 0) == (exact_limit < ROWS)
    found = expected = 0
    for query in vectors[:20]:
        mask = numbers.random(ROWS) < share
        candidates = sidecar.nearest(query, mask=mask, count=10)
        assert mask[candidates].all()
        truth = {slot for slot in true_nearest(vectors, query, mask) if mask[slot]}
        found += len(truth & set(candidates.tolist()))
        expected += len(truth)
    assert found >= 0.99 * expected


def test_a_mask_of_an_older_picture_hides_what_was_added_since() -> None:
    for exact_limit in (ROWS, 100):
        vectors = clustered(500)
        sidecar = VectorSidecar(DIMENSIONS, exact_limit=exact_limit, block=400)
        sidecar.add(vectors)
        slots = sidecar.nearest(vectors[499], mask=np.ones(300, np.bool_), count=5)
        assert slots.size
        assert slots.max() < 300


def test_nothing_admitted_gives_nothing() -> None:
    for exact_limit in (ROWS, 100):
        sidecar = VectorSidecar(DIMENSIONS, exact_limit=exact_limit)
        sidecar.add(clustered(500))
        assert sidecar.nearest(clustered(1)[0], mask=np.zeros(500, np.bool_), count=5).size == 0


@pytest.mark.parametrize("share", [1.0, 0.1, 0.003])
def test_masks_that_are_made_beside_the_scan_admit_the_same(share: float) -> None:
    vectors, numbers = clustered(ROWS), np.random.default_rng(5)
    sidecar = VectorSidecar(DIMENSIONS, exact_limit=100, block=1_500)
    sidecar.add(vectors)
    mask = numbers.random(ROWS - 100) < share
    for query in vectors[:5]:
        beside = sidecar.begin_nearest(query, mask.__getitem__, size=mask.size, count=50, many=True)()
        assert set(beside.tolist()) == set(sidecar.nearest(query, mask=mask, count=50).tolist())


def test_without_faiss_every_scan_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_sidecar, "_faiss", lambda: None)
    sidecar = VectorSidecar(DIMENSIONS, exact_limit=10)
    vectors = clustered(500)
    sidecar.train(vectors, expected=500)
    sidecar.add(vectors)
    mask = np.arange(500) % 2 == 0
    assert true_nearest(vectors, vectors[3], mask) <= set(sidecar.nearest(vectors[3], mask=mask, count=10).tolist())
