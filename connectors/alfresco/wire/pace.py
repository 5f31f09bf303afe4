"""How many requests one server gets at once, and when: fewer while it is overloaded, none while it asks for silence.

Requests and their outcomes come in, permission to send goes out; no HTTP here. Invariants: never more than `most` at
once; nothing passes before a silence has ended; whoever waits longest goes first. The limit is halved by each round
of requests that met an overload and grows slowly with those that did not, so that several crawlers of one server
settle at fair shares. Source: D.-M. Chiu and R. Jain, "Analysis of the increase and decrease algorithms for
congestion avoidance in computer networks", 1989; Retry-After: RFC 9110 §10.2.3.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio

from vocabulary.errors import RateLimited

# A wish for a longer silence is an error instead of a wait, so that it is told and may end the run, which the next one
# resumes. As long as the retry layer waits at most when it is asked to.
_LONGEST_SILENCE_S = 300.0

# A refusal costs more than the request: the crawl waits and goes back to its last checkpoint. Against a server that
# bears four at once (the last test of test_alfresco_pace.py), one more with each round made one refusal for every 6
# answers, with every fourth for every 16, with every eighth for every 79; all three answered alike, 620 to 630 of 800.
_ROUNDS_FOR_ONE_MORE = 8


class AdaptiveLimit:
    """A number of requests between 1 and `most`: additive increase, multiplicative decrease."""

    def __init__(self, most: int) -> None:
        self._most = float(most)
        self._limit = float(most)  # a healthy server is used fully from the start
        self._round = 0

    @property
    def value(self) -> int:
        return int(self._limit)

    @property
    def round(self) -> int:
        """Which decrease the limit stands after."""
        return self._round

    def succeeded(self, *, sent_in_round: int) -> None:
        """Grow, unless the request was sent before the latest decrease: it says nothing of the limit since then."""
        if sent_in_round == self._round:
            self._limit = min(self._most, self._limit + 1 / (_ROUNDS_FOR_ONE_MORE * self._limit))

    def overloaded(self, *, sent_in_round: int) -> None:
        """Halve, unless the request was sent before the latest decrease, which has answered its overload already."""
        if sent_in_round == self._round:
            self._limit = max(1.0, self._limit / 2)
            self._round += 1


class Timetable:
    """When the next request may be sent: after the silence that the server asked for, and not sooner than spaced."""

    def __init__(
        self, *, per_second: float | None, clock_s: Callable[[], float], sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        self._interval_s = 1 / per_second if per_second else 0.0
        self._clock_s = clock_s
        self._sleep = sleep
        self._silent_until_s = float("-inf")
        self._next_turn_at_s = float("-inf")
        self.held_back = 0  # requests that met a silence

    def keep_silent(self, seconds: float) -> None:
        self._silent_until_s = max(self._silent_until_s, self._clock_s() + seconds)

    async def turn(self) -> None:
        """Wait until a request may be sent.

        Raises:
            RateLimited: the silence is too long to be waited for.
        """
        self.held_back += self._silence_s() > 0
        while True:
            while (silence_s := self._silence_s()) > 0:
                if silence_s > _LONGEST_SILENCE_S:
                    raise RateLimited(f"asked for no requests in the next {silence_s:.0f} s", retry_after_s=silence_s)
                await self._sleep(silence_s)
            await self._space_out()
            if self._silence_s() <= 0:  # none has begun meanwhile
                return

    def _silence_s(self) -> float:
        return self._silent_until_s - self._clock_s()

    async def _space_out(self) -> None:
        now_s = self._clock_s()
        turn_at_s = max(now_s, self._next_turn_at_s)
        self._next_turn_at_s = turn_at_s + self._interval_s
        if turn_at_s > now_s:
            await self._sleep(turn_at_s - now_s)


class Slot:
    """The right of one request to be under way, its repetition after a renewed sign-in included."""

    def __init__(self, limit: AdaptiveLimit, timetable: Timetable) -> None:
        self._limit = limit
        self._timetable = timetable
        self._sent_in_round = limit.round
        self._met_overload = False

    async def turn(self) -> None:
        """Wait until the next request may be sent; to be awaited before each one. Raises: as `Timetable.turn`."""
        await self._timetable.turn()

    def overloaded(self, *, retry_after_s: float | None = None) -> None:
        """Tell that the server had too much to do, or too little time, and how long it wants silence if it said so."""
        self._met_overload = True
        self._limit.overloaded(sent_in_round=self._sent_in_round)
        if retry_after_s is not None:
            self._timetable.keep_silent(retry_after_s)

    def went_well(self) -> None:
        if not self._met_overload:
            self._limit.succeeded(sent_in_round=self._sent_in_round)


class Pace:
    """The pace of one source. All its requests pass through `slot`."""

    def __init__(
        self,
        *,
        most: int,
        per_second: float | None = None,
        clock_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._limit = AdaptiveLimit(most)
        self._timetable = Timetable(per_second=per_second, clock_s=clock_s, sleep=sleep)
        self._places = anyio.CapacityLimiter(most)

    @property
    def limit(self) -> int:
        """How many requests may be under way now."""
        return self._limit.value

    @property
    def held_back(self) -> int:
        """How many requests met a silence and were not sent into it."""
        return self._timetable.held_back

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[Slot]:
        """Wait for a free place and hold it until the answer has been read; left without an error, all went well."""
        holder = object()  # one task may hold several
        await self._places.acquire_on_behalf_of(holder)
        try:
            slot = Slot(self._limit, self._timetable)
            yield slot
            slot.went_well()
        finally:
            self._places.total_tokens = self._limit.value
            self._places.release_on_behalf_of(holder)
