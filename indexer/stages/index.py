"""Index: writes to the index, records what that took from readers, writes to the ledger, then moves the checkpoint.

The order is the promise: what is about to change is in doubt before the index changes, what the ledger calls indexed
is in the index, and everything before the checkpoint is in the ledger. Killed between two of these steps, the next run
reads again what is in doubt; what was taken is in force then, and is in no record of revocations.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from indexer.channel import Channel, ChannelClosed
from indexer.judging.guard import Guarded
from indexer.retrying import with_rejection
from indexer.state.ledger import LedgerRow
from indexer.walk import Walk
from indexer.work import Settlement
from vocabulary.documents import DocumentId, DocumentState
from vocabulary.indexing import Describe, IndexOperation, Readmit, Refusal, document_of


class IndexStage:
    """The last stage of a walk."""

    def __init__(self, walk: Walk, settlements: Channel[Settlement]) -> None:
        self._walk = walk
        self._settlements = settlements

    async def run(self) -> None:
        limits = self._walk.limits
        while True:
            try:
                batch = await self._settlements.get_batch(
                    max_items=limits.written_items, max_weight=limits.written_bytes
                )
            except ChannelClosed:
                break
            await self._write(batch)
        await self._record([], [], [], frozenset())

    async def _write(self, batch: Sequence[Settlement]) -> None:
        operations = [operation for settlement in batch for operation in settlement.operations]
        guarded = Guarded()
        refused: Mapping[DocumentId, Refusal] = {}
        if operations:
            unjudged = {row.native_id for one in batch for row in one.rows if row.toxicity_rule is None}
            guarded, refused = await self._walk.policy.call(lambda: self._apply(operations, unjudged))
        await self._note_reassigned(batch, refused)
        rows = [
            self._as_found(self._as_judged(row, guarded), refused, one.earlier) for one in batch for row in one.rows
        ]
        unchanged = [native_id for one in batch for native_id in one.unchanged]
        removed = [native_id for one in batch for native_id in one.removed]
        await self._record(rows, unchanged, removed, frozenset(number for one in batch for number in one.numbers))

    async def _apply(
        self, operations: Sequence[IndexOperation], unjudged: Collection[str]
    ) -> tuple[Guarded, Mapping[DocumentId, Refusal]]:
        await self._walk.ledger.doubt(self._walk.ticket, [document_of(each).native_id for each in operations])
        shown = {document_of(each).native_id for each in operations if isinstance(each, Describe | Readmit)}
        return await self._walk.write(operations, unjudged=shown & set(unjudged))

    async def _note_reassigned(self, batch: Sequence[Settlement], refused: Mapping[DocumentId, Refusal]) -> None:
        """Say what the index has taken from readers. Killed before, the write is done and its time never told."""
        source, run = self._walk.ticket.source, self._walk.ticket.run_id
        moved = [each for one in batch for each in one.reassigned if DocumentId(source, each.native_id) not in refused]
        if moved:
            await self._walk.policy.call(lambda: self._walk.ports.acls.note_reassigned(source, moved, run=run))

    def _as_judged(self, row: LedgerRow, guarded: Guarded) -> LedgerRow:
        """What a document whose passages were written was scored and judged by, and whether it is held back."""
        if row.native_id in guarded.judged:
            guard = self._walk.guard
            row = replace(row, toxicity_version=guard.model, toxicity_rule=guard.rule.name)
        hold = guarded.held.get(row.native_id)
        if hold is None or row.state is DocumentState.FAILED:  # what is to be read again says so
            return row
        return replace(row, state=DocumentState.HELD, reason=hold.category)

    def _as_found(self, row: LedgerRow, refused: Mapping[DocumentId, Refusal], earlier: LedgerRow | None) -> LedgerRow:
        """What the index did not do as told: what it lost is read again by the next run, what it cannot hold later."""
        refusal = refused.get(DocumentId(self._walk.ticket.source, row.native_id))
        if refusal is None:
            return row
        if refusal is Refusal.REJECTED:
            return with_rejection(row, earlier, self._walk.clock())
        is_there = refusal is Refusal.SUPERSEDED
        return LedgerRow(row.native_id, DocumentState.FAILED, refusal.value, in_index=is_there, retry_at=0.0)

    async def _record(
        self,
        rows: Sequence[LedgerRow],
        unchanged: Sequence[str],
        removed: Sequence[str],
        numbers: frozenset[int],
    ) -> None:
        walk = self._walk
        checkpoint = walk.acknowledgements.reached(closing=numbers)
        if rows or unchanged or removed or checkpoint is not None:
            await walk.policy.call(
                lambda: walk.ledger.settle(
                    walk.ticket, rows, unchanged=unchanged, removed=removed, checkpoint=checkpoint
                )
            )
        for number in numbers:
            walk.acknowledgements.close(number)
        for row in rows:
            walk.under_way.discard(DocumentId(walk.ticket.source, row.native_id))
            walk.tally.settle(row.state, row.reason)
        for native_id in unchanged:
            walk.under_way.discard(DocumentId(walk.ticket.source, native_id))
            walk.tally.settle(DocumentState.UNCHANGED, "")
        for native_id in removed:
            walk.leaving.discard(DocumentId(walk.ticket.source, native_id))
            walk.tally.settle(DocumentState.DELETED, "")
        walk.recorded.set()
        walk.on_progress(walk.tally)
