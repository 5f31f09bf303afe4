"""What a body may be: packed or not, of bounded size, complete."""

from __future__ import annotations

import asyncio
import gzip
import json
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr

from connectors.alfresco import AlfrescoConfig
from connectors.alfresco.wire import body as body_module
from connectors.alfresco.wire.client import AlfrescoClient
from vocabulary.errors import RunAborted, SourceUnavailable

ME = json.dumps({"entry": {"id": "crawler", "firstName": "x" * 5000}}).encode()


@asynccontextmanager
async def client_of(
    body: bytes, *headers: str, stands_still: bool = False, **changes: Any
) -> AsyncIterator[AlfrescoClient]:
    """A client of a server that answers everything with these bytes, or with half of them and then nothing more."""
    asked: list[str] = []
    served: list[asyncio.StreamWriter] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(writer)
        asked.append((await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower())
        head = ["HTTP/1.1 200 OK", "Content-Type: application/json", "Connection: close", *headers]
        writer.write("\r\n".join([*head, "", ""]).encode())
        writer.write(body[: len(body) // 2] if stands_still else body)
        if not stands_still:
            writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        auth = {"kind": "basic", "username": "crawler", "password": SecretStr("x")}
        config = AlfrescoConfig.model_validate({"url": url, "auth": auth, "sites": "all"} | changes)
        async with AlfrescoClient(config) as client:
            yield client
        for writer in served:
            writer.transport.abort()
    assert "accept-encoding: gzip\r\n" in asked[0] or "/content" in asked[0]


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP"])
async def test_json_may_come_packed(encoding: str) -> None:
    async with client_of(gzip.compress(ME), f"Content-Encoding: {encoding}") as client:
        assert (await client.me()).id == "crawler"
        assert 0 < client.counts.all_bytes_received < len(ME)  # counted as it travelled


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "zstd"])
async def test_an_encoding_that_was_not_asked_for_is_refused(encoding: str) -> None:
    async with client_of(gzip.compress(gzip.compress(ME)), f"Content-Encoding: {encoding}") as client:
        with pytest.raises(RunAborted, match="not asked for"):
            await client.me()


async def test_a_bomb_ends_as_an_error_and_not_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_module, "MAX_JSON_BYTES", 1_000_000)
    bomb = gzip.compress(bytes(200_000_000), 9)  # 195 kB
    async with client_of(bomb, "Content-Encoding: gzip") as client:
        tracemalloc.start()
        try:
            with pytest.raises(RunAborted, match="exceeds 1000000 bytes"):
                await client.me()
            peak_bytes = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak_bytes < 10_000_000


async def test_the_limit_holds_for_what_travels_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_module, "MAX_JSON_BYTES", 10_000)
    empty_blocks = gzip.compress(b"", 0)[:10] + b"\x00\x00\x00\xff\xff" * 10_000  # stored blocks of no bytes
    async with client_of(empty_blocks, "Content-Encoding: gzip") as client:
        with pytest.raises(RunAborted, match="exceeds 10000 bytes"):
            await client.me()


async def test_an_answer_of_exactly_the_limit_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_module, "MAX_JSON_BYTES", len(ME))
    async with client_of(gzip.compress(ME), "Content-Encoding: gzip") as client:
        assert (await client.me()).id == "crawler"
    monkeypatch.setattr(body_module, "MAX_JSON_BYTES", len(ME) - 1)
    async with client_of(gzip.compress(ME), "Content-Encoding: gzip") as client:
        with pytest.raises(RunAborted, match="exceeds"):
            await client.me()


@pytest.mark.parametrize(
    "packed",
    [gzip.compress(ME)[:-20], b"not gzip at all", gzip.compress(ME)[:-8] + b"12345678"],
    ids=["broken off", "not packed", "damaged"],
)
async def test_a_packed_answer_that_is_broken_off_or_damaged_is_an_error(packed: bytes) -> None:
    async with client_of(packed, "Content-Encoding: gzip") as client:
        with pytest.raises(SourceUnavailable, match="gzip"):
            await client.me()


async def test_an_answer_that_trickles_for_ever_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async with client_of(ME, stands_still=True, read_timeout_s=0.05) as client:
        with pytest.raises(SourceUnavailable, match="read timeout"):
            await client.me()
    monkeypatch.setattr("connectors.alfresco.wire.exchange._PATIENCE", 0.01)
    async with client_of(ME, stands_still=True, read_timeout_s=10) as client:
        with pytest.raises(SourceUnavailable, match="took more than"):
            await client.me()


async def test_content_that_comes_packed_although_it_was_not_asked_for_is_unpacked_by_pieces() -> None:
    content = bytes(20_000_000)
    async with (
        client_of(
            gzip.compress(content), "Content-Encoding: gzip", 'Content-Disposition: attachment; filename="x"'
        ) as c,
        c.content("n1") as pieces,
    ):
        sizes = [len(piece) async for piece in pieces]
    assert (sum(sizes), max(sizes)) == (len(content), body_module.PIECE_BYTES)


@pytest.mark.parametrize("headers", [["Content-Length: 50"], []], ids=["of the part", "none"])
async def test_a_file_of_which_a_proxy_sent_a_part_as_if_it_were_all_is_an_error(headers: list[str]) -> None:
    disposition = "Content-Disposition: attachment"
    async with client_of(b"x" * 50, disposition, "Content-Range: bytes 0-99/100", *headers) as client:
        with pytest.raises(SourceUnavailable, match="50 bytes came of a file of 100"):
            await _all_of(client)
    async with client_of(b"x" * 100, disposition, "Content-Range: bytes 0-99/100") as client:
        assert await _all_of(client) == 100


async def _all_of(client: AlfrescoClient) -> int:
    async with client.content("a") as pieces:
        return sum([len(piece) async for piece in pieces])
