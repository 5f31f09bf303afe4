"""A BERT of a few hundred numbers in a sentence-transformers folder, to try what the real model does not have."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

HIDDEN, FEED_FORWARD, POSITIONS = 8, 12, 16
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz"]

CONFIG = {
    "model_type": "bert",
    "num_hidden_layers": 4,
    "hidden_size": HIDDEN,
    "num_attention_heads": 2,
    "intermediate_size": FEED_FORWARD,
    "vocab_size": len(WORDS),
    "max_position_embeddings": POSITIONS,
    "layer_norm_eps": 1e-12,
    "hidden_act": "gelu",
}

TinyModel = Callable[..., Path]


@pytest.fixture
def tiny_model(tmp_path: Path) -> TinyModel:
    """Return a function that writes a folder; keyword arguments change its config.json."""
    return partial(write_tiny_model, tmp_path / "tiny")


def write_tiny_model(folder: Path, *, pooling: str = "pooling_mode_mean_tokens", seed: int = 4, **changes: Any) -> Path:
    """Write a folder with random weights."""
    config = CONFIG | changes
    (folder / "1_Pooling").mkdir(parents=True)
    _write_json(folder / "modules.json", [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    ])  # fmt: skip
    _write_json(folder / "config.json", config)
    _write_json(folder / "1_Pooling" / "config.json", {"word_embedding_dimension": HIDDEN, pooling: True})
    _write_json(folder / "sentence_bert_config.json", {"max_seq_length": 12, "do_lower_case": False})
    _write_tokenizer(folder / "tokenizer.json")
    save_file(_random_weights(config["num_hidden_layers"], seed), folder / "model.safetensors")
    return folder


def _write_json(file: Path, value: object) -> None:
    file.write_text(json.dumps(value), encoding="utf-8")


def _write_tokenizer(file: Path) -> None:
    tokenizer = Tokenizer(models.WordPiece({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(file))


def _random_weights(layers: int, seed: int) -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
    random = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (len(WORDS), HIDDEN),
        "embeddings.position_embeddings.weight": (POSITIONS, HIDDEN),
        "embeddings.token_type_embeddings.weight": (2, HIDDEN),
        "embeddings.LayerNorm.weight": (HIDDEN,),
    }
    for layer in range(layers):
        path = f"encoder.layer.{layer}."
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            shapes[f"{path}attention.{part}.weight"] = (HIDDEN, HIDDEN)
        shapes[f"{path}attention.output.LayerNorm.weight"] = (HIDDEN,)
        shapes[f"{path}intermediate.dense.weight"] = (FEED_FORWARD, HIDDEN)
        shapes[f"{path}output.dense.weight"] = (HIDDEN, FEED_FORWARD)
        shapes[f"{path}output.LayerNorm.weight"] = (HIDDEN,)
    biases = {
        name.replace(".weight", ".bias"): shape[:1] for name, shape in shapes.items() if "_embeddings" not in name
    }
    return {name: random.normal(size=shape).astype(np.float32) for name, shape in (shapes | biases).items()}
