"""Paths in a configuration are relative to its file, wherever the program was started.

The caller of pydantic passes the file's folder as validation context `{"base_folder": Path}`; without one, a relative
path stays relative to the working folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ValidationInfo


def resolve_path(path: Path, info: ValidationInfo) -> Path:
    base_folder = (info.context or {}).get("base_folder")
    return Path(base_folder, path) if base_folder is not None else path


ConfiguredPath = Annotated[Path, AfterValidator(resolve_path)]
