"""The act of a command that must not have the state store open while it is at work, recorded all the same."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from service.admin.acts import DONE, Act, failed
from service.admin.command_line import command_line
from service.settings.settings import Settings
from service.wiring import open_state


@contextmanager
def recorded_act(settings: Settings, act: Act, *, subject: str) -> Iterator[None]:
    """Record an act, close the state store, let the act happen in the body, and note how it ended.

    Raises:
        ActNotRecorded: the log of acts could not be written; the body did not run.
    """
    number = asyncio.run(_begin(settings, act, subject))
    try:
        yield
    except BaseException as error:
        asyncio.run(_end(settings, number, failed(error)))
        raise
    asyncio.run(_end(settings, number, DONE))


async def _begin(settings: Settings, act: Act, subject: str) -> int:
    async with open_state(settings) as state:
        return await state.acts.begin(command_line(), act, subject=subject)


async def _end(settings: Settings, number: int, outcome: str) -> None:
    async with open_state(settings) as state:
        await state.acts.end(number, outcome)
