"""The trashcan as a lane: which trees were deleted lately.

The server lists the top of each deleted tree, newest first, and nothing of what lay below it or was deleted for good.
A listing goes back an hour before the end of the last one: a deletion is dated when it begins and shows when it is
committed, which takes a while for a large tree, and an entry that is restored or purged meanwhile moves the others up.
Source: `GET /deleted-nodes` of alfresco-core.yaml; administrators see what anybody deleted, others what they did.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta

from pydantic import TypeAdapter

from connectors.alfresco.config import LaneName
from connectors.alfresco.lanes.lane import LaneUnusable, News
from connectors.alfresco.lanes.places import moment_of
from connectors.alfresco.wire.client import AlfrescoClient, RecordPage
from connectors.alfresco.wire.exchange import CORE
from connectors.alfresco.wire.records import DeletedNode, ListAnswer
from vocabulary.errors import SightlineError
from vocabulary.ports import CheckResult

_DELETED_NODES = TypeAdapter(ListAnswer[DeletedNode])

# The index trackers of the repository look back as far for late commits (alfresco.hole.retention of Search Services).
_LOOKS_BACK = timedelta(hours=1)


class TrashcanLane:
    """The deleted nodes of one server."""

    name = LaneName.DELETED_NODES

    def __init__(self, client: AlfrescoClient) -> None:
        self._client = client

    async def check(self) -> CheckResult:
        try:
            await self._require_administrator()
            await self._page(0)
        except SightlineError as fault:
            return CheckResult(f"lane {self.name}", passed=False, message=f"{fault}; or take it out of `lanes`")
        return CheckResult(f"lane {self.name}", passed=True, message="deletions are seen in the trashcan")

    async def news(self, place: str | None, *, since: datetime, now: datetime) -> AsyncIterator[News]:
        await self._require_administrator()
        last = moment_of(place) if place is not None else since
        oldest, skip_count = last - _LOOKS_BACK, 0
        while True:
            page = await self._page(skip_count)
            recent = [node.id for node in page.records if node.archived_at is None or node.archived_at >= oldest]
            is_last = not page.has_more or len(recent) < len(page.records)
            # The newest come first: before the last page there is no place from which nothing would be missed.
            yield News((now if is_last else last).isoformat(), gone=frozenset(recent))
            if is_last:
                return
            skip_count += self._client.page_size

    async def secured_since(self, moment: datetime, *, now: datetime) -> Mapping[str, datetime]:
        return {}

    async def _page(self, skip_count: int) -> RecordPage[DeletedNode]:
        return await self._client.page(_DELETED_NODES, f"{CORE}/deleted-nodes", {}, skip_count=skip_count)

    async def _require_administrator(self) -> None:
        if not (await self._client.me()).capabilities.is_admin:
            raise LaneUnusable(
                "the account sees only what it deleted itself: make the account of `auth` an administrator",
                reason="refused",
            )
