"""Changes: what is new, modified or gone since the last full or changes sync, and what failed and is due again.

Nothing is deleted for not being met. What the source itself calls gone is deleted, up to the deletion brake.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from indexer.modes.ending import Ending, ending, held_back
from indexer.pipeline import run_walk
from indexer.state.known_documents import LedgerTree
from indexer.walk import Walk
from vocabulary.documents import Change, Checkpoint, DocumentId
from vocabulary.errors import CheckpointInvalid
from vocabulary.ports import IncrementalConnector

# A run looks at no more failed documents than this again, so that a broken share cannot hold up what changed.
RETRIES_PER_RUN = 1_000


async def sync_changes(walk: Walk, connector: IncrementalConnector) -> Ending:
    """Bring the index up to date with what changed behind the checkpoint."""
    known = LedgerTree(walk.ledger.engine, walk.ticket.source, walk.ports.acls)

    def changes(checkpoint: Checkpoint | None) -> AsyncIterator[Change]:
        if checkpoint is None:
            raise CheckpointInvalid("there is no place to read changes from; a full sync gives one")
        return connector.changes(checkpoint, known)

    await run_walk(walk, changes, start=walk.ticket.checkpoint)
    await _retry_due(walk, connector)
    return ending(walk.tally, braked=held_back(walk))


async def _retry_due(walk: Walk, connector: IncrementalConnector) -> None:
    due = await walk.ledger.due(walk.ticket.source, walk.clock(), limit=RETRIES_PER_RUN)
    if not due:
        return
    documents = [DocumentId(walk.ticket.source, native_id) for native_id in due]
    await run_walk(walk, lambda _: connector.revisit(documents), start=None)
