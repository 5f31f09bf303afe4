"""What a sentence-transformers folder of any architecture says of its model, for the runtime that loads it as a whole.

`folder.py` reads BERT encoders strictly enough to compute them anew. Here only that is read which must be known around
the computation: sizes, limits, the prompt of queries, and the sum that names the weights. Nothing in a folder is ever
executed: modules must be sentence-transformers' own, activations torch's own, weights safetensors.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedder.models.folder_files import (
    SPECIAL_TOKENS,
    Module,
    read_json,
    read_max_tokens,
    read_modules,
    read_pooling,
    read_positive,
    read_query_prompt,
)
from vocabulary.errors import SettingInvalid

_MODULES = frozenset({"Transformer", "Pooling", "Dense", "LayerNorm", "Normalize", "Dropout"})
_WITH_WEIGHTS = frozenset({"Transformer", "Dense", "LayerNorm"})
# The same facts under the names of other architectures: DistilBERT, T5, GPT.
_HIDDEN = ("hidden_size", "dim", "d_model", "n_embd")
_LAYERS = ("num_hidden_layers", "n_layers", "num_layers", "n_layer")
# Architectures whose positions count from behind the padding id, as fairseq numbered them.
_POSITIONS_BEHIND_PADDING = frozenset({"roberta", "xlm-roberta", "camembert", "mpnet", "longformer"})


@dataclass(frozen=True, slots=True)
class LibraryFolder:
    """A model that sentence-transformers loads: what is known of it without loading it."""

    path: Path
    transformer: Path
    architecture: str
    vocabulary: int
    hidden: int
    layers: int
    dimensions: int
    max_tokens: int  # without special tokens
    query_prompt: str
    pooling_name: str  # the modes of the pooling and what follows it
    sha256: str  # over all that decides a vector: the weights and what describes the modules

    @property
    def tokenizer_file(self) -> Path:
        return self.transformer / "tokenizer.json"


def read_library_folder(path: Path) -> LibraryFolder:
    """Read and check a folder's description. Blocks: about 0.2 s per 100 MB of weights, which are hashed.

    Raises:
        SettingInvalid: a file is missing or damaged, or asks for something that is not supported.
    """
    modules = read_modules(path)
    _refuse_foreign_code(path, modules)
    transformer = path / modules[0].folder
    file = transformer / "config.json"
    config = read_json(file, dict)
    if "auto_map" in config:
        raise SettingInvalid(f"embedder.model: {file} asks to run code of its own, which is never done")
    hidden = _size(file, config, _HIDDEN)
    dimensions, pooling = _vector(path, modules, hidden)
    found = LibraryFolder(
        path=path,
        transformer=transformer,
        architecture=str(config.get("model_type")),
        vocabulary=read_positive(file, config, "vocab_size"),
        hidden=hidden,
        layers=_size(file, config, _LAYERS),
        dimensions=dimensions,
        max_tokens=read_max_tokens(transformer, positions=read_positions(file, config)) - SPECIAL_TOKENS,
        query_prompt=read_query_prompt(path / "config_sentence_transformers.json"),
        pooling_name=pooling,
        sha256=_sum(path, modules),
    )
    if not found.tokenizer_file.is_file():
        raise SettingInvalid(f"embedder.model: {found.tokenizer_file} is missing")
    return found


def _refuse_foreign_code(path: Path, modules: list[Module]) -> None:
    file = path / "modules.json"
    foreign = [module.type for module in modules if not module.type.startswith("sentence_transformers.")]
    if foreign:
        raise SettingInvalid(f"embedder.model: {file} asks to run code of its own, which is never done: {foreign[0]}")
    kinds = [module.kind for module in modules]
    if kinds[:2] != ["Transformer", "Pooling"] or not _MODULES.issuperset(kinds):
        raise SettingInvalid(
            f"embedder.model: {file} asks for {', '.join(kinds)}; supported are Transformer, Pooling and then any of "
            "Dense, LayerNorm, Normalize"
        )


def _vector(path: Path, modules: list[Module], hidden: int) -> tuple[int, str]:
    """Return the size of the vectors and a name for how they come from the hidden states."""
    pooling = read_pooling(path / modules[1].folder / "config.json")
    if pooling.dimension != hidden or not pooling.modes:
        raise SettingInvalid(f"embedder.model: {path / modules[1].folder} does not fit the model")
    dimensions, name = len(pooling.modes) * hidden, "+".join(pooling.modes)
    for module in modules[2:]:
        if module.kind == "Dense":
            file = path / module.folder / "config.json"
            config = read_json(file, dict)
            if not str(config.get("activation_function", "torch.nn.")).startswith("torch.nn."):
                raise SettingInvalid(f"embedder.model: {file} asks to run code of its own, which is never done")
            dimensions = read_positive(file, config, "out_features")
        if module.kind in _WITH_WEIGHTS:
            name += f"+{module.kind.lower()}"
    return dimensions, name


def read_positions(file: Path, config: dict[str, Any]) -> int:
    positions = read_positive(
        file, {"max_position_embeddings": config.get("n_positions")} | config, "max_position_embeddings"
    )
    if config.get("model_type") in _POSITIONS_BEHIND_PADDING:
        return positions - int(config.get("pad_token_id", 1)) - 1
    return positions


def _size(file: Path, config: dict[str, Any], names: tuple[str, ...]) -> int:
    return read_positive(file, config, next((name for name in names if name in config), names[0]))


def _sum(path: Path, modules: list[Module]) -> str:
    """Hash the list of modules, their descriptions and their weights, each with its name."""
    total = hashlib.sha256((path / "modules.json").read_bytes())
    for module in modules:
        folder = path / module.folder
        weights = sorted(folder.glob("*.safetensors"))
        if module.kind in _WITH_WEIGHTS and not weights:
            raise SettingInvalid(
                f"embedder.model: {folder} holds no .safetensors file; other files of weights run code"
            )
        for file in [*folder.glob("config.json"), *weights]:
            with file.open("rb") as stream:
                total.update(f"{module.folder}/{file.name}".encode() + hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()
