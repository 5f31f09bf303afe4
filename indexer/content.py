"""Bytes of one document on their way to the extractor: streamed to a temporary file, hashed, never held in memory."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from indexer.layers import RetryPolicy
from vocabulary.documents import DocumentId
from vocabulary.errors import ContentUnavailable, RetryableError, TooLarge
from vocabulary.ports import Connector

_WRITTEN_BYTES = 1 << 20  # handed to a thread together


@dataclass(frozen=True, slots=True)
class SpooledContent:
    """A document's bytes in a file."""

    path: Path
    size_bytes: int
    sha256: str


class Spool:
    """A temporary file for one document after another: to make and remove one for each costs more than to read it."""

    def __init__(self, connector: Connector, *, policy: RetryPolicy, max_bytes: int) -> None:
        self._connector = connector
        self._policy = policy
        self._max_bytes = max_bytes

    def __enter__(self) -> Self:
        self._file = tempfile.NamedTemporaryFile(prefix="sightline-", buffering=0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    async def content(self, document_id: DocumentId) -> SpooledContent:
        """Read a document's content whole; a broken transfer begins again. It is there until the next one is read.

        Raises:
            TooLarge: more than the limit; the rest is not read.
            ContentUnavailable: passing faults outlasted the retries.
            ContentGone: the source has no bytes for it.
        """

        async def read_whole() -> SpooledContent:
            return await self._read(document_id)

        try:
            return await self._policy.call(read_whole)
        except RetryableError as error:
            raise ContentUnavailable(f"content could not be read: {error}") from error

    async def _read(self, document_id: DocumentId) -> SpooledContent:
        digest = hashlib.sha256()
        size = 0
        waiting = bytearray()
        self._file.seek(0)
        self._file.truncate()
        async with self._connector.open_content(document_id) as pieces:
            async for piece in pieces:
                size += len(piece)
                if size > self._max_bytes:
                    raise TooLarge(f"content is larger than {self._max_bytes} bytes")
                digest.update(piece)
                waiting += piece
                if len(waiting) >= _WRITTEN_BYTES:
                    await asyncio.to_thread(self._file.write, bytes(waiting))
                    waiting.clear()
        await asyncio.to_thread(self._file.write, bytes(waiting))
        return SpooledContent(Path(self._file.name), size, digest.hexdigest())
