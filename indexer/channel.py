"""The queue between two stages: bounded by count and by weight, closed by its producer.

A slow consumer slows its producer; that is how a slow index slows the crawl, and why memory stays flat.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, Protocol, TypeVar


class Weighed(Protocol):
    """Something with a weight: roughly its bytes."""

    @property
    def weight(self) -> int: ...


T = TypeVar("T", bound=Weighed)


class ChannelClosed(Exception):
    """Nothing more will come."""


class Channel(Generic[T]):
    """First in, first out, for one event loop. An item heavier than the bound passes when the channel is empty."""

    def __init__(self, *, max_items: int, max_weight: int) -> None:
        self._items: deque[T] = deque()
        self._max_items = max_items
        self._max_weight = max_weight
        self._weight = 0
        self._closed = False
        self._changed = asyncio.Condition()

    async def put(self, item: T) -> None:
        """Add an item, after waiting for room."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._has_room(item.weight))
            self._items.append(item)
            self._weight += item.weight
            self._changed.notify_all()

    def _has_room(self, weight: int) -> bool:
        if not self._items:
            return True
        return len(self._items) < self._max_items and self._weight + weight <= self._max_weight

    async def close(self) -> None:
        """Say that nothing more will be put; what is inside is still to be had."""
        async with self._changed:
            self._closed = True
            self._changed.notify_all()

    async def get(self) -> T:
        """Take the oldest item, after waiting for one.

        Raises:
            ChannelClosed: the channel is empty and closed.
        """
        async with self._changed:
            await self._changed.wait_for(lambda: bool(self._items) or self._closed)
            if not self._items:
                raise ChannelClosed
            return self._take()

    async def get_batch(self, *, max_items: int, max_weight: int) -> list[T]:
        """Wait for one item, then take with it what is there already, within the bounds.

        Raises:
            ChannelClosed: the channel is empty and closed.
        """
        batch = [await self.get()]
        weight = batch[0].weight
        async with self._changed:
            while self._items and len(batch) < max_items and weight + self._items[0].weight <= max_weight:
                weight += self._items[0].weight
                batch.append(self._take())
        return batch

    def _take(self) -> T:
        item = self._items.popleft()
        self._weight -= item.weight
        self._changed.notify_all()
        return item
