"""A file that is written beside the index before it takes its place there: whole, or not at all.

It has a name of its own until then, and is locked as long as its process lives. What a killed process leaves is
therefore known, and removed when the index is opened next, and before another one is written.
"""

from __future__ import annotations

import errno
import fcntl
import glob
import logging
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_log = logging.getLogger(__name__)

_NEW = ".new-"  # no index may be called so (`service/settings/index_files.py`)


@contextmanager
def new_file(place: Path, *, index: Path) -> Iterator[tuple[Path, IO[bytes]]]:
    """Open a new file for what is to be at `place`; at the end it is removed, unless it was put there.

    Raises:
        OSError: the disk cannot be written.
    """
    remove_left(place)
    path, file = _locked(place)
    try:
        with file:
            os.fchmod(file.fileno(), index.stat().st_mode & 0o777)  # it tells what the index tells
            yield path, file
    finally:
        path.unlink(missing_ok=True)


def put_in_place(path: Path, place: Path, *, index: Path) -> None:
    """Rename a written file to its place beside the index.

    Raises:
        OSError: it cannot be renamed, or the index has been removed meanwhile.
    """
    if not index.exists():
        raise FileNotFoundError(errno.ENOENT, "the index has been removed", str(index))
    path.replace(place)


def open_kept(place: Path, *, index: Path) -> int:
    """Open what is kept beside the index for reading, and return its descriptor, which the caller closes.

    From then on nobody may read the file who may not read the index.

    Raises:
        OSError: there is none, or it cannot be read.
    """
    descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _narrow(descriptor, index=index)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _narrow(descriptor: int, *, index: Path) -> None:
    """Let nobody read a file who may not read the index beside it. Only its owner can: another's stays as it is."""
    mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
    allowed = mode & index.stat().st_mode
    if allowed != mode:
        try:
            os.fchmod(descriptor, allowed)
        except OSError as error:
            _log.warning("what is kept beside %s can be read by more than may read the index: %s", index, error)


def _locked(place: Path) -> tuple[Path, IO[bytes]]:
    while True:
        descriptor, name = tempfile.mkstemp(prefix=f"{place.name}{_NEW}", dir=place.parent)
        file = os.fdopen(descriptor, "wb")
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return Path(name), file
        file.close()  # another process took it for one that was left, before it was locked


def remove_left(place: Path) -> None:
    """Remove what killed processes have left of files for this place. What cannot be removed stays."""
    for left in place.parent.glob(f"{glob.escape(place.name)}{_NEW}*"):
        try:
            with left.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                left.unlink()
        except OSError as error:  # a process is writing it, or has just put it in its place
            _log.debug("%s stays: %s", left, error)
