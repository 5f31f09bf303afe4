"""Which checkpoint may be saved: one whose predecessors have all reached the index.

Documents overtake each other between the stages; a checkpoint waits for every change that was crawled before it.
"""

from __future__ import annotations

from collections import deque

from vocabulary.documents import Checkpoint


class Acknowledgements:
    """Numbers changes as they are crawled and tells the latest checkpoint with nothing open before it."""

    def __init__(self) -> None:
        self._next = 0
        self._open: dict[int, None] = {}  # insertion order is number order, so the first key is the oldest
        self._marks: deque[tuple[int, Checkpoint]] = deque()

    def open(self) -> int:
        """Number one more change that is on its way."""
        number = self._next
        self._next += 1
        self._open[number] = None
        return number

    def mark(self, checkpoint: Checkpoint) -> None:
        """Note a checkpoint behind all changes opened so far."""
        self._marks.append((self._next, checkpoint))

    def close(self, number: int) -> None:
        """The change has reached the index and the ledger."""
        del self._open[number]

    def reached(self, *, closing: frozenset[int] = frozenset()) -> Checkpoint | None:
        """Take the latest checkpoint that only the changes in `closing`, or none at all, still precede."""
        oldest = next((number for number in self._open if number not in closing), self._next)
        latest = None
        while self._marks and self._marks[0][0] <= oldest:
            latest = self._marks.popleft()[1]
        return latest
