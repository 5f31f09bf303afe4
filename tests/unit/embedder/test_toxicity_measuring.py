"""A report tells two things apart: what a model says of texts that it reads whole, and what becomes of documents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from embedder.toxicity.model import FineTune, ModelCard, OwnLayers, Stages, Thresholds, ToxicityModel
from embedder.toxicity.parts import Head, Network
from embedder.toxicity.prefilter import Prefilter
from tests.unit.embedder.conftest import HIDDEN, write_tiny_model

pytest.importorskip("sklearn", reason="needs the train extra")

from embedder.toxicity.learning.cascade import scores_of_documents
from embedder.toxicity.learning.encoding import Encoder
from embedder.toxicity.learning.examples import Example
from embedder.toxicity.learning.measuring import measure

EXAMPLES = [
    Example(f"{letter} b c d", toxic=letter in "uvwxyz", categories=None, source="letters", group=letter)
    for letter in "efghijuvwxyz"
]
TOXIC = sum(example.toxic for example in EXAMPLES)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Encoder]:
    yield Encoder.load(str(write_tiny_model(tmp_path_factory.mktemp("tiny") / "tiny")))


def _always(answer: float, *, reads: int = 4 * HIDDEN) -> Network:
    nothing = np.zeros((reads, 1), dtype=np.float32)
    bias = np.array([answer], dtype=np.float32)
    return Network(nothing, np.zeros(1, np.float32), np.zeros((1, 1), np.float32), bias)


def _head(answer: float) -> Head:
    return Head(_always(answer), (), np.ones((1, 1), np.float32), np.zeros(1, np.float32))


def _card(encoder: Encoder, fine_tuned: FineTune) -> ModelCard:
    return ModelCard(
        name="ours", version="1", encoder=encoder.name, encoder_sha256=encoder.sha256, categories=(), multi_label=False,
        stages=Stages.TWO, thresholds=Thresholds(prefilter=0.5, flag=0.5, hide=0.9), fine_tuned=fine_tuned,
    )  # fmt: skip


def _figures(encoder: Encoder, *, screen: float) -> dict[str, Any]:
    """Measure a model whose own layers take everything for toxic, behind a screen that always says the same."""
    unsuspecting = Prefilter(_always(-9, reads=3 * HIDDEN))
    own = OwnLayers({}, _head(screen))
    model = ToxicityModel(_card(encoder, FineTune.TOP_LAYERS), _head(9), None, prefilter=unsuspecting, own_layers=own)
    return measure(model, EXAMPLES, encoder, encoder.with_layers(own), most=100)


def test_what_a_screen_lets_pass_is_lost_and_counted(encoder: Encoder) -> None:
    figures = _figures(encoder, screen=-9)
    assert figures["toxic"]["recall"] == 1.0
    assert figures["as_documents"]["toxic"]["recall"] == 0.0
    assert figures["as_documents"]["toxic_lost"] == TOXIC
    assert figures["as_documents"]["dilution"] == {"passages": TOXIC, "found": 0.0}
    assert figures["as_documents"]["traps"]["flagged"] == 0 < figures["traps"]["flagged"]


def test_what_a_screen_suspects_is_judged_as_if_it_were_read_whole(encoder: Encoder) -> None:
    figures = _figures(encoder, screen=9)
    assert figures["as_documents"]["toxic_lost"] == 0
    assert figures["as_documents"]["toxic"] == figures["toxic"]
    assert figures["as_documents"]["dilution"]["found"] == 1.0


@pytest.mark.parametrize("letters", ["ab", "ba"])
def test_a_text_too_long_for_one_pass_is_as_toxic_as_its_worst_part(encoder: Encoder, letters: str) -> None:
    weight = np.random.default_rng(5).normal(size=(4 * HIDDEN, 1)).astype(np.float32)
    one, none = np.ones((1, 1), np.float32), np.zeros(1, np.float32)
    card = _card(encoder, FineTune.NONE)
    model = ToxicityModel(card, Head(Network(weight, 50 * one[0], one, -45 * one[0]), (), one, none), None)
    parts = [" ".join(letter * encoder.max_tokens) for letter in letters]

    scores = scores_of_documents(model, encoder, encoder, encoder.read([" ".join(parts), *parts]))

    assert abs(scores[1] - scores[2]) > 0.01
    assert scores[0] == pytest.approx(max(scores[1:]), abs=1e-6)
