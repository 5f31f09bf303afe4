"""The identity mappings that an operator writes into a file, read again whenever the file changes.

In comes `identities.toml`, out goes one whole reading of it, never a part. A file that cannot be used hides whom its
last usable reading mapped, and before any usable reading everybody: a mapping may be there to keep a user from being
taken for another person of the same name, so none is dropped by mistake.
"""

from __future__ import annotations

import logging
import time
import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from acl.mapping import IdentityMapping, MappingKey
from vocabulary.errors import SettingInvalid

_SETTLED_S = 1.0  # an editor that writes in place is done by then; half a file may look like a whole one
_MAX_FILE_BYTES = 16_777_216  # a hundred thousand mappings

_Text = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
_Stamp = tuple[int, ...]

_log = logging.getLogger(__name__)


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    issuer: _Text
    user: _Text
    source: _Text
    person: _Text


class _File(BaseModel):
    """As written. `mapping` is required, be it empty: an empty file is one that somebody is still writing."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    mapping: list[_Entry] = Field(max_length=100_000)


@dataclass(frozen=True, slots=True)
class FileMappings:
    """One reading of the file. `revision` grows with every change of what it says."""

    revision: int = 0
    people: Mapping[MappingKey, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()  # why the file cannot be used now; `people` are then those of the reading before
    was_usable: bool = False  # since this process began


class MappingFile:
    """The file at `path`; may be asked from any thread. Nothing is read before the first question."""

    def __init__(
        self,
        path: Path,
        *,
        sources: Collection[str],
        issuers: Collection[str],
        clock_s: Callable[[], float] = time.time,
    ) -> None:
        self._path = path
        self._sources = frozenset(sources)
        self._issuers = frozenset(issuers)
        self._clock_s = clock_s
        self._lock = Lock()
        self._read_stamp: _Stamp | None = None
        self._met: tuple[_Stamp, float] = ((), float("-inf"))  # the newest stamp, and when it was met first
        self._mappings = FileMappings()

    def require_usable(self) -> None:
        """Read the file before anything depends on it.

        Raises:
            SettingInvalid: it cannot be used; every problem is named, and no name of a person repeated.
        """
        problems = self.current().problems
        if problems:
            raise SettingInvalid("\n".join(f"identities.file: {problem}" for problem in problems))

    def current(self) -> FileMappings:
        """What the file says now; a change counts from a second after the file was last written."""
        stamp = _stamp(self._path)
        with self._lock:
            if stamp != self._read_stamp and self._is_settled(stamp):
                self._mappings = self._reading()
                self._read_stamp = stamp
            return self._mappings

    def _is_settled(self, stamp: _Stamp) -> bool:
        if not stamp or self._read_stamp is None:  # gone, or never read: there is nothing better to go by
            return True
        now_s = self._clock_s()
        if self._met[0] != stamp:
            self._met = (stamp, now_s)
        written_s = stamp[0] / 1e9
        return now_s - written_s >= _SETTLED_S or now_s - self._met[1] >= _SETTLED_S  # clocks of file servers differ

    def _reading(self) -> FileMappings:
        before = self._mappings
        try:
            people = self._people(_read(self._path))
        except _Unusable as unusable:
            _log.error("%s cannot be used; whom it mapped is nobody: %s", self._path, "; ".join(unusable.problems))
            return replace(before, revision=before.revision + 1, problems=unusable.problems)
        return FileMappings(before.revision + 1, people, was_usable=True)

    def _people(self, entries: Sequence[_Entry]) -> Mapping[MappingKey, str]:
        people: dict[MappingKey, str] = {}
        problems: list[str] = []
        for position, entry in enumerate(entries):
            mapping = IdentityMapping(**entry.model_dump())
            if entry.source not in self._sources:
                problems.append(f"mapping.{position}.source: no such source")
            if entry.issuer not in self._issuers:
                problems.append(f"mapping.{position}.issuer: no [[tokens]] entry has this issuer")
            if mapping.key in people:
                problems.append(f"mapping.{position}.user: is mapped in this source already")
            people[mapping.key] = mapping.person
        if problems:
            raise _Unusable(problems)
        return people


class _Unusable(Exception):
    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(*problems)
        self.problems = tuple(problems)


def _stamp(path: Path) -> _Stamp:
    """What changes whenever the file does; empty where there is none."""
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_size


def _read(path: Path) -> Sequence[_Entry]:
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise _Unusable([(error.strerror or "cannot be read").lower()]) from error
    if len(text) > _MAX_FILE_BYTES:
        raise _Unusable([f"larger than {_MAX_FILE_BYTES} bytes"])
    try:
        return _File.model_validate(tomllib.loads(text.decode())).mapping
    except ValidationError as error:
        raise _Unusable([_told(detail) for detail in error.errors(include_url=False, include_input=False)]) from None
    except (UnicodeDecodeError, RecursionError):
        raise _Unusable(["not UTF-8 text in TOML"]) from None
    except tomllib.TOMLDecodeError as error:
        raise _Unusable([f"not valid TOML: {_place(error)}"]) from None


def _told(detail: Any) -> str:
    return f"{'.'.join(map(str, detail['loc']))}: {detail['msg'][:1].lower()}{detail['msg'][1:]}"


def _place(error: tomllib.TOMLDecodeError) -> str:
    """Where the mistake is; the rest of the words may quote a name."""
    _, _, place = str(error).rpartition("(")
    return place.rstrip(")")
