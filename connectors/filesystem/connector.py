"""Walks a folder and streams what it meets, with a checkpoint after every page of files.

The walk is ordered by path, so a checkpoint is the last path delivered. Nothing is retried here; a folder that cannot
be listed ends the crawl with an error. Every blocking call runs in a thread.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import PurePosixPath
from types import TracebackType
from typing import BinaryIO, Self

from pydantic import BaseModel, ConfigDict

from connectors.filesystem.client import ACCESS_FILE, FileEntry, open_regular, read_people, walk
from connectors.filesystem.config import FilesystemConfig
from connectors.filesystem.mapping import document, document_id, identities
from vocabulary.access import Identity
from vocabulary.documents import Change, Checkpoint, DocumentId, DocumentState, Skipped, Upsert
from vocabulary.errors import CheckpointInvalid, SightlineError, SourceUnavailable
from vocabulary.ports import CheckResult

_PIECE_BYTES = 2**18  # of content; the port allows 1 MiB


class _Position(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    scope: str
    after: str


class FilesystemConnector:
    """One folder of files: `Connector` and `IdentitySource`; there is nothing to connect to."""

    def __init__(self, source: str, config: FilesystemConfig) -> None:
        self._source = source
        self._config = config
        self._scope = hashlib.blake2b(os.fsencode(config.root.absolute()), digest_size=8).hexdigest()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    @property
    def requests(self) -> Mapping[str, int]:
        return {}

    @property
    def absence_is_proof(self) -> bool:
        return True

    async def check(self) -> Sequence[CheckResult]:
        return [await self._check_root(), await self._check_people()]

    async def crawl(self, checkpoint: Checkpoint | None) -> AsyncIterator[Change]:
        entries = walk(self._config.root, after=self._resumption_point(checkpoint))
        while page := await asyncio.to_thread(lambda: list(islice(entries, self._config.page_size))):
            for entry in page:
                yield self._change(entry)
            last = os.fsencode(page[-1].path).hex()  # a path may hold bytes that are not Unicode
            yield Checkpoint(_Position(scope=self._scope, after=last).model_dump_json())

    @asynccontextmanager
    async def open_content(self, document_id: DocumentId) -> AsyncIterator[AsyncIterator[bytes]]:
        file = await asyncio.to_thread(open_regular, self._config.root, PurePosixPath(document_id.native_id))
        try:
            yield _pieces(file)
        finally:
            file.close()

    async def identities(self) -> AsyncIterator[Identity]:
        if self._config.people is None:
            return
        for identity in identities(await asyncio.to_thread(read_people, self._config.people), source=self._source):
            yield identity

    def _resumption_point(self, checkpoint: Checkpoint | None) -> PurePosixPath | None:
        if checkpoint is None:
            return None
        try:
            position = _Position.model_validate_json(checkpoint.position)
            after = PurePosixPath(os.fsdecode(bytes.fromhex(position.after)))
        except ValueError:  # pydantic's ValidationError is one
            raise CheckpointInvalid("the saved position is not one of a filesystem crawl") from None
        if position.scope != self._scope:
            raise CheckpointInvalid("the saved position belongs to another root")
        return after

    def _change(self, entry: FileEntry) -> Change:
        if not entry.is_regular:
            return self._skipped(entry, DocumentState.FILTERED, "link-or-device")
        if entry.path.name == ACCESS_FILE or self._config.root / entry.path == self._config.people:
            return self._skipped(entry, DocumentState.FILTERED, "control-file")
        if not _is_unicode(entry.path):
            return self._skipped(entry, DocumentState.FAILED, "name-not-unicode")
        return Upsert(document(entry, source=self._source, root=self._config.root))

    def _skipped(self, entry: FileEntry, state: DocumentState, reason: str) -> Skipped:
        return Skipped(document_id(entry, source=self._source), state, reason)

    async def _check_root(self) -> CheckResult:
        if not await asyncio.to_thread(self._config.root.is_dir):
            return CheckResult("root", passed=False, message=f"root: {self._config.root} is not a folder")
        if not await asyncio.to_thread((self._config.root / ACCESS_FILE).is_file):
            message = f"there is no {ACCESS_FILE} in the root: files below folders without their own are hidden"
            return CheckResult("root", passed=True, message=message)
        return CheckResult("root", passed=True, message=f"{self._config.root} can be read")

    async def _check_people(self) -> CheckResult:
        try:
            count = len([identity async for identity in self.identities()])
        except SightlineError as fault:
            return CheckResult("people", passed=False, message=str(fault))
        return CheckResult("people", passed=True, message=f"{count} people and memberships")


def _is_unicode(path: PurePosixPath) -> bool:
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


async def _pieces(file: BinaryIO) -> AsyncIterator[bytes]:
    """The file as long as it was when opened.

    Raises:
        SourceUnavailable: it was cut short, or could not be read on.
    """
    missing = os.fstat(file.fileno()).st_size
    try:
        while missing and (piece := await asyncio.to_thread(file.read, min(missing, _PIECE_BYTES))):
            missing -= len(piece)
            yield piece
    except OSError as cause:
        raise SourceUnavailable(f"reading failed: {cause.strerror}") from cause
    if missing:
        raise SourceUnavailable("the file was cut short while it was read")
