"""The child process: reads requests from standard input, answers on what was standard output, dies with its parent.

It takes its own rights away before it reads a file: it can write no byte to any file (`RLIMIT_FSIZE` 0), leaves no core
dump, gets no more memory than it is allowed, and has no environment but the few variables that its parent passes. What
a native parser prints goes to standard error, never between the answers.

Memory is limited by `RLIMIT_DATA`, which counts what can be written to. `RLIMIT_AS` would also count the libraries and
each thread's reserved address space: 400 MiB before the first document, and more on a machine with more cores.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from indexer.extraction.blocks import Reason, Unreadable, limited
from indexer.extraction.office import load_pdf_library
from indexer.extraction.reader import read_file
from indexer.extraction.wire import BATCH_CHARS, READY, blocks_message, encode
from vocabulary.documents import Block

_BLOCK_OVERHEAD = 32  # what a block costs on the wire besides its text: many small ones make a long message, too
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(arguments: list[str]) -> None:
    """Serve requests until standard input ends; `indexer/extract.py` starts this module as a program.

    Arguments: the parent's process id, bytes of memory, characters of text.
    """
    parent, max_memory_bytes, max_text_chars = (int(argument) for argument in arguments)
    _die_with(parent)
    answers = _claim_stdout()
    load_pdf_library()
    _give_up_rights(max_memory_bytes)
    answers.write(encode(READY))
    answers.flush()
    for line in sys.stdin.buffer:
        request = json.loads(line)
        _answer(answers, Path(request["path"]), mime_type=request["mime_type"], max_text_chars=max_text_chars)


def _die_with(parent: int) -> None:
    """Ask the kernel to kill this process when its parent dies, even in the middle of a native parse."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal reaches us too; the parent decides
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the kernel was asked
        sys.exit(1)


def _claim_stdout() -> BinaryIO:
    """Keep the answer pipe for ourselves and let file descriptor 1 point to standard error."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def _give_up_rights(max_memory_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (max_memory_bytes, max_memory_bytes))


def _answer(answers: BinaryIO, path: Path, *, mime_type: str, max_text_chars: int) -> None:
    last: dict[str, object]
    try:
        truncated = _send_blocks(answers, limited(read_file(path, mime_type=mime_type), max_text_chars))
        last = {"done": True, "truncated": truncated}
    except Unreadable as error:
        last = {"failed": error.reason.value, "message": str(error)}
    except MemoryError:
        last = {"failed": Reason.OUT_OF_MEMORY.value, "message": "the memory limit was reached"}
    except Exception as error:  # noqa: BLE001 - a parser failed in a way it does not name: that is an answer, too
        last = {"failed": Reason.CRASHED.value, "message": type(error).__name__}
    answers.write(encode(last))
    answers.flush()


def _send_blocks(answers: BinaryIO, blocks: Iterator[Block | None]) -> bool:
    """Send the blocks in batches; return whether the text was cut."""
    waiting: list[Block] = []
    waiting_chars = 0
    for block in blocks:
        if block is None:
            answers.write(encode(blocks_message(waiting)))
            return True
        waiting.append(block)
        waiting_chars += len(block.text) + _BLOCK_OVERHEAD
        if waiting_chars >= BATCH_CHARS:
            answers.write(encode(blocks_message(waiting)))
            waiting, waiting_chars = [], 0
    answers.write(encode(blocks_message(waiting)))
    return False


if __name__ == "__main__":
    main(sys.argv[1:])
