"""Which files a model learns from, and how each of them is to be read.

A manifest (TOML or JSON) lists part files under `parts`; a file that is given by itself is a manifest of one part.
Unknown keys are refused: a misspelled `group_column` would otherwise quietly break the split.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from embedder.toxicity.learning.own_files import OWN_FILES
from vocabulary.errors import SettingInvalid

_MANIFESTS = {".toml", ".json"}


class Part(BaseModel):
    """One file of labelled or clean texts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path  # a file; or texts that the project brings: `OWN_FILES`
    source: str = ""  # what figures are broken down by; by default the file's name
    text_column: str | tuple[str, ...] = "text"  # several are read as one text, one below the other
    label_column: str = "label"
    label: str = ""  # of every line, instead of a column
    clean_labels: frozenset[str] = frozenset({"clean", "none", "neither", "non_toxic", "non-toxic", "not_toxic"})
    categories: bool = True  # labels name categories; false: they only tell toxic from clean
    split_column: str = "split"  # read where the file has it
    group_column: str = "group"  # read where the file has it
    documents: bool = False  # clean documents: each gives its opening passage and one sentence
    clean_text: bool = True  # where `label` is clean: ordinary text, on which false alarms are counted
    licence: str = ""
    origin: str = ""

    @property
    def name(self) -> str:
        return self.source or self.path.name.partition(".")[0]

    @property
    def own(self) -> bool:
        """Whether the texts are some that the project brings, and no file."""
        return str(self.path) in OWN_FILES


class _Manifest(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    parts: tuple[Part, ...] = Field(min_length=1)


def parts_of(file: Path, defaults: Part, *, root: Path | None = None) -> list[Part]:
    """Return the parts that a manifest lists, or the file itself, read as `defaults` says.

    Relative paths of a manifest begin in `root`, by default in its own folder.

    Raises:
        SettingInvalid: the manifest cannot be read.
    """
    if not file.is_file():
        raise SettingInvalid(f"there is no file {file}")
    if file.suffix not in _MANIFESTS:
        return [defaults.model_copy(update={"path": file})]
    try:
        text = file.read_text(encoding="utf-8")
        document: Any = tomllib.loads(text) if file.suffix == ".toml" else json.loads(text)
        parts = _Manifest.model_validate(document).parts
    except ValidationError as error:
        problems = "\n".join(_spelled(problem) for problem in error.errors())
        raise SettingInvalid(f"{file} is no manifest of part files:\n{problems}") from error
    except (OSError, ValueError) as error:
        raise SettingInvalid(f"{file} cannot be read: {error}") from error
    folder = root or file.parent
    return [part if part.own else part.model_copy(update={"path": folder / part.path}) for part in parts]


def _spelled(problem: Any) -> str:
    return f"{'.'.join(str(step) for step in problem['loc'])}: {problem['msg']}"
