"""Several requests at once, as one: all their answers, or the first error and nothing left running."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import TypeVar

AnswerT = TypeVar("AnswerT")


async def all_of(requests: Iterable[Coroutine[None, None, AnswerT]]) -> list[AnswerT]:
    """Await all; how many really run at once is bounded by the client's connections."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(request) for request in requests]
    except ExceptionGroup as faults:
        raise faults.exceptions[0] from faults.exceptions[0].__cause__
    return [task.result() for task in tasks]
