"""A fine-tuned model: its file, and that its own layers see suspicious sentences and nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, safe_open, save_file

from embedder import EmbedderConfig, open_enricher
from embedder.calls import Call
from embedder.encoders import Encoders
from embedder.finishing import finish
from embedder.models import BertWeights, read_model_folder, read_weights
from embedder.scorers import Scorer
from embedder.toxicity.model import FineTune, ModelCard, OwnLayers, Stages, Thresholds, ToxicityModel
from embedder.toxicity.model_file import load_model, save_model
from embedder.toxicity.ngrams import Array
from embedder.toxicity.parts import Head, Network
from embedder.toxicity.prefilter import Prefilter
from embedder.toxicity.registry import ModelRegistry
from embedder.worker import Worker
from tests.unit.embedder.conftest import FEED_FORWARD, HIDDEN, write_tiny_model
from tests.unit.embedder.test_toxicity_cascade import (
    GRIM,
    MODEL,
    POLITE,
    RUDE,
    CountingRuntime,
    _alone,
    _flagged,
    _network,
    _read,
)
from vocabulary.documents import CLEAN, ReadText, Toxicity
from vocabulary.errors import SettingInvalid

TOP = "encoder.layer.3.output.dense.bias"
# Its screen and its prefilter take any bad word for suspicious; its own layers know that only threats are toxic.
TUNED = replace(
    MODEL,
    card=replace(MODEL.card, fine_tuned=FineTune.TOP_LAYERS),
    toxic=_alone(_network([0, 1, 0, 0], slope=60, bias=-20)),
    own_layers=OwnLayers(
        {TOP: np.zeros(HIDDEN, dtype=np.float16)}, MODEL.toxic or _alone(_network([0], slope=0, bias=0))
    ),
)


def _scored(*texts: str, model: ToxicityModel = TUNED) -> tuple[Sequence[Toxicity], list[int], list[int]]:
    """Return scores, and the lengths of what either encoder computed."""
    embedding, own = CountingRuntime(), CountingRuntime(blocks=False)
    worker: Worker[Any] = Worker(embedding, finish=finish, run=Encoders(embedding))
    call = Call([_read(text) for text in texts], dimensions=8, scorer=Scorer(model, own))
    worker.submit(call.works)
    try:
        return call.future.result(timeout=10).toxicity, embedding.lengths, own.lengths
    finally:
        worker.close()


def test_clean_text_never_reaches_the_own_layers() -> None:
    scores, embedded, judged = _scored(*(" ".join([POLITE] * count) for count in range(1, 6)))
    assert sorted(embedded) == [9 * count for count in range(1, 6)]
    assert not judged
    assert all(each.score_0_1 < 0.01 and not each.spans for each in scores)


def test_the_own_layers_judge_what_the_first_pass_suspects() -> None:
    text = " ".join([POLITE, POLITE, RUDE, *[POLITE] * 8, GRIM, *[POLITE] * 4])
    (toxicity,), embedded, judged = _scored(text)
    assert _flagged(text, toxicity) == [(GRIM, "threat")]
    assert len(embedded) == 1
    assert 3 <= len(judged) <= 7
    assert sorted(judged)[-1] == embedded[0], "what only screens does not judge"
    assert sorted(judged)[-2] < 12, "besides, only sentences were judged"


def test_a_suspicion_that_the_own_layers_do_not_share_is_gone() -> None:
    scores, embedded, judged = _scored(RUDE, GRIM)
    assert [bool(each.spans) for each in scores] == [False, True]
    assert scores[0].score_0_1 < 0.01
    assert scores[1].score_0_1 > 0.9
    assert sorted(embedded) == sorted(judged), "a text of one sentence is judged as a whole, once"


def test_a_text_that_is_suspicious_as_a_whole_is_judged_as_a_whole_too() -> None:
    text = f"{RUDE} {RUDE}"
    (toxicity,), embedded, judged = _scored(text)
    assert toxicity.score_0_1 < 0.01
    assert sorted(judged) == sorted([*embedded, embedded[0] // 2, embedded[0] // 2])


def test_the_screen_judges_no_text_of_which_it_suspects_a_sentence() -> None:
    text = " ".join([POLITE] * 12 + [RUDE])
    (toxicity,), (embedded,), judged = _scored(text)
    assert toxicity.score_0_1 < 0.01
    assert embedded in judged


def test_batches_of_texts_and_sentences_keep_their_places() -> None:
    texts = [" ".join([POLITE] * (number % 5) + [GRIM] * (number % 2) + [POLITE] * 4) for number in range(40)]
    scores, embedded, _ = _scored(*texts)
    assert len(embedded) == len(texts)
    assert [bool(each.spans) for each in scores] == [number % 2 == 1 for number in range(40)]


def test_a_text_without_tokens_is_clean() -> None:
    always = _alone(_network([0, 0, 1, 0], slope=60, bias=60))
    suspecting = replace(TUNED, own_layers=OwnLayers({}, always))
    assert _scored("", model=suspecting)[0] == [CLEAN]


def test_a_file_keeps_the_own_layers(tmp_path: Path) -> None:
    own = {TOP: np.arange(HIDDEN, dtype=np.float16)}
    assert TUNED.own_layers is not None
    save_model(replace(TUNED, own_layers=replace(TUNED.own_layers, tensors=own)), tmp_path / "model.safetensors")
    kept = load_model(tmp_path / "model.safetensors")
    assert kept.card.fine_tuned is FineTune.TOP_LAYERS
    assert kept.own_layers is not None
    assert kept.own_layers.tensors[TOP].tolist() == own[TOP].tolist()
    features = np.eye(4, dtype=np.float32)
    texts = [_read("work")] * 4
    assert kept.own_layers.screened_0_1(features, texts).tolist() == (
        TUNED.own_layers.screened_0_1(features, texts).tolist()
    )


def _changed(file: Path, *, tensors: dict[str, Any] | None = None, fine_tuned: str | None = None) -> None:
    with safe_open(file, framework="numpy") as stored:
        document = json.loads(stored.metadata()["sightline"])
    document["card"]["fine_tuned"] = fine_tuned or document["card"]["fine_tuned"]
    changed = {name: each for name, each in (load_file(file) | (tensors or {})).items() if each is not None}
    save_file(changed, file, metadata={"sightline": json.dumps(document)})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"fine_tuned": "none"}, "belong to no part: own_layers"),
        ({"fine_tuned": "most"}, "'most' is not a valid FineTune"),
        ({"tensors": {f"own_layers.{TOP}": None}}, "no layers of its own"),
        ({"tensors": {"screen.stack_bias": None}}, "it lacks 'screen.stack_bias'"),
        ({"tensors": {f"own_layers.{TOP}": np.zeros(HIDDEN, dtype=np.float32)}}, "is float32"),
        ({"tensors": {f"own_layers.{TOP}": np.full(HIDDEN, np.nan, dtype=np.float16)}}, "not finite"),
    ],
)
def test_a_file_whose_own_layers_are_wrong_is_refused(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    file = tmp_path / "model.safetensors"
    save_model(TUNED, file)
    _changed(file, **change)
    with pytest.raises(SettingInvalid, match=said):
        load_model(file)


@pytest.mark.parametrize(
    ("tensors", "said"),
    [({"encoder.layer.9.output.dense.bias": np.zeros(HIDDEN)}, "no such tensor"), ({TOP: np.zeros(3)}, r"\[8\]")],
)
def test_layers_that_an_encoder_does_not_have_are_refused(tmp_path: Path, tensors: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        _weights(write_tiny_model(tmp_path / "tiny")).replaced(tensors)


def _weights(folder: Path) -> BertWeights:
    return read_weights(read_model_folder(folder))


def _tiny_tuned(folder: Path, models: Path, tensors: dict[str, Any]) -> None:
    """Publish and approve a model that judges by the mean of the last layer, and suspects everything."""
    ones = np.ones(1, dtype=np.float32)

    def head(weight: Array, bias: float) -> Head:
        # The unit is always at work: 50 is more than its input has.
        network = Network(weight[:, None], 50 * ones, ones[:, None], np.zeros(1, dtype=np.float32))
        return Head(network, (), ones[:, None], np.full(1, bias, dtype=np.float32))

    weight = (0.05 * np.random.default_rng(3).normal(size=4 * HIDDEN)).astype(np.float32)
    thresholds = Thresholds(prefilter=0.0, flag=0.5, hide=0.9)
    card = ModelCard("own", "", "tiny", _weights(folder).sha256, (), False, Stages.TWO, thresholds, FineTune.TOP_LAYERS)
    own = OwnLayers(tensors, head(np.zeros_like(weight), 0))
    ModelRegistry(models).publish(ToxicityModel(card, head(weight, -50), None, own_layers=own), {})
    ModelRegistry(models).approve("own@1", by="ada", at=datetime(2026, 5, 1, tzinfo=UTC))


async def _vector_and_scores(folder: Path, models: Path, setting: str = "own") -> tuple[Any, list[float]]:
    config = EmbedderConfig(model=str(folder), models_folder=models, toxicity_model=setting, threads=1)
    async with open_enricher(config) as enricher:
        text = ReadText("a b c d e f", enricher.tokenise("a b c d e f"))
        enriched = await enricher.enrich([text])
        return enriched.vectors, [enriched.toxicity[0].score_0_1, (await enricher.score_now(text)).score_0_1]


async def test_the_embedder_scores_by_the_own_layers_and_embeds_by_the_others(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path / "tiny")
    scores = {}
    for name, bias in (("same", 0.0), ("moved", 2.0)):
        kept = _weights(folder)[TOP]
        _tiny_tuned(folder, tmp_path / name, {TOP: (kept + bias * np.arange(HIDDEN)).astype(np.float16)})
        vectors, (in_a_sync, alone) = await _vector_and_scores(folder, tmp_path / name)
        assert in_a_sync == pytest.approx(alone, abs=1e-6)
        unscored, _ = await _vector_and_scores(folder, tmp_path / name, "none")
        assert vectors.tolist() == unscored.tolist()
        scores[name] = alone
    assert abs(scores["moved"] - scores["same"]) > 0.01


@pytest.mark.parametrize("tensors", [{"pooler.bias": np.zeros(3)}, {TOP: np.zeros(FEED_FORWARD)}])
async def test_own_layers_that_do_not_fit_stop_the_start(tmp_path: Path, tensors: dict[str, Any]) -> None:
    folder = write_tiny_model(tmp_path / "tiny")
    _tiny_tuned(folder, tmp_path / "models", {name: each.astype(np.float16) for name, each in tensors.items()})
    with pytest.raises(SettingInvalid, match=r"embedder\.toxicity_model: own@1 does not fit its encoder"):
        await _vector_and_scores(folder, tmp_path / "models")


def test_a_model_with_a_prefilter_screens_without_it_too() -> None:
    assert isinstance(TUNED.prefilter, Prefilter)
    (toxicity,), _, judged = _scored(f"{POLITE} {GRIM} {POLITE}", model=replace(TUNED, prefilter=None))
    assert toxicity.category == "threat"
    assert len(judged) == 4, "three sentences and the whole"
