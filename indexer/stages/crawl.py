"""Crawl: meets documents page by page and sends each one the shortest way.

Of each document the stage knows, after one look into the ledger, whether it is unchanged, filtered or hidden (settled
at once) or needs work (on to extract). A document met twice in a walk, by a replay or a page that shifted, counts once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from indexer.channel import Channel
from indexer.layers import RetryingConnector
from indexer.ledger import LedgerRow, MetRow
from indexer.planning import Need, lasting_failure, plan
from indexer.walk import Walk
from indexer.work import Settlement, Task
from vocabulary.access import HIDDEN_ACL, AclId
from vocabulary.documents import Change, Checkpoint, Document, DocumentId, DocumentState, Removed, Skipped, Upsert
from vocabulary.errors import SightlineError
from vocabulary.search import Delete, Hide, IndexOperation


class CrawlStage:
    """The first stage of a walk."""

    def __init__(self, walk: Walk, tasks: Channel[Task], settlements: Channel[Settlement]) -> None:
        self._walk = walk
        self._tasks = tasks
        self._settlements = settlements

    async def run(self) -> SightlineError | None:
        """Crawl to the end; what ended the crawl early is returned, so that the later stages finish what is theirs."""
        try:
            await self._crawl()
        except SightlineError as error:
            return error
        finally:
            await self._tasks.close()
        return None

    async def _crawl(self) -> None:
        connector = RetryingConnector(self._walk.ports.connector, self._walk.policy)
        page: list[Change] = []
        async for change in connector.crawl(self._walk.ticket.checkpoint):
            if not isinstance(change, Checkpoint):
                page.append(change)
            if isinstance(change, Checkpoint) or len(page) >= self._walk.limits.page_documents:
                await self._dispatch(page)
                page = []
            if isinstance(change, Checkpoint):
                self._walk.acknowledgements.mark(change)
        await self._dispatch(page)

    async def _dispatch(self, page: Sequence[Change]) -> None:
        """Number the ACLs of a page, look its documents up, and send each one on."""
        if not page:
            return
        # Taken before the look-up: what is settled meanwhile leaves this set, and its row may have been read too early.
        repeated = {_id(change) for change in page} & self._walk.under_way
        met = await self._walk.ledger.look_up(self._walk.ticket.source, [_id(change).native_id for change in page])
        acl_ids = await self._number_acls(page)
        not_public = await self._not_public(acl_ids.values())
        settled: list[Settlement] = []
        for change in page:
            known = met.get(_id(change).native_id)
            if isinstance(change, Removed):
                settled += [self._removal(change.document_id)] if known is not None else []
            elif _id(change) in repeated or not self._is_first(_id(change), known):
                continue
            elif isinstance(change, Skipped):
                settled.append(self._skip(change, known))
            elif isinstance(change, Upsert):
                acl_id = acl_ids[change.document.acl.key] if change.document.acl is not None else HIDDEN_ACL
                reason = "not-public" if acl_id in not_public else ""
                await self._receive(change.document, known, acl_id, hidden_reason=reason, settled=settled)
        await self._settle(settled)
        self._walk.on_progress(self._walk.tally)

    def _is_first(self, document_id: DocumentId, known: MetRow | None) -> bool:
        """Count a document, unless this walk has met it before."""
        if document_id in self._walk.under_way or (known is not None and known.walk == self._walk.ticket.walk):
            return False
        self._walk.under_way.add(document_id)
        self._walk.tally.scanned += 1
        return True

    async def _number_acls(self, page: Sequence[Change]) -> Mapping[str, AclId]:
        acls = {
            change.document.acl.key: change.document.acl
            for change in page
            if isinstance(change, Upsert) and change.document.acl is not None
        }
        if not acls:
            return {}
        return await self._walk.ports.acls.number(self._walk.ticket.source, acls.values())

    async def _not_public(self, acl_ids: Collection[AclId]) -> frozenset[AclId]:
        """Those of a page's lists that a public index may not hold; none where readers prove who they are."""
        if not self._walk.public:
            return frozenset()
        source, acls = self._walk.ticket.source, self._walk.ports.acls
        return frozenset([acl_id for acl_id in acl_ids if not await acls.admits_everyone(source, acl_id)])

    async def _receive(
        self,
        document: Document,
        known: MetRow | None,
        acl_id: AclId,
        *,
        hidden_reason: str,
        settled: list[Settlement],
    ) -> None:
        """Settle a document that needs no reading, and pass on one that does."""
        previous = known.row if known is not None else None
        needed = plan(document, acl_id, previous, recipe=self._walk.recipe)
        if hidden_reason or needed.need is Need.WITHDRAWAL:
            reason = hidden_reason or "permissions-unreadable"
            settled.append(self._withdrawal(document.id, DocumentState.HIDDEN, reason, previous))
        elif needed.need is Need.NOTHING and previous is not None:
            settled.append(self._unchanged(previous))
        else:
            number = self._walk.acknowledgements.open()
            await self._tasks.put(Task(number, document, acl_id, previous, needed))

    def _unchanged(self, previous: LedgerRow) -> Settlement:
        """Keep the row; a failure that only other bytes can mend stays a failure and is reported as one."""
        reason = lasting_failure(previous)
        state = DocumentState.FAILED if reason else DocumentState.UNCHANGED
        return self._settlement(rows=(replace(previous, state=state, reason=reason),))

    def _skip(self, skipped: Skipped, known: MetRow | None) -> Settlement:
        previous = known.row if known is not None else None
        if skipped.state is DocumentState.FAILED and previous is not None and previous.in_index:
            # Its permissions could not be read again: nobody sees it until they are, and its passages are kept.
            kept = replace(previous, state=DocumentState.FAILED, reason=skipped.reason, description_sha256=None)
            return self._settlement(rows=(kept,), operations=(Hide(skipped.document_id),))
        return self._withdrawal(skipped.document_id, skipped.state, skipped.reason, previous)

    def _withdrawal(
        self, document_id: DocumentId, state: DocumentState, reason: str, previous: LedgerRow | None
    ) -> Settlement:
        row = LedgerRow(document_id.native_id, state, reason)
        in_index = previous is not None and previous.in_index
        return self._settlement(rows=(row,), operations=(Delete(document_id),) if in_index else ())

    def _removal(self, document_id: DocumentId) -> Settlement:
        return self._settlement(removed=(document_id.native_id,), operations=(Delete(document_id),))

    def _settlement(
        self,
        *,
        rows: tuple[LedgerRow, ...] = (),
        removed: tuple[str, ...] = (),
        operations: tuple[IndexOperation, ...] = (),
    ) -> Settlement:
        return Settlement((self._walk.acknowledgements.open(),), rows, removed, operations)

    async def _settle(self, settled: Sequence[Settlement]) -> None:
        """Send a page's settlements as one, in their order."""
        if not settled:
            return
        together = Settlement(
            numbers=tuple(number for one in settled for number in one.numbers),
            rows=tuple(row for one in settled for row in one.rows),
            removed=tuple(native_id for one in settled for native_id in one.removed),
            operations=tuple(operation for one in settled for operation in one.operations),
        )
        await self._settlements.put(together)


def _id(change: Change) -> DocumentId:
    if isinstance(change, Upsert):
        return change.document.id
    if isinstance(change, Checkpoint):
        raise TypeError("a checkpoint names no document")
    return change.document_id
