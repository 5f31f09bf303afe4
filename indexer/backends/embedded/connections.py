"""Connections to the one file: one that writes, a few that read, and the errors of the library in our words.

SQLite calls block, so they run in threads of this module's own. A connection serves one thread at a time. Readers see
one consistent state for as long as their transaction lasts, whatever is written meanwhile (write-ahead log).
"""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import apsw

from indexer.backends.embedded import schema
from vocabulary.errors import ConfigurationError, IndexBusy

T = TypeVar("T")

READERS = 4  # more only compete for the processors: a query computes, it does not wait
_BUSY_TIMEOUT_MS = 10_000  # another process's batch takes well under a second
_LOG_LIMIT = 64 << 20  # bytes of the write-ahead log that stay on disk between large batches
# Free pages that are kept: merging segments takes and leaves as many all the time.
_FREE_SHARE = 0.1
_FREE_AT_LEAST = 64
_PAGES_AT_ONCE = 8_192  # given back behind one batch: 32 MB, some tenths of a second
# A full or read-only disk waits for a person, a locked file for a second: readers should not ask all the time.
_RETRY_AFTER_S = 2.0
# Read cache of each connection. Measured: 64 MB is as fast as mapping the whole file into memory.
_CACHE_KIB = 65_536


class Connections:
    """The connections to one file; `open` makes them, `close` waits for what is running and ends them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="index-writer")
        self._reading = ThreadPoolExecutor(READERS, thread_name_prefix="index-reader")
        self._readers: queue.LifoQueue[Any] = queue.LifoQueue()
        self._writer: Any = None

    async def open(self, *, dimensions: int, languages: Sequence[str]) -> None:
        """Open every connection, and create the tables where the file is new.

        Raises:
            ConfigurationError: the file cannot be opened or is not a usable index.
        """
        try:
            await self._run(self._writing, is_opening=True, work=lambda: self._open(dimensions, languages))
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Wait for what is running and close the file."""
        await asyncio.to_thread(self._close)

    async def give_space_back(self) -> None:
        """Shorten the file by some of what deletes have left free, if that is much."""
        await self._run(self._writing, self._give_space_back)

    async def write(self, work: Callable[[Any], T]) -> T:
        """Run `work` in a transaction of its own: committed to disk when this returns, undone if it raises."""
        return await self._run(self._writing, lambda: self._write(work))

    async def read(self, work: Callable[[Any], T]) -> T:
        """Run `work` with a reading connection; it begins its own transactions."""
        return await self._run(self._reading, lambda: self._read(work))

    async def _run(self, threads: ThreadPoolExecutor, work: Callable[[], T], *, is_opening: bool = False) -> T:
        def call() -> T:
            with our_errors(self.path, is_opening=is_opening):
                return work()

        return await asyncio.get_running_loop().run_in_executor(threads, call)

    def _open(self, dimensions: int, languages: Sequence[str]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._writer = connect(self.path)
        self._writer.pragma("auto_vacuum", "incremental")  # takes effect while the file is empty
        self._writer.pragma("journal_mode", "wal")
        self._writer.pragma("journal_size_limit", _LOG_LIMIT)
        # FULL: a commit survives a power failure. Measured at 4 ms a batch, against 0.5 ms without.
        self._writer.pragma("synchronous", "FULL")
        schema.prepare(self._writer, self.path, dimensions=dimensions, languages=languages)
        for _ in range(READERS):
            reader = connect(self.path)
            reader.pragma("query_only", "ON")
            self._readers.put(reader)

    def _write(self, work: Callable[[Any], T]) -> T:
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            result = work(self._writer)
            self._writer.execute("COMMIT")
        except BaseException:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            raise
        return result

    def _give_space_back(self) -> None:
        free, pages = self._writer.pragma("freelist_count"), self._writer.pragma("page_count")
        surplus = free - max(_FREE_AT_LEAST, round(_FREE_SHARE * pages))
        if surplus > 0:
            self._writer.execute(f"PRAGMA incremental_vacuum({min(surplus, _PAGES_AT_ONCE)})").fetchall()

    def _read(self, work: Callable[[Any], T]) -> T:
        reader = self._readers.get()
        try:
            return work(reader)
        finally:
            if reader.in_transaction:
                reader.execute("ROLLBACK")
            self._readers.put(reader)

    def _close(self) -> None:
        self._writing.shutdown(wait=True)
        self._reading.shutdown(wait=True)
        while not self._readers.empty():
            self._readers.get().close()
        if self._writer is not None:
            self._writer.close()


def connect(path: Path, *, flags: int = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE) -> Any:
    """Open one connection with the settings that all share."""
    connection = apsw.Connection(str(path), flags=flags)
    connection.set_busy_timeout(_BUSY_TIMEOUT_MS)
    connection.pragma("foreign_keys", "ON")
    connection.pragma("cache_size", -_CACHE_KIB)
    connection.pragma("temp_store", "MEMORY")
    return connection


@contextmanager
def our_errors(path: Path, *, is_opening: bool = True) -> Iterator[None]:
    """Name the library's errors by what to do next; unknown ones stay unknown.

    What cannot be written while it is opened is a wrong setting; later on it is a disk that lets nobody write for now.
    """
    try:
        yield
    except (apsw.BusyError, apsw.LockedError) as error:
        raise _busy(f"index file {path} is locked by another writer") from error
    except (apsw.FullError, apsw.IOError) as error:
        raise _busy(f"index file {path} cannot be read or written now: {error}") from error
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise ConfigurationError(f"index file {path} is damaged or not an index") from error
    except (apsw.CantOpenError, apsw.ReadOnlyError, apsw.PermissionsError, OSError) as error:
        if not is_opening:
            raise _busy(f"index file {path} cannot be written now: {error}") from error
        raise ConfigurationError(f"index file {path} cannot be opened for writing: {error}") from error


def _busy(message: str) -> IndexBusy:
    return IndexBusy(message, retry_after_s=_RETRY_AFTER_S)
