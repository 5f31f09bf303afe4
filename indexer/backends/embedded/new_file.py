"""A file that is written beside the index before it takes its place there: whole, or not at all.

It has a name of its own until then, and is locked as long as its process lives. What a killed process leaves is
therefore known, and removed when the index is opened next, and before another one is written.
"""

from __future__ import annotations

import fcntl
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_log = logging.getLogger(__name__)


@contextmanager
def new_file(place: Path, *, index: Path) -> Iterator[tuple[Path, IO[bytes]]]:
    """Open a new file for what is to be at `place`; at the end it is removed, unless it was put there.

    Raises:
        OSError: the disk cannot be written.
    """
    remove_left(place)
    descriptor, name = tempfile.mkstemp(prefix=f"{place.name}.", dir=place.parent)
    path = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            os.fchmod(descriptor, index.stat().st_mode & 0o777)  # it tells what the index tells
            yield path, file
    finally:
        path.unlink(missing_ok=True)


def remove_left(place: Path) -> None:
    """Remove what killed processes have left of files for this place. What cannot be removed stays."""
    for left in place.parent.glob(f"{place.name}.*"):
        try:
            with left.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                left.unlink()
        except OSError as error:  # a process is writing it, or has just put it in its place
            _log.debug("%s stays: %s", left, error)
