"""How many requests a server gets at once and when, by a clock that only the tests move."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from virtual_clock import VirtualClock, settled

from connectors.alfresco.wire.pace import AdaptiveLimit, Pace
from vocabulary.errors import RateLimited, SourceUnavailable


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def pace_of(clock: VirtualClock) -> Callable[..., Pace]:
    def make(most: int = 8, per_second: float | None = None) -> Pace:
        return Pace(most=most, per_second=per_second, clock_s=clock, sleep=clock.sleep)

    return make


class Server:
    """Answers when told to, and notes who was under way when."""

    def __init__(self, pace: Pace, clock: VirtualClock) -> None:
        self._pace = pace
        self._clock = clock
        self.sent_at_s: list[float] = []
        self.under_way = 0
        self.most_under_way = 0
        self.answer = asyncio.Event()

    async def request(self, *, overloaded: bool = False, retry_after_s: float | None = None) -> None:
        async with self._pace.slot() as slot:
            await slot.turn()
            self.sent_at_s.append(self._clock())
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
            try:
                await self.answer.wait()
            finally:
                self.under_way -= 1
            if overloaded:
                slot.overloaded(retry_after_s=retry_after_s)


def test_a_limit_starts_at_its_most_and_never_leaves_one_to_most() -> None:
    limit = AdaptiveLimit(8)
    assert limit.value == 8
    for _ in range(10):
        limit.succeeded(sent_in_round=limit.round)
    assert limit.value == 8
    for _ in range(10):
        limit.overloaded(sent_in_round=limit.round)
    assert limit.value == 1


def test_a_limit_is_halved_once_for_all_requests_that_were_under_way_together() -> None:
    limit = AdaptiveLimit(8)
    together = limit.round
    for _ in range(8):
        limit.overloaded(sent_in_round=together)
    assert limit.value == 4
    limit.overloaded(sent_in_round=limit.round)
    assert limit.value == 2


def test_a_success_from_before_a_decrease_does_not_undo_it() -> None:
    limit = AdaptiveLimit(8)
    before = limit.round
    limit.overloaded(sent_in_round=before)
    for _ in range(7):
        limit.succeeded(sent_in_round=before)
    assert limit.value == 4


def test_a_limit_grows_by_about_one_with_every_eight_rounds_that_go_well() -> None:
    limit = AdaptiveLimit(64)
    for _ in range(5):
        limit.overloaded(sent_in_round=limit.round)
    values = []
    for _ in range(4):
        for _ in range(8 * limit.value):
            limit.succeeded(sent_in_round=limit.round)
        values.append(limit.value)
    assert values == [2, 3, 4, 5]


async def test_no_more_requests_are_under_way_than_the_limit(pace_of: Callable[..., Pace], clock: VirtualClock) -> None:
    server = Server(pace_of(most=3), clock)
    async with asyncio.TaskGroup() as group:
        for _ in range(10):
            group.create_task(server.request())
        await settled()
        assert server.under_way == 3
        server.answer.set()
    assert (len(server.sent_at_s), server.most_under_way) == (10, 3)


async def test_an_overload_lets_fewer_pass_and_success_lets_more(
    pace_of: Callable[..., Pace], clock: VirtualClock
) -> None:
    pace = pace_of(most=8)
    busy, calm = Server(pace, clock), Server(pace, clock)
    async with asyncio.TaskGroup() as group:
        for server in (busy, calm):
            for _ in range(8):
                group.create_task(server.request(overloaded=server is busy))
            await settled()
        assert (busy.under_way, calm.under_way) == (8, 0)
        busy.answer.set()
        await settled()
        assert (busy.under_way, calm.under_way) == (0, 4)
        calm.answer.set()
        for _ in range(8 * 8):
            group.create_task(calm.request())
    assert len(calm.sent_at_s) == 8 + 8 * 8
    assert 4 < pace.limit <= 8


async def test_an_error_is_no_success(pace_of: Callable[..., Pace]) -> None:
    pace = pace_of(most=8)
    async with pace.slot() as slot:
        slot.overloaded()
    for _ in range(20):
        with pytest.raises(SourceUnavailable):
            async with pace.slot():
                raise SourceUnavailable("down")
    assert pace.limit == 4


async def test_while_the_server_wants_silence_nobody_sends(pace_of: Callable[..., Pace], clock: VirtualClock) -> None:
    pace = pace_of(most=4)
    server = Server(pace, clock)
    server.answer.set()
    await server.request(overloaded=True, retry_after_s=30)
    async with asyncio.TaskGroup() as group:
        for _ in range(6):
            group.create_task(server.request())
        await clock.advance(29)
        assert len(server.sent_at_s) == 1
        await clock.advance(1)
    assert server.sent_at_s == [1000.0] + 6 * [1030.0]
    assert pace.held_back == pace_of(most=4).limit // 2  # the others had no place to send from


async def test_a_silence_that_is_asked_for_again_is_kept_to_its_end(
    pace_of: Callable[..., Pace], clock: VirtualClock
) -> None:
    pace = pace_of(most=4)
    async with asyncio.TaskGroup() as group:
        async with pace.slot() as first, pace.slot() as second:
            first.overloaded(retry_after_s=10)
            server = Server(pace, clock)
            server.answer.set()
            group.create_task(server.request())
            await clock.advance(5)
            second.overloaded(retry_after_s=20)
            second.overloaded(retry_after_s=1)  # a shorter wish takes nothing from a longer one
        await clock.advance(19)
        assert not server.sent_at_s
        await clock.advance(1)
    assert server.sent_at_s == [1025.0]
    assert pace.held_back == 1


async def test_a_silence_of_hours_is_an_error_and_not_a_hung_run(pace_of: Callable[..., Pace]) -> None:
    pace = pace_of()
    async with pace.slot() as slot:
        slot.overloaded(retry_after_s=7200)
    async with pace.slot() as slot:
        with pytest.raises(RateLimited) as refused:
            await slot.turn()
    assert refused.value.retry_after_s == 7200


async def test_requests_are_spaced_to_the_rate(pace_of: Callable[..., Pace], clock: VirtualClock) -> None:
    server = Server(pace_of(most=8, per_second=4), clock)
    server.answer.set()
    async with asyncio.TaskGroup() as group:
        for _ in range(5):
            group.create_task(server.request())
        await clock.advance(10)
    assert server.sent_at_s == [1000.0, 1000.25, 1000.5, 1000.75, 1001.0]


async def test_the_rate_holds_when_a_silence_ends(pace_of: Callable[..., Pace], clock: VirtualClock) -> None:
    pace = pace_of(most=8, per_second=2)
    server = Server(pace, clock)
    server.answer.set()
    await server.request(overloaded=True, retry_after_s=10)
    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(server.request())
        await clock.advance(20)
    assert server.sent_at_s == [1000.0, 1010.0, 1010.5, 1011.0]


@pytest.mark.parametrize("stage", ["place", "turn"])
async def test_a_cancelled_request_leaves_its_place_to_others(
    pace_of: Callable[..., Pace], clock: VirtualClock, stage: str
) -> None:
    pace = pace_of(most=1)
    server = Server(pace, clock)
    if stage == "turn":
        async with pace.slot() as slot:
            slot.overloaded(retry_after_s=10)
    holder: Awaitable[None] = asyncio.ensure_future(server.request())
    cancelled = asyncio.ensure_future(server.request())
    await settled()
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    server.answer.set()
    await clock.advance(10)
    await holder
    await server.request()
    assert server.most_under_way == 1


async def test_many_requests_settle_at_what_a_server_bears(pace_of: Callable[..., Pace], clock: VirtualClock) -> None:
    """A server that takes four at once and refuses the fifth, against sixteen who always want something."""
    bears, under_way, refusals, answers = 4, 0, 0, 0
    pace = pace_of(most=16)

    async def request() -> None:
        nonlocal under_way, refusals, answers
        async with pace.slot() as slot:
            await slot.turn()
            under_way += 1
            is_refused = under_way > bears
            await clock.sleep(0.1 if is_refused else 1.0)
            under_way -= 1
            if is_refused:
                refusals += 1
                slot.overloaded()
            else:
                answers += 1

    async def ask_always() -> None:
        while True:
            await request()

    askers = [asyncio.ensure_future(ask_always()) for _ in range(16)]
    await clock.advance(20)
    refusals = answers = 0
    await clock.advance(200)
    for asker in askers:
        asker.cancel()
    await asyncio.gather(*askers, return_exceptions=True)
    assert answers >= 0.7 * bears * 200  # of what the server could have answered
    assert refusals <= 0.05 * answers
