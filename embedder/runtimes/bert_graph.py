"""A BERT encoder as an OpenVINO graph, written operation by operation from its weights.

No exporter and so no torch: the graph is small, and one pass can end in all the poolings that the heads read.
Inputs are `ids` int32 [n, width], padded with anything, and `lengths` int32 [n]; outputs are `embeddings`
[n, hidden], `features` [n, 4 * hidden] and, where wanted, `blocks` [n, blocks, 3 * hidden] (see `port.Pooled`). Padding
never reaches an output.

Source: Devlin et al., BERT (2019); Wang et al., MiniLM (2020).
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import openvino as ov
from openvino import opset13 as op

from embedder.models import Activation, BertShape, BertWeights, Pooling
from embedder.runtimes.port import BLOCK_TOKENS, feature_layers

Node: TypeAlias = Any  # OpenVINO's nodes carry no type information

# Added to attention scores and maxima of padding: exp() of it is 0, and bfloat16 still holds it.
_FAR_BELOW_ANY_SCORE = np.float32(-1e9)


def build_bert_graph(shape: BertShape, weights: BertWeights, pooling: Pooling, *, blocks: bool = False) -> ov.Model:
    """Build the graph for any number of sequences of any length up to the model's positions."""
    ids = op.parameter([-1, -1], np.int32, name="ids")
    lengths = op.parameter([-1], np.int32, name="lengths")
    width = op.gather(op.shape_of(ids, "i32"), _scalar(1), _scalar(0))
    positions = op.range(_scalar(0), width, _scalar(1), "i32")
    real = op.convert(op.less(op.unsqueeze(positions, _scalar(0)), op.unsqueeze(lengths, _scalar(1))), "f32")
    penalty = op.multiply(op.subtract(_constant(np.float32(1)), real), _constant(_FAR_BELOW_ANY_SCORE))

    hidden = _embed(ids, positions, shape, weights)
    states = []
    for layer in range(shape.layers):
        hidden = _layer(hidden, op.unsqueeze(penalty, _axes(1, 2)), shape, weights, f"encoder.layer.{layer}.")
        states.append(hidden)

    whole = op.unsqueeze(op.divide(real, op.unsqueeze(op.convert(lengths, "f32"), _scalar(1))), _scalar(1))
    shares = op.concat([whole, _block_shares(positions, real)], 1) if blocks else whole
    means = [_means(shares, states[layer - 1]) for layer in feature_layers(shape.layers)]
    wholes = [op.gather(each, _scalar(0), _scalar(1)) for each in means]
    maximum = op.reduce_max(op.add(hidden, op.unsqueeze(penalty, _scalar(2))), _scalar(1))
    embeddings = wholes[-1] if pooling is Pooling.MEAN else op.gather(hidden, _scalar(0), _scalar(1))
    results = [_result(embeddings, "embeddings"), _result(op.concat([*wholes, maximum], 1), "features")]
    if blocks:
        behind_the_whole = _axes(1), _axes(np.iinfo(np.int32).max), _axes(1), _axes(1)  # first, last, step, axis
        results.append(_result(op.slice(op.concat(means, 2), *behind_the_whole), "blocks"))
    return ov.Model(results, [ids, lengths], "bert")


def _block_shares(positions: Node, real: Node) -> Node:
    """Return each token's weight in the mean of its block [n, blocks, width]: one over the block's real tokens."""
    block_of = op.divide(positions, _scalar(BLOCK_TOKENS))
    count = op.add(op.reduce_max(block_of, _scalar(0)), _scalar(1))
    numbers = op.range(_scalar(0), count, _scalar(1), "i32")
    inside = op.convert(op.equal(op.unsqueeze(numbers, _scalar(1)), op.unsqueeze(block_of, _scalar(0))), "f32")
    members = op.multiply(op.unsqueeze(inside, _scalar(0)), op.unsqueeze(real, _scalar(1)))
    return op.divide(members, op.maximum(op.reduce_sum(members, _scalar(2), True), _constant(np.float32(1))))


def _embed(ids: Node, positions: Node, shape: BertShape, weights: BertWeights) -> Node:
    words = op.gather(_constant(weights["embeddings.word_embeddings.weight"]), ids, _scalar(0))
    # One segment only, so its row of the token type table is part of every position.
    table = weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
    places = op.gather(_constant(table), positions, _scalar(0))
    return _layer_norm(op.add(words, places), shape, weights, "embeddings.LayerNorm")


def _layer(hidden: Node, penalty: Node, shape: BertShape, weights: BertWeights, path: str) -> Node:
    attended = _linear(_attention(hidden, penalty, shape, weights, path), weights, f"{path}attention.output.dense")
    hidden = _layer_norm(op.add(attended, hidden), shape, weights, f"{path}attention.output.LayerNorm")
    wide = _activate(_linear(hidden, weights, f"{path}intermediate.dense"), shape.activation)
    return _layer_norm(
        op.add(_linear(wide, weights, f"{path}output.dense"), hidden), shape, weights, f"{path}output.LayerNorm"
    )


def _attention(hidden: Node, penalty: Node, shape: BertShape, weights: BertWeights, path: str) -> Node:
    """Return the heads' outputs side by side [n, width, hidden]; query, key and value are one matrix product."""
    parts = [f"{path}attention.self.{part}" for part in ("query", "key", "value")]
    weight = np.concatenate([weights[f"{part}.weight"] for part in parts])
    bias = np.concatenate([weights[f"{part}.bias"] for part in parts])
    joint = op.add(op.matmul(hidden, _constant(weight), False, True), _constant(bias))

    split_heads = _axes(0, 0, shape.heads, shape.hidden // shape.heads)
    query, key, value = (
        op.transpose(op.reshape(part, split_heads, True), _axes(0, 2, 1, 3))
        for part in op.split(joint, _scalar(2), 3).outputs()
    )
    heads = op.transpose(op.scaled_dot_product_attention(query, key, value, penalty), _axes(0, 2, 1, 3))
    return op.reshape(heads, _axes(0, 0, shape.hidden), True)


def _linear(hidden: Node, weights: BertWeights, name: str) -> Node:
    product = op.matmul(hidden, _constant(weights[f"{name}.weight"]), False, True)
    return op.add(product, _constant(weights[f"{name}.bias"]))


def _layer_norm(hidden: Node, shape: BertShape, weights: BertWeights, name: str) -> Node:
    normal = op.mvn(hidden, _axes(-1), True, shape.layer_norm_epsilon, "inside_sqrt")
    return op.add(op.multiply(normal, _constant(weights[f"{name}.weight"])), _constant(weights[f"{name}.bias"]))


def _activate(hidden: Node, activation: Activation) -> Node:
    if activation is Activation.RELU:
        return op.relu(hidden)
    return op.gelu(hidden, "erf" if activation is Activation.GELU_ERF else "tanh")


def _means(shares: Node, hidden: Node) -> Node:
    """Average states [n, width, hidden] by rows of weights [n, rows, width]: one product, no masked copy."""
    return op.matmul(shares, hidden, False, False)


def _result(node: Node, name: str) -> Node:
    result = op.result(node)
    result.output(0).set_names({name})
    return result


def _constant(value: Any) -> Node:
    return op.constant(np.ascontiguousarray(value) if np.ndim(value) else np.asarray(value))


def _scalar(value: int) -> Node:
    return _constant(np.int32(value))


def _axes(*values: int) -> Node:
    return _constant(np.array(values, dtype=np.int32))
