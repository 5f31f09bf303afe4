"""What is kept beside a large index is written behind a search that found it missing or old, one at a time.

None of it is needed: what cannot be written, for want of room or because another process writes, is told in the log and
tried again behind a search of a minute later.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from indexer.backends.embedded import picture_file, vector_file
from indexer.backends.embedded.catalogue import Catalogue
from indexer.backends.embedded.connections import Connections
from indexer.backends.embedded.current_catalogue import CurrentCatalogue
from indexer.backends.embedded.current_vectors import CurrentVectors
from indexer.backends.embedded.new_file import remove_left
from vocabulary.errors import SightlineError

_log = logging.getLogger(__name__)

_AGAIN_S = 60.0  # a full disk waits for a person, another's writing for a moment, and only the next start for us


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
        self._counted: tuple[int | None, int] = (None, 0)  # the change, and the passages then
        self._not_before = 0.0  # on the monotonic clock

    def begin(self) -> None:
        """Write in the background what is due; does not wait."""
        if self._running is not None or time.monotonic() < self._not_before:
            return
        if self._keeps_too_much():
            self._running = asyncio.create_task(self._drop())
            return
        picture = self._catalogue.to_keep()
        passages = self._due_vectors()
        if picture is not None or passages:
            self._running = asyncio.create_task(self._keep(picture, passages))

    def remove_left(self) -> None:
        """Remove what killed processes have left of files that they wrote. Blocks."""
        for place in (picture_file.path_beside(self._path), vector_file.path_beside(self._path)):
            remove_left(place)

    async def end(self) -> None:
        """Wait for what is being written."""
        if self._running is not None:
            await self._running

    def _due_vectors(self) -> int:
        """Return of how many passages the vectors are to be written; 0 where they are not."""
        latest = self._catalogue.latest()
        if latest is None or not latest.vectors.trained_for:
            return 0
        living = self._living(latest)
        return living if self._vectors.is_due(latest.passage_ids, living=living) else 0

    def _living(self, catalogue: Catalogue) -> int:
        """Return how many passages are not deleted; counted once for each change of the index."""
        if self._counted[0] != catalogue.sequence:
            self._counted = (catalogue.sequence, int(np.count_nonzero(catalogue.passage_documents)))
        return self._counted[1]

    def _keeps_too_much(self) -> bool:
        """Whether the index has shrunk so far that it keeps nothing beside it, and what was kept is still there."""
        latest = self._catalogue.latest()
        if latest is None or not self._vectors.names_a_file():
            return False
        return not latest.vectors.trained_for or not self._living(latest)

    async def _drop(self) -> None:
        try:
            await self._is_done(self._drop_all())
        finally:
            self._running = None

    async def _drop_all(self) -> bool:
        """Remove what is kept: it holds passages that were deleted, and nothing would write it again without them."""

        def drop(connection: Any) -> None:
            for kept in (picture_file, vector_file):
                kept.disown(connection)
                kept.path_beside(self._path).unlink(missing_ok=True)

        await self._connections.write(drop)
        return True

    async def _keep(self, picture: Catalogue | None, passages: int) -> None:
        try:
            if picture is not None and not await self._is_done(self._keep_picture(picture)):
                self._catalogue.was_not_kept()
            if passages and not await self._is_done(self._keep_vectors(passages)):
                self._vectors.were_not_kept()
        finally:
            self._running = None

    async def _is_done(self, keeping: Awaitable[bool]) -> bool:
        """Carry it out; whatever goes wrong, no query and no close depends on what only a start needs."""
        try:
            done = await keeping
        except (SightlineError, OSError) as error:
            _log.warning("what is kept beside %s could not be written: %s", self._path, error)
            done = False
        except Exception:  # noqa: BLE001 - as the docstring says
            _log.exception("what is kept beside %s could not be written", self._path)
            done = False
        if not done:
            self._not_before = time.monotonic() + _AGAIN_S
        return done

    async def _keep_picture(self, picture: Catalogue) -> bool:
        """Put the picture beside the index; False where a later one has gone on with its arrays."""
        kept = await asyncio.to_thread(picture.kept)
        if kept is None:
            return False
        token = uuid.uuid4().hex
        writing = picture_file.written(self._path, kept, token=token)
        await self._put_in_place(picture_file.put_in_place, writing, token)
        return True

    async def _keep_vectors(self, passages: int) -> bool:
        token = uuid.uuid4().hex
        writing = vector_file.written(self._path, token=token, dimensions=self._dimensions, expected=passages)
        await self._put_in_place(vector_file.put_in_place, writing, token)
        return True

    async def _put_in_place(self, put: Callable[..., None], writing: AbstractContextManager[Path], token: str) -> None:
        opened = ExitStack()
        try:
            written = await asyncio.to_thread(opened.enter_context, writing)
            await self._connections.write(lambda connection: put(connection, self._path, written, token=token))
        finally:
            await asyncio.to_thread(opened.close)
