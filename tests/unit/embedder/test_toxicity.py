from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from embedder import EmbedderConfig, open_enricher
from embedder.toxicity.head import SHIPPED_HEAD, ToxicityHead
from vocabulary.documents import ReadText
from vocabulary.errors import SettingInvalid

# Written for this test; no training text.
CLEAN = [
    "The quarterly report is due on Friday.",
    "Please kill the stuck process and restart the server.",
    "Our harassment policy applies to all employees and contractors.",
    "The patient was given a retardant-free dressing after the burn.",
    "Rape seed oil prices rose by four percent in March.",
    "Meeting moved to room 4; bring the budget figures.",
]
TOXIC = [
    "you are a worthless piece of shit",
    "shut up you stupid idiot, nobody likes you",
    "go to hell, you disgusting moron",
    "what a bunch of fucking losers",
]


def _head(units: int = 3) -> ToxicityHead:
    random = np.random.default_rng(1)
    return ToxicityHead(
        version="test-1",
        encoder_sha256="ab",
        centre=random.normal(size=8).astype(np.float32),
        scale=np.full(8, 2, dtype=np.float32),
        hidden_weight=random.normal(size=(8, units)).astype(np.float32),
        hidden_bias=random.normal(size=units).astype(np.float32),
        output_weight=random.normal(size=units).astype(np.float32),
        output_bias=np.array([0.5], dtype=np.float32),
    )


def test_a_head_comes_back_from_its_file_unchanged(tmp_path: Path) -> None:
    head, features = _head(), np.random.default_rng(2).normal(size=(5, 8)).astype(np.float32)
    head.save(tmp_path / "head.safetensors")

    loaded = ToxicityHead.load(tmp_path / "head.safetensors")

    assert (loaded.version, loaded.encoder_sha256) == ("test-1", "ab")
    np.testing.assert_array_equal(loaded.score_0_1(features), head.score_0_1(features))


def test_scores_are_float32_probabilities_even_far_out() -> None:
    features = np.random.default_rng(2).normal(size=(50, 8)).astype(np.float32) * 1e4
    scores = _head().score_0_1(features)
    assert scores.dtype == np.float32
    assert np.all((scores >= 0) & (scores <= 1))


def test_a_score_is_the_logistic_of_the_network() -> None:
    head, features = _head(), np.ones((1, 8), dtype=np.float32)
    hidden = np.maximum((features[0] - head.centre) / head.scale @ head.hidden_weight + head.hidden_bias, 0)
    logit = float(hidden @ head.output_weight + head.output_bias[0])
    assert head.score_0_1(features)[0] == pytest.approx(1 / (1 + np.exp(-logit)), rel=1e-5)


@pytest.mark.parametrize("content", [b"", b"not a head", b"\x10" * 64])
def test_a_damaged_head_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "head.safetensors"
    file.write_bytes(content)
    with pytest.raises(SettingInvalid, match=r"head\.safetensors"):
        ToxicityHead.load(file)


async def test_the_shipped_head_tells_abuse_from_business() -> None:
    async with open_enricher(EmbedderConfig()) as enricher:
        read = [ReadText(text, enricher.tokenise(text)) for text in CLEAN + TOXIC]
        scores = [each.score_0_1 for each in await enricher.score(read)]
    clean, toxic = scores[: len(CLEAN)], scores[len(CLEAN) :]
    assert max(clean) < 0.5 < min(toxic), (clean, toxic)


def test_the_shipped_head_is_small_and_has_a_card() -> None:
    assert SHIPPED_HEAD.stat().st_size < 300_000
    card = SHIPPED_HEAD.with_suffix(".md").read_text(encoding="utf-8")
    assert ToxicityHead.load(SHIPPED_HEAD).version in card
    for licence in ("CC0-1.0", "MIT", "Apache-2.0"):
        assert licence in card
