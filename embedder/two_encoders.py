"""A batch through two encoders: texts through that of the vectors, sentences through a toxicity model's own.

A fine-tuned toxicity model has layers of its own, and a second pass over everything would double the work. So the pass
that embeds a text also says which of its sentences are suspicious, and only these come here a second time. They wait in
the same queue and fill batches with each other, as with a model that reads the embedding's encoder.

Invariant: what is embedded never goes through the toxicity model's encoder, and what it judges through no other.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from embedder.calls import SentenceWork, Work
from embedder.runtimes.choice import ChosenModel
from embedder.runtimes.port import Pooled, Runtime
from embedder.toxicity.model import ToxicityModel
from embedder.toxicity.ngrams import Array
from vocabulary.errors import SettingInvalid


def open_own_encoder(
    model: ChosenModel, toxicity: ToxicityModel | None, special_ids: tuple[int, int]
) -> Runtime | None:
    """Open the encoder with a fine-tuned toxicity model's own layers, on the same device; None without any.

    Raises:
        SettingInvalid: the layers are not of this encoder, or its runtime cannot replace any.
    """
    if toxicity is None or toxicity.own_layers is None:
        return None
    if model.open_with is None:
        raise SettingInvalid(
            f"embedder.toxicity_model: {toxicity.version} has layers of its own, and {model.choice.runtime} computes "
            "its model as a whole; use the runtime openvino or torch"
        )
    try:
        return model.open_with(special_ids, toxicity.own_layers.tensors)
    except ValueError as error:
        raise SettingInvalid(
            f"embedder.toxicity_model: {toxicity.version} does not fit its encoder: {error}"
        ) from error


class TwoEncoders:
    """Computes the batches of a worker. Safe from any thread, as its runtimes are."""

    def __init__(self, embedding: Runtime, own: Runtime) -> None:
        self._embedding, self._own = embedding, own

    def __call__(self, batch: Sequence[Work]) -> Pooled:
        """Return what either encoder gives for its sequences, in the order of the batch.

        Vectors and blocks of sentences are nobody's: the former are zeros or the own encoder's, the latter zeros.
        """
        alone = [row for row, work in enumerate(batch) if isinstance(work, SentenceWork)]
        whole = [row for row, work in enumerate(batch) if not isinstance(work, SentenceWork)]
        if not alone or not whole:
            runtime = self._own if alone else self._embedding
            return runtime.run([work.ids for work in batch])
        texts = self._embedding.run([batch[row].ids for row in whole])
        sentences = self._own.run([batch[row].ids for row in alone])
        features = None
        if texts.features is not None and sentences.features is not None:
            features = _at(whole, texts.features, len(batch))
            features[alone] = sentences.features
        blocks = None if texts.blocks is None else _at(whole, texts.blocks, len(batch))
        return Pooled(_at(whole, texts.embeddings, len(batch)), features, blocks)


def _at(rows: list[int], values: Array, count: int) -> Array:
    spread: Array = np.zeros((count, *values.shape[1:]), dtype=np.float32)
    spread[rows] = values
    return spread
