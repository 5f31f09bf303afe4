"""Stored vectors by the ids of their passages: from the file of vectors where it holds them, else from the rows."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from indexer.backends.embedded import vector_file
from indexer.backends.embedded.changes import id_parameter
from indexer.backends.embedded.codec import vectors_from_blobs, widened
from indexer.backends.embedded.vector_file import VectorFile

_log = logging.getLogger(__name__)

Ids = npt.NDArray[np.int64]
Vectors = npt.NDArray[np.float32]

# Passages written since, from which the file is written again: of a thousand vectors a hundred are read from the rows.
_KEPT_BEHIND = 20_000
_KEPT_BEHIND_SHARE = 0.1  # of the passages: a growing index writes it a few times in all
_DELETED = 2  # times as many vectors as passages: the file gives the room of deleted ones back

# In the order of the ids, a step each: without a table of them beside it.
_VECTORS = "SELECT e.passage_id, e.vector FROM carray(?) wanted CROSS JOIN embedding e ON e.passage_id = wanted.value"


class CurrentVectors:
    """The file of vectors of the index at `path`, opened when a query's state first names it. Thread-safe."""

    def __init__(self, path: Path, dimensions: int) -> None:
        self._path = path
        self._dimensions = dimensions
        self._lock = threading.Lock()
        self._token: str | None = None
        self._file: VectorFile | None = None
        self._is_bad = False  # what the token names could be read, and is not as it was written
        self._is_named = False
        self._told: str | None = None  # the token whose file could not be opened
        self._tried: tuple[str | None, int] = (None, 0)  # the file and the last passage when one was last to be written

    def at(self, connection: Any) -> StoredVectors:
        """Return the vectors in the state that the connection's open transaction sees."""
        token = vector_file.token_of(connection)
        with self._lock:
            self._is_named = token is not None
            if token != self._token:
                self._file = self._opened(token)
            return StoredVectors(connection, self._file, self._dimensions)

    def names_a_file(self) -> bool:
        """Whether the state that was seen last has a file of vectors."""
        return self._is_named

    def is_due(self, passage_ids: Ids, *, living: int) -> bool:
        """Whether the file is to be written: it is damaged, lacks many of these passages, or holds many deleted ones.

        They are all that were not deleted long ago, ascending; so many of them are living. Said once of what is wrong
        with a file. Never waits.
        """
        if not self._lock.acquire(blocking=False):
            return False
        try:
            tried_for, tried_until = self._tried
            held, last = (self._file.ids().size, self._file.last_id) if self._file else (0, 0)
            lacking = passage_ids.size - int(np.searchsorted(passage_ids, max(last, tried_until), side="right"))
            is_far_behind = lacking >= max(_KEPT_BEHIND, _KEPT_BEHIND_SHARE * passage_ids.size)
            is_bad = self._is_bad or (self._file is not None and self._file.is_bad)
            is_unfit = (is_bad or held > _DELETED * living) and tried_for != self._token
            if is_far_behind or is_unfit:
                self._tried = (self._token, int(passage_ids[-1]))
            return is_far_behind or is_unfit
        finally:
            self._lock.release()

    def were_not_kept(self) -> None:
        """Have it said again that the file is to be written. Never waits."""
        self._tried = (None, 0)

    def _opened(self, token: str | None) -> VectorFile | None:
        """Open the file that a token names, and take the token as seen, unless another try may do better."""
        self._is_bad, opened = False, None
        try:
            if token is not None:
                opened = vector_file.opened(self._path, token=token, dimensions=self._dimensions)
        except vector_file.VectorFileDamaged as error:
            self._is_bad = True
            self._tell(token, error)
        except OSError as error:
            self._token = None
            self._tell(token, error)
            return None
        else:
            self._told = None
        self._token = token
        return opened

    def _tell(self, token: str | None, error: Exception) -> None:
        if token != self._told:
            self._told = token
            _log.warning("the vectors of %s are read from the index alone: %s", self._path, error)


@dataclass(frozen=True, slots=True, eq=False)
class StoredVectors:
    """Vectors in the state that the connection's open transaction sees."""

    connection: Any
    file: VectorFile | None
    dimensions: int

    def of(self, passage_ids: Ids) -> tuple[Ids, Vectors]:
        """Return those of some passages, given ascending: which have one, and these, float32 [n, dimensions]."""
        if self.file is None:
            return self._of_rows(passage_ids)
        is_held, halves = self.file.read(passage_ids)
        if is_held.all():
            return passage_ids, widened(halves)
        ids, vectors = self._of_rows(passage_ids[~is_held])
        ids = np.concatenate([passage_ids[is_held], ids])
        order = np.argsort(ids)
        return ids[order], np.concatenate([widened(halves), vectors])[order]

    def _of_rows(self, passage_ids: Ids) -> tuple[Ids, Vectors]:
        rows = self.connection.execute(_VECTORS, (id_parameter(passage_ids),)).fetchall()
        ids = np.asarray([row[0] for row in rows], np.int64)
        return ids, vectors_from_blobs([row[1] for row in rows], self.dimensions)
