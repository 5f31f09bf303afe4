"""What a sentence-transformers folder says of its model, read strictly.

Source: the files that `SentenceTransformer.save` writes (modules.json, config.json, sentence_bert_config.json,
<n>_Pooling/config.json, config_sentence_transformers.json, tokenizer.json, model.safetensors).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from vocabulary.errors import SettingInvalid

SPECIAL_TOKENS = 2  # [CLS] before and [SEP] behind every sequence


class Activation(StrEnum):
    """The feed-forward activations of BERT models, by their exact formula."""

    GELU_ERF = "gelu-erf"
    GELU_TANH = "gelu-tanh"
    RELU = "relu"


class Pooling(StrEnum):
    """How the last hidden states of a sequence become its vector."""

    MEAN = "mean"
    CLS = "cls"


_ACTIVATIONS = {
    "gelu": Activation.GELU_ERF,
    "gelu_new": Activation.GELU_TANH,
    "gelu_pytorch_tanh": Activation.GELU_TANH,
    "relu": Activation.RELU,
}
_POOLINGS = {"pooling_mode_mean_tokens": Pooling.MEAN, "pooling_mode_cls_token": Pooling.CLS}
_SUPPORTED_MODULES = ("Transformer", "Pooling", "Normalize")


@dataclass(frozen=True, slots=True)
class BertShape:
    """The sizes and constants of a BERT encoder."""

    layers: int
    hidden: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    layer_norm_epsilon: float
    activation: Activation


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A usable model: its files and everything that decides its vectors apart from the weights themselves."""

    path: Path
    shape: BertShape
    pooling: Pooling
    max_tokens: int  # without special tokens
    query_prompt: str  # put before the text of a query, as the model was trained; mostly empty

    @property
    def weights_file(self) -> Path:
        return self.path / "model.safetensors"

    @property
    def tokenizer_file(self) -> Path:
        return self.path / "tokenizer.json"


def read_model_folder(path: Path) -> ModelFolder:
    """Read and check a folder's description; the weights are looked at by `read_weights`.

    Raises:
        SettingInvalid: a file is missing or damaged, or asks for something that is not supported.
    """
    folder = _read_description(path)
    for file in (folder.weights_file, folder.tokenizer_file):
        if not file.is_file():
            raise SettingInvalid(f"embedder.model: {file} is missing")
    return folder


def _read_description(path: Path) -> ModelFolder:
    transformer, pooling = _modules(path)
    shape = _shape(path / transformer / "config.json")
    return ModelFolder(
        path=path / transformer,
        shape=shape,
        pooling=_pooling(path / pooling / "config.json", shape.hidden),
        max_tokens=_max_tokens(path / transformer / "sentence_bert_config.json", shape.positions),
        query_prompt=_query_prompt(path / "config_sentence_transformers.json"),
    )


def _modules(path: Path) -> tuple[str, str]:
    """Return the subfolders of the transformer and of the pooling, the first two modules of every such model."""
    file = path / "modules.json"
    modules = _read_json(file, list)
    try:
        kinds = [module["type"].rpartition(".")[2] for module in modules]
        folders = [str(module["path"]) for module in modules]
    except (AttributeError, KeyError, TypeError) as error:
        raise SettingInvalid(f"embedder.model: {file} is not a list of modules") from error
    if kinds[:2] != ["Transformer", "Pooling"] or any(kind not in _SUPPORTED_MODULES for kind in kinds):
        raise SettingInvalid(
            f"embedder.model: {file} asks for {', '.join(kinds)}; only Transformer, Pooling and "
            "Normalize in this order are supported"
        )
    return folders[0], folders[1]


def _shape(file: Path) -> BertShape:
    config = _read_json(file, dict)
    _expect(file, config, "model_type", "bert")
    _expect(file, config, "position_embedding_type", "absolute", default="absolute")
    activation = _ACTIVATIONS.get(str(config.get("hidden_act")))
    if activation is None:
        raise SettingInvalid(f"embedder.model: {file}: hidden_act {config.get('hidden_act')!r} is not supported")
    shape = BertShape(
        layers=_positive(file, config, "num_hidden_layers"),
        hidden=_positive(file, config, "hidden_size"),
        heads=_positive(file, config, "num_attention_heads"),
        feed_forward=_positive(file, config, "intermediate_size"),
        vocabulary=_positive(file, config, "vocab_size"),
        positions=_positive(file, config, "max_position_embeddings"),
        layer_norm_epsilon=float(config.get("layer_norm_eps", 1e-12)),
        activation=activation,
    )
    if shape.hidden % shape.heads:
        raise SettingInvalid(f"embedder.model: {file}: hidden_size is not a multiple of num_attention_heads")
    return shape


def _pooling(file: Path, hidden: int) -> Pooling:
    config = _read_json(file, dict)
    _expect(file, config, "word_embedding_dimension", hidden)
    _expect(file, config, "include_prompt", True, default=True)
    asked = [key for key, value in config.items() if key.startswith("pooling_mode_") and value]
    if len(asked) != 1 or asked[0] not in _POOLINGS:
        raise SettingInvalid(f"embedder.model: {file}: {', '.join(asked) or 'no pooling'} is not supported")
    return _POOLINGS[asked[0]]


def _max_tokens(file: Path, positions: int) -> int:
    config = _read_json(file, dict)
    _expect(file, config, "do_lower_case", False, default=False)
    length = _positive(file, {"max_seq_length": positions} | config, "max_seq_length")
    if not SPECIAL_TOKENS < length <= positions:
        raise SettingInvalid(f"embedder.model: {file}: max_seq_length {length} is outside 3..{positions}")
    return length - SPECIAL_TOKENS


def _query_prompt(file: Path) -> str:
    if not file.exists():
        return ""
    config = _read_json(file, dict)
    _expect(file, config, "default_prompt_name", None, default=None)
    prompts = config.get("prompts") or {}
    if any(text for name, text in prompts.items() if name in ("document", "passage", "corpus")):
        raise SettingInvalid(f"embedder.model: {file}: prompts before passages are not supported")
    return str(prompts.get("query") or "")


JsonT = TypeVar("JsonT", bound=list[Any] | dict[str, Any])


def _read_json(file: Path, kind: type[JsonT]) -> JsonT:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingInvalid(f"embedder.model: {file} is missing") from None
    except (OSError, ValueError) as error:
        raise SettingInvalid(f"embedder.model: {file} cannot be read as JSON: {error}") from error
    if not isinstance(value, kind):
        raise SettingInvalid(f"embedder.model: {file} holds no JSON {kind.__name__}")
    return value


def _expect(file: Path, config: dict[str, Any], key: str, wanted: object, default: object = "nothing") -> None:
    if config.get(key, default) != wanted:
        raise SettingInvalid(f"embedder.model: {file}: {key} is {config.get(key)!r}; only {wanted!r} is supported")


def _positive(file: Path, config: dict[str, Any], key: str) -> int:
    value = config.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise SettingInvalid(f"embedder.model: {file}: {key} is {value!r}, expected a positive number")
    return value
