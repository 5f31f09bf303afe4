"""Listing requests sent before their answers are needed, so that a slow server is asked for several pages at once.

What was asked for and is not needed after all (a folder whose pages shifted is listed anew) is dropped, and so is an
answer that waited for long behind a large folder: it tells who could read then. An answer that is an error shows when
its page is taken, in its place in the order.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias

from connectors.alfresco.streams.position import PendingFolder
from connectors.alfresco.wire.client import RecordPage
from connectors.alfresco.wire.records import Node

_Key: TypeAlias = tuple[str, int, bool]


_KEPT_FOR_EACH_UNDER_WAY = 4  # answers that wait for their turn, such as those of folders beside a long one
# As old as an index that lags by its default. Where so few pages are taken, asking twice for one costs nothing.
LONGEST_WAIT_S = 300.0


@dataclass(frozen=True, slots=True)
class _Asked:
    page: asyncio.Task[RecordPage[Node]]
    at_s: float


class PagesAhead:
    """Pages asked for and not taken yet, of which at most `at_once` are under way. Close it: it cancels those."""

    def __init__(
        self,
        read: Callable[[PendingFolder], Awaitable[RecordPage[Node]]],
        *,
        at_once: int,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._at_once = at_once
        self._clock_s = clock_s
        self._asked: dict[_Key, _Asked] = {}

    def ask_for(self, folders: Iterable[PendingFolder]) -> None:
        """Send requests for pages that are likely to be taken soon, the likeliest first, as far as there is room."""
        wanted: dict[_Key, PendingFolder] = {}
        for folder in islice(folders, self._at_once):
            wanted.setdefault(_key(folder), folder)
        self._make_room(wanted.keys())
        under_way = sum(not asked.page.done() for asked in self._asked.values())
        for key, folder in wanted.items():
            if under_way >= self._at_once:
                return
            if key not in self._asked:
                page = asyncio.create_task(self._ask(folder))
                page.add_done_callback(_look_at)
                self._asked[key] = _Asked(page, self._clock_s())
                under_way += 1

    def _make_room(self, wanted: Collection[_Key]) -> None:
        """Drop answers that nobody is about to take, the oldest first, where too many wait."""
        excess = len(self._asked) - _KEPT_FOR_EACH_UNDER_WAY * self._at_once
        for key in [key for key in self._asked if key not in wanted][: max(0, excess)]:
            self._asked.pop(key).page.cancel()

    async def take(self, folder: PendingFolder) -> RecordPage[Node]:
        """The page, asked for ahead or now."""
        asked = self._asked.pop(_key(folder), None)
        if asked is None or (asked.page.done() and self._clock_s() - asked.at_s > LONGEST_WAIT_S):
            return await self._read(folder)
        return await asked.page

    async def aclose(self) -> None:
        """Cancel what is under way and wait for its end."""
        tasks = [asked.page for asked in self._asked.values()]
        self._asked.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, folder: PendingFolder) -> RecordPage[Node]:
        return await self._read(folder)


def _look_at(task: asyncio.Task[RecordPage[Node]]) -> None:
    """Retrieve the error of a page that is dropped: asyncio would report it as lost."""
    if not task.cancelled():
        task.exception()


def _key(folder: PendingFolder) -> _Key:
    """What a request depends on: not on which entry should stand first in its answer."""
    return folder.id, folder.skip_count, folder.last_id is not None
