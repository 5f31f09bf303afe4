"""Before a walk begins: what the index holds of the source, against what the ledger says of it.

The two part where a file was restored from a backup, or a source came back to an index that it had left. Documents of
which the ledger says nothing are entered as doubtful: met, they are read again; not met, they are deleted like any
others. Where the index lacks documents, it is an older state of itself, and nothing that the ledger says of it counts.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from indexer.walk import Walk

_PAGE = 500  # ids looked up together


async def take_stock(walk: Walk) -> None:
    """Bring the ledger to what the index can be trusted to hold. Repeated, it changes nothing."""
    await walk.policy.call(lambda: _take_stock(walk))


async def _take_stock(walk: Walk) -> None:
    ledger, source = walk.ledger, walk.ticket.source
    found = 0
    async for native_ids in _stored_pages(walk):
        rows = (await ledger.look_up(source, native_ids)).values()
        expected = {met.row.native_id for met in rows if met.row.in_index}
        found += sum(met.row.in_index and met.row.recipe is not None for met in rows)
        await ledger.doubt(walk.ticket, [native_id for native_id in native_ids if native_id not in expected])
    if found < await ledger.count_certain(source):
        await ledger.doubt_all(source)


async def _stored_pages(walk: Walk) -> AsyncIterator[list[str]]:
    page: list[str] = []
    async for document_id in walk.ports.backend.document_ids(walk.ticket.source):
        page.append(document_id.native_id)
        if len(page) == _PAGE:
            yield page
            page = []
    yield page
