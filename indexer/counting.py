"""What a run counts around its walk: requests to the source, changed lists, how soon a revocation takes effect."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from indexer.walk import Walk
from vocabulary.ports import SyncMode

_READS_ALL_LISTS = (SyncMode.FULL, SyncMode.PERMISSIONS)


@asynccontextmanager
async def counted(walk: Walk) -> AsyncIterator[None]:
    """Fill the tally with what happens inside, however it ends.

    `revoked_within_s`: a list that was changed at the source after the last complete look at all lists had begun is
    obeyed by now. So no revocation took longer than the time from that look's begin to this run's end.
    """
    source, acls = walk.ticket.source, walk.ports.acls
    version = await acls.version(source)
    try:
        yield
    finally:
        walk.tally.requests = Counter(walk.ports.connector.requests)
        walk.tally.lists_changed = await acls.count_changed(source, since=version)
        slowest_s = await acls.slowest_revocation_s(walk.ticket.run_id)
        walk.tally.revocation_latency_s = None if slowest_s is None else round(slowest_s, 3)
    if walk.ticket.mode in _READS_ALL_LISTS:
        last_look = await walk.runs.last_begin(source, _READS_ALL_LISTS)
        walk.tally.revoked_within_s = None if last_look is None else round(walk.clock() - last_look, 3)
