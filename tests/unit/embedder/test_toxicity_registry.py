"""Versions of trained models: kept as they were made, and scoring only once approved."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from embedder.toxicity.choice import approved_model, approved_version
from embedder.toxicity.model import ModelCard, Stages, Thresholds, ToxicityModel
from embedder.toxicity.model_file import load_model
from embedder.toxicity.parts import Head, Network
from embedder.toxicity.registry import ModelRegistry
from vocabulary.errors import SettingInvalid

MOMENT = datetime(2026, 5, 1, 12, tzinfo=UTC)
ENCODER = "ab" * 32


def _model(name: str = "own") -> ToxicityModel:
    zeros = np.zeros((4, 2), dtype=np.float32)
    network = Network(zeros, zeros[0], np.ones((2, 1), dtype=np.float32), np.zeros(1, dtype=np.float32))
    head = Head(network, (), np.ones((1, 1), dtype=np.float32), np.zeros(1, dtype=np.float32))
    card = ModelCard(name, "", "tiny", ENCODER, (), False, Stages.TWO, Thresholds(0.1, 0.5, 0.9))
    return ToxicityModel(card, toxic=head, fine=None)


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    return ModelRegistry(tmp_path / "models")


def _choose(setting: str, folder: Path) -> ToxicityModel:
    registry = ModelRegistry(folder)
    return approved_model(registry, approved_version(registry, setting), encoder="tiny", encoder_sha256=ENCODER)


def test_versions_count_up_and_keep_their_documents(registry: ModelRegistry) -> None:
    first, second = (registry.publish(_model(), {"card.md": content}) for content in (b"one", b"two"))
    assert [first.reference, second.reference] == ["own@1", "own@2"]
    assert (first.folder / "card.md").read_bytes() == b"one"
    assert load_model(second.file).version == "own@2"
    assert registry.versions() == [first, second]
    assert not [entry for entry in first.folder.parent.iterdir() if entry.name.startswith(".")]


@pytest.mark.parametrize("name", ["", "Own", "../own", "a/b", "shipped", "none", "-x", "x" * 65])
def test_a_name_that_is_no_name_is_refused(registry: ModelRegistry, name: str) -> None:
    with pytest.raises(SettingInvalid, match="name of a model"):
        registry.publish(_model(name), {})


def test_what_is_not_approved_never_scores(registry: ModelRegistry, tmp_path: Path) -> None:
    registry.publish(_model(), {})
    for setting in ("own", "own@1"):
        with pytest.raises(SettingInvalid, match=r"embedder\.toxicity_model: .*not approved.*models approve own 1"):
            _choose(setting, tmp_path / "models")


def test_a_name_means_its_newest_approved_version(registry: ModelRegistry, tmp_path: Path) -> None:
    for _ in range(3):
        registry.publish(_model(), {})
    for version in ("1", "2"):
        registry.approve(f"own@{version}", by="ada", at=MOMENT)
    chosen = [_choose(setting, tmp_path / "models") for setting in ("own", "own@1")]
    assert [model.version for model in chosen] == ["own@2", "own@1"]
    with pytest.raises(SettingInvalid, match="own@3 is not approved"):
        _choose("own@3", tmp_path / "models")


def test_an_approval_says_who_and_when_and_stays(registry: ModelRegistry) -> None:
    registry.publish(_model(), {})
    registry.approve("own@1", by="ada", at=MOMENT)
    registry.approve("own@1", by="eve", at=datetime.now(UTC))
    (stored,) = registry.versions()
    assert stored.approval is not None
    assert (stored.approval.by, stored.approval.at) == ("ada", MOMENT)


def test_weights_exchanged_behind_an_approval_do_not_score(registry: ModelRegistry, tmp_path: Path) -> None:
    stored = registry.publish(_model(), {})
    registry.approve("own@1", by="ada", at=MOMENT)
    stored.file.write_bytes(stored.file.read_bytes()[:-1] + b"\x01")
    with pytest.raises(SettingInvalid, match="not the one that was approved"):
        _choose("own", tmp_path / "models")
    with pytest.raises(SettingInvalid, match="a version is never written again"):
        registry.approve("own@1", by="eve", at=MOMENT)


def test_a_damaged_approval_is_none(registry: ModelRegistry, tmp_path: Path) -> None:
    stored = registry.publish(_model(), {})
    (stored.folder / "approval.json").write_text(json.dumps({"by": "ada"}), encoding="utf-8")
    with pytest.raises(SettingInvalid, match="cannot be read"):
        _choose("own", tmp_path / "models")


def test_an_approval_can_be_taken_back_even_one_that_cannot_be_read(registry: ModelRegistry) -> None:
    stored = registry.publish(_model(), {})
    registry.approve("own@1", by="ada", at=MOMENT)
    for _ in range(2):
        assert registry.disapprove("own@1").approval is None
    (stored.folder / "approval.json").write_text("{", encoding="utf-8")
    registry.disapprove("own@1")
    assert [(each.approval, each.damage) for each in registry.versions()] == [(None, "")]


def test_a_damaged_model_cannot_be_approved(registry: ModelRegistry) -> None:
    registry.publish(_model(), {}).file.write_bytes(b"nothing")
    with pytest.raises(SettingInvalid, match="cannot be read"):
        registry.approve("own@1", by="ada", at=MOMENT)


def test_a_model_of_another_encoder_is_refused_when_named(registry: ModelRegistry, tmp_path: Path) -> None:
    model = _model()
    registry.publish(dataclasses.replace(model, card=dataclasses.replace(model.card, encoder_sha256="cd" * 32)), {})
    registry.approve("own@1", by="ada", at=MOMENT)
    with pytest.raises(SettingInvalid, match=r"own@1 reads tiny .* but embedder\.model is tiny"):
        _choose("own", tmp_path / "models")


def test_an_unknown_model_is_refused_with_those_that_are_there(registry: ModelRegistry, tmp_path: Path) -> None:
    registry.publish(_model(), {})
    with pytest.raises(SettingInvalid, match=r"no toxicity model other in .*there are: own@1"):
        _choose("other", tmp_path / "models")
