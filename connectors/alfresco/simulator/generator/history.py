"""The clock of a world in the making: it stands until it is moved, and runs on as the caller's when all is built."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from connectors.alfresco.simulator.tree import Clock

FIRST_DAY = datetime(2019, 1, 7, 8, tzinfo=UTC)
_LAST_DAY = datetime(2024, 3, 1, tzinfo=UTC)  # before any date that tests begin with


class History:
    """Spreads the creation of some nodes evenly over five years."""

    def __init__(self, nodes: int, then: Clock) -> None:
        self._moment = FIRST_DAY
        self._step = (_LAST_DAY - FIRST_DAY) / (nodes + 1) // timedelta(milliseconds=1) * timedelta(milliseconds=1)
        self._then = then
        self._is_over = False

    def __call__(self) -> datetime:
        return self._then() if self._is_over else self._moment

    def move_on(self) -> None:
        """Let the time until the next node pass."""
        self._moment += self._step

    def end(self) -> None:
        """Hand over to the clock of whatever happens afterwards."""
        self._is_over = True
