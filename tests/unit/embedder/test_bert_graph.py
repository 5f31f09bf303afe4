"""The OpenVINO graph equals the published formulas, written a second time in numpy."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedder.config import Precision
from embedder.models import Activation, BertWeights, ModelFolder, read_model_folder, read_weights
from embedder.runtimes.openvino import OpenVinoRuntime
from embedder.runtimes.port import Pooled, feature_layers

TinyModel = Callable[..., Path]
Array = np.ndarray[Any, np.dtype[np.float32]]
SEQUENCES = [np.array(ids, dtype=np.int32) for ids in ([5, 9, 12, 7, 20], [], [30], list(range(5, 15)))]


def _run(path: Path, *, blocks: bool = False) -> tuple[Pooled, ModelFolder, BertWeights]:
    folder = read_model_folder(path)
    weights = read_weights(folder)
    runtime = OpenVinoRuntime(
        folder, weights, special_ids=(2, 3), threads=1, precision=Precision.FLOAT32, blocks=blocks
    )
    return runtime.run(SEQUENCES), folder, weights


def _states(ids: list[int], folder: ModelFolder, weights: BertWeights) -> list[Array]:
    """Return the hidden states after every layer for one unpadded sequence."""

    def norm(values: Array, name: str) -> Array:
        centred = values - values.mean(-1, keepdims=True)
        normal = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + folder.shape.layer_norm_epsilon)
        return np.asarray(normal * weights[f"{name}.weight"] + weights[f"{name}.bias"])

    def linear(values: Array, name: str) -> Array:
        return np.asarray(values @ weights[f"{name}.weight"].T + weights[f"{name}.bias"])

    def activate(values: Array) -> Array:
        if folder.shape.activation is Activation.RELU:
            return np.maximum(values, 0)
        if folder.shape.activation is Activation.GELU_TANH:
            return np.asarray(0.5 * values * (1 + np.tanh(math.sqrt(2 / math.pi) * (values + 0.044715 * values**3))))
        return np.asarray(0.5 * values * (1 + np.vectorize(math.erf)(values / math.sqrt(2))))

    def attention(values: Array, path: str) -> Array:
        size = folder.shape.hidden // folder.shape.heads
        outputs = []
        for head in range(folder.shape.heads):
            part = slice(head * size, (head + 1) * size)
            query, key, value = (linear(values, f"{path}self.{name}")[:, part] for name in ("query", "key", "value"))
            scores = np.exp(query @ key.T / math.sqrt(size))
            outputs.append(scores / scores.sum(-1, keepdims=True) @ value)
        return np.concatenate(outputs, axis=1)

    words = weights["embeddings.word_embeddings.weight"][ids]
    places = weights["embeddings.position_embeddings.weight"][: len(ids)]
    hidden = norm(words + places + weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    states = []
    for layer in range(folder.shape.layers):
        path = f"encoder.layer.{layer}."
        attended = linear(attention(hidden, f"{path}attention."), f"{path}attention.output.dense")
        hidden = norm(attended + hidden, f"{path}attention.output.LayerNorm")
        wide = activate(linear(hidden, f"{path}intermediate.dense"))
        hidden = norm(linear(wide, f"{path}output.dense") + hidden, f"{path}output.LayerNorm")
        states.append(hidden)
    return states


def _features(states: list[Array]) -> Array:
    means = [states[layer - 1].mean(0) for layer in feature_layers(len(states))]
    return np.concatenate([*means, states[-1].max(0)])


@pytest.mark.parametrize("hidden_act", ["gelu", "gelu_new", "relu"])
@pytest.mark.parametrize("layers", [1, 4])
def test_embeddings_and_features_equal_the_formulas(tiny_model: TinyModel, hidden_act: str, layers: int) -> None:
    pooled, folder, weights = _run(tiny_model(hidden_act=hidden_act, num_hidden_layers=layers))

    assert pooled.features is not None
    assert pooled.blocks is None
    for row, sequence in enumerate(SEQUENCES):
        states = _states([2, *sequence, 3], folder, weights)
        np.testing.assert_allclose(pooled.embeddings[row], states[-1].mean(0), atol=1e-4)
        np.testing.assert_allclose(pooled.features[row], _features(states), atol=1e-4)


def test_blocks_have_the_means_of_eight_tokens_each(tiny_model: TinyModel) -> None:
    pooled, folder, weights = _run(tiny_model(), blocks=True)

    assert pooled.features is not None
    assert pooled.blocks is not None
    assert pooled.blocks.shape == (len(SEQUENCES), 2, 24)
    for row, sequence in enumerate(SEQUENCES):
        states = _states([2, *sequence, 3], folder, weights)
        np.testing.assert_allclose(pooled.features[row], _features(states), atol=1e-4)
        for number, start in enumerate(range(0, len(sequence) + 2, 8)):
            expected = _features([state[start : start + 8] for state in states])[:24]
            np.testing.assert_allclose(pooled.blocks[row, number], expected, atol=1e-4)


def test_cls_pooling_takes_the_first_state(tiny_model: TinyModel) -> None:
    pooled, folder, weights = _run(tiny_model(pooling="pooling_mode_cls_token"))

    for row, sequence in enumerate(SEQUENCES):
        first = _states([2, *sequence, 3], folder, weights)[-1][0]
        np.testing.assert_allclose(pooled.embeddings[row], first, atol=1e-4)


@pytest.mark.parametrize(("layers", "read"), [(6, (2, 4, 6)), (12, (4, 8, 12)), (1, (1, 1, 1)), (2, (1, 1, 2))])
def test_features_are_read_at_thirds_of_the_depth(layers: int, read: tuple[int, int, int]) -> None:
    assert feature_layers(layers) == read
