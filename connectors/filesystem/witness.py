"""A second opinion on who may find what in a folder, beside the crawl's and by none of its code.

Each question is answered from the folder as it is: the nearest `.access.toml` at the file or above it, up to the root,
and the people file, both read anew. The rules are those of the README: one list decides, a denial wins, nobody finds
what no list speaks of or what cannot be understood.
"""

from __future__ import annotations

import asyncio
import os
import stat
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any, Self

from connectors.filesystem.config import FilesystemConfig
from vocabulary.errors import SettingInvalid
from vocabulary.statements import Question, Statement, Verdict

_LIST = ".access.toml"
_EVERYONE = "everyone"
_ALLOWED, _DENIED, _GONE = Statement(Verdict.ALLOWED), Statement(Verdict.DENIED), Statement(Verdict.GONE)


class FilesystemWitness:
    """One folder of files: a `SourceWitness`; there is nothing to connect to."""

    def __init__(self, source: str, config: FilesystemConfig) -> None:
        self._source = source
        self._config = config

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def testify(self, questions: Sequence[Question]) -> Sequence[Statement]:
        """Answer by looking at the folder; see `SourceWitness`."""
        return await asyncio.to_thread(self._testify, questions)

    def _testify(self, questions: Sequence[Question]) -> list[Statement]:
        directory = _Directory.read(self._config.people)
        return [self._answer(question, directory) for question in questions]

    def _answer(self, question: Question, directory: _Directory) -> Statement:
        try:
            if not _is_file(self._config.root, question.document_id.native_id):
                return _GONE
            entries = _deciding_list(self._config.root, question.document_id.native_id)
        except OSError:
            return Statement(Verdict.UNKNOWN, reason="unavailable")
        if entries is None:
            return _DENIED
        if question.reader is None:
            return _ALLOWED if _EVERYONE in entries.allow and not entries.deny else _DENIED
        return _ALLOWED if directory.admits(question.reader.id, entries) else _DENIED


@dataclass(frozen=True, slots=True)
class _Entries:
    allow: frozenset[str]
    deny: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Directory:
    """Who there is, and in which groups, as the people file spells them."""

    people: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, file: Path | None) -> _Directory:
        """Read the people file.

        Raises:
            SettingInvalid: it cannot be read as one.
        """
        if file is None:
            return cls()
        try:
            content = tomllib.loads(file.read_text(encoding="utf-8"))
            people = {str(person["username"]): person for person in content.get("people", [])}
            groups = {name: frozenset(map(str, members)) for name, members in content.get("groups", {}).items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as cause:
            raise SettingInvalid(f"people: {file} cannot be read ({type(cause).__name__})") from cause
        return cls(people, groups)

    def admits(self, user: str, entries: _Entries) -> bool:
        person = self.people.get(user)
        if person is None or not person.get("enabled", True):
            return False
        if person.get("administrator", False):
            return True
        held = self._held(f"user:{user}")
        return not held & entries.deny and bool(held & entries.allow)

    def _held(self, member: str) -> frozenset[str]:
        """The person's names: every group that holds one of them is another, until no more are found."""
        held = frozenset({member, _EVERYONE})
        while more := frozenset(f"group:{name}" for name, members in self.groups.items() if members & held) - held:
            held |= more
        return held


def _is_file(root: Path, native_id: str) -> bool:
    """Whether it is a regular file that lies in real folders below the root."""
    path = PurePosixPath(native_id)
    if path.is_absolute() or ".." in path.parts:
        return False
    try:
        modes = [os.lstat(root / each).st_mode for each in _upwards(path)]
    except (FileNotFoundError, NotADirectoryError):
        return False
    return stat.S_ISREG(modes[0]) and all(map(stat.S_ISDIR, modes[1:]))


def _upwards(path: PurePosixPath) -> Iterator[PurePosixPath]:
    """The path and the folders that it lies in, the root not among them."""
    yield path
    yield from (folder for folder in path.parents if folder.parts)


def _deciding_list(root: Path, native_id: str) -> _Entries | None:
    """The nearest list at or above the file; None: there is none, or it cannot be understood."""
    for folder in PurePosixPath(native_id).parents:
        try:
            mode = os.lstat(root / folder / _LIST).st_mode
        except FileNotFoundError:
            continue
        if not stat.S_ISREG(mode):
            return None
        return _entries((root / folder / _LIST).read_bytes())
    return None


def _entries(content: bytes) -> _Entries | None:
    try:
        lists = tomllib.loads(content.decode("utf-8"))
    except ValueError:
        return None
    named = [lists.get("allow", []), lists.get("deny", [])]
    if set(lists) - {"allow", "deny"} or not all(_is_list_of_principals(each) for each in named):
        return None
    return _Entries(*map(frozenset, named))


def _is_list_of_principals(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) and _is_principal(each) for each in value)


def _is_principal(text: str) -> bool:
    return text == _EVERYONE or any(text.startswith(kind) and text != kind for kind in ("user:", "group:"))
