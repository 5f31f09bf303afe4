"""Several requests at once end together: with all answers in order, or with one plain error."""

from __future__ import annotations

import asyncio

import pytest

from connectors.alfresco.wire.concurrency import all_of
from vocabulary.errors import RateLimited


async def test_answers_keep_the_order_of_their_requests() -> None:
    async def answer(number: int) -> int:
        await asyncio.sleep(0.001 * (3 - number))
        return number

    assert await all_of(answer(number) for number in range(3)) == [0, 1, 2]
    assert await all_of([]) == []


async def test_the_first_error_comes_out_as_itself_and_nothing_is_left_running() -> None:
    ended: list[str] = []

    async def fail() -> None:
        raise RateLimited("slow down", retry_after_s=3)

    async def wait() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("cancelled")

    with pytest.raises(RateLimited) as fault:
        await all_of([wait(), fail(), wait()])
    assert fault.value.retry_after_s == 3
    assert ended == ["cancelled", "cancelled"]
