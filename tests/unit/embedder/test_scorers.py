"""A newly approved version scores without a restart; what is not approved, or cannot be used, never does."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import re
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedder import EmbedderConfig, LoadedModel, open_enricher
from embedder.models import read_model_folder, read_weights
from embedder.scorers import ApprovedScorer, Scorer
from embedder.toxicity.choice import approved_model
from embedder.toxicity.model import ModelCard, Stages, Thresholds, ToxicityModel
from embedder.toxicity.parts import Head, Network
from embedder.toxicity.registry import ModelRegistry, StoredModel
from tests.unit.embedder.conftest import HIDDEN, write_tiny_model
from tests.unit.embedder.test_toxicity_own_layers import TOP, _tiny_tuned
from vocabulary.documents import ReadText
from vocabulary.errors import SettingInvalid

MOMENT = datetime(2026, 5, 1, tzinfo=UTC)
ENCODER = "ab" * 32


def model_of(score: float, *, encoder_sha256: str = ENCODER) -> ToxicityModel:
    """A model that gives every text the same score."""
    zeros = np.zeros((4 * HIDDEN, 1), dtype=np.float32)
    one, bias = np.ones((1, 1), dtype=np.float32), np.array([np.log(score / (1 - score))], dtype=np.float32)
    head = Head(Network(zeros, zeros[0], one, zeros[0]), (), one, bias)
    card = ModelCard("own", "", "tiny", encoder_sha256, (), False, Stages.TWO, Thresholds(0.1, 0.5, 0.9))
    return ToxicityModel(card, toxic=head, fine=None)


@dataclass
class Folder:
    """Versions of the model `own`, and what a program that began with the first scores by."""

    registry: ModelRegistry
    loaded: list[str] = field(default_factory=list)
    now_s: float = 0.0
    meanwhile: Callable[[], None] = lambda: None

    def publish(self, score: float, *, encoder_sha256: str = ENCODER, approved: bool = True) -> StoredModel:
        stored = self.registry.publish(model_of(score, encoder_sha256=encoder_sha256), {})
        return self.approve(stored) if approved else stored

    def approve(self, stored: StoredModel) -> StoredModel:
        return self.registry.approve(stored.reference, by="ada", at=MOMENT)

    def scoring(self, setting: str = "own") -> ApprovedScorer:
        first = self._load(self.registry.approved(setting))
        return ApprovedScorer(self.registry, setting, first, load=self._load, clock=lambda: self.now_s)

    def _load(self, stored: StoredModel) -> Scorer:
        self.loaded.append(stored.reference)
        assert stored.approval is not None
        model = approved_model(self.registry, stored, encoder="tiny", encoder_sha256=ENCODER)
        self.meanwhile()
        return Scorer(model, sha256=stored.approval.sha256)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(ModelRegistry(tmp_path / "models"))
    folder.publish(0.1)
    return folder


async def who_scores(scoring: ApprovedScorer) -> str:
    scorer = await scoring.now()
    return "" if scorer is None else scorer.model.version


async def test_an_approval_takes_effect_with_the_next_look_and_is_loaded_once(folder: Folder) -> None:
    scoring = folder.scoring()
    second = folder.publish(0.9, approved=False)
    assert await who_scores(scoring) == "own@1"
    folder.approve(second)
    looks = await asyncio.gather(*(scoring.now() for _ in range(20)))
    assert {look.model.version for look in looks if look} == {"own@2"}
    assert scoring.trouble == ""
    assert folder.loaded == ["own@1", "own@2"]


async def test_of_one_version_no_other_takes_the_place(folder: Folder) -> None:
    scoring = folder.scoring("own@1")
    folder.publish(0.9)
    assert await who_scores(scoring) == "own@1"


async def test_an_approval_that_is_taken_back_ends_a_versions_scoring(folder: Folder) -> None:
    second = folder.publish(0.9)
    scoring = folder.scoring()
    assert await who_scores(scoring) == "own@2"
    folder.registry.disapprove(second.reference)
    assert await who_scores(scoring) == "own@1"
    folder.approve(second)
    assert await who_scores(scoring) == "own@2"


async def test_an_approval_that_is_taken_back_while_the_version_is_loaded_never_takes_effect(folder: Folder) -> None:
    scoring = folder.scoring()
    second = folder.publish(0.9)
    folder.meanwhile = lambda: (second.folder / "approval.json").unlink(missing_ok=True)
    assert [await who_scores(scoring) for _ in range(2)] == ["own@1"] * 2
    assert folder.loaded == ["own@1", "own@2"]


async def test_a_folder_that_goes_away_during_a_look_takes_no_approval_back(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scoring = folder.scoring()
    folder.publish(0.9, approved=False)
    matching = ModelRegistry.matching

    def without_files(registry: ModelRegistry, reference: str) -> list[StoredModel]:
        (tmp_path / "models" / "own" / "1").rename(tmp_path / "away")
        found = matching(registry, reference)
        (tmp_path / "away").rename(tmp_path / "models" / "own" / "1")
        (tmp_path / "models").rename(tmp_path / "elsewhere")
        return found

    with monkeypatch.context() as unmounted:
        unmounted.setattr(ModelRegistry, "matching", without_files)
        assert await who_scores(scoring) == "own@1"
    assert await who_scores(scoring) == "own@1"
    assert "there is no toxicity model own" in scoring.trouble


async def test_a_look_whose_asker_is_gone_is_not_made_beside_another(folder: Folder) -> None:
    scoring = folder.scoring()
    folder.publish(0.9)
    begun, go_on = threading.Event(), threading.Event()

    def slowly() -> None:
        begun.set()
        assert go_on.wait(10)

    folder.meanwhile = slowly
    gone = asyncio.create_task(scoring.now())
    await asyncio.to_thread(begun.wait, 10)
    gone.cancel()
    await asyncio.wait({gone})
    another = asyncio.create_task(who_scores(scoring))
    await asyncio.sleep(0.05)  # enough for it to load the version as well
    go_on.set()
    assert await another == "own@2"
    assert folder.loaded == ["own@1", "own@2"]


async def test_without_any_approval_left_nothing_scores_until_there_is_one(folder: Folder) -> None:
    scoring = folder.scoring()
    (first,) = folder.registry.versions()
    (first.folder / "approval.json").unlink()
    assert await who_scores(scoring) == ""
    assert scoring.trouble == "no version of own is approved any more"
    folder.approve(first)
    assert await who_scores(scoring) == "own@1"
    assert scoring.trouble == ""


def exchange_weights(stored: StoredModel) -> None:
    stored.file.write_bytes(stored.file.read_bytes()[:-1] + b"\x01")


def approve_damaged(stored: StoredModel) -> None:
    """As if somebody had written the approval by hand, of a file that is no model."""
    stored.file.write_bytes(b"nothing")
    approval = {"by": "eve", "at": MOMENT.isoformat(), "sha256": hashlib.sha256(b"nothing").hexdigest()}
    (stored.folder / "approval.json").write_text(json.dumps(approval))


def cut_the_approval(stored: StoredModel) -> None:
    (stored.folder / "approval.json").write_text('{"by": "a')


def nest_the_approval(stored: StoredModel) -> None:
    (stored.folder / "approval.json").write_text("[" * 100_000)


def fail_to_read(stored: StoredModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a disk does, or a right: whoever tests may be allowed everything."""
    opened = Path.open

    def failing(path: Path, *args: Any, **more: Any) -> Any:
        if path == stored.file:
            raise OSError(5, "Input/output error")
        return opened(path, *args, **more)

    monkeypatch.setattr(Path, "open", failing)


