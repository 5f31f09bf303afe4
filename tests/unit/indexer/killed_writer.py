"""A process that writes batches which name themselves, and says of each when it is safe; made to be killed."""

from __future__ import annotations

import asyncio
import multiprocessing
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from indexer.backends import EmbeddedBackend
from indexer.backends.embedded import segments
from tests.fakes.documents import DIMENSIONS, NUMBERING, document
from vocabulary.documents import DocumentId
from vocabulary.indexing import Delete

DOCUMENTS = 10  # each batch replaces all of them, and gives way to the next


def start(path: Path, *, first: int) -> tuple[BaseProcess, Connection]:
    """Start a writer whose batches begin with number `first`; the connection tells those that are safe."""
    servers = multiprocessing.get_context("forkserver")
    servers.set_forkserver_preload([__name__])  # a writer then starts at once
    told, telling = servers.Pipe(duplex=False)
    writer = servers.Process(target=_write, args=(path, first, telling), daemon=True)
    writer.start()
    telling.close()
    return writer, told


def _write(path: Path, first: int, telling: Connection) -> None:
    segments._SIZES = (64, 512)  # so that it dies in merges, too
    asyncio.run(_write_batches(path, first, telling))


async def _write_batches(path: Path, first: int, telling: Connection) -> None:
    async with EmbeddedBackend(path, dimensions=DIMENSIONS) as index:
        await index.adopt(NUMBERING)
        for batch in range(first, first + 100_000):
            texts = (f"batch{batch}", f"more{batch} text")
            puts = [document(f"d{n}", *texts, title=f"t{batch}", attributes={"n": batch}) for n in range(DOCUMENTS)]
            await index.apply([*puts, document("passing"), Delete(DocumentId("wiki", "passing"))])
            telling.send(batch)
