"""What a lane is: a way to hear of changes that not every server offers, beside the search index and the walk.

A lane tells ids, never what is true of them: every node that it names is asked for again. So it can be late, tell too
much or tell a thing twice, and nothing false reaches the index. What it does not see is left to the others.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from connectors.alfresco.config import LaneName
from vocabulary.errors import SightlineError
from vocabulary.ports import CheckResult


class LaneUnusable(SightlineError):
    """The lane cannot tell, for a reason that is one of a small set of fixed words; the message says what to change."""

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ChangedList:
    """When a list was changed, and whom the server itself computes it to admit and deny; None where it does not say."""

    changed_at: datetime
    admitted: frozenset[str] | None = None
    denied: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class News:
    """A page of what a lane tells; `place` is where to go on behind it.

    `touched` are nodes that were made or modified, `gone` those that were deleted, with all below them, and `secured`
    those where somebody changed who may read, and when. Under `relisted` nodes there is a list that was changed,
    wherever it begins; `lists_changed_at` is when lists were changed of which the lane knows no node. `notices` are
    fixed words on what the lane could not tell.
    """

    place: str
    touched: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()
    secured: Mapping[str, datetime] = field(default_factory=dict)
    relisted: Mapping[str, ChangedList] = field(default_factory=dict)
    lists_changed_at: datetime | None = None
    notices: tuple[str, ...] = ()

    @property
    def concerns_lists(self) -> bool:
        return bool(self.secured or self.relisted or self.lists_changed_at)


class Lane(Protocol):
    """One lane of one server.

    Raises (from every method but `check`): `LaneUnusable`, and whatever a request raises.
    """

    name: LaneName

    async def check(self) -> CheckResult:
        """Say whether the lane can be used, and which setting or right to look at where not. Nothing is raised."""
        ...

    def news(self, place: str | None, *, since: datetime, now: datetime) -> AsyncIterator[News]:
        """Yield what happened behind a place, or without one since a moment of the server's time; now is its present.

        Raises:
            CheckpointInvalid: the place is none of this lane.
        """
        ...

    async def secured_since(self, moment: datetime, *, now: datetime) -> Mapping[str, datetime]:
        """Nodes where somebody changed who may read since a moment: the latest ones, not necessarily all."""
        ...
