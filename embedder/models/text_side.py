"""What must be here of a model that is computed elsewhere: its tokeniser, its length, and its prompt for queries."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from embedder.models.folder_files import SPECIAL_TOKENS, read_json, read_modules, read_query_prompt
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
    folder = path / (read_modules(path)[0].folder if (path / "modules.json").exists() else "")
    tokenizer_file = folder / "tokenizer.json"
    if not tokenizer_file.is_file():
        raise SettingInvalid(f"embedder.model: {tokenizer_file} is missing")
    return TextSide(
        tokenizer_file=tokenizer_file,
        max_tokens=max_tokens or _max_tokens(folder / "sentence_bert_config.json"),
        query_prompt=read_query_prompt(path / "config_sentence_transformers.json"),
    )


def _max_tokens(file: Path) -> int:
    length = read_json(file, dict).get("max_seq_length") if file.exists() else None
    if not isinstance(length, int) or length <= SPECIAL_TOKENS:
        raise SettingMissing(f"embedder.remote.max_tokens: is required where {file} does not say it")
    return length - SPECIAL_TOKENS
