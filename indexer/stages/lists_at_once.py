"""Lists take effect when they are read: whom they shut out waits neither for a page to fill nor for a walk to end.

In come lists, one by one, while the crawl goes on asking its source; behind it they are numbered, one transaction at a
time. What is read meanwhile shares the next one: a single list waits for nobody, and a hundred thousand in a row do not
cost a hundred thousand transactions.

Invariants: lists are numbered in the order in which they were read; after `in_force` nothing waits. What was read when
a crawl ends early is numbered all the same: a list takes at once, and gives nothing before a walk is complete.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Self

from vocabulary.documents import AclRead


class ListsAtOnce:
    """Numbers lists beside the crawl that reads them: a context manager whose end leaves nothing under way."""

    def __init__(self, number: Callable[[Sequence[AclRead]], Awaitable[None]]) -> None:
        self._number = number
        self._waiting: list[AclRead] = []
        self._numbering: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let what is under way end, unless all is cancelled; a crawl that has failed tells its own failure."""
        if self._numbering is None:
            return
        if isinstance(error, asyncio.CancelledError):
            self._numbering.cancel()
        try:
            await asyncio.wait({self._numbering})
        except asyncio.CancelledError:  # waiting for a task does not cancel it
            self._numbering.cancel()
            await asyncio.wait({self._numbering})
            raise
        if error is None:
            await self.in_force()
        elif not self._numbering.cancelled():
            self._numbering.exception()  # an exception that nobody looks at is a warning of the event loop

    async def add(self, read: AclRead) -> None:
        """Have a list numbered as soon as those before it are.

        Raises:
            SightlineError: one of those before it could not be.
        """
        if self._numbering is not None and self._numbering.done():
            await self.in_force()
        self._waiting.append(read)
        if self._numbering is None:
            self._numbering = asyncio.create_task(self._number_all())

    async def in_force(self) -> None:
        """Wait until all lists that were added are numbered.

        Raises:
            SightlineError: one of them could not be.
        """
        numbering, self._numbering = self._numbering, None
        if numbering is not None:
            await numbering

    async def _number_all(self) -> None:
        while self._waiting:
            together, self._waiting = self._waiting, []
            await self._number(together)
