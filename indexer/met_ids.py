"""Ids that were met, kept in a temporary file: a set of any size in flat memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager


class MetIds:
    """Ids noted so far. For one thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._connection.execute("CREATE TABLE met(id TEXT PRIMARY KEY) WITHOUT ROWID")

    def add(self, ids: Sequence[str]) -> list[str]:
        """Note ids, and return those that were not noted before, in their order."""
        insert = "INSERT OR IGNORE INTO met VALUES(?)"
        return [each for each in ids if self._connection.execute(insert, (each,)).rowcount == 1]

    def missing(self, ids: Sequence[str]) -> list[str]:
        """Return those that were never noted, in their order."""
        look_up = "SELECT 1 FROM met WHERE id = ?"
        return [each for each in ids if self._connection.execute(look_up, (each,)).fetchone() is None]


@contextmanager
def met_ids() -> Iterator[MetIds]:
    """Open an empty set; its file is gone afterwards."""
    with closing(sqlite3.connect("")) as connection:  # a temporary database: in memory until it grows, then on disk
        yield MetIds(connection)
