"""Whether a difference is a mistake, or a change at the source that no run has read yet.

The documents concerned, and the directory, are read by the crawl's own code once more; nothing of it is stored. A
difference is pending only if that reading would put it right, if what is stored is provably as it was written, and if
no complete run has had the time to bring it up to date since it was first found. All else is a leak or a loss.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from acl import GroupGraph, expand, may_read
from acl.changes import AccessRecords
from connectors.registry import SourceConnector
from indexer.layers import RetryPolicy
from service.audit.comparison import Comparison
from service.wiring import State
from vocabulary.access import HIDDEN_ACL, Acl, AclId, Membership, Person, Principal
from vocabulary.documents import AccessRead, Change, DocumentId, DocumentState, Removed, Skipped, Upsert
from vocabulary.indexing import Description
from vocabulary.ports import IncrementalConnector, SearchBackend
from vocabulary.statements import Verdict


@dataclass(frozen=True, slots=True)
class _Read:
    """Who may read a document, as a crawl meets it now; not brought: it is gone, or not in scope any more."""

    is_brought: bool
    acl: Acl | None = None
    owner: Principal | None = None


@dataclass(frozen=True, slots=True)
class _Directory:
    """The source's people as a crawl reads them now."""

    people: Mapping[Principal, Person]
    groups: GroupGraph

    def principals_of(self, reader: Principal) -> frozenset[Principal]:
        person = self.people.get(reader)
        return frozenset() if person is None else expand(person, self.groups)


class Rereading:
    """Reads a source anew, without storing anything, to judge differences."""

    def __init__(self, state: State, backend: SearchBackend, connector: SourceConnector, policy: RetryPolicy) -> None:
        self._state = state
        self._records = AccessRecords(state.engine)
        self._backend = backend
        self._connector = connector
        self._policy = policy

    async def unread_changes(self, source: str, differing: Sequence[Comparison]) -> frozenset[Comparison]:
        """Those of the differences that come from a change at the source since it was last read.

        Raises:
            SightlineError: the source cannot be read.
        """
        if not differing:
            return frozenset()
        ids = sorted({each.asked.question.document_id for each in differing})
        read = await self._policy.call(lambda: _read_anew(self._connector, ids))
        directory = await self._policy.call(lambda: _listed(self._connector))
        stored = {each.put.description.document_id: each.put.description for each in await self._backend.look_up(ids)}
        unread = [
            each
            for each in differing
            if await self._is_unread(source, each, read, directory, stored.get(each.asked.question.document_id))
        ]
        return frozenset(unread)

    async def _is_unread(
        self,
        source: str,
        difference: Comparison,
        read: Mapping[DocumentId, _Read],
        directory: _Directory,
        stored: Description | None,
    ) -> bool:
        document_id, reader = difference.asked.question.document_id, difference.asked.question.reader
        now = read.get(document_id, _Read(is_brought=False))
        principals = directory.principals_of(reader) if reader is not None else None
        would_show = now.is_brought and _admits(now, principals, source=source)
        if would_show != (difference.statement.verdict is Verdict.ALLOWED):
            return False  # the crawl itself would err again
        if stored is None or not await self._is_as_written(stored):
            return False
        return await self._differs(stored, now, reader, principals)

    async def _is_as_written(self, stored: Description) -> bool:
        """Whether the index holds the document under the list that the ledger names, and that list is whole."""
        source, native_id = stored.document_id.source, stored.document_id.native_id
        noted = (await self._state.ledger.look_up(source, [native_id])).get(native_id)
        owner = str(stored.owner) if stored.owner is not None else None
        if noted is None or (noted.row.acl_id, noted.row.owner) != (stored.acl_id, owner):
            return False
        if stored.acl_id == HIDDEN_ACL:
            return True
        kept = await self._records.acl(source, stored.acl_id)
        return kept is not None and kept.as_written and (kept.brought_by is None or kept.brought_by.run is not None)

    async def _differs(
        self, stored: Description, now: _Read, reader: Principal | None, principals: frozenset[Principal] | None
    ) -> bool:
        """Whether the source is not what was stored of it: the document, its list or owner, or the person's groups."""
        if not now.is_brought or now.owner != stored.owner:
            return True
        if await self._list_in_force(stored.document_id.source, stored.acl_id) != now.acl:
            return True
        return reader is not None and principals != await self._stored_principals(reader)

    async def _list_in_force(self, source: str, acl_id: AclId) -> Acl | None:
        if acl_id == HIDDEN_ACL:
            return None
        kept = await self._records.acl(source, acl_id)
        return kept.in_force if kept is not None else None

    async def _stored_principals(self, reader: Principal) -> frozenset[Principal]:
        stored = await self._records.person(reader)
        if stored is None:
            return frozenset()
        return frozenset(map(Principal.parse, await self._state.identities.principals_of(stored.person)))


def _admits(read: _Read, principals: frozenset[Principal] | None, *, source: str) -> bool:
    """Whether the document would be shown; without principals, to anybody."""
    if principals is not None:
        return may_read(read.acl, read.owner, principals, source=source)
    return read.acl is not None and Principal.everyone(source) in read.acl.allow and not read.acl.deny


async def _read_anew(connector: SourceConnector, ids: Sequence[DocumentId]) -> Mapping[DocumentId, _Read]:
    """Meet the documents as a crawl does: one by one where the source can be asked so, else by walking all of it."""
    wanted = set(ids)
    stream: AsyncIterator[Change] = (
        connector.revisit(ids) if isinstance(connector, IncrementalConnector) else connector.crawl(None)
    )
    met = [(_document_of(change), _read(change)) async for change in stream]
    return {document_id: read for document_id, read in met if document_id in wanted}


def _document_of(change: Change) -> DocumentId | None:
    match change:
        case Upsert():
            return change.document.id
        case Skipped() | Removed() | AccessRead():
            return change.document_id
    return None


def _read(change: Change) -> _Read:
    match change:
        case Upsert():
            return _Read(is_brought=True, acl=change.document.acl, owner=change.document.owner)
        case Skipped(state=DocumentState.FAILED):
            return _Read(is_brought=True)  # it is hidden
    return _Read(is_brought=False)


async def _listed(connector: SourceConnector) -> _Directory:
    identities = [identity async for identity in connector.identities()]
    people = {each.principal: each for each in identities if isinstance(each, Person)}
    return _Directory(people, GroupGraph.of(each for each in identities if isinstance(each, Membership)))
