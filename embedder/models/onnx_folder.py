"""What a folder says of a model that it holds as ONNX, of any architecture with mean or CLS pooling.

The file is a graph of known operations and nothing that runs; weights beside it (`model.onnx_data`) belong to it.

Source: the folders that `SentenceTransformer.save` writes with its ONNX backend, and those of Hugging Face Optimum.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from embedder.models.folder import OtherArchitecture, Pooling
from embedder.models.folder_files import (
    SPECIAL_TOKENS,
    read_json,
    read_max_tokens,
    read_modules,
    read_pooling,
    read_positive,
    read_query_prompt,
)
from embedder.models.library_folder import read_positions
from vocabulary.errors import SettingInvalid

_MODEL_FILES = ("onnx/model.onnx", "model.onnx")
_MODULES = (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"])


@dataclass(frozen=True, slots=True)
class OnnxFolder:
    """A usable model: its file and everything around it that decides its vectors."""

    file: Path
    transformer: Path
    vocabulary: int
    dimensions: int
    max_tokens: int  # without special tokens
    query_prompt: str
    pooling: Pooling
    padding_id: int
    sha256: str  # of the file and of the weights beside it

    @property
    def pooling_name(self) -> str:
        return self.pooling.value

    @property
    def tokenizer_file(self) -> Path:
        return self.transformer / "tokenizer.json"


def onnx_file(path: Path) -> Path | None:
    """Find the ONNX file of a model's folder, if it has one."""
    return next((path / name for name in _MODEL_FILES if (path / name).is_file()), None)


def read_onnx_folder(path: Path) -> OnnxFolder:
    """Read and check a folder's description. Blocks: about 0.2 s per 100 MB of weights, which are hashed.

    Raises:
        OtherArchitecture: its vectors come from the hidden states in another way than by mean or CLS pooling.
        SettingInvalid: a file is missing or damaged.
    """
    file = onnx_file(path)
    if file is None:
        raise SettingInvalid(f"embedder.model: {path} holds no {' or '.join(_MODEL_FILES)}")
    modules = read_modules(path)
    if [module.kind for module in modules] not in _MODULES:
        raise OtherArchitecture(path / "modules.json", ", ".join(module.kind for module in modules))
    transformer = path / modules[0].folder
    described = transformer / "config.json"
    config = read_json(described, dict)
    hidden = read_positive(described, config, "hidden_size")
    return OnnxFolder(
        file=file,
        transformer=transformer,
        vocabulary=read_positive(described, config, "vocab_size"),
        dimensions=hidden,
        max_tokens=read_max_tokens(transformer, positions=read_positions(described, config)) - SPECIAL_TOKENS,
        query_prompt=read_query_prompt(path / "config_sentence_transformers.json"),
        pooling=_pooling(path / modules[1].folder / "config.json", hidden),
        padding_id=int(config.get("pad_token_id") or 0),
        sha256=_sum(file),
    )


def _pooling(file: Path, hidden: int) -> Pooling:
    described = read_pooling(file)
    if described.dimension != hidden:
        raise SettingInvalid(f"embedder.model: {file}: the pooling is for {described.dimension} numbers, not {hidden}")
    if len(described.modes) != 1 or described.modes[0] not in set(Pooling) or not described.include_prompt:
        raise OtherArchitecture(file, " and ".join(described.modes) or "no pooling")
    return Pooling(described.modes[0])


def _sum(file: Path) -> str:
    total = hashlib.sha256()
    for part in (file, *sorted(file.parent.glob(f"{file.name}_data"))):
        with part.open("rb") as stream:
            total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()
