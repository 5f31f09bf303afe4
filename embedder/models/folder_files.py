"""The files of a sentence-transformers folder, one function each, in the formats of its versions 2 to 6.

What is read here is the same for every architecture; what an architecture may ask for is judged by the callers.

Source: the files that `SentenceTransformer.save` writes. Version 5.5 renamed the keys of the pooling and left
`max_seq_length` to the tokeniser's own file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from vocabulary.errors import SettingInvalid

SPECIAL_TOKENS = 2  # one before and one behind every sequence: [CLS] and [SEP], <s> and </s>

# Pooling keys before version 5.5, and what the mode is called since.
_FORMER_MODES = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}


@dataclass(frozen=True, slots=True)
class Module:
    """One step of a model: its class and the subfolder of its files."""

    type: str  # as the file spells it, with its Python module
    folder: str

    @property
    def kind(self) -> str:
        return self.type.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class PoolingFile:
    """How hidden states become a vector: the modes side by side."""

    dimension: int  # of the hidden states
    modes: tuple[str, ...]
    include_prompt: bool


def read_modules(path: Path) -> list[Module]:
    """Return the modules in the order in which they compute."""
    file = path / "modules.json"
    listed = read_json(file, list)
    try:
        return [Module(str(module["type"]), str(module["path"])) for module in listed]
    except (KeyError, TypeError) as error:
        raise SettingInvalid(f"embedder.model: {file} is not a list of modules") from error


def read_pooling(file: Path) -> PoolingFile:
    config = read_json(file, dict)
    dimension = "embedding_dimension" if "embedding_dimension" in config else "word_embedding_dimension"
    modes = config.get("pooling_mode")
    if modes is None:
        asked = [key for key, value in config.items() if key.startswith("pooling_mode_") and value]
        modes = [_FORMER_MODES.get(key, key) for key in asked]
    return PoolingFile(
        dimension=read_positive(file, config, dimension),
        modes=(modes,) if isinstance(modes, str) else tuple(map(str, modes)),
        include_prompt=config.get("include_prompt", True) is not False,
    )


def read_max_tokens(transformer: Path, *, positions: int) -> int:
    """Return the longest sequence, special tokens included, that a model was made for and has positions for."""
    file = transformer / "sentence_bert_config.json"
    config = read_json(file, dict)
    if config.get("do_lower_case", False):
        raise SettingInvalid(f"embedder.model: {file}: do_lower_case is not supported")
    own = transformer / "tokenizer_config.json"
    limits = {"max_seq_length": _tokeniser_limit(own, positions)} | config
    length = read_positive(file, limits, "max_seq_length")
    if not SPECIAL_TOKENS < length <= positions:
        raise SettingInvalid(f"embedder.model: {file}: max_seq_length {length} is outside 3..{positions}")
    return length


def read_query_prompt(file: Path) -> str:
    """Return what precedes a query's text, as the model was trained; mostly empty."""
    if not file.exists():
        return ""
    config = read_json(file, dict)
    if config.get("default_prompt_name") is not None:
        raise SettingInvalid(f"embedder.model: {file}: default_prompt_name is not supported")
    prompts = config.get("prompts") or {}
    if any(text for name, text in prompts.items() if name in ("document", "passage", "corpus")):
        raise SettingInvalid(f"embedder.model: {file}: prompts before passages are not supported")
    return str(prompts.get("query") or "")


JsonT = TypeVar("JsonT", bound=list[Any] | dict[str, Any])


def read_json(file: Path, kind: type[JsonT]) -> JsonT:
    """Read one of the folder's JSON files.

    Raises:
        SettingInvalid: it is missing, damaged, or of another kind.
    """
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingInvalid(f"embedder.model: {file} is missing") from None
    except (OSError, ValueError) as error:
        raise SettingInvalid(f"embedder.model: {file} cannot be read as JSON: {error}") from error
    if not isinstance(value, kind):
        raise SettingInvalid(f"embedder.model: {file} holds no JSON {kind.__name__}")
    return value


def read_positive(file: Path, config: dict[str, Any], key: str) -> int:
    value = config.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise SettingInvalid(f"embedder.model: {file}: {key} is {value!r}, expected a positive number")
    return value


def _tokeniser_limit(file: Path, positions: int) -> int:
    """Return the tokeniser's own limit within the positions; a tokeniser without one has a number far beyond them."""
    limit = read_json(file, dict).get("model_max_length") if file.exists() else None
    return min(int(limit), positions) if isinstance(limit, int | float) else positions
