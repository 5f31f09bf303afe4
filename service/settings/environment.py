"""Environment variables as settings: `SIGHTLINE_SOURCES__ONPREM_PRIVATE__URL` sets `sources.onprem-private.url`.

Pure: a mapping of variables comes in, a tree of raw values goes out, to be laid over the file's. A variable is a
setting when its name holds a double underscore behind the prefix; others (`SIGHTLINE_CONFIG`, and what a container
platform injects for a service of this name, such as `SIGHTLINE_PORT`) are left alone. Names of sources and indexes
never hold an underscore, so one underscore stands for their dash, without doubt about which is meant.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from typing import Any

from vocabulary.errors import SettingInvalid

PREFIX = "SIGHTLINE_"
_SEPARATOR = "__"
_NAMED_SECTIONS = ("indexes", "sources")  # their second part is a name of the operator's choosing


def setting_overrides(environment: Mapping[str, str]) -> dict[str, Any]:
    """Read every setting among the variables into one tree; a part of digits is a position in a list.

    Raises:
        SettingInvalid: one variable sets a value where another sets a key below it.
    """
    tree: dict[str, Any] = {}
    for variable in sorted(environment):
        path = _setting_path(variable)
        if path:
            _place(tree, path, value=_parsed(environment[variable]))
    return tree


def overlaid(base: dict[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with the overrides laid over it, table by table and list entry by list entry."""
    merged = dict(base)
    for key, value in overrides.items():
        merged[key] = _overlaid_value(merged.get(key), value)
    return merged


def _setting_path(variable: str) -> tuple[str, ...]:
    name = variable.upper()
    if not name.startswith(PREFIX) or _SEPARATOR not in name.removeprefix(PREFIX):
        return ()
    parts = name.removeprefix(PREFIX).lower().split(_SEPARATOR)
    if parts[0] in _NAMED_SECTIONS:
        parts[1] = parts[1].replace("_", "-")
    return tuple(parts)


def _place(tree: dict[str, Any], path: tuple[str, ...], *, value: object) -> None:
    for part in path[:-1]:
        below = tree.setdefault(part, {})
        if not isinstance(below, dict):
            raise SettingInvalid(f"{'.'.join(path)}: set in the environment both as a table and as a single value")
        tree = below
    tree[path[-1]] = value


def _parsed(text: str) -> Any:
    """Lists and tables are written as in the file, or as JSON; everything else is text for the setting to read."""
    if not text.lstrip().startswith(("[", "{")):
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        pass
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _overlaid_value(base: object, override: object) -> object:
    if not isinstance(override, Mapping):
        return override
    if isinstance(base, list) and all(part.isdigit() for part in override):
        return _overlaid_list(base, override)
    if isinstance(base, dict):
        return overlaid(base, override)
    if override and all(part.isdigit() for part in override):
        return _overlaid_list([], override)
    return overlaid({}, override)


def _overlaid_list(base: list[Any], override: Mapping[str, Any]) -> list[Any]:
    merged = list(base)
    for position in sorted(override, key=int):
        if int(position) < len(merged):
            merged[int(position)] = _overlaid_value(merged[int(position)], override[position])
        else:
            merged.append(_overlaid_value(None, override[position]))
    return merged
