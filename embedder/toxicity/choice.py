"""From the setting `toxicity_model` to the model that scores: the shipped one, an approved one, or none."""

from __future__ import annotations

from pathlib import Path

from embedder.toxicity.model import ToxicityModel
from embedder.toxicity.model_file import load_model
from embedder.toxicity.registry import ModelRegistry
from vocabulary.errors import SettingInvalid

SHIPPED, NONE = "shipped", "none"
SHIPPED_MODEL = Path(__file__).parent / "shipped" / "model.safetensors"


def chosen_model(setting: str, folder: Path, *, encoder: str, encoder_sha256: str) -> ToxicityModel | None:
    """Load what the setting names: "shipped", "none", `name` (its newest approved version) or `name@version`.

    None where nothing is to score: as asked, or because the shipped model was made for another encoder than this.

    Raises:
        SettingInvalid: no such model, none approved, damaged, or made for another encoder.
    """
    if setting == NONE:
        return None
    if setting == SHIPPED:
        shipped = load_model(SHIPPED_MODEL)
        return shipped if shipped.card.encoder_sha256 == encoder_sha256 else None
    try:
        stored = ModelRegistry(folder).approved(setting)
        model = load_model(stored.file)
    except SettingInvalid as refusal:
        raise SettingInvalid(f"embedder.toxicity_model: {refusal}") from refusal
    if model.version != stored.reference:
        raise SettingInvalid(f"embedder.toxicity_model: the file of {stored.reference} says that it is {model.version}")
    model.require_encoder(encoder, encoder_sha256)
    return model
