"""The in-memory engine: `SearchBackend` in dictionaries. Nothing survives the process."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

from indexer.backends.memory.rows import Rows
from indexer.backends.memory.search import answer, may_see
from indexer.backends.memory.showing import shown_document
from indexer.backends.memory.texts import KeptTexts
from indexer.search import suggestions
from indexer.search.analysis import DEFAULT_LANGUAGES, analyzer
from indexer.search.request import needed_vector, refuse_foreign_vectors
from indexer.search.tuning import Tuned
from vocabulary.access import AccessFilter
from vocabulary.documents import DocumentId, EnrichedPassage, Vector
from vocabulary.errors import ConfigurationError, NumberingMismatch
from vocabulary.indexing import IndexOperation, IndexStatistics, Refusal, StoredDocument, document_of
from vocabulary.ports import Searching
from vocabulary.search import Page, Query, Suggestion, Total, TotalRelation, Tuning
from vocabulary.shown_document import ShownDocument


class MemoryBackend:
    """An index that lives as long as the object, for vectors of `dimensions` numbers and texts in these languages."""

    def __init__(
        self,
        *,
        dimensions: int,
        languages: Sequence[str] = DEFAULT_LANGUAGES,
        tuning: Tuning = Tuning(),  # noqa: B008 - immutable
    ) -> None:
        self._analyzer = analyzer(tuple(languages))
        self._tuned = Tuned(tuning, self._analyzer)
        self._dimensions = dimensions
        self._index_id = uuid.uuid4().hex
        self._numbering: str | None = None
        self._seal = ""
        self._rows = Rows()
        self._texts = KeptTexts(self._analyzer)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    @property
    def index_id(self) -> str:
        """A random name given when the object was made."""
        return self._index_id

    async def adopt(self, numbering: str) -> None:
        """Tie the index to the state that numbers its ACLs.

        Raises:
            NumberingMismatch: the index holds documents under another state's numbers.
        """
        if self._rows.documents and self._numbering != numbering:
            raise NumberingMismatch("the index holds documents under another state's numbers")
        self._numbering = numbering

    async def seal(self) -> str:
        """Return the word that was last put on the index."""
        return self._seal

    async def put_seal(self, seal: str, *, hide_all: bool) -> None:
        """Put a word on the index, and hide every document where asked."""
        if hide_all:
            self._rows.hide_all()
        self._seal = seal

    async def apply(
        self, operations: Sequence[IndexOperation], *, fence: int | None = None
    ) -> Mapping[DocumentId, Refusal]:
        """Carry out the operations in order, all or none."""
        for operation in operations:
            refuse_foreign_vectors(operation, dimensions=self._dimensions)
            self._texts.forget(document_of(operation))
        return self._rows.apply(operations, fence=fence)

    async def stored_passages(self, document_id: DocumentId) -> tuple[EnrichedPassage, ...]:
        """Return the passages of a document in their order."""
        stored = self._rows.documents.get(document_id)
        return () if stored is None else stored.passages

    async def stored_documents(self, *, after: str = "", limit: int) -> Sequence[StoredDocument]:
        """Return documents behind a position, in the order in which they were first stored."""
        return self._rows.behind(after, limit=limit)

    async def look_up(self, document_ids: Sequence[DocumentId]) -> Sequence[StoredDocument]:
        """Return those of the documents that are stored, in the order in which they were first stored."""
        return self._rows.held(document_ids)

    async def take_identity(self, index_id: str) -> None:
        """Go by this name from now on.

        Raises:
            ConfigurationError: the index holds documents under another name.
        """
        if self._rows.documents and self._index_id != index_id:
            raise ConfigurationError("the index holds documents under another name")
        self._index_id = index_id

    async def search(self, query: Query, vector: Vector | None, access: AccessFilter) -> Page:
        """Answer a query with what the filter admits.

        Raises:
            NumberingMismatch: the filter's numbering is not the index's.
            QueryInvalid: an unusable cursor, or a missing vector.
        """
        needed = needed_vector(query, vector, dimensions=self._dimensions)
        if not self._is_numbered_as(access):
            return Page(total=Total(0, TotalRelation.EQUAL), hits=(), facets={}, next_cursor=None)
        readable = [self._texts.of(each) for each in self._rows.documents.values() if may_see(access, each)]
        return answer(readable, query, needed, self._analyzer, self._tuned)

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
        stored = self._rows.documents.get(document_id) if self._is_numbered_as(access) else None
        if stored is None or not may_see(access, stored):
            return None
        return shown_document(stored)

    def _is_numbered_as(self, access: AccessFilter) -> bool:
        """Whether the index was tied to a state at all.

        Raises:
            NumberingMismatch: to another one than the filter.
        """
        if self._numbering not in (None, access.numbering):
            raise NumberingMismatch("the index's ACLs were numbered by another state")
        return self._numbering is not None

    async def statistics(self) -> IndexStatistics:
        """Count what the index holds."""
        passages = sum(len(each.passages) for each in self._rows.documents.values())
        return IndexStatistics(documents=len(self._rows.documents), passages=passages)

    async def document_ids(self, source: str) -> AsyncIterator[DocumentId]:
        """Yield the documents of a source, ordered by id."""
        for document_id in sorted(each for each in self._rows.documents if each.source == source):
            yield document_id
