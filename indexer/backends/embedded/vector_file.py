"""The vectors of the index alone, in a file beside it: a query reads a thousand of them in random places.

In the index each is found down a tree, in a page among others; here each is one read of its own bytes. They are read
and not mapped: an error of the disk is then an error that can be answered, where it would end a process that looks at
mapped bytes.

A cache, and never more. What the file does not hold, and what is not in it as it was written, is read from the rows.
Nothing in it can be out of date: a vector is stored once and never edited, and the id of its row is never given again
(`schema.py`), so what was read of a committed row holds for good. Which file belongs to an index is said by the index:
a random token, committed when the file is in its place, and so after every row that is in it. A query uses the file
that the state which it sees names, and no other; so a restored backup finds its own file or none.

The file: a header; the rows in the order of their ids, each a vector with zeros to a multiple of eight bytes, and its
seal; the ids; the SHA-256 of header and ids. A seal depends on the token, the id and every bit of the vector, so that a
row that was damaged, cut off or put there by another file is not believed.
Source of the seals: Lemire and Kaser, Strongly universal string hashing is fast (2014), multilinear hashing.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import shutil
import struct
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import apsw
import numpy as np
import numpy.typing as npt

from indexer.backends.embedded import new_file, schema
from indexer.backends.embedded.codec import vector_bytes
from indexer.backends.embedded.connections import connect, our_errors

_log = logging.getLogger(__name__)

Ids = npt.NDArray[np.uint32]  # as the text index has them
Halves = npt.NDArray[np.float16]
Words = npt.NDArray[np.uint64]  # little endian
Mask = npt.NDArray[np.bool_]

_MAGIC = b"SiLnVec1"  # the last is the number of the format
_HEADER = struct.Struct("<8s16sQQ")  # magic, token, dimensions, rows
_HEADER_BYTES = 64  # a line of the processor's cache
_WORD = 8  # bytes
_DIGEST_BYTES = hashlib.sha256().digest_size
_STATE_KEY = "vectors"
_SUFFIX = "-vectors"
_ROWS_AT_ONCE = 10_000  # 8 MB
_CACHE_KIB = 2_048  # rows are read once, in order
# The disk is the index's: so many times the file's size must be free, or it is not written.
_FREE_ROOM = 2

_STORED = (
    "SELECT passage_id, vector FROM embedding WHERE passage_id > ? AND length(vector) = ? ORDER BY passage_id LIMIT ?"
)


class VectorFileDamaged(ValueError):
    """A file that is not as it was written."""


@dataclass(frozen=True, slots=True)
class _Form:
    """How the file with a token spells vectors of some dimensions."""

    token: bytes
    dimensions: int
    _keys: Words = field(init=False, repr=False, compare=False)  # odd: no change of a single word goes unseen

    def __post_init__(self) -> None:
        drawn = hashlib.shake_128(self.token).digest(_WORD * (self.words + 1))
        object.__setattr__(self, "_keys", np.frombuffer(drawn, "<u8") | np.uint64(1))

    @property
    def words(self) -> int:
        """How many words a vector takes."""
        return -(-vector_bytes(self.dimensions) // _WORD)

    @property
    def row_bytes(self) -> int:
        return _WORD * (self.words + 1)

    def header(self, count: int) -> bytes:
        return _HEADER.pack(_MAGIC, self.token, self.dimensions, count).ljust(_HEADER_BYTES, b"\0")

    def rows(self, ids: Ids, vectors: Halves) -> Words:
        """Return sealed rows, [n, words + 1]."""
        padded = np.zeros((ids.size, self.words * _WORD // 2), "<f2")
        padded[:, : self.dimensions] = vectors
        words = padded.view("<u8")
        return np.column_stack([words, self._seals(ids, words)])

    def is_sealed(self, ids: Ids, rows: Words) -> Mask:
        """Return which of the rows are as they were written for these ids."""
        sealed: Mask = self._seals(ids, rows[:, :-1]) == rows[:, -1]
        return sealed

    def vectors(self, rows: Words) -> Halves:
        vectors: Halves = rows[:, :-1].view("<f2")[:, : self.dimensions]
        return vectors

    def _seals(self, ids: Ids, words: Words) -> Words:
        """Return a sum of all words and the id, each times its own key, modulo 2^64."""
        seals: Words = words @ self._keys[:-1] + ids * self._keys[-1]
        return seals


class VectorFile:
    """A file that was opened. Thread-safe; closed with the last reference to it."""

    def __init__(self, descriptor: int, form: _Form, ids: Ids) -> None:
        self._descriptor = descriptor
        self._form = form
        self._ids = ids
        self.is_bad = False  # some of it is not as it was written, or cannot be read
        self.last_id = int(ids[-1]) if ids.size else 0
        weakref.finalize(self, os.close, descriptor)

    def read(self, passage_ids: npt.NDArray[np.int64]) -> tuple[Mask, Halves]:
        """Return which of these vectors the file holds, bool [n], and those, float16 [held, dimensions]."""
        wanted = passage_ids.astype(np.uint32)
        held, places = self._ids, np.searchsorted(self._ids, wanted)
        is_held = places < held.size
        is_held[is_held] = held[places[is_held]] == wanted[is_held]
        try:
            rows = self._rows(places[is_held])
        except OSError as error:
            _log.warning("vectors are read from the index alone: %s", error)
            self.is_bad = True
            self._ids = held[:0]
            is_held[:] = False
            rows = self._rows(places[:0])
        sealed = self._form.is_sealed(wanted[is_held], rows)
        if not sealed.all():
            self._tell()
            is_held[is_held] = sealed
            rows = rows[sealed]
        return is_held, self._form.vectors(rows)

    def ids(self) -> Ids:
        """Return the ids of the vectors that it holds, ascending."""
        return self._ids

    def _rows(self, places: npt.NDArray[np.intp]) -> Words:
        size, starts = self._form.row_bytes, _HEADER_BYTES + places * self._form.row_bytes
        read, descriptor = os.pread, self._descriptor
        joined = b"".join([read(descriptor, size, start) for start in starts.tolist()])
        if len(joined) != places.size * size:
            raise OSError(errno.EIO, "the file of vectors was cut short")
        return np.frombuffer(joined, "<u8").reshape(places.size, size // _WORD)

    def _tell(self) -> None:
        if not self.is_bad:
            self.is_bad = True
            _log.warning("vectors beside the index are damaged, and are read from the index")


def path_beside(index: Path) -> Path:
    """Return where the vectors of an index are kept."""
    return index.with_name(index.name + _SUFFIX)


def token_of(connection: Any) -> str | None:
    """Return what the file is named by in the state that the connection's transaction sees."""
    return schema.read_state(connection, _STATE_KEY)