async def test_an_old_version_whose_file_cannot_be_read_stands_in_no_others_way(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    scoring = folder.scoring()
    second = folder.publish(0.9)
    assert await who_scores(scoring) == "own@2"
    fail_to_read(folder.registry.found("own@1"), monkeypatch)
    folder.registry.disapprove(second.reference)
    assert await who_scores(scoring) == "", "neither is approved and as it was approved"
    assert "own@1 is not approved: its file cannot be read" in scoring.trouble


@pytest.mark.parametrize("damage", [exchange_weights, cut_the_approval, nest_the_approval])
async def test_an_old_version_that_cannot_be_read_keeps_no_other_from_being_approved_or_disapproved(
    folder: Folder, damage: Callable[[StoredModel], None]
) -> None:
    second = folder.publish(0.5)
    scoring = folder.scoring()
    damage(folder.registry.found("own@1"))
    third = folder.publish(0.9)
    assert await who_scores(scoring) == "own@3"
    folder.registry.disapprove(third.reference)
    assert await who_scores(scoring) == "own@2"
    folder.registry.disapprove(second.reference)
    assert await who_scores(scoring) == ""


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (exchange_weights, "own@2 is not approved: its file is not the one that was approved"),
        (approve_damaged, "own@2 cannot be used: embedder.toxicity_model: toxicity model: .* cannot be read: .*"),
        (cut_the_approval, "own@2 is not approved: its approval.json cannot be read"),
    ],
)
async def test_a_damaged_new_version_never_scores_and_the_old_one_goes_on(
    folder: Folder, caplog: pytest.LogCaptureFixture, damage: Callable[[StoredModel], None], said: str
) -> None:
    scoring = folder.scoring()
    damage(folder.publish(0.9))
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            assert await who_scores(scoring) == "own@1"
    assert re.fullmatch(said, scoring.trouble)
    (told,) = [record.getMessage() for record in caplog.records]
    assert told == f"toxicity is scored by own@1, and: {scoring.trouble}"


