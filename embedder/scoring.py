"""From the setting `toxicity_model` to what scores, at the start and whenever another version is approved."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from embedder.config import EmbedderConfig
from embedder.encoders import open_own_encoder
from embedder.models import ModelLocation
from embedder.runtimes.choice import ChosenModel, read_model
from embedder.scorers import ApprovedScorer, FixedScorer, Scorer, Scoring
from embedder.toxicity.choice import NONE, SHIPPED, approved_model, approved_version, shipped_model
from embedder.toxicity.registry import ModelRegistry, StoredModel
from vocabulary.errors import SettingInvalid


def opened_scoring(
    config: EmbedderConfig, location: ModelLocation, model: ChosenModel, *, special_ids: tuple[int, int]
) -> tuple[Scoring, bool]:
    """Load what scores, and say whether the pass that embeds is to give the means of blocks for it. Blocks.

    Raises:
        SettingInvalid: the model of the setting is not approved, damaged, or made for another encoder.
    """
    setting = config.toxicity_model
    if setting == NONE:
        return FixedScorer(None), False
    if setting == SHIPPED:
        shipped = shipped_model(model.sha256)
        if shipped is None:
            return FixedScorer(None), False
        scorer = Scorer(shipped, open_own_encoder(model, shipped, special_ids))
        return FixedScorer(scorer), shipped.prefilter is not None
    registry, sha256 = ModelRegistry(config.models_folder), model.sha256

    def load(stored: StoredModel, read: Callable[[], ChosenModel]) -> Scorer:
        toxicity = approved_model(registry, stored, encoder=location.name, encoder_sha256=sha256)
        own_encoder = None if toxicity.own_layers is None else open_own_encoder(read(), toxicity, special_ids)
        return Scorer(toxicity, own_encoder, "" if stored.approval is None else stored.approval.sha256)

    def load_later(stored: StoredModel) -> Scorer:  # the encoder's weights are not kept for it
        return load(stored, partial(_read_again, config, location, sha256))

    first = load(approved_version(registry, setting), lambda: model)
    return ApprovedScorer(registry, setting, first, load=load_later), True  # the next one may have a prefilter


def _read_again(config: EmbedderConfig, location: ModelLocation, sha256: str) -> ChosenModel:
    model = read_model(location, config)
    if model.sha256 != sha256:
        raise SettingInvalid(f"embedder.model: {location.name} is another one on the disk than that which is in use")
    return model