@contextmanager
def written(index: Path, *, token: str, dimensions: int, expected: int) -> Iterator[Path]:
    """Write the stored vectors, about `expected` of them, into a new file beside the index; yield its path.

    Blocks for seconds at a million vectors, some MB of memory at a time.

    Raises:
        OSError: the disk is too full or cannot be written; nothing is left of the file.
        IndexBusy: the index cannot be read now.
    """
    form = _Form(bytes.fromhex(token), dimensions)
    needed = expected * form.row_bytes
    if shutil.disk_usage(index.parent).free < _FREE_ROOM * needed:
        raise OSError(errno.ENOSPC, f"no room for {needed / 1e6:,.0f} MB of vectors")
    with new_file.new_file(path_beside(index), index=index) as (path, file):
        _write(file, form, _stored(index, dimensions))
        yield path


def put_in_place(connection: Any, index: Path, path: Path, *, token: str) -> None:
    """Make a written file that of the index, in the caller's writing transaction.

    Raises:
        OSError: it cannot be renamed.
    """
    schema.write_state(connection, _STATE_KEY, token)
    new_file.put_in_place(path, path_beside(index), index=index)


def disown(connection: Any) -> None:
    """Have no file fit the index any more, in the caller's writing transaction."""
    connection.execute("DELETE FROM state WHERE key = ?", (_STATE_KEY,))


def opened(index: Path, *, token: str, dimensions: int) -> VectorFile | None:
    """Open the file with a token; None where there is another or none.

    Raises:
        VectorFileDamaged: it is not as it was written.
        OSError: it cannot be read.
    """
    try:
        form = _Form(bytes.fromhex(token), dimensions)
    except ValueError as error:
        raise VectorFileDamaged("the index names its file of vectors by no token") from error
    try:
        descriptor = new_file.open_kept(path_beside(index), index=index)
    except FileNotFoundError:
        return None
    try:
        ids = _ids(descriptor, form)
    except BaseException:
        os.close(descriptor)
        raise
    if ids is None:
        os.close(descriptor)
        return None
    return VectorFile(descriptor, form, ids)


def _ids(descriptor: int, form: _Form) -> Ids | None:
    header = os.pread(descriptor, _HEADER_BYTES, 0)
    if len(header) < _HEADER_BYTES:
        raise VectorFileDamaged("the file of vectors was cut short")
    *_, count = _HEADER.unpack_from(header)
    if header != form.header(count):
        return None
    end = _HEADER_BYTES + count * form.row_bytes
    size = os.fstat(descriptor).st_size
    told = os.pread(descriptor, size - end, end) if size > end else b""
    ids, digest = told[:-_DIGEST_BYTES], told[-_DIGEST_BYTES:]
    if hashlib.sha256(header + ids).digest() != digest:
        raise VectorFileDamaged("the file of vectors is damaged")
    return np.frombuffer(ids, "<u4")


def _write(file: IO[bytes], form: _Form, stored: Iterator[tuple[Ids, Halves]]) -> None:
    file.write(form.header(0))
    written = [np.zeros(0, "<u4")]
    for ids, vectors in stored:
        file.write(form.rows(ids, vectors).data)
        _onto_disk(file)  # piece by piece: a commit of the index beside it does not wait for all of them
        written.append(ids)
    ids = np.concatenate(written)
    header = form.header(ids.size)
    file.write(ids.tobytes())
    file.write(hashlib.sha256(header + ids.tobytes()).digest())
    file.seek(0)
    file.write(header)
    _onto_disk(file)


def _onto_disk(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _stored(index: Path, dimensions: int) -> Iterator[tuple[Ids, Halves]]:
    """Yield the committed vectors of the right size by their ids, a piece and a transaction at a time."""
    size = vector_bytes(dimensions)
    with our_errors(index, is_opening=False):
        connection = connect(index, flags=apsw.SQLITE_OPEN_READONLY)  # one that was removed is not made anew
        try:
            connection.pragma("query_only", "ON")
            connection.pragma("cache_size", -_CACHE_KIB)
            last = 0
            while rows := connection.execute(_STORED, (last, size, _ROWS_AT_ONCE)).fetchall():
                last = rows[-1][0]
                vectors = np.frombuffer(b"".join([row[1] for row in rows]), "<f2").reshape(len(rows), dimensions)
                yield np.asarray([row[0] for row in rows], "<u4"), vectors
        finally:
            connection.close()
