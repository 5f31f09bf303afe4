"""The catalogue that queries are answered with: the latest picture of the file, brought to what a transaction sees."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np

from indexer.backends.embedded import picture_file
from indexer.backends.embedded.catalogue import Catalogue, follow, load
from indexer.backends.embedded.changes import current_sequence

_DEAD_SHARE = 0.2  # of the passages; beyond it the picture is taken anew. Measured as tolerable in docs/decisions/004
_DEAD_AT_LEAST = 1_000  # a small index would be read anew all the time
_GROWTH = 4  # times as many vectors as when that mean was taken: what is indexed first need not be like the rest
# Changes behind which a picture on disk may stay: some tenths of a second to read again (1.7 s for 100,000, measured).
_KEPT_BEHIND = 20_000
_KEPT_BEHIND_SHARE = 0.1  # of the passages: a growing index writes its picture a few times in all


class CurrentCatalogue:
    """The latest picture of the index at `path`, taken when first needed and then brought up to date. Thread-safe."""

    def __init__(self, path: Path, dimensions: int) -> None:
        self._path = path
        self._dimensions = dimensions
        self._lock = threading.Lock()
        self._latest: Catalogue | None = None
        self._kept_until = 0  # the change that the picture on disk was of, as far as this process knows

    def open_transaction(self, connection: Any) -> Catalogue:
        """Begin a reading transaction and return the picture of exactly the state that it sees."""
        while True:
            connection.execute("BEGIN")
            sequence = current_sequence(connection)
            catalogue = self._at(connection, sequence)
            if catalogue.sequence == sequence:
                return catalogue
            connection.execute("ROLLBACK")  # another thread has seen a newer state: look again

    def latest(self) -> Catalogue | None:
        """Return the latest picture, of whatever change; None before the first search."""
        return self._latest

    def to_keep(self) -> Catalogue | None:
        """Return the latest picture where it is much newer than the one on disk; each is returned once, unless
        `was_not_kept` says that it did not get there."""
        if not self._lock.acquire(blocking=False):  # a picture is being taken: the event loop does not wait for that
            return None
        try:
            latest = self._latest
            if latest is None or not latest.vectors.trained_for:
                return None
            if self._kept_until:
                behind = latest.sequence - self._kept_until
                if behind < max(_KEPT_BEHIND, _KEPT_BEHIND_SHARE * latest.passage_ids.size):
                    return None
            self._kept_until = latest.sequence
            return latest
        finally:
            self._lock.release()

    def was_not_kept(self) -> None:
        """Have the latest picture returned again, whatever is on disk. Never waits."""
        self._kept_until = 0

    def _at(self, connection: Any, sequence: int) -> Catalogue:
        with self._lock:
            latest = self._latest or self._restored(connection, sequence)
            if latest is None or latest.sequence < sequence:
                latest = self._next(connection, latest, sequence)
                self._latest = latest
            return latest

    def _restored(self, connection: Any, sequence: int) -> Catalogue | None:
        """Return the picture on disk if it belongs to the state that the transaction sees."""
        kept = picture_file.read(connection, self._path, dimensions=self._dimensions)
        restored = None if kept is None or kept.sequence > sequence else Catalogue.restored(kept)
        if restored is not None:
            self._kept_until = restored.sequence
            self._latest = restored
        return restored

    def _next(self, connection: Any, latest: Catalogue | None, sequence: int) -> Catalogue:
        followed = None if latest is None or _worn(latest) else follow(connection, latest, sequence=sequence)
        if followed is None:
            self._kept_until = 0
            return load(connection, self._dimensions, sequence=sequence)
        return followed


def _worn(catalogue: Catalogue) -> bool:
    """Whether so much has died or grown since the picture was taken that a new one pays.

    Also when an update broke off midway, so that vectors and passages no longer share their slots.
    """
    if len(catalogue.vectors) != catalogue.passage_ids.size:
        return True
    dead = int(np.count_nonzero(catalogue.passage_documents == 0))
    if dead > max(_DEAD_AT_LEAST, _DEAD_SHARE * catalogue.passage_ids.size):
        return True
    return 0 < catalogue.vectors.trained_for * _GROWTH < len(catalogue.vectors)
