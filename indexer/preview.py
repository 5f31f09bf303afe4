"""What a sync would do, found out without writing anything: the same crawl, the same plans, no run, no lease.

The source is read as a run would read it, except that no content is requested. What was met is noted in a temporary
file, so that memory stays flat; the state store and the index are only read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial

from indexer.layers import ChangeStream, RetryPolicy, resumed
from indexer.met_ids import MetIds, met_ids
from indexer.modes.changes import RETRIES_PER_RUN
from indexer.planning import Need, is_under, plan
from indexer.retrying import standing_failure
from indexer.state.known_documents import LedgerTree
from indexer.state.ledger import Ledger, LedgerRow
from indexer.state.runs import RunStore
from indexer.walk import SyncPorts, recipe_of
from indexer.work import acl_of
from vocabulary.access import HIDDEN_ACL, Acl, AclId, Principal
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
from vocabulary.numbering import KnownAcl
from vocabulary.ports import IncrementalConnector, SyncMode

_PAGE = 200  # looked up together, as a run does
_UNNUMBERED = AclId(-1)  # stands for the id that a list would be given


class Act(StrEnum):
    """What a sync would do about one document."""

    ADD = "add"  # read and indexed for the first time
    UPDATE = "update"  # its content read again
    DESCRIBE = "describe"  # title, attributes or comments written anew
    ACCESS = "access"  # under another list or owner, by itself
    HIDE = "hide"  # no reader may be named
    FILTER = "filter"  # met and left out; withdrawn where it is indexed
    DELETE = "delete"
    FAIL = "fail"  # the source would not let it be read, or it waits for another try
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class PlannedDocument:
    """One document of a preview, and what would be done about it."""

    document_id: DocumentId
    act: Act
    title: str
    reason: str


@dataclass(slots=True)
class Preview:
    """What a sync would do. `documents` holds the first of each act but `nothing`."""

    source: str
    mode: SyncMode
    counts: Counter[Act] = field(default_factory=Counter)
    documents: list[PlannedDocument] = field(default_factory=list)
    lists_changed: int = 0  # lists that many documents may be under, with other entries than before
    would_brake: bool = False

    def note(self, planned: PlannedDocument, *, listed: int) -> None:
        self.counts[planned.act] += 1
        if planned.act is not Act.NOTHING and self.counts[planned.act] <= listed:
            self.documents.append(planned)


async def preview_sync(
    mode: SyncMode,
    ports: SyncPorts,
    *,
    source: str,
    public: bool,
    delete_brake: float,
    ledger: Ledger,
    runs: RunStore,
    policy: RetryPolicy,
    now: float,
    listed: int,
) -> Preview:
    """Say what a sync in this mode would do now; `listed` documents of each act are named.

    An unfinished walk is not gone on with: the preview is of the whole scope.
    """
    position = await runs.changes_position(source, index_id=ports.backend.index_id)
    if mode is SyncMode.CHANGES and position is None:
        mode = SyncMode.FULL
    allowed = delete_brake * await ledger.count(source)
    stream = _stream(mode, ports, LedgerTree(ledger.engine, source, ports.acls))
    with met_ids() as met:
        previewer = _Previewer(Preview(source, mode), ports, ledger, met, policy, public=public, now=now, listed=listed)
        await previewer.read(stream, position if mode is SyncMode.CHANGES else None)
        match mode:
            case SyncMode.FULL:
                await previewer.take_unmet(allowed=allowed)
            case SyncMode.CHANGES:
                await previewer.take_due()
            case SyncMode.PERMISSIONS:
                await previewer.take_unswept()
    previewer.preview.would_brake = previewer.preview.counts[Act.DELETE] > allowed
    return previewer.preview


def _stream(mode: SyncMode, ports: SyncPorts, known: LedgerTree) -> ChangeStream:
    connector = ports.connector
    if not isinstance(connector, IncrementalConnector) or mode is SyncMode.FULL:
        return connector.crawl
    if mode is SyncMode.PERMISSIONS:
        return connector.permissions

    def changes(checkpoint: Checkpoint | None) -> AsyncIterator[Change]:
        assert checkpoint is not None  # noqa: S101 - without one, the mode is full
        return connector.changes(checkpoint, known)

    return changes


class _Previewer:
    """Plans page after page of changes."""

    def __init__(
        self,
        preview: Preview,
        ports: SyncPorts,
        ledger: Ledger,
        met: MetIds,
        policy: RetryPolicy,
        *,
        public: bool,
        now: float,
        listed: int,
    ) -> None:
        self.preview = preview
        self._ports = ports
        self._ledger = ledger
        self._met = met
        self._policy = policy
        self._public = public
        self._now = now
        self._listed = listed
        self._recipe = recipe_of(ports.enricher)
        self._lists: set[str] = set()

    async def read(self, stream: ChangeStream, start: Checkpoint | None) -> None:
        """Plan what a stream brings."""
        async for page in _pages(resumed(stream, start, self._policy)):
            await self._take(page)

    async def _take(self, page: Sequence[Change]) -> None:
        """Plan what was met for the first time."""
        documents = {_id(change): change for change in page if not isinstance(change, Checkpoint | AclRead | Notice)}
        fresh = self._met.add(list(documents))
        known = await self._ledger.look_up(self.preview.source, fresh)
        lists = await self._look_up([acl for change in page if (acl := acl_of(change)) is not None])
        for native_id in fresh:
            row = known[native_id].row if native_id in known else None
            self._note(documents[native_id], row, lists)

    async def take_unmet(self, *, allowed: float) -> None:
        """Look at what is indexed and was not met, where a run would; what it would not look at is to be deleted."""
        connector = self._ports.connector
        unmet = sum([len(page) async for page in self._unmet()])
        if isinstance(connector, IncrementalConnector) and not (connector.absence_is_proof and unmet > allowed):
            await self._revisit(connector, self._unmet())
            return
        async for page in self._unmet():
            for native_id in page:
                self._tell(native_id, Act.DELETE, reason="not-met")

    async def take_unswept(self) -> None:
        """Plan to hide what is indexed, was not met and could still be found."""
        async for page in self._unmet():
            for native_id, known in (await self._ledger.look_up(self.preview.source, page)).items():
                if known.row.acl_id != HIDDEN_ACL:
                    self._tell(native_id, Act.HIDE, reason="not-met")

    async def take_due(self) -> None:
        """Look at the failed documents that a run would try again."""
        connector = self._ports.connector
        assert isinstance(connector, IncrementalConnector)  # noqa: S101 - else the mode is full

        async def due() -> AsyncIterator[list[str]]:
            yield await self._ledger.due(self.preview.source, self._now, limit=RETRIES_PER_RUN)

        await self._revisit(connector, due())

    async def _revisit(self, connector: IncrementalConnector, pages: AsyncIterator[list[str]]) -> None:
        async for page in pages:
            ids = [DocumentId(self.preview.source, native_id) for native_id in self._met.missing(page)]
            await self.read(partial(_revisited, connector, ids), None)

    async def _unmet(self) -> AsyncIterator[list[str]]:
        last = ""
        while page := await self._ledger.held(self.preview.source, after=last):
            yield self._met.missing(page)
            last = page[-1]

    async def _look_up(self, acls: Sequence[Acl]) -> Mapping[str, KnownAcl]:
        known = await self._ports.acls.look_up(self.preview.source, acls)
        changed = {key for key, each in known.items() if each.id is not None and each.is_changed}
        self.preview.lists_changed += len(changed - self._lists)
        self._lists |= changed
        return known

    def _note(self, change: Change, row: LedgerRow | None, lists: Mapping[str, KnownAcl]) -> None:
        match change:
            case Upsert(document):
                act, reason = self._planned(document, row, lists)
                self._tell(document.id.native_id, act, title=document.title, reason=reason)
            case AccessRead(document_id, acl, owner):
                act, reason = self._readmitted(row, acl, owner, lists)
                self._tell(document_id.native_id, act, reason=reason)
            case Skipped(document_id, state, reason):
                self._tell(
                    document_id.native_id, Act.FAIL if state is DocumentState.FAILED else Act.FILTER, reason=reason
                )
            case Removed(document_id) if row is not None and row.in_index:
                self._tell(document_id.native_id, Act.DELETE, reason="removed")

    def _planned(self, document: Document, row: LedgerRow | None, lists: Mapping[str, KnownAcl]) -> tuple[Act, str]:
        acl_id = self._acl_id(document.acl, lists)
        need = plan(document, acl_id, row, recipe=self._recipe, now=self._now).need
        if need is Need.HIDING:
            return Act.HIDE, "permissions-unreadable"
        if self._public and not _is_public(document.acl, self.preview.source):
            return Act.HIDE, "not-public"
        if need is Need.NOTHING and (reason := standing_failure(row)):
            return Act.FAIL, reason
        return _act(need, row), ""

    def _readmitted(
        self, row: LedgerRow | None, acl: Acl | None, owner: Principal | None, lists: Mapping[str, KnownAcl]
    ) -> tuple[Act, str]:
        if row is None or not row.in_index:
            return Act.NOTHING, ""
        if acl is None:
            return Act.HIDE, "permissions-unreadable"
        if self._public and not _is_public(acl, self.preview.source):
            return Act.HIDE, "not-public"
        return (Act.NOTHING if is_under(row, self._acl_id(acl, lists), owner) else Act.ACCESS), ""

    def _acl_id(self, acl: Acl | None, lists: Mapping[str, KnownAcl]) -> AclId:
        if acl is None:
            return HIDDEN_ACL
        known = lists[acl.key].id
        return _UNNUMBERED if known is None else known

    def _tell(self, native_id: str, act: Act, *, title: str = "", reason: str = "") -> None:
        planned = PlannedDocument(DocumentId(self.preview.source, native_id), act, title, reason)
        self.preview.note(planned, listed=self._listed)


_ACTS = {
    Need.NOTHING: Act.NOTHING,
    Need.ACCESS: Act.ACCESS,
    Need.DESCRIPTION: Act.DESCRIBE,
    Need.COMMENTS: Act.DESCRIBE,
    Need.HIDING: Act.HIDE,
}


def _act(need: Need, row: LedgerRow | None) -> Act:
    if need is Need.CONTENT:
        return Act.UPDATE if row is not None and row.in_index else Act.ADD
    return _ACTS[need]


def _is_public(acl: Acl | None, source: str) -> bool:
    return acl is not None and Principal.everyone(source) in acl.allow and not acl.deny


def _id(change: Upsert | Skipped | Removed | AccessRead) -> str:
    return (change.document.id if isinstance(change, Upsert) else change.document_id).native_id


async def _pages(changes: AsyncIterator[Change]) -> AsyncIterator[list[Change]]:
    page: list[Change] = []
    async for change in changes:
        page.append(change)
        if len(page) >= _PAGE:
            yield page
            page = []
    yield page


def _revisited(
    connector: IncrementalConnector, ids: Sequence[DocumentId], _: Checkpoint | None
) -> AsyncIterator[Change]:
    """Single documents as a stream; there is no place in it to go on from."""
    return connector.revisit(ids)
