"""Layers that a model gets of its own: trained for real, on a BERT of a few hundred numbers."""

from __future__ import annotations

import csv
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedder.models import BertWeights, ModelFolder, read_model_folder, read_weights
from embedder.toxicity.model import FineTune
from embedder.toxicity.model_file import load_model
from embedder.toxicity.parts import Network
from tests.unit.embedder.conftest import HIDDEN, write_tiny_model
from tests.unit.service.cli_folder import CliFolder

pytest.importorskip("torch", reason="needs the finetune extra")
pytest.importorskip("sklearn", reason="needs the finetune extra")

from embedder.toxicity.learning.fine_tuning import FineTuned, Task, fine_tune
from embedder.toxicity.learning.fitting import Kind

pytestmark = pytest.mark.reference

COUNT = 400


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[ModelFolder, BertWeights]:
    path = write_tiny_model(tmp_path_factory.mktemp("tiny") / "tiny")
    folder = read_model_folder(path)
    return folder, read_weights(folder)


def _network(outputs: int, seed: int) -> Network:
    random = np.random.default_rng(seed)
    return Network(
        (0.1 * random.normal(size=(4 * HIDDEN, 6))).astype(np.float32),
        np.zeros(6, dtype=np.float32),
        (0.1 * random.normal(size=(6, outputs))).astype(np.float32),
        np.zeros(outputs, dtype=np.float32),
    )


def _tuned(tiny: tuple[ModelFolder, BertWeights], which: FineTune, *, seed: int = 4) -> FineTuned:
    """Train on sequences whose half of the vocabulary tells what they are; a third does not have the last target."""
    random = np.random.default_rng(1)
    toxic = random.integers(2, size=COUNT)
    lengths = random.integers(2, 10, size=COUNT)
    sequences = [
        random.integers(5 + 13 * half, 18 + 13 * half, size=length).astype(np.int32)
        for half, length in zip(toxic, lengths, strict=True)
    ]
    which_letter = np.array([int(sequence.max() % 3) for sequence in sequences])
    tasks = [
        Task(Kind.BINARY, _network(1, 1), toxic, np.ones(COUNT, dtype=bool)),
        Task(Kind.EXCLUSIVE, _network(3, 2), which_letter, toxic > 0),
        Task(Kind.INDEPENDENT, _network(2, 3), np.stack([toxic, 1 - toxic], axis=1), np.arange(COUNT) % 3 > 0),
    ]
    return fine_tune(
        which, *tiny, special_ids=(2, 3), sequences=sequences, validating=np.arange(COUNT) % 10 == 0, tasks=tasks,
        seed=seed,
    )  # fmt: skip


@pytest.mark.parametrize("which", [FineTune.TOP_LAYERS, FineTune.ENCODER])
def test_training_lowers_the_loss_of_texts_that_it_does_not_learn_from(
    tiny: tuple[ModelFolder, BertWeights], which: FineTune
) -> None:
    tuned = _tuned(tiny, which)
    assert tuned.steps > 0
    assert tuned.loss < tuned.loss_before
    assert [network.output_weight.shape for network in tuned.networks] == [(6, 1), (6, 3), (6, 2)]


def test_only_the_layers_that_were_asked_for_become_own(tiny: tuple[ModelFolder, BertWeights]) -> None:
    _, weights = tiny
    top, whole = (_tuned(tiny, which).tensors for which in (FineTune.TOP_LAYERS, FineTune.ENCODER))
    assert {name.split(".")[2] for name in top} == {"3"}  # of layers 0 to 3
    assert set(whole) == set(weights.tensors)
    for tensors in (top, whole):
        weights.replaced(tensors)
        moved = [name for name, each in tensors.items() if np.any(each != weights[name].astype(np.float16))]
        assert len(moved) > len(tensors) / 2


def test_the_same_seed_gives_the_same_layers(tiny: tuple[ModelFolder, BertWeights]) -> None:
    first, again, other = (_tuned(tiny, FineTune.TOP_LAYERS, seed=seed) for seed in (4, 4, 5))
    assert all(np.array_equal(first.tensors[name], each) for name, each in again.tensors.items())
    assert np.array_equal(first.networks[0].hidden_weight, again.networks[0].hidden_weight)
    assert not all(np.array_equal(first.tensors[name], each) for name, each in other.tensors.items())


def _write_data(file: Path) -> None:
    """Toxic are texts in which the letters of the first half of the alphabet come last."""
    chosen = random.Random(3)
    texts = {" ".join(chosen.sample("abcdefghijklmnopqrstuvwxyz", 4)) for _ in range(1_700)}
    with file.open("w", newline="") as stream:
        rows = ((text, _label(text)) for text in sorted(texts))
        csv.writer(stream).writerows([("text", "label"), *rows])


def _label(text: str) -> str:
    return "clean" if text[0] < text[-1] else "insult" if text[-1] > "m" else "threat"


@pytest.mark.parametrize("stages", ["one", "two"])
def test_a_fine_tuned_model_is_trained_measured_approved_and_loaded(tmp_path: Path, stages: str) -> None:
    work = CliFolder(tmp_path)
    write_tiny_model(tmp_path / "tiny")
    _write_data(tmp_path / "data.csv")
    options = ["--encoder", str(tmp_path / "tiny"), "--folder", str(tmp_path / "models")]
    options += ["--data", str(tmp_path / "data.csv")]

    trained: dict[str, Any] = work.json(
        "models", "train", "toxicity", "--name", "ours", *options, "--fine-tune", "top-layers", "--stages", stages
    )

    model = load_model(tmp_path / "models" / "ours" / "1" / "model.safetensors")
    assert model.card.fine_tuned is FineTune.TOP_LAYERS
    assert model.own_layers is not None
    assert model.own_layers.tensors
    before, after = trained["figures"]["before_fine_tuning"], trained["figures"]["toxic"]
    assert (before["texts"], before["positive"]) == (after["texts"], after["positive"])
    card = (tmp_path / "models" / "ours" / "1" / "card.md").read_text(encoding="utf-8")
    assert "tiny with upper layers of its own" in card
    assert "Before fine-tuning" in card
    assert trained["figures"]["as_documents"]["toxic"]["texts"] == after["texts"]
    measured = work.json("models", "evaluate", "toxicity", "ours", *options)
    assert measured["toxic"]["auc"] > 0.5
