"""A BERT encoder over sequences that lie end to end, with its poolings in the same computation.

In come the integers of `packing.Packed` on the device, out come the vectors and the features that a toxicity model
reads. One matrix product makes queries, keys and values; layers compute in the encoder's own arithmetic, poolings in
float32. No value is asked back from the device, so that the whole computation can be recorded once and replayed.

Source: Devlin et al., BERT (2019).
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import gelu, layer_norm, linear, relu

from embedder.models import Activation, BertShape, BertWeights, Pooling
from embedder.runtimes.port import feature_layers
from embedder.runtimes.torch.attention import KERNELS, Attention, padded
from embedder.runtimes.torch.poolings import Batch, Means, Outputs, join_features


class _Layer(NamedTuple):
    joint: tuple[Tensor, Tensor]  # query, key and value, one below the other
    attended: tuple[Tensor, Tensor]
    attended_norm: tuple[Tensor, Tensor]
    wide: tuple[Tensor, Tensor]
    narrow: tuple[Tensor, Tensor]
    norm: tuple[Tensor, Tensor]


class PackedEncoder:
    """The weights on one device in one arithmetic. Calls share nothing that they write: safe from any thread."""

    def __init__(
        self,
        shape: BertShape,
        weights: BertWeights,
        pooling: Pooling,
        *,
        device: str,
        dtype: torch.dtype,
        blocks: bool,
    ) -> None:
        self._shape = shape
        self._blocks = blocks
        self._pooling = pooling
        self._attention: Attention = padded
        self._feature_layers = feature_layers(shape.layers)
        self._embed: Callable[..., Tensor] = _embed
        self._finish_layer: Callable[..., Tensor] = _finish_layer

        def affine(*names: str) -> tuple[Tensor, Tensor]:
            return (
                torch.cat([torch.from_numpy(weights[f"{name}.weight"]) for name in names]).to(device, dtype),
                torch.cat([torch.from_numpy(weights[f"{name}.bias"]) for name in names]).to(device, dtype),
            )

        self._words = torch.from_numpy(weights["embeddings.word_embeddings.weight"]).to(device, dtype)
        # One segment only, so its row of the token type table is part of every position.
        places = (
            weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
        )
        self._places = torch.from_numpy(places).to(device, dtype)
        self._first_norm = affine("embeddings.LayerNorm")
        self._layers = [_layer(affine, f"encoder.layer.{number}.") for number in range(shape.layers)]

    def with_attention(self, kernel: str) -> PackedEncoder:
        """Return the same encoder, its weights shared, with another kernel for attention than `padded`."""
        changed = copy(self)
        changed._attention = KERNELS[kernel]
        return changed

    def compiled(self) -> PackedEncoder:
        """Return the same encoder, its weights shared, with what lies between the matrix products fused.

        Compiling happens when a size is computed first and takes seconds.
        """
        changed = copy(self)
        changed._embed = torch.compile(_embed, dynamic=False, fullgraph=True)
        changed._finish_layer = torch.compile(_finish_layer, dynamic=False, fullgraph=True)
        return changed

    def __call__(self, batch: Batch, longest: int) -> Outputs:
        """Run one batch; `longest` is at least the length of its longest sequence."""
        epsilon, activation = self._shape.layer_norm_epsilon, self._shape.activation
        hidden = self._embed((batch.ids, batch.positions), (self._words, self._places), self._first_norm, epsilon)
        means: dict[int, Means] = {}
        for number, layer in enumerate(self._layers, start=1):
            attended = self._attend(linear(hidden, *layer.joint), batch.offsets, longest)
            hidden = self._finish_layer(hidden, attended, layer, epsilon, activation)
            if number in self._feature_layers:
                means[number] = Means.over(hidden, batch)
        return self._pool(hidden, [means[number] for number in self._feature_layers], batch)

    def _attend(self, joint: Tensor, offsets: Tensor, longest: int) -> Tensor:
        heads, size = self._shape.heads, self._shape.hidden // self._shape.heads
        query, key, value = joint.view(-1, 3, heads, size).unbind(1)
        return self._attention(query, key, value, offsets, longest).reshape(-1, self._shape.hidden)

    def _pool(self, hidden: Tensor, means: list[Means], batch: Batch) -> Outputs:
        if self._pooling is Pooling.MEAN:
            embeddings = means[-1].of_sequences
        else:  # an empty sequence at the end of a bucket has no first token; its row is never read
            embeddings = hidden[batch.offsets[:-1].clamp(max=len(hidden) - 1)].float()
        return Outputs(embeddings, *join_features(means, hidden, batch, blocks=self._blocks))


def _layer(affine: Callable[..., tuple[Tensor, Tensor]], path: str) -> _Layer:
    return _Layer(
        joint=affine(*(f"{path}attention.self.{part}" for part in ("query", "key", "value"))),
        attended=affine(f"{path}attention.output.dense"),
        attended_norm=affine(f"{path}attention.output.LayerNorm"),
        wide=affine(f"{path}intermediate.dense"),
        narrow=affine(f"{path}output.dense"),
        norm=affine(f"{path}output.LayerNorm"),
    )


def _embed(
    places: tuple[Tensor, Tensor], tables: tuple[Tensor, Tensor], norm: tuple[Tensor, Tensor], epsilon: float
) -> Tensor:
    """Look up ids and positions in their tables, add and normalise."""
    (ids, positions), (words, order) = places, tables
    return layer_norm(words[ids] + order[positions], words.shape[1:], *norm, epsilon)


def _finish_layer(hidden: Tensor, attended: Tensor, layer: _Layer, epsilon: float, activation: Activation) -> Tensor:
    """Everything of a layer behind its attention, row by row."""
    hidden = layer_norm(hidden + linear(attended, *layer.attended), hidden.shape[1:], *layer.attended_norm, epsilon)
    wide = _activate(linear(hidden, *layer.wide), activation)
    return layer_norm(hidden + linear(wide, *layer.narrow), hidden.shape[1:], *layer.norm, epsilon)


def _activate(wide: Tensor, activation: Activation) -> Tensor:
    if activation is Activation.RELU:
        return relu(wide)
    return gelu(wide, approximate="none" if activation is Activation.GELU_ERF else "tanh")
