"""The toxicity models that the setting `toxicity_model` can name: the shipped one, and approved ones of the folder."""

from __future__ import annotations

from pathlib import Path

from embedder.toxicity.model import ToxicityModel
from embedder.toxicity.model_file import load_model
from embedder.toxicity.registry import ModelRegistry, StoredModel
from vocabulary.errors import SettingInvalid

SHIPPED, NONE = "shipped", "none"
SHIPPED_MODEL = Path(__file__).parent / "shipped" / "model.safetensors"


def shipped_model(encoder_sha256: str) -> ToxicityModel | None:
    """Load the shipped model; None where it was made for another encoder than this."""
    shipped = load_model(SHIPPED_MODEL)
    return shipped if shipped.card.encoder_sha256 == encoder_sha256 else None


def approved_version(registry: ModelRegistry, setting: str) -> StoredModel:
    """Find what the setting names: `name`, its newest approved version, or `name@version`.

    Raises:
        SettingInvalid: there is no such model, or none that is approved.
    """
    try:
        return registry.approved(setting)
    except SettingInvalid as refusal:
        raise SettingInvalid(f"embedder.toxicity_model: {refusal}") from refusal


def approved_model(registry: ModelRegistry, stored: StoredModel, *, encoder: str, encoder_sha256: str) -> ToxicityModel:
    """Load an approved version.

    Raises:
        SettingInvalid: it is damaged, made for another encoder, or not the file that was approved any more.
    """
    try:
        model = load_model(stored.file)
        registry.require_unchanged(stored)
    except SettingInvalid as refusal:
        raise SettingInvalid(f"embedder.toxicity_model: {refusal}") from refusal
    if model.version != stored.reference:
        raise SettingInvalid(f"embedder.toxicity_model: the file of {stored.reference} says that it is {model.version}")
    model.require_encoder(encoder, encoder_sha256)
    return model
