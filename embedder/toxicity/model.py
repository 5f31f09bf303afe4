"""The toxicity model: features of the pass and the text's n-grams to a calibrated probability and a category.

It is evaluated in numpy, on what the embedding's own pass and tokeniser already gave. A model belongs to the encoder
that it was trained on. It scores a sequence as a whole: a toxic sentence inside a long, clean passage is diluted and
mostly missed, so whoever scores passages looks at their sentences (`finishing.py` of the embedder).

A fine-tuned model has layers of its own in place of the encoder's, and its heads read the poolings of those: a second
pass, which only suspicious sentences are worth. What the embedding's pass says of a passage is read by its `screen`.

Invariant: a model is immutable, and what it answers depends on its file alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from embedder.toxicity.ngrams import Array
from embedder.toxicity.parts import Head, sigmoid, softmax
from embedder.toxicity.prefilter import Prefilter
from vocabulary.documents import ReadText
from vocabulary.errors import SettingInvalid

# The screen misses what the model finds: a text that it gives half of the flagging score is judged.
_SCREEN_SHARE = 0.5


class Stages(StrEnum):
    """How a category is found."""

    ONE = "one"  # one softmax over the categories and a clean class: a text is as toxic as it is not clean
    TWO = "two"  # toxic or not first; the categories are told apart among toxic texts only


class FineTune(StrEnum):
    """Which layers of the encoder a model has of its own."""

    NONE = "none"  # it reads the encoder as it is
    TOP_LAYERS = "top-layers"  # the last third: what lies below has general knowledge of a language
    ENCODER = "encoder"  # all of them, and the table of word pieces


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From which probability on a passage is looked at closer, counts as toxic, and is better not shown unreviewed."""

    prefilter: float
    flag: float
    hide: float


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a model file says of itself; `figures`, `data` and `made_with` are JSON values for people and reports."""

    name: str
    version: str
    encoder: str
    encoder_sha256: str
    categories: tuple[str, ...]  # none: the model tells toxic from clean and no more
    multi_label: bool  # a text may have several categories: their probabilities do not sum to 1
    stages: Stages
    thresholds: Thresholds
    fine_tuned: FineTune = FineTune.NONE
    figures: dict[str, Any] = field(default_factory=dict)
    data: list[dict[str, Any]] = field(default_factory=list)
    made_with: dict[str, Any] = field(default_factory=dict)

    @property
    def reference(self) -> str:
        """Name and version as settings and stored scores spell it."""
        return f"{self.name}@{self.version}"


@dataclass(frozen=True, slots=True, eq=False)
class OwnLayers:
    """What a fine-tuned model has beside its heads.

    `tensors` take the place of the encoder's of the same name. `screen` has one output, toxic or not, and reads the
    embedding's own pass; the heads of the model read that of the encoder with these tensors.
    """

    tensors: Mapping[str, npt.NDArray[np.float16]]
    screen: Head

    def screened_0_1(self, features: Array, texts: Sequence[ReadText]) -> Array:
        """Return a calibrated probability, as `ToxicityModel.score_0_1`, from features of the embedding's own pass."""
        return sigmoid(self.screen.logits(features, texts)[:, 0])


@dataclass(frozen=True, slots=True, eq=False)
class ToxicityModel:
    """A loaded model. In two stages `toxic` has one output and `fine` one per category, or is absent without any; in
    one stage `toxic` is absent and `fine` has the clean class in front. Without a prefilter every sentence of every
    passage is looked at. With layers of its own, `toxic` and `fine` read the features of the encoder that has them.
    """

    card: ModelCard
    toxic: Head | None
    fine: Head | None
    prefilter: Prefilter | None = None
    own_layers: OwnLayers | None = None

    @property
    def version(self) -> str:
        """What `Enricher.toxicity_version` says while this model scores."""
        return self.card.reference

    @property
    def suspicious_from(self) -> float:
        """From which score of its first pass on all sentences of a text are looked at."""
        return self.card.thresholds.flag * (1.0 if self.own_layers is None else _SCREEN_SHARE)

    def score_0_1(self, features: Array, texts: Sequence[ReadText]) -> Array:
        """Return the calibrated probability that people find each text toxic.

        float32 [n] for features [n, 4 * hidden] of the texts themselves, in their order.
        """
        if self.toxic is not None:
            return sigmoid(self.toxic.logits(features, texts)[:, 0])
        probabilities: Array = 1 - self._class_probabilities(features, texts)[:, 0]
        return probabilities

    def category_probabilities(self, features: Array, texts: Sequence[ReadText]) -> Array:
        """Return each category's probability given that a text is toxic, float32 [n, categories]; without, [n, 0].

        Rows sum to 1 unless the card says `multi_label`.
        """
        if self.fine is None:
            return np.empty((len(texts), 0), dtype=np.float32)
        if self.toxic is None:
            fine = self._class_probabilities(features, texts)[:, 1:]
            shares: Array = fine / np.maximum(fine.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
            return shares
        logits = self.fine.logits(features, texts)
        return sigmoid(logits) if self.card.multi_label else softmax(logits)

    def require_encoder(self, encoder: str, encoder_sha256: str) -> None:
        """Refuse to read another encoder's features.

        Raises:
            SettingInvalid: the model was trained on other weights.
        """
        if encoder_sha256 != self.card.encoder_sha256:
            raise SettingInvalid(
                f"embedder.toxicity_model: {self.version} reads {self.card.encoder} (weights "
                f"{self.card.encoder_sha256[:12]}), but embedder.model is {encoder} ({encoder_sha256[:12]}); "
                'train one with this encoder, or set toxicity_model = "none"'
            )

    def _class_probabilities(self, features: Array, texts: Sequence[ReadText]) -> Array:
        if self.fine is None:
            raise ValueError("a toxicity model without any head")
        return softmax(self.fine.logits(features, texts))
