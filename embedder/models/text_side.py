"""What must be here of a model that is computed elsewhere: its tokeniser, its length, and its prompt for queries."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedder.models.folder import SPECIAL_TOKENS
from vocabulary.errors import SettingInvalid, SettingMissing


@dataclass(frozen=True, slots=True)
class TextSide:
    """How texts are read before they are sent."""

    tokenizer_file: Path
    max_tokens: int  # without special tokens
    query_prompt: str


def read_text_side(path: Path, *, max_tokens: int | None) -> TextSide:
    """Read it from a folder: a sentence-transformers one, or one that holds no more than `tokenizer.json`.

    `max_tokens` None: what the folder says.

    Raises:
        SettingInvalid: a file is missing or damaged.
        SettingMissing: neither the folder nor the settings say how long a text may be.
    """
    folder = path / _transformer(path / "modules.json")
    tokenizer_file = folder / "tokenizer.json"
    if not tokenizer_file.is_file():
        raise SettingInvalid(f"embedder.model: {tokenizer_file} is missing")
    prompts = _read(path / "config_sentence_transformers.json", {}).get("prompts") or {}
    return TextSide(
        tokenizer_file=tokenizer_file,
        max_tokens=max_tokens or _max_tokens(folder / "sentence_bert_config.json"),
        query_prompt=str(prompts.get("query") or ""),
    )


def _transformer(file: Path) -> str:
    """Return the subfolder of the transformer, the first module of every such model."""
    modules = _read(file, [{"path": ""}])
    try:
        return str(modules[0]["path"])
    except (IndexError, KeyError, TypeError) as error:
        raise SettingInvalid(f"embedder.model: {file} is not a list of modules") from error


def _max_tokens(file: Path) -> int:
    length = _read(file, {}).get("max_seq_length")
    if not isinstance(length, int) or length <= SPECIAL_TOKENS:
        raise SettingMissing(f"embedder.remote.max_tokens: is required where {file} does not say it")
    return length - SPECIAL_TOKENS


def _read(file: Path, otherwise: Any) -> Any:
    """Read a JSON file of the kind of `otherwise`, which stands for one that is missing."""
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return otherwise
    except (OSError, ValueError) as error:
        raise SettingInvalid(f"embedder.model: {file} cannot be read as JSON: {error}") from error
    if type(value) is not type(otherwise):
        raise SettingInvalid(f"embedder.model: {file} holds no JSON {type(otherwise).__name__}")
    return value
