"""The body of an answer in bounded memory and time, whatever the server sends.

Only gzip is asked for and only gzip is unpacked, by pieces with a ceiling: the library that sends the requests would
unpack each piece whole, and encodings on top of each other, so that some kilobytes can become gigabytes.
"""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Final

import httpx

from connectors.alfresco.wire.faults import SERVER, Peer, transport_fault
from vocabulary.errors import RunAborted, SourceUnavailable

# A page of 100 nodes with all that we include is about 0.3 MB; 1,000 nodes with long lists and texts stay below this.
MAX_JSON_BYTES = 64 * 2**20
PIECE_BYTES = 2**18  # of content; the port allows 1 MiB
ACCEPTED_ENCODINGS: Final = "gzip"

_WHOLE_FILE = re.compile(r"bytes 0-\d+/(\d+)")
_GZIP_WINDOW = zlib.MAX_WBITS | 16  # zlib's way to say: with a gzip header and checksum


async def read_body(
    response: httpx.Response,
    *,
    operation: str,
    within_s: float,
    max_bytes: int | None = None,
    peer: Peer = SERVER,
) -> bytes:
    """Read and unpack the rest of an answer that was opened as a stream; the limit holds before and after unpacking.

    Raises:
        RunAborted: more bytes than the limit, or an encoding that nobody asked for.
        SourceUnavailable: broken off, damaged, or slower than `within_s`.
    """
    try:
        async with asyncio.timeout(within_s):
            return await _unpacked(response, operation, MAX_JSON_BYTES if max_bytes is None else max_bytes)
    except TimeoutError as cause:
        raise SourceUnavailable(f"{operation}: the answer took more than {within_s:.0f} s") from cause
    except httpx.HTTPError as cause:
        raise transport_fault(cause, operation, peer) from cause
    except zlib.error as cause:
        raise SourceUnavailable(f"{operation}: the answer is damaged (gzip)") from cause


async def read_pieces(response: httpx.Response, operation: str) -> AsyncIterator[bytes]:
    """Stream the body of an answer, unshortened or with an error, in pieces of at most `PIECE_BYTES`.

    Source of the size: HttpRangeProcessor, ContentStreamer (`Content-Range` on a plain 200, too).

    Raises:
        SourceUnavailable: the transfer broke off.
    """
    unpacker = _unpacker(response, operation)
    size = 0
    try:
        async for piece in response.aiter_raw(PIECE_BYTES):
            for unpacked in _unpacked_pieces(piece, unpacker):
                size += len(unpacked)
                yield unpacked
    except httpx.HTTPError as cause:
        raise transport_fault(cause, operation) from cause
    except zlib.error as cause:
        raise SourceUnavailable(f"{operation}: the content is damaged (gzip)") from cause
    announced, received = response.headers.get("content-length", ""), response.num_bytes_downloaded
    if announced.isdecimal() and received != int(announced):
        raise SourceUnavailable(f"{operation}: the transfer broke off after {received} of {announced} bytes")
    _refuse_broken_off(response, unpacker, operation)
    # The server tells the size of the file with every answer, and a proxy that cuts answers to its limit lets it pass.
    whole = _WHOLE_FILE.fullmatch(response.headers.get("content-range", ""))
    if whole is not None and size != int(whole[1]):
        raise SourceUnavailable(f"{operation}: {size} bytes came of a file of {whole[1]}")


def _unpacked_pieces(piece: bytes, unpacker: zlib._Decompress | None) -> Iterator[bytes]:
    if unpacker is None:
        yield piece
        return
    packed = piece
    while packed:
        yield unpacker.decompress(packed, PIECE_BYTES)
        packed = unpacker.unconsumed_tail


async def _unpacked(response: httpx.Response, operation: str, max_bytes: int) -> bytes:
    unpacker = _unpacker(response, operation)
    body = bytearray()
    async for piece in response.aiter_raw():
        # One byte more than fits tells an answer that is too large from one that just fits.
        body += piece if unpacker is None else unpacker.decompress(piece, max_bytes - len(body) + 1)
        if len(body) > max_bytes or response.num_bytes_downloaded > max_bytes:
            raise RunAborted(f"{operation}: the answer exceeds {max_bytes} bytes")
    _refuse_broken_off(response, unpacker, operation)
    return bytes(body)


def _unpacker(response: httpx.Response, operation: str) -> zlib._Decompress | None:
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding in {"", "identity"}:
        return None
    if encoding in {"gzip", "x-gzip"}:  # RFC 9110 §8.4.1.3: the same
        return zlib.decompressobj(_GZIP_WINDOW)
    raise RunAborted(f"{operation}: the answer is encoded in a way that was not asked for")


def _refuse_broken_off(response: httpx.Response, unpacker: zlib._Decompress | None, operation: str) -> None:
    if unpacker is not None and response.num_bytes_downloaded and not unpacker.eof:
        raise SourceUnavailable(f"{operation}: the answer broke off (gzip)")
