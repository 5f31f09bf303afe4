"""How parent and child talk: a length, then that many bytes of JSON.

Requests go down one pipe, answers come up another. A request is answered by any number of `blocks` messages and
one `done` or `failed`. The parent checks every message as it would a stranger's: the child has read hostile files.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping
from typing import Any

from indexer.extraction.blocks import MAX_BLOCK_CHARS, Reason
from vocabulary.documents import Block, BlockKind

HEADER_BYTES = 4
_HEADER = struct.Struct("<I")

# Blocks are sent as soon as this many characters wait; decoding one message keeps the parent's loop for under 2 ms.
BATCH_CHARS = 64_000
# JSON needs at most 12 bytes for a character outside the basic plane (two escapes); a one-character block some 40 more.
MAX_MESSAGE_BYTES = 40 * (BATCH_CHARS + MAX_BLOCK_CHARS)

READY = {"ready": True}


class WireError(Exception):
    """The other side sent what no honest one sends."""


def encode(message: Mapping[str, object]) -> bytes:
    """Return header and body of one message."""
    body = json.dumps(message, separators=(",", ":")).encode("ascii")
    return _HEADER.pack(len(body)) + body


def body_length(header: bytes) -> int:
    """Read a header.

    Raises:
        WireError: the message is longer than any message may be.
    """
    (length,) = _HEADER.unpack(header)
    if length > MAX_MESSAGE_BYTES:
        raise WireError("message too long")
    return int(length)


def decode(body: bytes) -> Mapping[str, object]:
    """Read a body.

    Raises:
        WireError: it is not a JSON object.
    """
    try:
        message = json.loads(body)
    except ValueError as error:
        raise WireError("message is not JSON") from error
    if not isinstance(message, dict):
        raise WireError("message is not an object")
    return message


def blocks_message(blocks: Iterable[Block]) -> Mapping[str, object]:
    """Write blocks as a message."""
    return {"blocks": [[block.kind.value, block.page, block.text] for block in blocks]}


def read_blocks(message: Mapping[str, Any]) -> list[Block]:
    """Read the blocks of a message.

    Raises:
        WireError: they are not blocks.
    """
    try:
        return [_block(*fields) for fields in message["blocks"]]
    except (TypeError, ValueError) as error:
        raise WireError("message holds no blocks") from error


def _block(kind: str, page: int | None, text: str) -> Block:
    if not isinstance(text, str) or not (page is None or (type(page) is int and page > 0)):
        raise WireError("not a block")
    return Block(text, BlockKind(kind), page)


def read_failure(message: Mapping[str, Any]) -> tuple[Reason, str]:
    """Read why a file gave no text.

    Raises:
        WireError: the reason is none of the fixed words.
    """
    try:
        return Reason(message["failed"]), str(message.get("message", ""))[:200]
    except ValueError as error:
        raise WireError("unknown reason") from error
