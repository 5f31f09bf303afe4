"""Bytes of one document on their way to the extractor: streamed to a temporary file, hashed, never held in memory."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from indexer.layers import RetryPolicy
from vocabulary.documents import DocumentId
from vocabulary.errors import ContentUnavailable, RetryableError, TooLarge
from vocabulary.ports import Connector


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
    with tempfile.TemporaryDirectory(prefix="sightline-") as folder:
        path = Path(folder) / "content"

        async def read_whole() -> SpooledContent:
            return await _spool(connector, document_id, path, max_bytes)

        try:
            content = await policy.call(read_whole)
        except RetryableError as error:
            raise ContentUnavailable(f"content could not be read: {error}") from error
        yield content


async def _spool(connector: Connector, document_id: DocumentId, path: Path, max_bytes: int) -> SpooledContent:
    digest = hashlib.sha256()
    size = 0
    with path.open("wb") as file:
        async with connector.open_content(document_id) as pieces:
            async for piece in pieces:
                size += len(piece)
                if size > max_bytes:
                    raise TooLarge(f"content is larger than {max_bytes} bytes")
                digest.update(piece)
                await asyncio.to_thread(file.write, piece)
    return SpooledContent(path, size, digest.hexdigest())
