"""A batch through several encoders: texts through that of the vectors, sentences through a toxicity model's own.

A fine-tuned toxicity model has layers of its own, and a second pass over everything would double the work. So the pass
that embeds a text also says which of its sentences are suspicious, and only these come here a second time. They wait in
the same queue and fill batches with each other, as with a model that reads the embedding's encoder.

Invariant: what is embedded never goes through a toxicity model's encoder, and what such a model judges through no other
than its own.
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


def open_own_encoder(model: ChosenModel, toxicity: ToxicityModel, special_ids: tuple[int, int]) -> Runtime | None:
    """Open the encoder with a fine-tuned toxicity model's own layers, on the same device; None without any.

    Raises:
        SettingInvalid: the layers are not of this encoder, or its runtime cannot replace any.
    """
    if toxicity.own_layers is None:
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


class Encoders:
    """Computes the batches of a worker, by `embedding` what no other encoder is for. Safe from any thread."""

    def __init__(self, embedding: Runtime) -> None:
        self._embedding = embedding

    def __call__(self, batch: Sequence[Work]) -> Pooled:
        """Return what each encoder gives for its sequences, in the order of the batch.

        Vectors and blocks of what a toxicity model's own encoder computed are nobody's: the former are that encoder's,
        the latter missing or zeros.
        """
        shares: dict[Runtime, list[int]] = {}
        for row, work in enumerate(batch):
            shares.setdefault(self._encoder_of(work), []).append(row)
        given = [(rows, runtime.run([batch[row].ids for row in rows])) for runtime, rows in shares.items()]
        return given[0][1] if len(given) == 1 else _together(given, len(batch))

    def _encoder_of(self, work: Work) -> Runtime:
        own = work.scorer.own_encoder if isinstance(work, SentenceWork) and work.scorer is not None else None
        return self._embedding if own is None else own


def _together(given: Sequence[tuple[list[int], Pooled]], count: int) -> Pooled:
    """Put what encoders gave for rows of a batch in its order; features only if all of them gave some."""
    features = [(rows, each.features) for rows, each in given if each.features is not None]
    blocks = [(rows, each.blocks) for rows, each in given if each.blocks is not None]  # of one, that which embeds
    return Pooled(
        _at([(rows, each.embeddings) for rows, each in given], count),
        _at(features, count) if len(features) == len(given) else None,
        _at(blocks, count) if blocks else None,
    )


def _at(shares: Sequence[tuple[list[int], Array]], count: int) -> Array:
    spread: Array = np.zeros((count, *shares[0][1].shape[1:]), dtype=np.float32)
    for rows, values in shares:
        spread[rows] = values
    return spread
