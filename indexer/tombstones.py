"""Deletion by absence: what a complete walk did not meet, behind a brake.

A share above the brake looks more like a fault of the source (a vanished site, a lost right) than like the wish of a
person: the documents are hidden from every reader at once and kept, and a person confirms or the next walk finds them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from indexer.walk import Walk
from vocabulary.documents import DocumentId, DocumentState
from vocabulary.indexing import Delete, Hide

# Why the ledger calls a document hidden that the source did not show to a run.
DELETE_BRAKE = "delete-brake"
NOT_MET = "not-met"


@dataclass(frozen=True, slots=True)
class Deletions:
    """What became of the documents that a walk did not meet."""

    deleted: int = 0
    hidden: int = 0
    message: str = ""

    @property
    def braked(self) -> bool:
        return self.hidden > 0


async def delete_unmet(walk: Walk, *, brake: float, confirmed: bool) -> Deletions:
    """Delete what the walk, known to be complete, did not meet; hide it instead when it is more than the brake allows.

    `brake` is a share of the source's documents in the index, 0 to 1.
    """
    source = walk.ticket.source
    held = await walk.ledger.count(source)
    unmet = await walk.ledger.count_unmet(source, walk.ticket.walk)
    await walk.ledger.forget_unmet(source, walk.ticket.walk)
    if confirmed or unmet <= brake * held:
        return Deletions(deleted=await _for_each_page(walk, delete=True))
    hidden = await _for_each_page(walk, delete=False)
    share = f"{unmet} of {held} documents ({unmet / held:.0%})"
    return Deletions(
        hidden=hidden,
        message=f"{share} were not met, more than delete_brake = {brake:.0%}: hidden, not deleted; "
        "if they are really gone, sync with --confirm-deletes",
    )


async def hide_unmet(walk: Walk) -> int:
    """Hide what a permissions sweep, known to be complete, did not meet and anybody could still find; count it."""
    count, last = 0, ""
    while page := await walk.ledger.shown_unmet(walk.ticket.source, walk.ticket.walk, after=last):
        await _hide(walk, page, reason=NOT_MET)
        count, last = count + len(page), page[-1]
        walk.tally.withheld += len(page)
        walk.on_progress(walk.tally)
    return count


async def _for_each_page(walk: Walk, *, delete: bool) -> int:
    count, last = 0, ""
    while page := await walk.ledger.unmet(walk.ticket.source, walk.ticket.walk, after=last):
        await (_delete(walk, page) if delete else _hide(walk, page, reason=DELETE_BRAKE))
        count, last = count + len(page), page[-1]
        walk.on_progress(walk.tally)
    return count


async def _delete(walk: Walk, native_ids: Sequence[str]) -> None:
    operations = [Delete(DocumentId(walk.ticket.source, native_id)) for native_id in native_ids]

    async def delete() -> None:
        await walk.ledger.doubt(walk.ticket, native_ids)
        await walk.write(operations)

    await walk.policy.call(delete)
    await walk.ledger.settle(walk.ticket, [], removed=native_ids, checkpoint=None)
    for _ in native_ids:
        walk.tally.settle(DocumentState.DELETED, "")


async def _hide(walk: Walk, native_ids: Sequence[str], *, reason: str) -> None:
    operations = [Hide(DocumentId(walk.ticket.source, native_id)) for native_id in native_ids]

    async def hide() -> None:
        await walk.ledger.doubt_access(walk.ticket, native_ids)
        await walk.ports.backend.apply(operations, fence=walk.ticket.fence)

    await walk.policy.call(hide)
    await walk.ledger.mark_hidden(walk.ticket, native_ids, reason=reason)
