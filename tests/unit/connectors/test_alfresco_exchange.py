"""Every request of a client obeys its server's wishes, and is counted."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import httpx
import pytest
import respx
from pydantic import SecretStr
from virtual_clock import VirtualClock, settled

from connectors.alfresco import AlfrescoConfig
from connectors.alfresco.wire.exchange import Exchange
from connectors.alfresco.wire.pace import Pace
from connectors.alfresco.wire.request_counts import RequestKind
from vocabulary.errors import SightlineError, SourceUnavailable

URL = "https://alfresco.example.com"
MOST = 8


@pytest.fixture
def server() -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_called=False) as router:
        yield router


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def pace(clock: VirtualClock) -> Pace:
    return Pace(most=MOST, clock_s=clock, sleep=clock.sleep)


def exchange_at(pace: Pace, *, kind: str = "basic") -> Exchange:
    auth = {"kind": kind, "username": "crawler", "password": SecretStr("x")}
    return Exchange(AlfrescoConfig.model_validate({"url": URL, "auth": auth, "sites": "all"}), pace=pace)


async def get(exchange: Exchange, path: str, kind: RequestKind = RequestKind.LISTING) -> int:
    return (await exchange.answer("GET", path, kind=kind)).response.status_code


@pytest.mark.parametrize(
    ("answer", "limit"),
    [
        (httpx.Response(429), MOST / 2),
        (httpx.Response(503), MOST / 2),
        (httpx.Response(504), MOST / 2),
        (httpx.Response(408), MOST / 2),
        (httpx.ReadTimeout("x"), MOST / 2),
        (httpx.ConnectTimeout("x"), MOST / 2),
        (httpx.ConnectError("x"), MOST),
        (httpx.Response(500), MOST),
        (httpx.Response(404), MOST),
        (httpx.Response(200), MOST),
    ],
)
async def test_an_overloaded_server_gets_fewer_requests_at_once(
    server: respx.MockRouter, pace: Pace, answer: httpx.Response | Exception, limit: int
) -> None:
    server.get(f"{URL}/one").mock(side_effect=[answer])
    async with exchange_at(pace) as exchange:
        try:
            await get(exchange, "/one")
        except SightlineError as fault:
            assert isinstance(fault, SourceUnavailable)
    assert pace.limit == limit


@pytest.mark.parametrize("status", [429, 503])
async def test_while_one_request_was_told_to_wait_no_other_is_sent(
    server: respx.MockRouter, pace: Pace, clock: VirtualClock, status: int
) -> None:
    server.get(f"{URL}/one").respond(status, headers={"Retry-After": "20"})
    two = server.get(f"{URL}/two").respond(200)
    async with exchange_at(pace) as exchange, asyncio.TaskGroup() as group:
        assert await get(exchange, "/one") == status
        for _ in range(3):
            group.create_task(get(exchange, "/two"))
        await clock.advance(19)
        assert not two.called
        assert exchange.counts.retries_avoided == 3
        await clock.advance(1)
        await settled()
        assert two.call_count == 3
    assert exchange.counts.requests[RequestKind.LISTING] == 4


async def test_a_sign_in_obeys_a_silence_too(server: respx.MockRouter, pace: Pace, clock: VirtualClock) -> None:
    tickets = server.post(url__startswith=URL).respond(201, json={"entry": {"id": "TICKET_1"}})
    server.delete(url__startswith=URL).respond(204)
    one = server.get(f"{URL}/one").respond(200)
    async with pace.slot() as slot:
        slot.overloaded(retry_after_s=20)
    async with exchange_at(pace, kind="ticket") as exchange, asyncio.TaskGroup() as group:
        group.create_task(get(exchange, "/one"))
        await clock.advance(19)
        assert not tickets.called
        await clock.advance(1)
        await settled()
        assert (tickets.call_count, one.call_count) == (1, 1)


async def test_a_single_place_suffices_for_signing_in_and_renewing(server: respx.MockRouter) -> None:
    tickets = iter(range(1, 10))
    server.post(url__startswith=URL).mock(
        side_effect=lambda _: httpx.Response(201, json={"entry": {"id": f"TICKET_{next(tickets)}"}})
    )
    server.delete(url__startswith=URL).respond(204)
    server.get(f"{URL}/one").mock(side_effect=[httpx.Response(200), httpx.Response(401), httpx.Response(200)])
    async with asyncio.timeout(5), exchange_at(Pace(most=1), kind="ticket") as exchange:
        assert [await get(exchange, "/one") for _ in range(2)] == [200, 200]


async def test_what_is_asked_and_received_is_counted_by_kind(server: respx.MockRouter, pace: Pace) -> None:
    server.get(f"{URL}/list").respond(200, content=b"x" * 100)
    server.get(f"{URL}/comments").respond(200, content=b"x" * 10)
    server.get(f"{URL}/content").respond(200, content=b"x" * 1000)
    async with exchange_at(pace) as exchange:
        await get(exchange, "/list")
        await get(exchange, "/list")
        await get(exchange, "/comments", RequestKind.COMMENTS)
        async with exchange.stream("/content", kind=RequestKind.CONTENT) as response:
            assert len(b"".join([piece async for piece in response.aiter_raw()])) == 1000
        before = exchange.counts
        await get(exchange, "/list")
        counts = exchange.counts
    assert before.requests[RequestKind.LISTING] == 2  # a count does not change afterwards
    none_else = {"identity": 0, "sign-in": 0, "witness": 0}
    assert dict(counts.requests) == {"listing": 3, "comments": 1, "content": 1, **none_else}
    assert dict(counts.bytes_received) == {"listing": 300, "comments": 10, "content": 1000, **none_else}
    assert (counts.all_requests, counts.all_bytes_received) == (5, 1310)
