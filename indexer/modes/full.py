"""Full: walk everything in scope; what a COMPLETE walk did not meet is looked at once more, and deleted if it is gone.

A walk that ended early deletes nothing, keeps its checkpoint, and is resumed by the next run.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from indexer.modes.ending import Ending, ending, held_back
from indexer.pipeline import run_walk
from indexer.state.run_history import RunState
from indexer.stocktaking import take_stock
from indexer.tombstones import delete_unmet
from indexer.walk import Walk
from vocabulary.documents import Change, Checkpoint, DocumentId
from vocabulary.ports import IncrementalConnector


async def sync_everything(walk: Walk, *, brake: float, confirmed: bool) -> Ending:
    """Bring the index up to date with the whole scope of the source."""
    if walk.ticket.checkpoint is None:
        await take_stock(walk)
        await _note_mark(walk)
    if not walk.ports.connector.absence_is_proof:  # documents are found by themselves, and then where they lie
        await walk.distrust_lists()
    await run_walk(walk, walk.ports.connector.crawl, start=walk.ticket.checkpoint)
    await _revisit_unmet(walk, brake=brake)
    deletions = await delete_unmet(walk, brake=brake, confirmed=confirmed)
    ended = ending(walk.tally, braked=deletions.message or held_back(walk))
    if ended.state is not RunState.FAILED:
        await walk.grant()
    return ended


async def _note_mark(walk: Walk) -> None:
    """Remember, before anything is read, from where changes are to be read once the walk is complete."""
    connector = walk.ports.connector
    if isinstance(connector, IncrementalConnector):
        await walk.runs.note_mark(walk.ticket, await walk.policy.call(connector.mark))


async def _revisit_unmet(walk: Walk, *, brake: float) -> None:
    """Look at each document that the crawl did not meet before it is deleted, where the source lets us.

    It may have moved from a folder ahead of the crawl to one behind it. Where absence proves something, more than the
    brake allows are left to the brake: a vanished site is no reason for a hundred thousand requests.
    """
    connector = walk.ports.connector
    if not isinstance(connector, IncrementalConnector):
        return
    allowed = brake * await walk.ledger.count(walk.ticket.source)
    if connector.absence_is_proof and await walk.ledger.count_unmet(walk.ticket.source, walk.ticket.walk) > allowed:
        return

    async def unmet(_: Checkpoint | None) -> AsyncIterator[Change]:
        last = ""
        while page := await walk.ledger.unmet(walk.ticket.source, walk.ticket.walk, after=last):
            async for change in connector.revisit([DocumentId(walk.ticket.source, each) for each in page]):
                yield change
            last = page[-1]

    await walk.distrust_lists()
    await run_walk(walk, unmet, start=None)
