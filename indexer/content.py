"""Bytes of one document on their way to the extractor: streamed to a temporary file, hashed, never held in memory."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from indexer.layers import RetryPolicy
from vocabulary.documents import DocumentId
from vocabulary.errors import ContentUnavailable, RetryableError, TooLarge
from vocabulary.ports import Connector

_WRITTEN_BYTES = 1 << 20  # handed to a thread together


@dataclass(frozen=True, slots=True)
class SpooledContent:
    """A document's bytes in a file that lives as long as its context."""

    path: Path
    size_bytes: int
    sha256: str


@asynccontextmanager
async def spooled_content(
    connector: Connector, document_id: DocumentId, *, policy: RetryPolicy, max_bytes: int
) -> AsyncIterator[SpooledContent]:
    """Read a document's content whole; a broken transfer begins again.

    Raises:
        TooLarge: more than `max_bytes`; the rest is not read.
        ContentUnavailable: passing faults outlasted the retries.
        ContentGone: the source has no bytes for it.
    """
    # One file, made and removed: a folder around it costs three more calls for every document.
    with tempfile.NamedTemporaryFile(prefix="sightline-", buffering=0) as file:

        async def read_whole() -> SpooledContent:
            return await _spool(connector, document_id, file, max_bytes)

        try:
            content = await policy.call(read_whole)
        except RetryableError as error:
            raise ContentUnavailable(f"content could not be read: {error}") from error
        yield content


async def _spool(connector: Connector, document_id: DocumentId, file: IO[bytes], max_bytes: int) -> SpooledContent:
    """Write the content from the file's beginning; small ones in one go."""
    digest = hashlib.sha256()
    size = 0
    waiting = bytearray()
    file.seek(0)
    file.truncate()
    async with connector.open_content(document_id) as pieces:
        async for piece in pieces:
            size += len(piece)
            if size > max_bytes:
                raise TooLarge(f"content is larger than {max_bytes} bytes")
            digest.update(piece)
            waiting += piece
            if len(waiting) >= _WRITTEN_BYTES:
                await asyncio.to_thread(file.write, bytes(waiting))
                waiting.clear()
    await asyncio.to_thread(file.write, bytes(waiting))
    return SpooledContent(Path(file.name), size, digest.hexdigest())
