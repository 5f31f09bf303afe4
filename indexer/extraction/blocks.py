"""What every reader of a format hands on: clean blocks, the limit on text, and the word for why there are none."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum

from vocabulary.documents import Block, BlockKind

# A longer block holds no structure that a search could use (a file of one line); pieces of this size also keep each
# answer on the pipe far below its limit.
MAX_BLOCK_CHARS = 50_000

_BLANK_LINES = re.compile(r"\n[^\S\n]*(?:\n[^\S\n]*)+")
_SPACES = re.compile(r"[^\S\n]+")
_LINE_ENDS = re.compile(r" ?\n ?")
_LINE_BREAKS = str.maketrans({"\x0b": "\n", "\x0c": "\n", "\x85": "\n", "\u2028": "\n", "\u2029": "\n", "\u00ad": None})
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f]")
_SURROGATES = re.compile("[\ud800-\udfff]")


class Reason(StrEnum):
    """Why a file gave no text; the fixed words that runs count and metrics are labelled with."""

    ENCRYPTED = "encrypted"
    DAMAGED = "damaged"
    UNSUPPORTED = "unsupported"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out-of-memory"
    CRASHED = "crashed"


class Unreadable(Exception):
    """The file gives no text; the message is ours, never the document's."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def clean(text: str) -> str:
    """Return the text with plain line ends, single spaces and nothing that is neither printed nor space."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(_LINE_BREAKS)
    text = _SURROGATES.sub("\ufffd", _CONTROLS.sub(" ", text))
    return _LINE_ENDS.sub("\n", _SPACES.sub(" ", text)).strip()


def paragraphs(text: str, *, page: int | None = None) -> Iterator[Block]:
    """Cut running text where a line is left blank."""
    normal = text.replace("\r\n", "\n").replace("\r", "\n")
    for part in _BLANK_LINES.split(normal):
        yield Block(part, BlockKind.PARAGRAPH, page)


def row_text(cells: Iterable[str]) -> str:
    """Write a table's row as one line: what all readers agree on, and what passages split tables by."""
    return " | ".join(filter(None, (" ".join(cell.split()) for cell in cells)))


def limited(blocks: Iterable[Block], max_chars: int) -> Iterator[Block | None]:
    """Yield clean, non-empty blocks of at most `max_chars` in sum; a final None says that more was cut off."""
    left = max_chars
    for block in blocks:
        text = clean(block.text)
        if not text:
            continue
        kept = text[:left].rstrip()
        yield from (Block(piece, block.kind, block.page) for piece in _pieces(kept))
        if len(text) > left:
            yield None
            return
        left -= len(text)


def _pieces(text: str) -> Iterator[str]:
    """Cut an over-long text at white space, or hard where there is none in its last tenth."""
    while len(text) > MAX_BLOCK_CHARS:
        window = text[:MAX_BLOCK_CHARS]
        cut = max(window.rfind("\n"), window.rfind(" "))
        if cut < MAX_BLOCK_CHARS * 9 // 10:
            cut = MAX_BLOCK_CHARS
        yield text[:cut].rstrip()
        text = text[cut:].lstrip()
    if text:
        yield text
