"""Permissions: who may read each document, read anew; no content, no extraction, no embedding.

What was indexed and is not met may have left its folder: nobody can say any more who may read it. It is hidden from
everybody until a full or changes sync decides, and only then changed lists admit whom they admit anew.
"""

from __future__ import annotations

from indexer.modes.ending import Ending, ending
from indexer.pipeline import run_walk
from indexer.state.run_history import RunState
from indexer.tombstones import hide_unmet
from indexer.walk import Walk
from vocabulary.ports import IncrementalConnector


async def sync_permissions(walk: Walk, connector: IncrementalConnector) -> Ending:
    """Bring lists, and which document is under which, up to date."""
    await run_walk(walk, connector.permissions, start=walk.ticket.checkpoint)
    withheld = await hide_unmet(walk)
    message = f"{withheld} documents were not met: hidden until a full sync decides" if withheld else ""
    ended = ending(walk.tally, message=message)
    if ended.state is not RunState.FAILED:
        await walk.grant()
    return ended
