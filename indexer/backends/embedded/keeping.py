"""What is kept beside a large index is written behind a search that found it missing or old, one at a time.

None of it is needed: what cannot be written, for want of room or because another process writes, is told in the log and
due again when the index has grown.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable
from pathlib import Path

from indexer.backends.embedded import picture_file, vector_file
from indexer.backends.embedded.catalogue import Catalogue
from indexer.backends.embedded.connections import Connections
from indexer.backends.embedded.current_catalogue import CurrentCatalogue
from indexer.backends.embedded.current_vectors import CurrentVectors
from vocabulary.errors import SightlineError

_log = logging.getLogger(__name__)


class Keeping:
    """Keeps the picture (`picture_file.py`) and the vectors (`vector_file.py`) of the index at `path` on disk."""

    def __init__(
        self,
        path: Path,
        dimensions: int,
        connections: Connections,
        catalogue: CurrentCatalogue,
        vectors: CurrentVectors,
    ) -> None:
        self._path = path
        self._dimensions = dimensions
        self._connections = connections
        self._catalogue = catalogue
        self._vectors = vectors
        self._running: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Write in the background what is due; does not wait."""
        if self._running is not None:
            return
        picture = self._catalogue.to_keep()
        passages = self._due_vectors()
        if picture is not None or passages:
            self._running = asyncio.create_task(self._keep(picture, passages))

    async def end(self) -> None:
        """Wait for what is being written."""
        if self._running is not None:
            await self._running

    def _due_vectors(self) -> int:
        """Return of how many passages the vectors are to be written; 0 where they are not."""
        latest = self._catalogue.latest()
        if latest is None or not latest.vectors.trained_for or not self._vectors.is_due(latest.passage_ids):
            return 0
        return int(latest.passage_ids.size)

    async def _keep(self, picture: Catalogue | None, passages: int) -> None:
        try:
            if picture is not None:
                await self._keep_picture(picture)
            if passages:
                await self._keep_vectors(passages)
        except (SightlineError, OSError) as error:
            _log.warning("what is kept beside %s could not be written: %s", self._path, error)
        finally:
            self._running = None

    async def _keep_picture(self, picture: Catalogue) -> None:
        kept = await asyncio.to_thread(picture.kept)
        if kept is None:
            return
        token = uuid.uuid4().hex
        written = await asyncio.to_thread(picture_file.write, self._path, kept, token=token)
        await self._put_in_place(picture_file.put_in_place, written, token)

    async def _keep_vectors(self, passages: int) -> None:
        token = uuid.uuid4().hex
        written = await asyncio.to_thread(
            vector_file.write, self._path, token=token, dimensions=self._dimensions, expected=passages
        )
        await self._put_in_place(vector_file.put_in_place, written, token)

    async def _put_in_place(self, put: Callable[..., None], written: Path, token: str) -> None:
        try:
            await self._connections.write(lambda connection: put(connection, self._path, written, token=token))
        finally:
            await asyncio.to_thread(written.unlink, missing_ok=True)  # where it is not in its place