async def test_a_version_for_another_encoder_never_scores_and_is_tried_once(folder: Folder) -> None:
    scoring = folder.scoring()
    folder.publish(0.9, encoder_sha256="cd" * 32)
    for _ in range(3):
        assert await who_scores(scoring) == "own@1"
    assert scoring.trouble.startswith("own@2 cannot be used: embedder.toxicity_model: own@2 reads tiny")
    assert folder.loaded == ["own@1", "own@2"]


async def test_what_could_not_be_read_is_tried_again_after_a_while(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk may have failed for a moment, and the file be as before."""
    scoring = folder.scoring()

    def failing(_: ModelRegistry, stored: StoredModel) -> None:
        raise SettingInvalid(f"{stored.reference}: input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(ModelRegistry, "require_unchanged", failing)
        folder.publish(0.9)
        assert await who_scores(scoring) == "own@1"
    folder.now_s = 59
    assert await who_scores(scoring) == "own@1"
    folder.now_s = 61
    assert await who_scores(scoring) == "own@2"
    assert scoring.trouble == ""


async def test_weights_exchanged_under_a_version_that_scores_change_nothing_but_are_told(folder: Folder) -> None:
    second = folder.publish(0.9)
    scoring = folder.scoring()
    exchange_weights(second)
    assert await who_scores(scoring) == "own@2", "what is in memory is what was approved"
    assert "own@2 is not approved: its file" in scoring.trouble


async def test_weights_exchanged_while_they_are_read_are_refused(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    scoring = folder.scoring()
    second = folder.publish(0.9)
    require_unchanged = ModelRegistry.require_unchanged

    def meanwhile(registry: ModelRegistry, stored: StoredModel) -> None:
        exchange_weights(second)
        require_unchanged(registry, stored)

    monkeypatch.setattr(ModelRegistry, "require_unchanged", meanwhile)
    assert await who_scores(scoring) == "own@1"
    assert "own@2 changed while it was read" in scoring.trouble


async def test_a_folder_that_is_away_takes_no_approval_back(folder: Folder, tmp_path: Path) -> None:
    scoring = folder.scoring()
    (tmp_path / "models").rename(tmp_path / "elsewhere")
    assert await who_scores(scoring) == "own@1"
    assert "there is no toxicity model own" in scoring.trouble
    (tmp_path / "elsewhere").rename(tmp_path / "models")
    assert (await who_scores(scoring), scoring.trouble) == ("own@1", "")


async def test_a_folder_that_cannot_be_read_takes_no_approval_back(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    scoring = folder.scoring()

    def failing(_: ModelRegistry, reference: str) -> Any:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(ModelRegistry, "fingerprint", failing)
        assert await who_scores(scoring) == "own@1"
        assert "Input/output error" in scoring.trouble
    assert (await who_scores(scoring), scoring.trouble) == ("own@1", "")


# -- in the embedder ---------------------------------------------------------------------------------------------------


def read(model: LoadedModel, *texts: str) -> list[ReadText]:
    return [ReadText(text, model.tokenise(text)) for text in texts]


@pytest.fixture
def tiny(tmp_path: Path) -> EmbedderConfig:
    write_tiny_model(tmp_path / "tiny")
    return EmbedderConfig(
        model=str(tmp_path / "tiny"), models_folder=tmp_path / "models", toxicity_model="own", threads=1
    )


def publish(config: EmbedderConfig, score: float) -> None:
    """Approve a version that gives every text this score."""
    registry = ModelRegistry(config.models_folder)
    weights = read_weights(read_model_folder(Path(config.model)))
    stored = registry.publish(model_of(score, encoder_sha256=weights.sha256), {})
    registry.approve(stored.reference, by="ada", at=MOMENT)


async def test_what_is_pinned_stays_and_what_is_not_takes_the_new_version(tiny: EmbedderConfig) -> None:
    publish(tiny, 0.1)
    async with open_enricher(tiny) as model:
        texts = read(model, "a b c", "d e f g")
        run = await model.pinned()
        publish(tiny, 0.8)
        later = await model.pinned()
        assert [run.toxicity_version, later.toxicity_version] == ["own@1", "own@2"]
        for pinned, score in ((run, 0.1), (later, 0.8)):
            enriched = (await pinned.enrich(texts)).toxicity
            assert [each.score_0_1 for each in enriched] == pytest.approx([score] * 2, abs=1e-5)
            assert (await pinned.score_now(texts[0])).score_0_1 == pytest.approx(score, abs=1e-5)
        assert (model.toxicity_version, model.recipe) == ("own@2", run.recipe)


async def test_calls_during_a_change_are_each_of_one_model(tiny: EmbedderConfig) -> None:
    """Batches are shared by all callers: those of either model lie in the same ones."""
    publish(tiny, 0.1)
    told = {"own@1": 0.1}
    async with open_enricher(tiny) as model:
        text = read(model, "a b. c d. e f.")

        async def ask() -> None:
            pinned = await model.pinned()
            scores = await pinned.score(text * 7)
            assert [each.score_0_1 for each in scores] == pytest.approx([told[pinned.toxicity_version]] * 7, abs=1e-5)
            seen.add(pinned.toxicity_version)

        seen: set[str] = set()
        for version, score in ((2, 0.7), (3, 0.3)):
            asking = [asyncio.create_task(ask()) for _ in range(20)]
            await asyncio.sleep(0)
            told[f"own@{version}"] = score
            await asyncio.to_thread(publish, tiny, score)
            await asyncio.gather(*asking, *(ask() for _ in range(20)))
        assert seen >= {"own@1", "own@3"}


async def test_a_fine_tuned_version_takes_over_with_its_layers(tiny: EmbedderConfig) -> None:
    publish(tiny, 0.1)
    async with open_enricher(tiny) as model:
        texts = read(model, "a b c d e f", "f g") * 3
        former = await model.pinned()
        layer = read_weights(read_model_folder(Path(tiny.model)))[TOP] + 2 * np.arange(HIDDEN)
        _tiny_tuned(Path(tiny.model), tiny.models_folder, {TOP: layer.astype(np.float16)})
        ModelRegistry(tiny.models_folder).approve("own@2", by="ada", at=MOMENT)
        present = await model.pinned()
        assert (present.toxicity_version, model.toxicity_trouble) == ("own@2", "")
        vectors = [(await each.enrich(texts)).vectors.tolist() for each in (former, present)]
        assert vectors[0] == vectors[1], "what embeds is the same"
        alone = await present.score(texts)
        together = await asyncio.gather(*(each.score(texts) for each in (former, present) * 3))
    for scores in together[::2]:
        assert [each.score_0_1 for each in scores] == pytest.approx([0.1] * 6, abs=1e-5)
    for scores in together[1::2]:
        assert [each.score_0_1 for each in scores] == pytest.approx([each.score_0_1 for each in alone], abs=1e-5)
    assert alone[0].score_0_1 != pytest.approx(0.1, abs=1e-3)


async def test_layers_for_another_encoder_than_that_in_use_never_score(tiny: EmbedderConfig) -> None:
    """The folder of the embedding model was exchanged under the running program."""
    publish(tiny, 0.1)
    async with open_enricher(tiny) as model:
        layer = read_weights(read_model_folder(Path(tiny.model)))[TOP]
        _tiny_tuned(Path(tiny.model), tiny.models_folder, {TOP: layer.astype(np.float16)})
        shutil.rmtree(tiny.model)
        write_tiny_model(Path(tiny.model), seed=5)
        ModelRegistry(tiny.models_folder).approve("own@2", by="ada", at=MOMENT)
        assert (await model.pinned()).toxicity_version == "own@1"
        assert "is another one on the disk than that which is in use" in model.toxicity_trouble


async def test_nothing_is_scored_where_nothing_is_to_score(tiny: EmbedderConfig) -> None:
    for setting in ("none", "shipped"):
        async with open_enricher(tiny.model_copy(update={"toxicity_model": setting})) as model:
            pinned = await model.pinned()
            assert (pinned.toxicity_version, model.toxicity_trouble) == ("", "")
            assert (await pinned.score(read(model, "a b c")))[0].score_0_1 == 0
