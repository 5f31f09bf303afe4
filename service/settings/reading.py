"""How settings are read: a TOML file, and one table after another, with every problem told at once.

In come raw values and the models that they should fit; out go models, and lines that name what is wrong by the full
path of its key. No line repeats a value: it may be a secret that was typed into the wrong place.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from service.http.validation_errors import mistakes
from vocabulary.errors import ConfigurationError, SettingInvalid, SettingMissing


def read_toml(file: Path) -> dict[str, Any]:
    """Read the file as it is.

    Raises:
        SettingMissing: there is no such file.
        SettingInvalid: it is no TOML file, or cannot be read.
    """
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SettingMissing(
            f"{file}: no such file (write one with `sightline init`, or name one: --config)"
        ) from error
    except OSError as error:
        raise SettingInvalid(f"{file}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise SettingInvalid(f"{file}: not UTF-8 text") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingInvalid(f"{file}: not valid TOML: {error}") from error


@dataclass(frozen=True, slots=True)
class Reading:
    """Validates one table after another and gathers what is wrong, so that one look shows every problem."""

    folder: Path
    known_keys: Callable[[], Collection[str]]  # worked out only where something is wrong
    problems: list[str] = field(default_factory=list)

    def validated(self, model: Any, raw: object, *, path: tuple[str, ...]) -> Any:
        """Return the model, or None after noting what is wrong."""
        try:
            return TypeAdapter(model).validate_python(raw, context={"base_folder": self.folder})
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False)
            for wrong in mistakes(details, raw, known_keys=self.known_keys()):
                self.note(*path, *wrong.place, words=wrong.words)
        except ConfigurationError as error:  # of a secret, which names its own key and never its value
            key, _, words = str(error).partition(": ")
            self.note(*path, *_place_of_secret(raw, key), words=words)
        return None

    def listed(self, model: Any, raw: object, *, path: tuple[str, ...]) -> tuple[Any, ...]:
        """Return the models of a list of tables, without those that were noted as wrong."""
        if not isinstance(raw, list):
            return ()
        read = [
            self.validated(model, each, path=(*path, str(position)))
            for position, each in enumerate(raw)
            if isinstance(each, Mapping)
        ]
        return tuple(entry for entry in read if entry is not None)

    def note(self, *place: str, words: str) -> None:
        self.problems.append(f"{'.'.join(place)}: {words}")


def _place_of_secret(raw: object, key: str) -> tuple[str, ...]:
    """Find the one table that holds the key; a secret knows its key and not the tables around it."""
    if isinstance(raw, Mapping):
        if key in raw:
            return (key,)
        for name, below in raw.items():
            place = _place_of_secret(below, key)
            if place:
                return (str(name), *place)
    if isinstance(raw, list):
        for position, below in enumerate(raw):
            place = _place_of_secret(below, key)
            if place:
                return (str(position), *place)
    return ()
