"""The toxicity head: four poolings of a sequence to a calibrated probability.

A small network on features that the embedding's own pass already has, evaluated in numpy. The head belongs to the
weights it was trained on and is refused for others. It scores a sequence as a whole: a toxic sentence inside a long,
clean passage is diluted and mostly missed (the card beside the weights has the figures).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from embedder.toxicity.model import ModelCard, Stages, Thresholds, ToxicityModel
from embedder.toxicity.parts import Head, Network
from vocabulary.errors import SettingInvalid

Array: TypeAlias = npt.NDArray[np.float32]

SHIPPED_HEAD = Path(__file__).parent / "shipped" / "toxicity_v1.safetensors"
_TENSORS = ("centre", "scale", "hidden_weight", "hidden_bias", "output_weight", "output_bias")


@dataclass(frozen=True, slots=True, eq=False)
class ToxicityHead:
    """Standardisation, one hidden layer of rectified units, one calibrated logit."""

    version: str
    encoder_sha256: str  # of the encoder's weights whose features it reads
    centre: Array  # [features]
    scale: Array  # [features]; features are divided by it
    hidden_weight: Array  # [features, units]
    hidden_bias: Array  # [units]
    output_weight: Array  # [units]
    output_bias: Array  # [1]

    def score_0_1(self, features: Array) -> Array:
        """Return the probability that a reader finds the sequence toxic; float32 [n] for features [n, features]."""
        standard = (features - self.centre) / self.scale
        hidden = np.maximum(standard @ self.hidden_weight + self.hidden_bias, 0)
        logit = hidden @ self.output_weight + self.output_bias
        # Clipped where float32 probabilities end anyway, so that exp() cannot overflow.
        probability: Array = 1 / (1 + np.exp(-np.clip(logit, -30, 30), dtype=np.float32))
        return probability.astype(np.float32, copy=False)

    def as_model(self) -> ToxicityModel:
        """Return the same scores in the form that passages are scored by: without n-grams, categories, prefilter."""
        network = Network(
            hidden_weight=self.hidden_weight / self.scale[:, None],
            hidden_bias=np.subtract(
                self.hidden_bias, (self.centre / self.scale) @ self.hidden_weight, dtype=np.float32
            ),
            output_weight=self.output_weight[:, None],
            output_bias=self.output_bias,
        )
        name, _, version = self.version.rpartition("-v")
        one, zero = np.ones((1, 1), dtype=np.float32), np.zeros(1, dtype=np.float32)
        card = ModelCard(
            name=name,
            version=version,
            encoder="",
            encoder_sha256=self.encoder_sha256,
            categories=(),
            multi_label=False,
            stages=Stages.TWO,
            thresholds=Thresholds(prefilter=0.0, flag=0.5, hide=0.9),
        )
        return ToxicityModel(card, toxic=Head(network, (), one, zero), fine=None)

    def save(self, file: Path) -> None:
        tensors = {name: np.ascontiguousarray(getattr(self, name), dtype=np.float32) for name in _TENSORS}
        save_file(tensors, file, metadata={"version": self.version, "encoder_sha256": self.encoder_sha256})

    @classmethod
    def load(cls, file: Path) -> ToxicityHead:
        """Read a head.

        Raises:
            SettingInvalid: the file is damaged or is no toxicity head.
        """
        try:
            with safe_open(file, framework="numpy") as stored:
                labels: dict[str, str] = stored.metadata() or {}
                tensors: dict[str, Any] = {name: stored.get_tensor(name) for name in _TENSORS}
            return cls(version=labels["version"], encoder_sha256=labels["encoder_sha256"], **tensors)
        except (SafetensorError, OSError, KeyError) as error:
            raise SettingInvalid(f"toxicity head: {file} cannot be read: {error}") from error
