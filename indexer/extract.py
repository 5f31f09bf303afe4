"""Bytes to text in a child process that can be killed: the `Extractor` of the pipeline.

In comes the path of a spooled file; out come blocks of text, or `ExtractionFailed` with one of a few fixed words. A
file that hangs, eats memory or breaks the parser costs one child and ends as that document's named failure; the next
document gets a fresh child. A child inherits no secret: its environment is made here, not copied.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from indexer.extraction import wire
from indexer.extraction.blocks import Reason
from vocabulary.documents import Block, ExtractedText
from vocabulary.errors import ConfigurationError, ExtractionFailed

_MIB = 1 << 20
_START_TIMEOUT_S = 60.0  # a start takes 0.6 s of a processor; a busy machine must not be told that it cannot work
# Native parsers leak a little; a fresh process after this many documents keeps memory flat for 1 ms a document.
_DOCUMENTS_PER_WORKER = 500
_STDERR_TAIL_BYTES = 4096
_WORKER = "indexer.extraction.worker"  # by name: this process never loads what it runs
_OUT_OF_MEMORY_WORDS = (b"memory allocation of", b"MemoryError", b"bad_alloc", b"out of memory")


class ExtractionSettings(BaseModel):
    """Settings of text extraction: the limits that one document may reach, and how many are read at a time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    timeout_s: float = Field(
        default=60.0,  # the slowest of 412 real and hostile office files takes 4.3 s on a crowded machine
        gt=0,
        le=3600,
        description="Seconds that reading one document may take; then it is stopped and counted as failed (timeout).",
    )
    max_text_chars: int = Field(
        default=5_000_000,  # some 2,500 printed pages; War and Peace has 3.2 million
        ge=1,
        le=100_000_000,
        description="Characters of text kept of one document; what lies beyond is cut off and the document is flagged.",
    )
    max_memory_bytes: int = Field(
        default=1024 * _MIB,  # reading the same 412 files in a row stays below 260 MiB, starting takes 80
        ge=128 * _MIB,
        description="Bytes of memory of one reading process; a document that needs more fails (out-of-memory).",
    )
    workers: int = Field(
        default=1,  # extraction takes a tenth of the embedder's time; a second process would take a core from it
        ge=1,
        le=256,
        description="Processes that read documents at the same time.",
    )


class KreuzbergExtractor:
    """An `Extractor` over a few child processes; entering starts the first, leaving ends them all."""

    def __init__(self, settings: ExtractionSettings) -> None:
        self._settings = settings
        self._slots: asyncio.LifoQueue[_Worker | None] = asyncio.LifoQueue()  # None: a place for a worker not started
        self._alive: set[_Worker] = set()
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    async def __aenter__(self) -> Self:
        """Start one child, so that a machine on which none can run refuses at once.

        Raises:
            ConfigurationError: the child process does not start.
        """
        self._folder = tempfile.TemporaryDirectory(prefix="sightline-extract-")
        try:
            first = await self._start()
        except ExtractionFailed as error:
            self._folder.cleanup()
            raise ConfigurationError(f"extraction: the reading process does not start ({error})") from error
        for _ in range(self._settings.workers - 1):
            self._slots.put_nowait(None)
        self._slots.put_nowait(first)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in tuple(self._alive):
            await self._stop(worker)
        if self._folder is not None:
            self._folder.cleanup()

    async def extract(self, path: Path, *, mime_type: str) -> ExtractedText:
        """Read one file, named by an absolute path; waits while all children are busy.

        Keeps the contract of `vocabulary.ports.Extractor`.
        """
        worker = await self._slots.get()
        try:
            if worker is None:
                worker = await self._start()
            return await self._ask(worker, path, mime_type=mime_type)
        finally:
            await self._give_back(worker)

    async def _give_back(self, worker: _Worker | None) -> None:
        """Free the slot, with the worker if it can be asked again; a killed or worn one is replaced when needed."""
        if worker is None or (worker.idle and worker.documents < _DOCUMENTS_PER_WORKER):
            self._slots.put_nowait(worker)
            return
        try:
            await self._stop(worker)
        finally:
            self._slots.put_nowait(None)

    async def _ask(self, worker: _Worker, path: Path, *, mime_type: str) -> ExtractedText:
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                return await worker.read(path, mime_type=mime_type, max_text_chars=self._settings.max_text_chars)
        except TimeoutError as error:
            raise _failed(Reason.TIMEOUT, f"not read within {self._settings.timeout_s:g} s") from error
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise await worker.cause_of_death() from error
        except wire.WireError as error:
            raise _failed(Reason.CRASHED, f"the reading process answered nonsense: {error}") from error

    async def _start(self) -> _Worker:
        if self._folder is None:
            raise RuntimeError("the extractor is used outside its `async with`")
        worker = await _Worker.start(self._settings, Path(self._folder.name))
        self._alive.add(worker)
        return worker

    async def _stop(self, worker: _Worker) -> None:
        self._alive.discard(worker)
        await worker.stop()


