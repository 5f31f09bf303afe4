"""Reads the hits of a search in the order of a date, however many there are, without ever paging deep.

The search engines answer only the first 10,000 hits of a query, or ever more slowly, and their totals are approximate.
So the next page is asked for from the last date on, not by its number: what is modified or deleted meanwhile shifts
nothing past an edge. Nodes of the seam's millisecond are met again. The range on a date sends the query to the index,
which follows the repository by seconds to minutes; hits that are gone are dropped from a page, so that only
`hasMoreItems` tells the end.
Source: SearchMapper, ResultMapper and SearchStrategySelector of the community repository.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from connectors.alfresco.wire.client import AlfrescoClient, RecordPage
from connectors.alfresco.wire.records import Node
from vocabulary.errors import RunAborted

_DEPTH = 2_000  # hits of one date that are paged through; a fifth of the smallest window known


class DateField(StrEnum):
    """What the hits are ordered by."""

    CREATED = "cm:created"
    MODIFIED = "cm:modified"


@dataclass(frozen=True, slots=True)
class Slice:
    """One page of hits, in order. All that is dated before `reached` has been read."""

    nodes: tuple[Node, ...]
    reached: datetime | None  # None: there was nothing yet


async def read_slices(
    client: AlfrescoClient, query: str, *, by: DateField, since: datetime | None
) -> AsyncIterator[Slice]:
    """Yield the hits of an AFTS query that are dated at or behind `since`, oldest first.

    Raises:
        RunAborted: more than `_DEPTH` hits have one and the same date, so that no date leads past them.
    """
    start, skip_count = since, 0
    while True:
        page = await _page(client, query, by=by, start=start, skip_count=skip_count)
        reached = max((_date(node, by) for node in page.records), default=start)
        yield Slice(page.records, reached)
        if not page.has_more:
            return
        if reached != start:
            start, skip_count = reached, 0
            continue
        skip_count += client.page_size
        if skip_count >= _DEPTH:
            raise RunAborted(f"more than {_DEPTH} nodes have the same {by}: set find_by to walk, or sync in full mode")


async def _page(
    client: AlfrescoClient, query: str, *, by: DateField, start: datetime | None, skip_count: int
) -> RecordPage[Node]:
    lowest = f'"{_spelled(start)}"' if start is not None else "MIN"
    return await client.search(f"({query}) AND {by}:[{lowest} TO MAX]", sort_by=by, skip_count=skip_count)


def _date(node: Node, by: DateField) -> datetime:
    date = node.created_at if by is DateField.CREATED else node.modified_at
    return date or datetime.fromtimestamp(0, UTC)


def _spelled(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
