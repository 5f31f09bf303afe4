"""Reads the hits of a search in the order of a date, however many there are, without ever paging deep.

The search engines answer only the first 10,000 hits of a query, or ever more slowly, and their totals are approximate.
So the next page is asked for from the last date on, not by its number: what is modified or deleted meanwhile shifts
nothing past an edge. Nodes of the seam's millisecond are met again. The range on a date sends the query to the index,
which follows the repository by seconds to minutes; hits that are gone are dropped from a page, so that only
`hasMoreItems` tells the end. A node that was modified after the index looked is found where its old date stands and
shows a new one: such dates lead nowhere, and are paged through.
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
    """One page of hits, in order. All that is dated before `reached` has been read.

    With the last page everything has, unless the way there was paged through while the index may have moved hits past
    an edge (`is_unsure`): what lies behind `reached` is to be read once more.
    """

    nodes: tuple[Node, ...]
    reached: datetime | None  # None: there was nothing yet
    is_unsure: bool = False


async def read_slices(
    client: AlfrescoClient, query: str, *, by: DateField, since: datetime | None, settled_at: datetime | None = None
) -> AsyncIterator[Slice]:
    """Yield the hits of an AFTS query that are dated at or behind `since`, oldest first.

    At the moment `settled_at` and before it, the index knows every date; None: dates never change. Of what is younger
    only so many are read as can be paged through.

    Raises:
        RunAborted: more than `_DEPTH` hits have one and the same date, so that no date leads past them.
    """
    start, skip_count = since, 0
    read_up_to, is_unsure, met_unsettled = since, False, False
    while True:
        page = await _page(client, query, by=by, start=start, skip_count=skip_count)
        dates = [_date(node, by) for node in page.records]
        settled = [date for date in dates if settled_at is None or date <= settled_at]
        reached = max(settled, default=start)
        met_unsettled = met_unsettled or len(settled) < len(dates)
        is_unsure = is_unsure or (skip_count > 0 and met_unsettled)
        read_up_to = read_up_to if is_unsure else reached
        yield Slice(page.records, read_up_to, is_unsure)
        if not page.has_more:
            return
        if reached != start:
            start, skip_count, met_unsettled = reached, 0, False
            continue
        skip_count += client.page_size
        if skip_count >= _DEPTH and is_unsure:
            return
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
