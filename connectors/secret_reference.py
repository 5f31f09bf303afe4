"""Secrets come by reference: where a value is kept, never the value itself.

In goes `{ env = "NAME" }` or `{ file = "path" }`, out comes a `SecretStr` whose `repr` hides it. A value written
straight into a configuration is refused, and no message repeats it: the errors are our own instead of pydantic's,
which would quote their input. Models with such a field still set `hide_input_in_errors`, for faults beside it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, SecretStr, ValidationInfo

from connectors.configured_path import resolve_path
from vocabulary.errors import SettingInvalid, SettingMissing

_FORMS = '{ env = "NAME" } or { file = "path" }'


def _from_environment(setting: str, name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise SettingMissing(f"{setting}: the environment variable {name} is not set or empty")
    return value


def _from_file(setting: str, path: Path) -> str:
    try:
        value = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as cause:
        raise SettingMissing(f"{setting}: the file {path} cannot be read as text ({type(cause).__name__})") from cause
    if not value:
        raise SettingMissing(f"{setting}: the file {path} is empty")
    return value


def _resolve(reference: object, info: ValidationInfo) -> SecretStr:
    setting = info.field_name or "secret"
    if isinstance(reference, SecretStr):  # made by code, which has its own ways to keep it
        return reference
    match reference:
        case {"env": str(name), **rest} if not rest:
            return SecretStr(_from_environment(setting, name))
        case {"file": str(name), **rest} if not rest:
            return SecretStr(_from_file(setting, resolve_path(Path(name), info)))
    if isinstance(reference, Mapping):
        raise SettingInvalid(f"{setting}: a secret is given as {_FORMS}, with no other key")
    raise SettingInvalid(f"{setting}: a secret is not written into the configuration; give {_FORMS} instead")


Secret = Annotated[SecretStr, BeforeValidator(_resolve)]
