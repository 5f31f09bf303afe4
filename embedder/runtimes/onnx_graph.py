"""An encoder that comes as ONNX, as a graph with the inputs and the output of the one that is built from weights.

OpenVINO reads the file itself, so that no second library computes, and all that holds for its runtime (streams,
precision, the lane of queries) holds for these models. Padding, mask and pooling are put around the file's own graph.
Inputs are `ids` int32 [n, width], padded with anything, and `lengths` int32 [n]; output is `embeddings` [n, hidden].
There are no features, since the file gives the last hidden states alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import openvino as ov
from openvino import opset13 as op

from embedder.models import Pooling
from vocabulary.errors import SettingInvalid

Node: TypeAlias = Any  # OpenVINO's nodes carry no type information

_INPUTS = frozenset({"input_ids", "attention_mask", "token_type_ids", "position_ids"})
_HIDDEN_STATES = ("last_hidden_state", "token_embeddings")  # as Optimum and as sentence-transformers call them


def read_onnx_graph(file: Path, *, pooling: Pooling, padding_id: int) -> ov.Model:
    """Read a model and put its mask and its pooling around it.

    Raises:
        SettingInvalid: the file is damaged, or takes or gives something else than an encoder does.
    """
    try:
        model = ov.Core().read_model(file)
    except RuntimeError as error:
        raise SettingInvalid(f"embedder.model: {file} cannot be read: {error}") from error
    names = {each.any_name for each in model.inputs}
    if not {"input_ids", "attention_mask"} <= names <= _INPUTS:
        raise SettingInvalid(f"embedder.model: {file} takes {', '.join(sorted(names))}; this is no encoder of texts")
    ids, lengths = op.parameter([-1, -1], np.int32, name="ids"), op.parameter([-1], np.int32, name="lengths")
    real = _real_tokens(ids, lengths)
    values = _values(ids, real, padding_id)
    for parameter in model.inputs:
        wanted = op.convert(values[parameter.any_name], parameter.element_type.to_string())
        parameter.get_node().output(0).replace(wanted.output(0))
    embeddings = op.result(_pooled(_hidden_states(model, file), real, lengths, pooling))
    embeddings.output(0).set_names({"embeddings"})
    return ov.Model([embeddings], [ids, lengths], "onnx")


def _real_tokens(ids: Node, lengths: Node) -> Node:
    """Say of every place whether a token is there: bool [n, width]."""
    places = op.range(_constant(0), _width(ids), _constant(1), "i32")
    return op.less(op.unsqueeze(places, _constant(0)), op.unsqueeze(lengths, _constant(1)))


def _values(ids: Node, real: Node, padding_id: int) -> dict[str, Node]:
    """What the file's own inputs are given; some architectures number positions by where the padding is."""
    zeros = op.multiply(ids, _constant(0))
    places = op.range(_constant(0), _width(ids), _constant(1), "i32")
    return {
        "input_ids": op.select(real, ids, _constant(padding_id)),
        "attention_mask": op.convert(real, "i32"),
        "token_type_ids": zeros,
        "position_ids": op.add(zeros, op.unsqueeze(places, _constant(0))),
    }


def _hidden_states(model: ov.Model, file: Path) -> Node:
    for name in _HIDDEN_STATES:
        for output in model.outputs:
            if name in output.get_names() and len(output.get_partial_shape()) == 3:
                return output.get_node().input_value(0)
    raise SettingInvalid(f"embedder.model: {file} gives no {' or '.join(_HIDDEN_STATES)}")


def _pooled(hidden: Node, real: Node, lengths: Node, pooling: Pooling) -> Node:
    if pooling is Pooling.CLS:
        return op.gather(hidden, _constant(0), _constant(1))
    share = op.divide(op.convert(real, "f32"), op.unsqueeze(op.convert(lengths, "f32"), _constant(1)))
    return op.squeeze(op.matmul(op.unsqueeze(share, _constant(1)), hidden, False, False), _constant(1))


def _width(ids: Node) -> Node:
    return op.gather(op.shape_of(ids, "i32"), _constant(1), _constant(0))


def _constant(value: int) -> Node:
    return op.constant(np.asarray(value, dtype=np.int32))
