"""The lanes of one source in one run: each is read from its own place on, and one that cannot tell is left out, aloud.

A lane that fails keeps its place: the next run reads there what this one did not. Until then the index and the walk
see what they see. Only what would end the run anyway, or wants it to wait, is not taken for the lane's own fault.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime

from connectors.alfresco.lanes.lane import Lane, LaneUnusable, News
from connectors.alfresco.lanes.news_reader import NewsReader
from connectors.alfresco.lanes.places import moment_of
from connectors.alfresco.wire.faults import AccessRefused, ServiceDisabled
from vocabulary.documents import Change, Checkpoint, Notice
from vocabulary.errors import CheckpointInvalid, CredentialsRejected, RateLimited, SightlineError

_SINCE = "since "  # a moment follows

NOT_THE_LANES_FAULT = (RateLimited, CredentialsRejected, CheckpointInvalid)


class LaneReading:
    """One reading of all lanes. `places` are where they stand; it moves on as changes are yielded."""

    def __init__(self, lanes: Sequence[Lane], reader: NewsReader, *, places: Mapping[str, str]) -> None:
        names = {str(lane.name) for lane in lanes}
        self._lanes = lanes
        self._reader = reader
        self.places = {name: place for name, place in places.items() if name in names}

    async def changes(
        self, *, since: datetime, now: datetime, checkpoint: Callable[[Mapping[str, str]], Checkpoint]
    ) -> AsyncIterator[Change]:
        """Yield what all lanes tell, each page with a checkpoint behind it, and a notice for each that cannot."""
        for lane in self._lanes:
            # Where a lane has told nothing yet, the moment to begin at stays, however often it fails before it does.
            place = self.places.setdefault(lane.name, f"{_SINCE}{since.isoformat()}")
            begins_at = moment_of(place.removeprefix(_SINCE)) if place.startswith(_SINCE) else None
            pages = lane.news(None if begins_at else place, since=begins_at or since, now=now)
            async for news in _until_fault(lane, pages):
                if isinstance(news, Notice):
                    yield news
                    continue
                async for change in self._reader.changes(news):
                    yield change
                self.places[lane.name] = news.place
                yield checkpoint(self.places)


async def _until_fault(lane: Lane, pages: AsyncIterator[News]) -> AsyncIterator[News | Notice]:
    """The pages of a lane, and behind the last one a notice if the lane failed there."""
    try:
        async for news in pages:
            yield news
    except NOT_THE_LANES_FAULT:
        raise
    except SightlineError as fault:
        yield notice(lane, fault)


def notice(lane: Lane, fault: SightlineError) -> Notice:
    """Say that a lane could not tell, and why."""
    return Notice(f"lane-{lane.name}: {_reason(fault)}")


def _reason(fault: SightlineError) -> str:
    if isinstance(fault, LaneUnusable):
        return fault.reason
    if isinstance(fault, ServiceDisabled):
        return "disabled"
    return "refused" if isinstance(fault, AccessRefused) else "unavailable"
