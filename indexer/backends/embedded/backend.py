"""The embedded engine: `SearchBackend` on one SQLite file, for one machine and any number of its processes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from indexer.backends.embedded import integrity, picture_check, schema, segments, stored_rows, vector_check, writer
from indexer.backends.embedded.connections import Connections
from indexer.backends.embedded.current_catalogue import CurrentCatalogue
from indexer.backends.embedded.current_vectors import CurrentVectors
from indexer.backends.embedded.keeping import Keeping
from indexer.backends.embedded.search import Search
from indexer.backends.embedded.shown_document import shown_document
from indexer.search import suggestions
from indexer.search.analysis import DEFAULT_LANGUAGES, analyzer
from indexer.search.request import needed_vector, refuse_foreign_vectors
from indexer.search.tuning import Tuned
from vocabulary.access import AccessFilter
from vocabulary.documents import DocumentId, EnrichedPassage, Vector
from vocabulary.errors import IndexBusy, NumberingMismatch
from vocabulary.indexing import IndexOperation, IndexStatistics, Refusal, StoredDocument
from vocabulary.ports import Searching
from vocabulary.search import Page, Query, Suggestion, Total, TotalRelation, Tuning
from vocabulary.shown_document import ShownDocument

_log = logging.getLogger(__name__)

_IDS_AT_ONCE = 1_000
# Searches of one process at a time. They compute, and threads that compute take the interpreter from each other: eight
# people got 8 to 55 % more answers from two at a time than from four (docs/benchmarks.md), on two cores; on more it was
# not measured.
_SEARCHES_AT_ONCE = 2
_NOTHING = Page(total=Total(0, TotalRelation.EQUAL), hits=(), facets={}, next_cursor=None)


class EmbeddedBackend:
    """An index in the file at `path`, for vectors of `dimensions` numbers and texts in these languages (ISO 639-1).

    The file is made when it does not exist. Several processes may have it open; one writes at a time, and each sees
    at its next query what another wrote. What is kept in memory is taken from the file at the first search.

    Raises (when entered): `ConfigurationError`, naming the path.
    """

    def __init__(
        self,
        path: Path,
        *,
        dimensions: int,
        languages: Sequence[str] = DEFAULT_LANGUAGES,
        tuning: Tuning = Tuning(),  # noqa: B008 - immutable
    ) -> None:
        self._path = path
        self._dimensions = dimensions
        self._analyzer = analyzer(tuple(languages))
        self._tuned = Tuned(tuning, self._analyzer)
        self._connections = Connections(path)
        self._catalogue = CurrentCatalogue(path, dimensions)
        self._vectors = CurrentVectors(path, dimensions)
        self._keeping = Keeping(path, dimensions, self._connections, self._catalogue, self._vectors)
        self._turns = asyncio.Semaphore(_SEARCHES_AT_ONCE)
        self._index_id = ""

    async def __aenter__(self) -> Self:
        await self._connections.open(dimensions=self._dimensions, languages=self._analyzer.languages)
        self._index_id = await self._connections.read(_index_id)
        await asyncio.to_thread(self._keeping.remove_left)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._keeping.end()
        await self._connections.close()

    @property
    def index_id(self) -> str:
        """The random name that the file got when it was created."""
        return self._index_id

    async def adopt(self, numbering: str) -> None:
        """Tie the index to the state that numbers its ACLs.

        Raises:
            NumberingMismatch: the index holds documents under another state's numbers.
        """
        await self._connections.write(lambda connection: writer.adopt(connection, numbering))

    async def seal(self) -> str:
        """Return the word that was last put on the index."""
        return await self._connections.read(lambda connection: schema.read_state(connection, "seal")) or ""

    async def put_seal(self, seal: str, *, hide_all: bool) -> None:
        """Put a word on the index, and hide every document where asked, in one transaction.

        Raises:
            IndexBusy: another process writes, or the disk is full; nothing was changed.
        """
        await self._connections.write(lambda connection: writer.put_seal(connection, seal, hide_all=hide_all))

    async def apply(
        self, operations: Sequence[IndexOperation], *, fence: int | None = None
    ) -> Mapping[DocumentId, Refusal]:
        """Carry out the operations in one transaction, on disk when this returns.

        Raises:
            IndexBusy: another process writes, or the disk is full; nothing was changed.
        """
        for operation in operations:
            refuse_foreign_vectors(operation, dimensions=self._dimensions)
        refused = await self._connections.write(
            lambda connection: writer.apply(connection, operations, self._analyzer, fence=fence)
        )
        await self._tidy()
        return refused

    async def stored_passages(self, document_id: DocumentId) -> tuple[EnrichedPassage, ...]:
        """Return the passages of a document in their order."""
        return await self._connections.read(lambda connection: stored_rows.stored_passages(connection, document_id))

    async def stored_documents(self, *, after: str = "", limit: int) -> Sequence[StoredDocument]:
        """Return documents behind a position, in the order in which they were first stored."""
        return await self._connections.read(
            lambda connection: stored_rows.stored_documents(connection, after=after, limit=limit)
        )

    async def look_up(self, document_ids: Sequence[DocumentId]) -> Sequence[StoredDocument]:
        """Return those of the documents that are stored, in the order in which they were first stored."""
        return await self._connections.read(lambda connection: stored_rows.look_up(connection, document_ids))

    async def take_identity(self, index_id: str) -> None:
        """Go by this name from now on.

        Raises:
            ConfigurationError: the index holds documents under another name.
        """
        await self._connections.write(lambda connection: stored_rows.take_identity(connection, index_id))
        self._index_id = index_id

    async def search(self, query: Query, vector: Vector | None, access: AccessFilter) -> Page:
        """Answer a query with what the filter admits.

        Raises:
            NumberingMismatch: the filter's numbering is not the index's.
            QueryInvalid: an unusable cursor, or a missing vector.
        """
        needed = needed_vector(query, vector, dimensions=self._dimensions)
        async with self._turns:
            page = await self._connections.read(lambda connection: self._search(connection, query, needed, access))
        self._keeping.begin()
        return page

    async def suggest(
        self, text: str, access: AccessFilter, *, size: int, through: Callable[[Searching], Searching] | None = None
    ) -> tuple[Suggestion, ...]:
        """Complete what a reader has begun to type, from documents that the filter admits and `through` leaves.

        Raises:
            NumberingMismatch: the filter's numbering is not the index's.
        """
        search = self.search if through is None else through(self.search)
        return await suggestions.suggest(search, text, access, size=size, analyzer=self._analyzer)

    async def show(self, document_id: DocumentId, access: AccessFilter) -> ShownDocument | None:
        """Show one document if the filter admits it.

        Raises:
            NumberingMismatch: the filter's numbering is not the index's.
        """
        return await self._connections.read(partial(_show, document_id=document_id, access=access))

    async def statistics(self) -> IndexStatistics:
        """Count what the index holds."""
        return await self._connections.read(_statistics)

    async def document_ids(self, source: str) -> AsyncIterator[DocumentId]:
        """Yield the documents of a source, ordered by id; what is written meanwhile may be among them or not."""
        last = ""
        while batch := await self._connections.read(partial(_native_ids, source=source, after=last)):
            for native_id in batch:
                yield DocumentId(source, native_id)
            last = batch[-1]

    async def inspect(self) -> tuple[str, ...]:
        """Compare every part of the file with what the others say; return what is wrong, nothing where all is well."""
        return await self._connections.read(self._inspect)

    async def repair(self) -> int:
        """Write anew what follows from the rows, in one transaction; return how many documents had to be removed.

        Raises:
            IndexBusy: another process writes, or the disk is full; nothing was changed.
            ConfigurationError: pages of the file are damaged: only a backup or a new file helps.
        """
        return await self._connections.write(
            partial(integrity.repair, analyzer=self._analyzer, dimensions=self._dimensions)
        )

    def _inspect(self, connection: Any) -> tuple[str, ...]:
        connection.execute("BEGIN")
        found = tuple(integrity.inspect(connection, self._analyzer, dimensions=self._dimensions))
        return found or (
            *picture_check.inspect(connection, self._path, dimensions=self._dimensions),
            *vector_check.inspect(connection, self._path, dimensions=self._dimensions),
        )

    async def _tidy(self) -> None:
        """Merge segments of the text index and shorten the file, where due. What cannot be done now is due again."""
        try:
            while await self._connections.write(segments.tidy):
                pass
            await self._connections.give_space_back()
        except IndexBusy as error:
            _log.warning("the text index could not be tidied: %s", error)

    def _search(self, connection: Any, query: Query, vector: Vector | None, access: AccessFilter) -> Page:
        catalogue = self._catalogue.open_transaction(connection)
        if not _is_numbered_as(connection, access):
            return _NOTHING
        vectors = self._vectors.at(connection)
        return Search(connection, catalogue, vectors, query, vector, access, self._analyzer, self._tuned).answer()


def _show(connection: Any, document_id: DocumentId, access: AccessFilter) -> ShownDocument | None:
    connection.execute("BEGIN")  # permissions and rows as of one moment
    return shown_document(connection, document_id, access) if _is_numbered_as(connection, access) else None


def _is_numbered_as(connection: Any, access: AccessFilter) -> bool:
    """Whether the index was tied to a state at all.

    Raises:
        NumberingMismatch: to another one than the filter.
    """
    numbering = schema.read_state(connection, "numbering")
    if numbering not in (None, access.numbering):
        raise NumberingMismatch("the index's ACLs were numbered by another state")
    return numbering is not None


def _index_id(connection: Any) -> str:
    return schema.read_state(connection, "index_id") or ""


def _statistics(connection: Any) -> IndexStatistics:
    row = connection.execute("SELECT (SELECT count(*) FROM document), (SELECT count(*) FROM embedding)").fetchone()
    return IndexStatistics(documents=row[0], passages=row[1])


def _native_ids(connection: Any, source: str, *, after: str) -> list[str]:
    rows = connection.execute(
        "SELECT native_id FROM document WHERE source = ? AND native_id > ? ORDER BY native_id LIMIT ?",
        (source, after, _IDS_AT_ONCE),
    )
    return [row[0] for row in rows]
