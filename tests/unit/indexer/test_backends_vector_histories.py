"""Whatever becomes of an index and of the file of vectors beside it: no vector is another than its row's.

A history inserts, rolls back, deletes, writes the file, is killed on the way, backs the index up, puts backups and
former files in place and damages the file. After each step every stored vector is asked for, by a process that has the
file open since it began and by one that starts.
"""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import apsw
import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from indexer.backends.embedded import schema, vector_file
from indexer.backends.embedded.connections import connect
from indexer.backends.embedded.current_vectors import CurrentVectors

DIMENSIONS = 6  # not a whole number of words
PLACES = st.integers(0, 400)
_PASSAGE = """
INSERT INTO passage(document_id, ordinal, kind, body, body_terms, start_at, end_at, token_count, toxicity)
VALUES(1, 0, 'body', '', 0, 0, 0, 0, 0)
"""

steps = st.one_of(
    st.tuples(st.sampled_from(["insert", "insert and roll back", "delete"]), st.integers(1, 4)),
    st.tuples(st.sampled_from(["keep", "be killed before the commit", "be killed before the file is in place"])),
    st.tuples(st.sampled_from(["back up", "restore", "restore alone", "put the former file back"])),
    st.tuples(st.sampled_from(["turn a bit", "cut"]), PLACES),
)


class World:
    """An index with nothing but passages and their vectors, and what lies around it."""

    def __init__(self, folder: Path) -> None:
        self._index, self._backup = folder / "index.db", folder / "backup.db"
        self._file, self._former = vector_file.path_beside(self._index), folder / "former"
        self._numbers = np.random.default_rng(7)
        self._start()

    def close(self) -> None:
        self._connection.close()

    def take(self, step: str, *parameters: int) -> None:
        getattr(self, f"_{step.replace(' ', '_')}")(*parameters)

    def vectors_are_those_of_the_rows(self) -> bool:
        with self._transaction():
            rows = self._connection.execute("SELECT passage_id, vector FROM embedding ORDER BY passage_id").fetchall()
            wanted = np.asarray([row[0] for row in rows], np.int64)
            for process in (self._running, CurrentVectors(self._index, DIMENSIONS)):
                ids, vectors = process.at(self._connection).of(wanted)
                if ids.tolist() != wanted.tolist():
                    return False
                if [each.astype("<f2").tobytes() for each in vectors] != [row[1] for row in rows]:
                    return False
        return True

    def _start(self) -> None:
        self._connection = connect(self._index)
        self._connection.pragma("journal_mode", "wal")
        self._connection.pragma("synchronous", "OFF")
        self._connection.pragma("foreign_keys", "OFF")  # passages of no document are enough
        schema.prepare(self._connection, self._index, dimensions=DIMENSIONS, languages=("en",))
        self._running = CurrentVectors(self._index, DIMENSIONS)

    @contextmanager
    def _transaction(self, end: str = "COMMIT") -> Iterator[None]:
        self._connection.execute("BEGIN")
        yield
        self._connection.execute(end)

    def _insert(self, count: int, *, end: str = "COMMIT") -> None:
        with self._transaction(end):
            for _ in range(count):
                self._connection.execute(_PASSAGE)
                vector = self._numbers.normal(size=DIMENSIONS).astype("<f2").tobytes()
                self._connection.execute("INSERT INTO embedding VALUES(last_insert_rowid(), ?)", (vector,))

    def _insert_and_roll_back(self, count: int) -> None:
        self._insert(count, end="ROLLBACK")

    def _delete(self, count: int) -> None:
        """Delete the passages that were written last: the ids that would be given again, were they ever."""
        for newest in (
            "DELETE FROM embedding WHERE passage_id IN (SELECT id FROM passage ORDER BY id DESC LIMIT ?)",
            "DELETE FROM passage WHERE id IN (SELECT id FROM passage ORDER BY id DESC LIMIT ?)",
        ):
            self._connection.execute(newest, (count,))

    def _keep(self, *, end: str = "COMMIT") -> None:
        if self._file.exists():
            shutil.copy(self._file, self._former)
        token = uuid.uuid4().hex
        writing = vector_file.written(self._index, token=token, dimensions=DIMENSIONS, expected=1)
        with writing as path, self._transaction(end):
            vector_file.put_in_place(self._connection, self._index, path, token=token)

    def _be_killed_before_the_commit(self) -> None:
        self._keep(end="ROLLBACK")

    def _be_killed_before_the_file_is_in_place(self) -> None:
        with vector_file.written(self._index, token=uuid.uuid4().hex, dimensions=DIMENSIONS, expected=1) as path:
            shutil.copy(path, path.with_name(f"{self._file.name}.left"))

    def _back_up(self) -> None:
        self._backup.unlink(missing_ok=True)
        with (
            closing(apsw.Connection(str(self._backup))) as copy,
            copy.backup("main", self._connection, "main") as backup,
        ):
            backup.step()
        if self._file.exists():
            shutil.copy(self._file, self._former)

    def _restore(self) -> None:
        """Put the backup in the index's place, beside whatever file of vectors is there."""
        if not self._backup.exists():
            return
        self._connection.close()
        for suffix in ("-wal", "-shm"):
            self._index.with_name(self._index.name + suffix).unlink(missing_ok=True)
        shutil.copy(self._backup, self._index)
        self._start()

    def _restore_alone(self) -> None:
        self._file.unlink(missing_ok=True)
        self._restore()

    def _put_the_former_file_back(self) -> None:
        if self._former.exists():
            shutil.copy(self._former, self._file)

    def _turn_a_bit(self, place: int) -> None:
        if self._file.exists() and (written := bytearray(self._file.read_bytes())):
            written[place % len(written)] ^= 1
            self._file.write_bytes(written)

    def _cut(self, size: int) -> None:
        if self._file.exists() and self._file.stat().st_size > size:
            with self._file.open("r+b") as file:
                file.truncate(size)


@example([("keep",), ("back up",), ("insert", 2), ("keep",), ("restore",), ("insert", 2)])
@example([("keep",), ("insert", 2), ("be killed before the commit",), ("insert", 2), ("restore",)])
@example([("insert and roll back", 2), ("keep",), ("insert", 2), ("delete", 3), ("insert", 4), ("keep",)])
@given(st.lists(steps, min_size=5, max_size=25))
@settings(max_examples=25, deadline=None)
def test_no_vector_is_ever_another_than_its_rows(history: list[tuple[Any, ...]]) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch("os.fsync"),  # power does not fail here
        closing(World(Path(folder))) as world,
    ):
        world.take("insert", 4)
        for step in history:
            world.take(*step)
            assert world.vectors_are_those_of_the_rows(), step
