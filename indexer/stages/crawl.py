"""Crawl: meets documents page by page and sends each one the shortest way; lists of folders are numbered as they come.

Of each document the stage knows, after one look into the ledger, whether it is unchanged, filtered, hidden or only
under other permissions (settled at once) or needs work (on to extract). A document met twice in a pass, by a replay or
a page that shifted, counts once. Where a stream says that a document is there and then that it is gone, or the other
way round, the second word waits until the first has reached the ledger.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from indexer.channel import Channel
from indexer.layers import ChangeStream, resumed
from indexer.planning import Need, is_under, plan
from indexer.retrying import standing_failure
from indexer.stages.lists_at_once import ListsAtOnce
from indexer.stages.told_times import ToldTimes
from indexer.state.ledger import LedgerRow, MetRow, spelled_lineage
from indexer.tombstones import DELETE_BRAKE
from indexer.walk import Walk
from indexer.work import Settlement, Task, acl_of, changed_at_of, reassignment
from vocabulary.access import HIDDEN_ACL, AclId, Principal
from vocabulary.documents import (
    AccessRead,
    AclRead,
    Change,
    Checkpoint,
    Document,
    DocumentId,
    DocumentState,
    Notice,
    Removed,
    Skipped,
    Upsert,
)
from vocabulary.errors import RunStopped, SightlineError
from vocabulary.indexing import Delete, Hide, IndexOperation, Readmit
from vocabulary.numbering import Reassignment

_MetDocument: TypeAlias = Upsert | Skipped | Removed | AccessRead
_Met: TypeAlias = _MetDocument | AclRead


@dataclass(slots=True)
class _Page:
    """Changes that are looked up together, with the documents that they say are there or gone."""

    changes: list[_Met] = field(default_factory=list)
    present: set[DocumentId] = field(default_factory=set)
    gone: set[DocumentId] = field(default_factory=set)

    def add(self, change: _Met) -> None:
        self.changes.append(change)
        if not isinstance(change, AclRead):
            (self.gone if isinstance(change, Removed) else self.present).add(_id(change))


class CrawlStage:
    """The first stage of a walk."""

    def __init__(self, walk: Walk, tasks: Channel[Task], settlements: Channel[Settlement]) -> None:
        self._walk = walk
        self._tasks = tasks
        self._settlements = settlements
        self._told = ToldTimes(walk.ports.acls, walk.ticket.source)

    async def run(self, stream: ChangeStream, start: Checkpoint | None) -> SightlineError | None:
        """Crawl to the end; what ended the crawl early is returned, so that the later stages finish what is theirs."""
        try:
            walk = self._walk
            await self._crawl(resumed(stream, start, walk.policy, on_resumption=walk.distrust_lists))
        except SightlineError as error:
            return error
        finally:
            await self._tasks.close()
        return None

    async def _crawl(self, changes: AsyncIterator[Change]) -> None:
        async with ListsAtOnce(self._number_lists) as lists:
            await self._read(changes, lists)

    async def _read(self, changes: AsyncIterator[Change], lists: ListsAtOnce) -> None:
        page = _Page()
        async for change in changes:
            if isinstance(change, Notice):
                self._walk.tally.warnings |= Counter([change.words])  # once a run, however often the stream begins
            elif isinstance(change, AclRead):
                await lists.add(change)
                page.add(
                    change
                )  # too: what a document of this page said of the same list before must not come after it
            elif not isinstance(change, Checkpoint):
                if self._reverses(change, page):
                    await self._dispatch(page.changes, lists)
                    page = _Page()
                    await self._walk.until_settled(_id(change))
                page.add(change)
            if isinstance(change, Checkpoint) or len(page.changes) >= self._walk.limits.page_documents:
                await self._dispatch(page.changes, lists)
                page = _Page()
            if isinstance(change, Checkpoint):
                self._walk.acknowledgements.mark(change)
                if self._walk.stop.is_set():
                    raise RunStopped("stopped in order; the next run goes on from here")
        await self._dispatch(page.changes, lists)

    def _reverses(self, change: _MetDocument, page: _Page) -> bool:
        """Whether the opposite was said of the document, and is still on its way."""
        document_id = _id(change)
        if isinstance(change, Removed):
            return document_id in page.present or document_id in self._walk.under_way
        return document_id in page.gone or document_id in self._walk.leaving

    async def _dispatch(self, page: Sequence[_Met], lists: ListsAtOnce) -> None:
        """Number the lists of a page, look its documents up, and send each one on."""
        await lists.in_force()
        if not page:
            return
        documents = [change for change in page if not isinstance(change, AclRead)]
        ids = [_id(change) for change in documents]
        # Taken before the look-up: what is settled meanwhile leaves them, and its row may have been read too early.
        repeated, going = set(ids) & self._walk.under_way, set(ids) & self._walk.leaving
        ask = self._walk.policy.call
        met = await ask(lambda: self._walk.ledger.look_up(self._walk.ticket.source, [each.native_id for each in ids]))
        acl_ids = await ask(lambda: self._number_acls(page))
        not_public = await ask(lambda: self._not_public(acl_ids.values()))
        settled: list[Settlement] = []
        for document_id, change in zip(ids, documents, strict=True):
            known = met.get(document_id.native_id)
            if isinstance(change, Removed):
                if document_id not in going:
                    settled += self._removal(document_id, known)
                continue
            if document_id in repeated or not self._is_first(document_id, known):
                continue
            repeated.add(document_id)  # met again further down, it may be settled by then: its row was read too early
            if isinstance(change, Skipped):
                settled.append(self._skip(change, known))
            else:
                acl_id = acl_ids[acl.key] if (acl := acl_of(change)) is not None else HIDDEN_ACL
                reason = "not-public" if acl_id in not_public else ""
                if isinstance(change, AccessRead):
                    settled.append(self._readmit(change, known, acl_id, hidden_reason=reason))
                else:
                    await self._receive(change.document, known, acl_id, hidden_reason=reason, settled=settled)
        await self._settle(settled)
        self._walk.on_progress(self._walk.tally)

    def _is_first(self, document_id: DocumentId, known: MetRow | None) -> bool:
        """Count a document, unless this pass has met it before."""
        ticket = self._walk.ticket
        if known is not None and ticket.has_met(walk=known.walk, met_in=known.met_in):
            return False
        if document_id in self._walk.under_way:
            return False
        self._walk.under_way.add(document_id)
        self._walk.tally.scanned += 1
        return True

    async def _number_acls(self, page: Sequence[_Met]) -> Mapping[str, AclId]:
        acls = {acl.key: acl for change in page if (acl := acl_of(change)) is not None}
        if not acls:
            return {}
        await self._walk.ledger.require_lease(self._walk.ticket)  # whoever slept may hold lists that changed since
        ticket = self._walk.ticket
        return await self._walk.ports.acls.number(
            ticket.source, acls.values(), run=ticket.run_id, changed_at=changed_at_of(page)
        )

    async def _number_lists(self, lists: Sequence[AclRead]) -> None:
        differing = await self._walk.policy.call(lambda: self._told.differing(lists))
        await self._walk.policy.call(lambda: self._number_acls(lists))
        self._told.note(lists, differing)

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
        self._walk.tally.warnings.update(document.warnings)
        previous = known.row if known is not None else None
        needed = plan(document, acl_id, previous, recipe=self._walk.recipe, now=self._walk.clock())
        reassigned = self._reassigned(document, previous, HIDDEN_ACL if hidden_reason else acl_id)
        if hidden_reason:
            withdrawal = self._withdrawal(document.id, DocumentState.HIDDEN, hidden_reason, previous)
            settled.append(replace(withdrawal, reassigned=reassigned))
        elif needed.need is Need.HIDING:
            settled.append(self._unreadable(document, previous))
        elif needed.need is Need.NOTHING and previous is not None:
            settled.append(self._unchanged(previous, lineage=spelled_lineage(document.lineage)))
        elif needed.need is Need.ACCESS and previous is not None:
            moved = replace(previous, lineage=spelled_lineage(document.lineage))
            settled.append(replace(self._under(document.id, moved, acl_id, document.owner), reassigned=reassigned))
        else:
            number = self._walk.acknowledgements.open()
            await self._tasks.put(Task(number, document, acl_id, previous, needed, reassigned))

    def _reassigned(self, document: Document, previous: LedgerRow | None, acl_id: AclId) -> tuple[Reassignment, ...]:
        """Whether the document comes under another list; since when, only the list can tell where it did not move."""
        stayed = previous is not None and previous.lineage == spelled_lineage(document.lineage)
        changed_at = self._told.of(document.acl) if stayed and document.acl is not None else None
        return reassignment(previous, acl_id, document.owner, changed_at=changed_at)

    def _unchanged(self, previous: LedgerRow, *, lineage: str) -> Settlement:
        """Keep the row; what is held back, or failed and is not to be tried now, stays that and is reported so."""
        failure = standing_failure(previous)
        if previous.state is DocumentState.HELD:
            return self._settlement(rows=(replace(previous, lineage=lineage),))
        if not failure and previous.lineage == lineage:
            return self._settlement(unchanged=(previous.native_id,))
        state = DocumentState.FAILED if failure else DocumentState.UNCHANGED
        return self._settlement(rows=(replace(previous, state=state, reason=failure, lineage=lineage),))

    def _under(
        self, document_id: DocumentId, previous: LedgerRow, acl_id: AclId, owner: Principal | None
    ) -> Settlement:
        """Put a stored document under another list or owner; a failure that is not to be tried now stays one."""
        failure = standing_failure(previous)
        row = replace(
            previous,
            state=DocumentState.FAILED if failure else DocumentState.METADATA_ONLY,
            reason=failure or "access",
            acl_id=int(acl_id),
            owner=str(owner) if owner is not None else None,
        )
        return self._settlement(rows=(row,), operations=(Readmit(document_id, acl_id, owner),))

    def _readmit(self, read: AccessRead, known: MetRow | None, acl_id: AclId, *, hidden_reason: str) -> Settlement:
        """Settle a document of which only the access was read; one that the index lacks waits for a full sync."""
        previous = known.row if known is not None else None
        if previous is None:
            row = LedgerRow(read.document_id.native_id, DocumentState.FILTERED, "not-in-index")
            return self._settlement(rows=(row,))
        if not previous.in_index:
            return self._settlement(rows=(previous,))
        if hidden_reason or acl_id == HIDDEN_ACL:
            hidden = self._hidden(read.document_id, previous, hidden_reason or "permissions-unreadable")
            return replace(hidden, reassigned=self._withdrawn(read, previous) if hidden_reason else ())
        if is_under(previous, acl_id, read.owner):
            return self._unchanged(previous, lineage=previous.lineage)
        reassigned = reassignment(previous, acl_id, read.owner, changed_at=read.changed_at)
        return replace(self._under(read.document_id, previous, acl_id, read.owner), reassigned=reassigned)

    def _withdrawn(self, read: AccessRead, previous: LedgerRow) -> tuple[Reassignment, ...]:
        return reassignment(previous, HIDDEN_ACL, read.owner, changed_at=read.changed_at)

    def _unreadable(self, document: Document, previous: LedgerRow | None) -> Settlement:
        """Hide a document that no reader may be named of; an account that lost a right must not cost an index."""
        reason = "permissions-unreadable"
        if previous is None or not previous.in_index:
            return self._settlement(rows=(LedgerRow(document.id.native_id, DocumentState.HIDDEN, reason),))
        return self._hidden(document.id, replace(previous, lineage=spelled_lineage(document.lineage)), reason)

    def _hidden(self, document_id: DocumentId, previous: LedgerRow, reason: str) -> Settlement:
        """Hide a stored document from everybody, and keep its passages for the day when it may be shown again."""
        state = DocumentState.HIDDEN
        row = replace(previous, state=state, reason=reason, description_sha256=None, acl_id=int(HIDDEN_ACL))
        return self._settlement(rows=(row,), operations=(Hide(document_id),))

    def _skip(self, skipped: Skipped, known: MetRow | None) -> Settlement:
        previous = known.row if known is not None else None
        if skipped.state is DocumentState.FAILED and previous is not None and previous.in_index:
            # Its permissions could not be read again: nobody sees it until they are, and its passages are kept.
            kept = replace(
                previous,
                state=DocumentState.FAILED,
                reason=skipped.reason,
                description_sha256=None,
                acl_id=int(HIDDEN_ACL),
                retry_at=self._walk.clock(),
            )
            return self._settlement(rows=(kept,), operations=(Hide(skipped.document_id),))
        return self._withdrawal(skipped.document_id, skipped.state, skipped.reason, previous)

    def _withdrawal(
        self, document_id: DocumentId, state: DocumentState, reason: str, previous: LedgerRow | None
    ) -> Settlement:
        row = LedgerRow(document_id.native_id, state, reason)
        in_index = previous is not None and previous.in_index
        return self._settlement(rows=(row,), operations=(Delete(document_id),) if in_index else ())

    def _removal(self, document_id: DocumentId, known: MetRow | None) -> list[Settlement]:
        """Delete at the source's word, or hide where a run would delete more than the brake allows."""
        if known is None or document_id in self._walk.leaving:
            return []
        if known.row.in_index and not self._walk.removals.allows_one():
            return [self._braked(document_id, known)]
        self._walk.leaving.add(document_id)
        operations = (Delete(document_id),) if known.row.in_index else ()
        return [self._settlement(removed=(document_id.native_id,), operations=operations)]

    def _braked(self, document_id: DocumentId, known: MetRow) -> Settlement:
        if self._is_first(document_id, known):
            return self._hidden(document_id, known.row, DELETE_BRAKE)
        return self._settlement(operations=(Hide(document_id),))

    def _settlement(
        self,
        *,
        rows: tuple[LedgerRow, ...] = (),
        unchanged: tuple[str, ...] = (),
        removed: tuple[str, ...] = (),
        operations: tuple[IndexOperation, ...] = (),
    ) -> Settlement:
        return Settlement((self._walk.acknowledgements.open(),), rows, unchanged, removed, operations)

    async def _settle(self, settled: Sequence[Settlement]) -> None:
        """Send a page's settlements as one, in their order."""
        if not settled:
            return
        together = Settlement(
            numbers=tuple(number for one in settled for number in one.numbers),
            rows=tuple(row for one in settled for row in one.rows),
            unchanged=tuple(native_id for one in settled for native_id in one.unchanged),
            removed=tuple(native_id for one in settled for native_id in one.removed),
            operations=tuple(operation for one in settled for operation in one.operations),
            reassigned=tuple(each for one in settled for each in one.reassigned),
        )
        await self._settlements.put(together)


def _id(change: _MetDocument) -> DocumentId:
    return change.document.id if isinstance(change, Upsert) else change.document_id
