"""Time that only a test moves."""

from __future__ import annotations

import asyncio


class VirtualClock:
    """Time that passes in `advance` only; sleepers wake in its course."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self._sleepers: list[tuple[float, asyncio.Event]] = []

    def __call__(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        self._sleepers.append((self.now_s + seconds, woken))
        await woken.wait()

    async def advance(self, seconds: float) -> None:
        end_s = self.now_s + seconds
        await settled()
        while due := sorted((at_s, index) for index, (at_s, _) in enumerate(self._sleepers) if at_s <= end_s):
            at_s, index = due[0]
            self.now_s = at_s
            self._sleepers.pop(index)[1].set()
            await settled()
        self.now_s = end_s


async def settled() -> None:
    """Let every task go as far as it can without time passing."""
    for _ in range(50):
        await asyncio.sleep(0)
