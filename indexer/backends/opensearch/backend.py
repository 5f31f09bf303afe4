"""The OpenSearch engine: `SearchBackend` on an index of a cluster, for any number of machines."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from indexer.backends.opensearch import stored_rows
from indexer.backends.opensearch.access_clause import unheard
from indexer.backends.opensearch.client import Connection
from indexer.backends.opensearch.config import OpenSearchConfig
from indexer.backends.opensearch.documents import id_of, stored_passages
from indexer.backends.opensearch.mapping import EVERY_DOCUMENT, Field, index_body, keeps_quantised_vectors, unusable
from indexer.backends.opensearch.search import Searcher
from indexer.backends.opensearch.state import IndexState, StateDocument, in_next_epoch
from indexer.backends.opensearch.writer import Writer
from indexer.search import suggestions
from indexer.search.analysis import DEFAULT_LANGUAGES, analyzer
from indexer.search.request import refuse_foreign_vectors
from vocabulary.access import AccessFilter
from vocabulary.documents import DocumentId, EnrichedPassage, Vector
from vocabulary.errors import ConfigurationError, NumberingMismatch
from vocabulary.indexing import IndexOperation, IndexStatistics, Refusal, StoredDocument
from vocabulary.ports import Searching
from vocabulary.search import Page, Query, Suggestion, Tuning
from vocabulary.shown_document import ShownDocument

_IDS_AT_ONCE = 1_000


class OpenSearchBackend:
    """One building of an index in a cluster, for vectors of `dimensions` numbers.

    It is created when its handle leads nowhere. Any number of processes may have it open and write to it.

    Raises (when entered): `ConfigurationError`, naming the setting; `IndexBusy` where the cluster does not answer.
    """

    def __init__(
        self,
        config: OpenSearchConfig,
        *,
        dimensions: int,
        languages: Sequence[str] = DEFAULT_LANGUAGES,
        tuning: Tuning = Tuning(),  # noqa: B008 - immutable
        on_plain_filter: Callable[[], None] = unheard,
    ) -> None:
        self._config = config
        self._dimensions = dimensions
        self._languages = tuple(languages)
        self._connection = Connection(config)
        self._state = StateDocument(self._connection)
        self.searcher = Searcher(
            self._connection,
            self._state,
            dimensions=dimensions,
            languages=self._languages,
            tuning=tuning,
            on_plain_filter=on_plain_filter,
        )
        self._writer = Writer(self._connection, self._state, languages=self._languages)
        self._opened = AsyncExitStack()
        self._index_id = ""
        self._fence = 0

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as opening:
            await opening.enter_async_context(self._connection)
            await self._prepare()
            self._index_id = (await self._state.read()).index_id
            self._opened = opening.pop_all()
        self._fence = time.time_ns() // 1_000_000
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._opened.aclose()

    @property
    def index_id(self) -> str:
        """The random name that the index got when it was created."""
        return self._index_id

    async def adopt(self, numbering: str) -> None:
        """Tie the index to the state that numbers its ACLs.

        Raises:
            NumberingMismatch: the index holds documents under another state's numbers.
        """
        if (await self._state.read()).numbering == numbering:
            return
        if await self._holds_documents():
            raise NumberingMismatch("the index holds documents under another state's numbers")
        # What a writer under the former numbers stores meanwhile is hidden by the new epoch.
        await self._state.change(lambda state: replace(in_next_epoch(state), numbering=numbering))

    async def seal(self) -> str:
        """Return the word that was last put on the index."""
        return (await self._state.read()).seal

    async def put_seal(self, seal: str, *, hide_all: bool) -> None:
        """Put a word on the index, and hide every document where asked, in one write."""

        def sealed(state: IndexState) -> IndexState:
            return replace(in_next_epoch(state) if hide_all else state, seal=seal)

        await self._state.change(sealed)

    async def apply(
        self, operations: Sequence[IndexOperation], *, fence: int | None = None
    ) -> Mapping[DocumentId, Refusal]:
        """Carry out the operations; without a fence, as if the backend had taken its lease when it was entered.

        Raises:
            IndexBusy: the cluster cannot take them now; some may have been carried out, a replay completes them.
        """
        for operation in operations:
            refuse_foreign_vectors(operation, dimensions=self._dimensions)
        return await self._writer.apply(operations, fence=self._fence if fence is None else fence)

    async def stored_passages(self, document_id: DocumentId) -> tuple[EnrichedPassage, ...]:
        """Return the passages of a document in their order."""
        found = await self._connection.call(
            lambda client: client.get(
                index=self._config.handle,
                id=id_of(document_id),
                params={"ignore": 404, "_source_includes": Field.PASSAGES.value},
            )
        )
        return stored_passages(found.get("_source") or {}, dimensions=self._dimensions)

    async def stored_documents(self, *, after: str = "", limit: int) -> Sequence[StoredDocument]:
        """Return documents behind a position, in the order in which they were first stored."""
        return await stored_rows.behind(self._connection, self._state, after, limit=limit, dimensions=self._dimensions)

    async def look_up(self, document_ids: Sequence[DocumentId]) -> Sequence[StoredDocument]:
        """Return those of the documents that are stored, in the order in which they were first stored."""
        return await stored_rows.held(self._connection, self._state, document_ids, dimensions=self._dimensions)

    async def take_identity(self, index_id: str) -> None:
        """Go by this name from now on.

        Raises:
            ConfigurationError: the index holds documents under another name.
        """
        if (await self._state.read()).index_id != index_id:
            if await self._holds_documents():
                raise ConfigurationError("the index holds documents under another name")
            await self._state.change(lambda state: replace(state, index_id=index_id))
        self._index_id = index_id

    async def search(self, query: Query, vector: Vector | None, access: AccessFilter) -> Page:
        """Answer a query with what the filter admits.

        Raises:
            NumberingMismatch: the filter's numbering is not the index's.
            QueryInvalid: an unusable cursor, or a missing vector.
        """
        return await self.searcher.search(query, vector, access)

    async def suggest(
        self, text: str, access: AccessFilter, *, size: int, through: Callable[[Searching], Searching] | None = None
    ) -> tuple[Suggestion, ...]:
        """Complete what a reader has begun to type, from documents that the filter admits and `through` leaves.

        Raises:
            NumberingMismatch: the filter's numbering is not the index's.
        """
        search = self.search if through is None else through(self.search)
        return await suggestions.suggest(search, text, access, size=size, analyzer=analyzer(self._languages))

    async def show(self, document_id: DocumentId, access: AccessFilter) -> ShownDocument | None:
        """Show one document if the filter admits it, as of the last refresh, which follows every write.

        Raises:
            NumberingMismatch: the filter's numbering is not the index's.
        """
        return await self.searcher.show(document_id, access)

    async def statistics(self) -> IndexStatistics:
        """Count what the index holds, as of its last refresh."""
        passages = {"nested": {"path": Field.PASSAGES.value}}
        answer = await self._connection.call(
            lambda client: client.search(
                index=self._config.handle,
                body={"size": 0, "track_total_hits": True, "query": EVERY_DOCUMENT, "aggs": {"passages": passages}},
            )
        )
        return IndexStatistics(
            documents=answer["hits"]["total"]["value"], passages=answer["aggregations"]["passages"]["doc_count"]
        )

    async def document_ids(self, source: str) -> AsyncIterator[DocumentId]:
        """Yield the documents of a source, ordered by id; what is written meanwhile may be among them or not."""
        last: list[str] | None = None
        while batch := await self._native_ids(source, after=last):
            for native_id in batch:
                yield DocumentId(source, native_id)
            last = [batch[-1]]

    async def _native_ids(self, source: str, *, after: list[str] | None) -> list[str]:
        body: dict[str, Any] = {
            "size": _IDS_AT_ONCE,
            "query": {"bool": {"filter": [{"term": {Field.SOURCE.value: source}}]}},
            "sort": [{Field.NATIVE_ID.value: "asc"}],
            "_source": False,
            "track_total_hits": False,
        }
        if after is not None:
            body["search_after"] = after
        answer = await self._connection.call(lambda client: client.search(index=self._config.handle, body=body))
        return [hit["sort"][0] for hit in answer["hits"]["hits"]]

    async def _holds_documents(self) -> bool:
        """Whether any document is stored now, whatever was refreshed."""
        await self._connection.call(lambda client: client.indices.refresh(index=self._config.handle))
        return (await self.statistics()).documents > 0

    async def _prepare(self) -> None:
        """Create the index where its handle leads nowhere, or make sure that this version can use it."""
        handle = self._config.handle
        if not await self._is_alias(handle):
            await self._create()
        mappings = await self._connection.call(lambda client: client.indices.get_mapping(index=handle))
        for name, found in mappings.items():
            if problem := unusable(name, found["mappings"], dimensions=self._dimensions, languages=self._languages):
                raise ConfigurationError(problem)
            self.searcher.is_quantised = keeps_quantised_vectors(found["mappings"])
        await self._state.create_if_missing()

    async def _is_alias(self, name: str) -> bool:
        """Whether an index of ours has this alias; whoever may see ours alone may ask that, and no more."""
        ours = f"{self._config.alias}-*"
        return bool(await self._connection.call(lambda client: client.indices.exists_alias(name=name, index=ours)))

    async def _create(self) -> None:
        """Create the index with its aliases in one step; another program may have done it just before.

        A later building gets the lasting alias when it takes the place of the former one.
        """
        config = self._config
        is_taken = await self._connection.call(lambda client: client.indices.exists(index=config.alias))
        if is_taken and not await self._is_alias(config.alias):
            raise ConfigurationError(f"alias: {config.alias} is an index of the cluster, not an alias")
        names = [config.handle, config.alias] if config.generation == 1 else [config.handle]
        body = index_body(config.options, dimensions=self._dimensions, languages=self._languages) | {
            "aliases": {name: {} for name in names}
        }
        await self._connection.call(
            lambda client: client.indices.create(index=config.index, body=body, params={"ignore": 400})
        )
