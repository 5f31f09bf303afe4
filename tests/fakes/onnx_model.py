"""A small encoder as ONNX, in a sentence-transformers folder: each token sees itself and the mean of all real ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

HIDDEN, POSITIONS, PADDING = 8, 40, 1
Array = npt.NDArray[np.float32]


def tables(vocabulary: int) -> tuple[Array, Array]:
    """The rows of tokens and of positions; that of padding is large, so that one that is not masked shows."""
    random = np.random.default_rng(7)
    words = random.normal(size=(vocabulary, HIDDEN)).astype(np.float32)
    words[PADDING] = 100
    return words, random.normal(size=(POSITIONS, HIDDEN)).astype(np.float32)


def expected(ids: Sequence[int], vocabulary: int, *, pooling: str) -> Array:
    """What the encoder gives for one sequence, special tokens included; of unit length."""
    words, places = tables(vocabulary)
    states = words[list(ids)] + places[: len(ids)]
    states = states + states.mean(axis=0)
    vector = states.mean(axis=0) if pooling == "mean" else states[0]
    unit: Array = vector / np.linalg.norm(vector)
    return unit


def write_onnx_folder(
    folder: Path, tokenizer: bytes, *, vocabulary: int, pooling: str = "mean", **changes: Any
) -> Path:
    """Write the folder; keyword arguments change its config.json."""
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / "onnx").mkdir()
    kinds = {"": "Transformer", "1_Pooling": "Pooling"}
    modules = [{"path": path, "type": f"sentence_transformers.models.{kind}"} for path, kind in kinds.items()]
    config = {
        "model_type": "mpnet", "hidden_size": HIDDEN, "vocab_size": vocabulary, "num_hidden_layers": 1,
        "max_position_embeddings": POSITIONS, "pad_token_id": PADDING,
    } | changes  # fmt: skip
    mode = {"mean": "pooling_mode_mean_tokens", "cls": "pooling_mode_cls_token"}.get(pooling, pooling)
    _write_json(folder / "modules.json", modules)
    _write_json(folder / "config.json", config)
    _write_json(folder / "1_Pooling" / "config.json", {"word_embedding_dimension": HIDDEN, mode: True})
    _write_json(folder / "sentence_bert_config.json", {"max_seq_length": 12, "do_lower_case": False})
    (folder / "tokenizer.json").write_bytes(tokenizer)
    onnx.save(_model(vocabulary), str(folder / "onnx" / "model.onnx"))
    return folder


def _model(vocabulary: int) -> onnx.ModelProto:
    words, places = tables(vocabulary)
    constants = {
        "words": words, "places": places, "zero": np.array(0, np.int64), "one": np.array(1, np.int64),
        "last": np.array([2], np.int64), "second": np.array([1], np.int64),
    }  # fmt: skip
    nodes = [
        helper.make_node("Gather", ["words", "input_ids"], ["embedded"]),
        helper.make_node("Shape", ["input_ids"], ["shape"]),
        helper.make_node("Gather", ["shape", "one"], ["width"]),
        helper.make_node("Range", ["zero", "width", "one"], ["steps"]),
        helper.make_node("Gather", ["places", "steps"], ["placed"]),
        helper.make_node("Add", ["embedded", "placed"], ["states"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["columns"]),
        helper.make_node("Mul", ["states", "columns"], ["real"]),
        helper.make_node("ReduceSum", ["real", "second"], ["sum"], keepdims=1),
        helper.make_node("ReduceSum", ["columns", "second"], ["count"], keepdims=1),
        helper.make_node("Div", ["sum", "count"], ["mean"]),
        helper.make_node("Add", ["states", "mean"], ["last_hidden_state"]),
    ]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["n", "width"])
        for name in ("input_ids", "attention_mask")
    ]
    output = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["n", "width", HIDDEN])
    stored = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "encoder", inputs, [output], stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def _write_json(file: Path, value: object) -> None:
    file.write_text(json.dumps(value), encoding="utf-8")
