"""Copies of SQLite files while they are in use, all as of one instant.

A state store and the indexes that it speaks of belong together (`indexer/state/seals.py`): an index of another time may
hold documents under lists that they have left, or that the state store will number otherwise. Copied one after the
other, in whatever order, they are of different times whenever a sync runs meanwhile, and bear the same seal. So every
file is locked against writers for the moment that it takes to fix what a reader of each will see; the copying itself
holds nobody up. What is restored is what a crash at that instant would have left, which every run can go on from.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import apsw

from indexer.backends.embedded import writer
from indexer.backends.embedded.connections import connect, our_errors

# A batch of a crawl or a directory of people is written in less; a backup that waits longer can be started again.
_LOCK_TIMEOUT_MS = 30_000
_PAGES_AT_ONCE = 4_096  # between two of them a signal is heard


def back_up(copies: Mapping[Path, Path]) -> None:
    """Copy SQLite files, each to a path where there is none. Blocks.

    Raises:
        IndexBusy: a file is being written for too long, or a disk is full.
        ConfigurationError: a file cannot be opened, or its copy is damaged.
    """
    with ExitStack() as opened:
        readers = _readers_of_one_instant(list(copies), opened)
        for source, copy in copies.items():
            with our_errors(source):
                _copy(readers[source], copy)


def disown(copy: Path) -> None:
    """Make a copy that was not taken together with its state store safe to restore.

    It bears a seal that nobody has noted, and shows nothing to anybody until a run has read again who may read what.
    """
    with our_errors(copy), ExitStack() as opened:
        connection = _opened(copy, opened)
        connection.execute("BEGIN IMMEDIATE")
        writer.put_seal(connection, uuid.uuid4().hex, hide_all=True)
        connection.execute("COMMIT")
        connection.pragma("wal_checkpoint(TRUNCATE)")


def _readers_of_one_instant(sources: list[Path], opened: ExitStack) -> dict[Path, Any]:
    """Return a connection to each file with a reading transaction; together they see one moment."""
    readers = {}
    with ExitStack() as locks:
        for source in sources:
            with our_errors(source):
                _opened(source, locks).execute("BEGIN IMMEDIATE")
        for source in sources:
            with our_errors(source):
                reader = readers[source] = _opened(source, opened)
                reader.execute("BEGIN")
                reader.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    return readers


def _opened(path: Path, stack: ExitStack) -> Any:
    if not path.exists():
        raise FileNotFoundError(path)  # SQLite would make it
    connection = connect(path)
    stack.callback(connection.close)
    connection.set_busy_timeout(_LOCK_TIMEOUT_MS)
    return connection


def _copy(reader: Any, copy: Path) -> None:
    target = apsw.Connection(str(copy))
    try:
        with target.backup("main", reader, "main") as backup:
            while not backup.done:
                backup.step(_PAGES_AT_ONCE)
        if [row[0] for row in target.execute("PRAGMA quick_check(1)")] != ["ok"]:
            raise apsw.CorruptError("the copy is damaged")
    finally:
        target.close()
    with copy.open("rb") as written:
        os.fsync(written.fileno())
