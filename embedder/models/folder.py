"""What a sentence-transformers folder of a BERT encoder says of its model, read strictly enough to compute it anew.

Such an encoder runs on every runtime. What asks for more is `OtherArchitecture`, which the torch runtime may load
through the library (`library_folder.py`); what is missing or damaged is refused as such.

Source: the files that `SentenceTransformer.save` writes (modules.json, config.json, sentence_bert_config.json,
<n>_Pooling/config.json, config_sentence_transformers.json, tokenizer.json, model.safetensors).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from embedder.models.folder_files import (
    SPECIAL_TOKENS,
    read_json,
    read_max_tokens,
    read_modules,
    read_pooling,
    read_positive,
    read_query_prompt,
)
from vocabulary.errors import SettingInvalid

__all__ = [
    "SPECIAL_TOKENS",
    "Activation",
    "BertShape",
    "ModelFolder",
    "OtherArchitecture",
    "Pooling",
    "read_model_folder",
]


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
_SUPPORTED_MODULES = ("Transformer", "Pooling", "Normalize")


class OtherArchitecture(SettingInvalid):
    """A model that is no BERT encoder with mean or CLS pooling, or not a plain one."""

    def __init__(self, file: Path, asked: str) -> None:
        super().__init__(
            f"embedder.model: {file} asks for {asked}; only the torch runtime has that: embedder.runtime = "
            '"torch", with `pip install "sightline[gpu]"`'
        )


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
    def vocabulary(self) -> int:
        return self.shape.vocabulary

    @property
    def dimensions(self) -> int:
        return self.shape.hidden

    @property
    def pooling_name(self) -> str:
        return self.pooling.value

    @property
    def weights_file(self) -> Path:
        return self.path / "model.safetensors"

    @property
    def tokenizer_file(self) -> Path:
        return self.path / "tokenizer.json"


def read_model_folder(path: Path) -> ModelFolder:
    """Read and check a folder's description; the weights are looked at by `read_weights`.

    Raises:
        OtherArchitecture: it is not a plain BERT encoder.
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
        max_tokens=read_max_tokens(path / transformer, positions=shape.positions) - SPECIAL_TOKENS,
        query_prompt=read_query_prompt(path / "config_sentence_transformers.json"),
    )


def _modules(path: Path) -> tuple[str, str]:
    """Return the subfolders of the transformer and of the pooling, the first two modules of every such model."""
    modules = read_modules(path)
    kinds = [module.kind for module in modules]
    if kinds[:2] != ["Transformer", "Pooling"] or any(kind not in _SUPPORTED_MODULES for kind in kinds):
        raise OtherArchitecture(
            path / "modules.json", f"{', '.join(kinds)}; only Transformer, Pooling and Normalize in this order"
        )
    return modules[0].folder, modules[1].folder


def _shape(file: Path) -> BertShape:
    config = read_json(file, dict)
    if config.get("model_type") != "bert":
        raise OtherArchitecture(file, f"model_type {config.get('model_type')!r}")
    if config.get("position_embedding_type", "absolute") != "absolute":
        raise OtherArchitecture(file, f"position_embedding_type {config['position_embedding_type']!r}")
    activation = _ACTIVATIONS.get(str(config.get("hidden_act")))
    if activation is None:
        raise OtherArchitecture(file, f"hidden_act {config.get('hidden_act')!r}")
    shape = BertShape(
        layers=read_positive(file, config, "num_hidden_layers"),
        hidden=read_positive(file, config, "hidden_size"),
        heads=read_positive(file, config, "num_attention_heads"),
        feed_forward=read_positive(file, config, "intermediate_size"),
        vocabulary=read_positive(file, config, "vocab_size"),
        positions=read_positive(file, config, "max_position_embeddings"),
        layer_norm_epsilon=float(config.get("layer_norm_eps", 1e-12)),
        activation=activation,
    )
    if shape.hidden % shape.heads:
        raise SettingInvalid(f"embedder.model: {file}: hidden_size is not a multiple of num_attention_heads")
    return shape


def _pooling(file: Path, hidden: int) -> Pooling:
    described = read_pooling(file)
    if described.dimension != hidden:
        raise SettingInvalid(f"embedder.model: {file}: the pooling is for {described.dimension} numbers, not {hidden}")
    if not described.include_prompt:
        raise OtherArchitecture(file, "include_prompt = false")
    if len(described.modes) != 1 or described.modes[0] not in set(Pooling):
        raise OtherArchitecture(file, " and ".join(described.modes) or "no pooling")
    return Pooling(described.modes[0])