class _Worker:
    """One child process and its pipes."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._stderr_tail = b""
        self._draining = asyncio.create_task(self._drain_stderr())
        self.documents = 0
        self.idle = False  # between two documents; a worker that is not idle cannot be asked again

    @classmethod
    async def start(cls, settings: ExtractionSettings, folder: Path) -> _Worker:
        """Start a child and wait until it has loaded its parsers.

        Raises:
            ExtractionFailed: it did not come up.
        """
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # the working folder is no place to import from
            "-m",
            _WORKER,
            str(os.getpid()),
            str(settings.max_memory_bytes),
            str(settings.max_text_chars),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env=_environment(folder),
            cwd=folder,
        )
        worker = cls(process)
        try:
            async with asyncio.timeout(_START_TIMEOUT_S):
                ready = await worker._receive()
            worker.idle = ready == wire.READY
        except (TimeoutError, asyncio.IncompleteReadError, wire.WireError) as error:
            await worker.stop()
            raise _failed(Reason.CRASHED, worker.last_words()) from error
        except BaseException:
            await worker.stop()
            raise
        return worker

    async def read(self, path: Path, *, mime_type: str, max_text_chars: int) -> ExtractedText:
        """Have the child read a file.

        Raises:
            ExtractionFailed: the child says why the file gives no text.
            IncompleteReadError, ConnectionError: the child died.
            WireError: the child answers nonsense.
        """
        self.idle = False
        await self._send({"path": str(path), "mime_type": mime_type})
        blocks: list[Block] = []
        chars = 0
        while True:
            message = await self._receive()
            if "blocks" not in message:
                break
            batch = wire.read_blocks(message)
            chars += sum(len(block.text) for block in batch)
            if chars > max_text_chars:
                raise wire.WireError("more text than allowed")
            blocks.extend(batch)
        self.documents += 1
        if "failed" in message:
            reason, words = wire.read_failure(message)
            self.idle = reason is not Reason.OUT_OF_MEMORY  # what the parser still holds is not given back
            raise _failed(reason, words)
        self.idle = True
        return ExtractedText(tuple(blocks), truncated=message.get("truncated") is True)

    async def cause_of_death(self) -> ExtractionFailed:
        """Wait for the dead child and tell what it died of."""
        code = await self._process.wait()
        await self._draining
        if code == -signal.SIGKILL or any(words in self._stderr_tail for words in _OUT_OF_MEMORY_WORDS):
            # Only the kernel's own out-of-memory killer and an operator send SIGKILL behind our back.
            return _failed(Reason.OUT_OF_MEMORY, "the reading process ran out of memory")
        return _failed(Reason.CRASHED, f"the reading process ended with {code}")

    def last_words(self) -> str:
        """Return the last line that the child wrote to standard error; never text of a document before it is asked."""
        lines = self._stderr_tail.decode("utf-8", "replace").strip().splitlines()
        return lines[-1][:200] if lines else "no message"

    async def stop(self) -> None:
        """Kill the child and wait for its end."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        await self._draining
        if self._process.stdin is not None:
            self._process.stdin.close()

    async def _send(self, request: dict[str, str]) -> None:
        assert self._process.stdin is not None  # noqa: S101 - opened as a pipe by `start`
        self._process.stdin.write(json.dumps(request).encode("ascii") + b"\n")
        await self._process.stdin.drain()

    async def _receive(self) -> Mapping[str, object]:
        assert self._process.stdout is not None  # noqa: S101 - opened as a pipe by `start`
        header = await self._process.stdout.readexactly(wire.HEADER_BYTES)
        return wire.decode(await self._process.stdout.readexactly(wire.body_length(header)))

    async def _drain_stderr(self) -> None:
        assert self._process.stderr is not None  # noqa: S101 - opened as a pipe by `start`
        while piece := await self._process.stderr.read(_STDERR_TAIL_BYTES):
            self._stderr_tail = (self._stderr_tail + piece)[-_STDERR_TAIL_BYTES:]


def _environment(folder: Path) -> dict[str, str]:
    """Make the child's environment: nothing of ours, for it may hold passwords."""
    return {
        "PATH": os.defpath,
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(Path(__file__).resolve().parents[1]),  # where this package is, installed or not
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENBLAS_NUM_THREADS": "1",  # numpy comes along with the vocabulary and would keep a thread for every core
    }


def _failed(reason: Reason, message: str) -> ExtractionFailed:
    return ExtractionFailed(message, reason=reason.value)
