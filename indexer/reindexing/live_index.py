"""An index as queries and syncs see it: always where it is at present, whoever has moved it.

Every call looks at the state store first. A query is answered by the place that it met; one that began before a switch
ends where it began. A write is noted before and after where a copy follows, and repeated where the index has moved
meanwhile: operations may be replayed.

Readers are answered only while index and state store are of one time, as the seals tell (`indexer/state/seals.py`): put
back from a backup, a state store would admit whom it has shut out since.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self, TypeAlias, TypeVar

from indexer.reindexing.followed_writes import EVERYTHING, FollowedWrites, Noted
from indexer.reindexing.places import Place, PlaceStore, PlaceUnknown, Standing, is_of_one_time
from vocabulary.access import AccessFilter
from vocabulary.documents import DocumentId, EnrichedPassage, Vector
from vocabulary.enricher import Enricher
from vocabulary.errors import IndexBusy, NumberingMismatch, RunAborted
from vocabulary.indexing import (
    Describe,
    IndexOperation,
    IndexStatistics,
    Put,
    Refusal,
    StoredDocument,
    document_of,
)
from vocabulary.ports import SearchBackend, Searching
from vocabulary.search import Page, Query, Suggestion
from vocabulary.shown_document import ShownDocument

T = TypeVar("T")

_SWITCH_POLL_S = 0.05
_SWITCH_PATIENCE_S = 30.0  # a switch brings some hundred documents to the copy: well under a second

_SEAL_TRUSTED_S = 10.0  # so long a restored index may go unnoticed by who had it open; a restored state store does not
_SEAL_POLL_S = 0.05  # while two runs that begin at once put their seals one over the other
_SEAL_LOOKS = 5


@dataclass(frozen=True, slots=True, eq=False)
class OpenedPlace:
    """An index where it is kept, and the model of its vectors."""

    backend: SearchBackend
    enricher: Enricher


# A place that the index has left and come back to is opened anew: what an engine remembers of it is of another time.
_Key: TypeAlias = tuple[Place, int]
PlaceOpener = Callable[[Place], AbstractAsyncContextManager[OpenedPlace]]


@dataclass(slots=True, eq=False)
class _Opened:
    key: _Key
    opened: OpenedPlace
    closing: AsyncExitStack
    users: int = 0
    noted: frozenset[str] | None = None  # the seals in the state store when that of the index was last found among them
    sealed_at: float = 0.0  # when that was, on the monotonic clock


class LiveIndex:
    """The index of this name: a `SearchBackend` that follows it. Its places are opened when they are first needed."""

    def __init__(self, name: str, places: PlaceStore, open_place: PlaceOpener) -> None:
        self.name = name
        self._places = places
        self._writes = FollowedWrites(places)
        self._open_place = open_place
        self._opening = asyncio.Lock()
        self._opened: dict[_Key, _Opened] = {}
        self._index_id = ""
        self._present: _Key | None = None

    async def __aenter__(self) -> Self:
        standing = await self._places.read(self.name)
        self._present = _key(standing)
        if standing.occupant is None:
            async with self._at(standing) as opened:
                self._index_id = opened.backend.index_id
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close(*self._opened.values())

    @asynccontextmanager
    async def present(self) -> AsyncIterator[OpenedPlace]:
        """The index where it is now, open for as long as the context lasts.

        Raises:
            IndexBusy: what lies where the settings lead is another index, or a copy of one.
        """
        standing = await self._places.read(self.name)
        _require_own_place(standing)
        self._present = _key(standing)
        async with self._at(standing) as opened:
            yield opened

    @asynccontextmanager
    async def answering(self) -> AsyncIterator[OpenedPlace]:
        """The index as `present` has it, for a reader.

        Raises:
            IndexBusy: as `present` does.
            NumberingMismatch: index and state store are not of one time; a run has to read again who may read what.
        """
        standing, noted = await self._places.read_sealed(self.name, self._index_id)
        _require_own_place(standing)
        self._present = _key(standing)
        async with self._at(standing) as opened:
            await self._require_seal(self._opened[_key(standing)], noted)
            yield opened

    async def _require_seal(self, entry: _Opened, noted: frozenset[str]) -> None:
        """Make sure that the index bears one of the noted seals; it is asked when they change, and now and then."""
        if entry.noted == noted and time.monotonic() - entry.sealed_at < _SEAL_TRUSTED_S:
            return
        for _ in range(_SEAL_LOOKS):
            seal = await entry.opened.backend.seal()
            _, noted = await self._places.read_sealed(self.name, entry.opened.backend.index_id)
            if is_of_one_time(seal, noted):
                entry.noted, entry.sealed_at = noted, time.monotonic()
                return
            await asyncio.sleep(_SEAL_POLL_S)
        raise NumberingMismatch(
            f"index {self.name!r} and the state store are not of one time: sync it before it answers"
        )

    async def occupant(self) -> str | None:
        """The other index that is kept, or copied to, where the settings of this one lead; None: nobody."""
        return (await self._places.read(self.name)).occupant

    # --- the port: who the index is ---

    @property
    def index_id(self) -> str:
        """The random name of the index, which its copies go by, too."""
        return self._index_id

    async def adopt(self, numbering: str) -> None:
        async with self.present() as opened:  # a copy is tied when it begins, and once more before the switch
            await opened.backend.adopt(numbering)

    async def take_identity(self, index_id: str) -> None:
        async with self.present() as opened:
            await opened.backend.take_identity(index_id)
            self._index_id = index_id

    async def seal(self) -> str:
        async with self.present() as opened:
            return await opened.backend.seal()

    async def put_seal(self, seal: str, *, hide_all: bool) -> None:
        async def put(opened: OpenedPlace) -> None:
            await opened.backend.put_seal(seal, hide_all=hide_all)

        await self._write([EVERYTHING] if hide_all else [], put)

    # --- the port: writing ---

    async def apply(
        self, operations: Sequence[IndexOperation], *, fence: int | None = None
    ) -> Mapping[DocumentId, Refusal]:
        """Carry out the operations where the index is when they have been carried out.

        Raises:
            RunAborted: the index was switched to another model meanwhile; the next run writes for that one.
        """
        embedded_by: list[str] = []

        async def carry_out(opened: OpenedPlace) -> Mapping[DocumentId, Refusal]:
            embedded_by.append(opened.enricher.recipe)
            if opened.enricher.recipe == embedded_by[0]:
                return await opened.backend.apply(operations, fence=fence)
            await opened.backend.apply([_without_vectors(each) for each in operations], fence=fence)
            raise RunAborted("the index was switched to another model; the next run goes on with it")

        return await self._write([document_of(each) for each in operations], carry_out)

    async def _write(self, documents: Iterable[DocumentId], work: Callable[[OpenedPlace], Awaitable[T]]) -> T:
        written = list(documents)
        noted = await self._noted(written)
        while True:
            # Whatever fails in here may have come about all the same: the documents stay on the list, as being written.
            async with self._at(noted.standing) as opened:
                result = await work(opened)
            after = await self._writes.end(self.name, noted, written)
            if _key(after) == _key(noted.standing):
                return result
            noted = await self._noted(written)

    async def _noted(self, documents: Sequence[DocumentId]) -> Noted:
        """Note a write as soon as the index is not on its way to another place."""
        for _ in range(round(_SWITCH_PATIENCE_S / _SWITCH_POLL_S)):
            noted = await self._writes.begin(self.name, documents)
            if noted is not None:
                _require_own_place(noted.standing)
                return noted
            await asyncio.sleep(_SWITCH_POLL_S)
        raise IndexBusy(f"index {self.name!r} is being switched to its copy", retry_after_s=_SWITCH_POLL_S)

    # --- the port: reading ---

    async def search(self, query: Query, vector: Vector | None, access: AccessFilter) -> Page:
        async with self.answering() as opened:
            return await opened.backend.search(query, vector, access)

    async def suggest(
        self, text: str, access: AccessFilter, *, size: int, through: Callable[[Searching], Searching] | None = None
    ) -> tuple[Suggestion, ...]:
        async with self.answering() as opened:
            return await opened.backend.suggest(text, access, size=size, through=through)

    async def show(self, document_id: DocumentId, access: AccessFilter) -> ShownDocument | None:
        async with self.answering() as opened:
            return await opened.backend.show(document_id, access)

    async def stored_passages(self, document_id: DocumentId) -> tuple[EnrichedPassage, ...]:
        async with self.present() as opened:
            return await opened.backend.stored_passages(document_id)

    async def stored_documents(self, *, after: str = "", limit: int) -> Sequence[StoredDocument]:
        async with self.present() as opened:
            return await opened.backend.stored_documents(after=after, limit=limit)

    async def look_up(self, document_ids: Sequence[DocumentId]) -> Sequence[StoredDocument]:
        async with self.present() as opened:
            return await opened.backend.look_up(document_ids)

    async def statistics(self) -> IndexStatistics:
        async with self.present() as opened:
            return await opened.backend.statistics()

    async def document_ids(self, source: str) -> AsyncIterator[DocumentId]:
        async with self.present() as opened:
            async for document_id in opened.backend.document_ids(source):
                yield document_id

    # --- its places ---

    @asynccontextmanager
    async def _at(self, standing: Standing) -> AsyncIterator[OpenedPlace]:
        async with self._opening:
            entry = self._opened.get(_key(standing)) or await self._open(standing)
            entry.users += 1
        try:
            yield entry.opened
        finally:
            entry.users -= 1
            await self._close_left()

    async def _open(self, standing: Standing) -> _Opened:
        async with AsyncExitStack() as stack:
            try:
                opened = await stack.enter_async_context(self._open_place(standing.place))
            except PlaceUnknown:
                opened = await stack.enter_async_context(self._open_moved(standing))
            entry = _Opened(_key(standing), opened, stack.pop_all())
        self._opened[entry.key] = entry
        return entry

    @asynccontextmanager
    async def _open_moved(self, standing: Standing) -> AsyncIterator[OpenedPlace]:
        """Open an index that was moved, and whose own settings lead by now to where it was moved.

        A former index that is still kept goes by the same name, and may be behind: then nobody can tell them apart.

        Raises:
            PlaceUnknown: they lead elsewhere.
        """
        own = replace(standing.place, index=self.name)
        if standing.copy is not None:
            raise PlaceUnknown(f"indexes.{standing.place.index}: missing, and index {self.name!r} has been moved there")
        async with self._open_place(own) as opened:
            if opened.backend.index_id != standing.index_id:
                raise PlaceUnknown(f"indexes.{self.name}: not the index that has been moved to {standing.place.index}")
            yield opened

    async def _close_left(self) -> None:
        """Close the places that the index has left and nobody uses any more."""
        async with self._opening:
            left = [entry for entry in self._opened.values() if entry.key != self._present and entry.users == 0]
            await self._close(*left)

    async def _close(self, *entries: _Opened) -> None:
        for entry in entries:
            del self._opened[entry.key]
            await entry.closing.aclose()


def _key(standing: Standing) -> _Key:
    return standing.place, standing.switches


def _require_own_place(standing: Standing) -> None:
    """Make sure that nothing else is kept where the settings of the index lead.

    Raises:
        IndexBusy: another index is, or has its copy, there.
    """
    if standing.occupant is not None:
        where = f"where index {standing.occupant!r} is kept or copied to"
        raise IndexBusy(f"index {standing.index!r} is {where}: ask that one")


def _without_vectors(operation: IndexOperation) -> IndexOperation:
    """What of an operation does not depend on a model: above all, who may read the document."""
    return Describe(operation.description) if isinstance(operation, Put) else operation
