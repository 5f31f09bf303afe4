"""A clock that a test moves: whoever waits sleeps until the test has let that much time pass."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

_SETTLED = 50  # passes of the event loop after which everybody who can go on has gone on


class ScriptedClock:
    """Time stands still but for `advance`, which wakes the sleepers one by one, each at its own moment."""

    def __init__(self, moment: datetime) -> None:
        self._moment = moment
        self._sleepers: list[tuple[datetime, asyncio.Event]] = []

    def now(self) -> datetime:
        return self._moment

    async def wait(self, event: asyncio.Event, timeout_s: float) -> None:
        woken = asyncio.Event()
        self._sleepers.append((self._moment + timedelta(seconds=timeout_s), woken))
        waiting = [asyncio.ensure_future(event.wait()), asyncio.ensure_future(woken.wait())]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._sleepers = [sleeper for sleeper in self._sleepers if sleeper[1] is not woken]
            for one in waiting:
                one.cancel()

    async def advance(self, until: datetime) -> None:
        """Let time pass up to and including the moment."""
        await settle()
        while self._sleepers:
            moment, woken = min(self._sleepers, key=lambda sleeper: sleeper[0])
            if moment > until:
                break
            self._moment = max(moment, self._moment)
            woken.set()
            await settle()
        self._moment = until

    def jump(self, to: datetime) -> None:
        """Set the clock without letting anybody sleep their time out, as a machine does that wakes from suspension."""
        self._moment = to


async def settle() -> None:
    """Let everybody go on who can."""
    for _ in range(_SETTLED):
        await asyncio.sleep(0)
