"""What a cluster in trouble answers to searches: always `IndexBusy`, never a shorter answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from indexer.backends.opensearch.access_clause import AclIdSpelling
from indexer.backends.opensearch.client import Connection
from indexer.backends.opensearch.config import OpenSearchConfig
from indexer.backends.opensearch.requests import Reader, Rows
from indexer.backends.opensearch.transport import send
from tests.fakes.documents import reader
from vocabulary.errors import IndexBusy

WHOLE: Mapping[str, Any] = {
    "status": 200,
    "timed_out": False,
    "_shards": {"total": 2, "successful": 2, "failed": 0},
    "hits": {"total": {"value": 0, "relation": "eq"}, "hits": []},
}
SEARCH = Reader(reader(1), epoch=1, spelling=AclIdSpelling()).rows(Rows(None, size=10))


def refused(status: int, kind: str) -> Mapping[str, Any]:
    return {"status": status, "error": {"type": kind, "reason": "as told"}}


@asynccontextmanager
async def connected(*parts: Mapping[str, Any], status: int = 200) -> AsyncIterator[Connection]:
    """Connect to a server that answers every list of searches with these parts."""

    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"responses": parts} if status == 200 else {"error": "as told"}, status=status)

    app = web.Application()
    app.router.add_post("/{index}/_msearch", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    try:
        async with Connection(OpenSearchConfig((f"http://{host}:{port}",), "alias", request_timeout_s=5.0)) as opened:
            yield opened
    finally:
        await runner.cleanup()


async def test_whole_answers_come_back_in_their_order() -> None:
    numbered = [{**WHOLE, "took": number} for number in range(3)]
    async with connected(*numbered) as connection:
        assert [each["took"] for each in await send(connection, [SEARCH] * 3)] == [0, 1, 2]


async def test_nothing_to_ask_asks_nothing() -> None:
    async with connected(status=500) as connection:
        assert await send(connection, []) == []


@pytest.mark.parametrize(
    "part",
    [
        refused(429, "rejected_execution_exception"),
        refused(429, "circuit_breaking_exception"),
        refused(503, "search_phase_execution_exception"),
        refused(500, "search_phase_execution_exception"),
        refused(403, "cluster_block_exception"),
        {**WHOLE, "timed_out": True},
        {**WHOLE, "_shards": {"total": 2, "successful": 1, "failed": 1}},
    ],
)
async def test_one_part_that_is_not_answered_whole_makes_the_index_busy(part: Mapping[str, Any]) -> None:
    async with connected(WHOLE, part) as connection:
        with pytest.raises(IndexBusy) as busy:
            await send(connection, [SEARCH, SEARCH])
    assert busy.value.retry_after_s


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_a_request_that_is_turned_away_makes_the_index_busy(status: int) -> None:
    async with connected(status=status) as connection:
        with pytest.raises(IndexBusy) as busy:
            await send(connection, [SEARCH])
    assert busy.value.retry_after_s


async def test_a_cluster_that_is_away_makes_the_index_busy() -> None:
    async with connected() as connection:
        gone = connection
    async with Connection(gone.config) as connection:
        with pytest.raises(IndexBusy) as busy:
            await send(connection, [SEARCH])
    assert busy.value.retry_after_s


async def test_searches_are_sent_so_that_a_part_of_the_index_is_no_answer() -> None:
    assert SEARCH.header["allow_partial_search_results"] is False
    assert SEARCH.body["track_total_hits"] is True
