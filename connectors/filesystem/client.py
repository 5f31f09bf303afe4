"""Reads the folder: entries in order, access files, bytes. Native records out, our errors out.

All functions block; the connector calls them from a thread. Invariants: symbolic links are never followed; what cannot
be listed is an error and never an empty folder.
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from vocabulary.errors import ContentGone, ContentUnavailable, ScopeMissing, SettingInvalid, SourceUnavailable

ACCESS_FILE = ".access.toml"


@dataclass(frozen=True, slots=True)
class AccessFile:
    """The nearest access file of an entry: the folder it lies in, and its content; None when it cannot be read."""

    folder: PurePosixPath
    content: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file or symbolic link below the root, with the access file that decides for it, if any does."""

    path: PurePosixPath  # relative to the root
    status: os.stat_result
    access: AccessFile | None

    @property
    def is_regular(self) -> bool:
        return stat.S_ISREG(self.status.st_mode)


def walk(root: Path, *, after: PurePosixPath | None) -> Iterator[FileEntry]:
    """Yield the files below the root in the order of their paths' parts, beginning behind `after`.

    Raises:
        ScopeMissing: the root is not a folder, or a folder below it may not be listed.
        SourceUnavailable: the file system failed.
    """
    if not root.is_dir():
        raise ScopeMissing(f"root: {root} is not a folder")
    yield from _walk_folder(root, PurePosixPath(), None, after.parts if after else ())


def _walk_folder(
    root: Path, folder: PurePosixPath, above: AccessFile | None, after: tuple[str, ...]
) -> Iterator[FileEntry]:
    """Walk one folder; `after` is the rest of the path to resume behind, empty when everything here is still due."""
    try:
        names = sorted(os.listdir(root / folder))  # noqa: PTH208 - names only, without a Path for each
    except FileNotFoundError:
        if not folder.parts:
            raise ScopeMissing(f"root: {root} disappeared during the crawl") from None
        return  # deleted since its parent was listed
    except PermissionError as cause:
        raise ScopeMissing(f"root: the folder {folder} below it may not be listed") from cause
    except OSError as cause:
        raise SourceUnavailable(f"listing {folder} failed: {cause.strerror}") from cause
    access = _access_file(root, folder) or above
    for name in names:
        if after and name < after[0]:
            continue
        yield from _walk_entry(root, folder / name, access, after[1:] if after and name == after[0] else None)


def _walk_entry(
    root: Path, path: PurePosixPath, access: AccessFile | None, rest: tuple[str, ...] | None
) -> Iterator[FileEntry]:
    """Walk one entry; `rest` is None behind the resumption point, () at it, and leads on to it when it lies below."""
    try:
        status = (root / path).lstat()
    except FileNotFoundError:
        return
    except OSError as cause:
        raise SourceUnavailable(f"reading the status of {path} failed: {cause.strerror}") from cause
    if stat.S_ISDIR(status.st_mode):
        yield from _walk_folder(root, path, access, rest or ())
    elif rest != ():
        yield FileEntry(path, status, access)


def _access_file(root: Path, folder: PurePosixPath) -> AccessFile | None:
    """A folder's own access file. One that cannot be read or parsed still decides: for nobody."""
    try:
        with open_regular(root, folder / ACCESS_FILE) as file:
            return AccessFile(folder, tomllib.load(file))
    except ContentGone:
        return None
    except (ContentUnavailable, OSError, ValueError):
        return AccessFile(folder, None)


def open_regular(root: Path, path: PurePosixPath) -> BinaryIO:
    """Open a regular file below the root, through real folders only.

    Raises:
        ContentGone: there is none.
        ContentUnavailable: it exists and cannot be opened, or is no regular file.
    """
    if path.is_absolute() or ".." in path.parts:
        raise ContentGone(f"{path}: not a path below the root")
    absolute = root / path
    if any(folder.is_symlink() for folder in [absolute, *absolute.parents[: len(path.parts) - 1]]):
        raise ContentUnavailable(f"{path}: symbolic links are not followed")
    try:
        # A named pipe must not block the crawl, nor a link put there since the look above be followed.
        file = os.fdopen(os.open(absolute, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")
    except (FileNotFoundError, NotADirectoryError) as cause:
        raise ContentGone(f"{path}: no such file") from cause
    except OSError as cause:
        raise ContentUnavailable(f"{path}: {cause.strerror}") from cause
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise ContentUnavailable(f"{path}: not a regular file")
    return file


def read_people(path: Path) -> dict[str, Any]:
    """Read the file of people and groups.

    Raises:
        SettingInvalid: it cannot be read as TOML.
    """
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except (OSError, ValueError) as cause:
        raise SettingInvalid(f"people: {path} cannot be read as TOML ({type(cause).__name__})") from cause
