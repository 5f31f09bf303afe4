"""The models, and who may use them: what the routes of `/v1` and `/v2` work on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from embedder import LoadedModel
from service.models.callers import ModelCallers
from service.models.desk import ModelDesk
from service.models.key_config import ModelKeyConfig


@dataclass(frozen=True, slots=True)
class ModelAccess:
    """One desk, and whom it serves."""

    desk: ModelDesk
    callers: ModelCallers


def model_access(keys: Sequence[ModelKeyConfig], model: LoadedModel) -> ModelAccess | None:
    """Put together what the routes need; without a key in the settings there is none."""
    return ModelAccess(ModelDesk(model), ModelCallers(keys)) if keys else None
