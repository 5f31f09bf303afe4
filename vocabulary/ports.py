"""The Protocols between rooms. Each sentence of a contract below has a test in `tests/contract/`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

from vocabulary.access import AccessFilter, Acl, Identity
from vocabulary.documents import (
    Change,
    Checkpoint,
    DocumentId,
    EnrichedPassage,
    ExtractedText,
    Vector,
)
from vocabulary.indexing import IndexOperation, IndexStatistics, Refusal, StoredDocument
from vocabulary.search import Page, Query, Suggestion
from vocabulary.shown_document import ShownDocument


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One line of `sightline check`: what was looked at, whether it will do, and what to change if not."""

    subject: str
    passed: bool
    message: str


Searching: TypeAlias = Callable[[Query, Vector | None, AccessFilter], Awaitable[Page]]
"""What answers a query, as `SearchBackend.search` does."""


class SyncMode(StrEnum):
    """What a sync brings up to date."""

    FULL = "full"  # people and groups, then every document; what is gone is deleted
    CHANGES = "changes"  # what is new, modified or gone since the last full or changes sync
    PERMISSIONS = "permissions"  # who may read each document; no content
    IDENTITIES = "identities"  # people and groups only
    RESCORE = "rescore"  # what is said of the toxicity of stored text; the source is not asked
    AUDIT = "audit"  # nothing: a sample of what the index shows is compared with what the source says


class KnownDocuments(Protocol):
    """What a sync knows of a source already, for a connector that compares a folder with what was there before."""

    async def directly_in(self, lineage: Sequence[str]) -> Sequence[str]:
        """Ids of the documents that lie directly in the folder at the end of the lineage."""
        ...

    async def folders_in(self, lineage: Sequence[str]) -> Sequence[str]:
        """Ids of the subfolders of that folder with a document anywhere below them."""
        ...

    async def below(self, *folder_ids: str) -> Sequence[str]:
        """Ids of the documents that lie anywhere below one of the folders, wherever it was when they were met."""
        ...

    async def held(self, document_ids: Collection[str]) -> Sequence[str]:
        """Those of the ids that are documents in the index."""
        ...

    async def under_other_lists(self, lineage: Sequence[str], acl: Acl | None) -> Sequence[str]:
        """Ids of the documents directly in the folder at the end of the lineage that are not under this list.

        None: those that anybody might find. A list that is not stored has no documents under it.
        """
        ...

    async def list_keys(self) -> Sequence[str]:
        """Keys of the lists that documents are under."""
        ...

    async def under_lists(self, keys: Collection[str]) -> Sequence[str]:
        """Ids of the documents that are under one of the lists."""
        ...


class Connector(Protocol):
    """A source system as a stream of changes.

    A crawl yields every document in scope at least once, as an `Upsert` or a `Skipped`, and a `Checkpoint` at least
    once a page. Ended without an error, it was complete: what it did not yield is not in scope any more. A crawl from
    a checkpoint yields at least everything that the interrupted crawl had not yielded before it. A document's
    `content_version` is the same in two crawls only if, by all that the source tells, its bytes did not change.

    The connector decides nothing about retries, rates or storage. It is an async context manager; it connects
    when entered.

    Raises (from every method): `RetryableError`, `RunAborted`, `ConfigurationError`.
    """

    @property
    def requests(self) -> Mapping[str, int]:
        """How many requests were sent since the connector was entered, by kind; empty where nobody is asked."""
        ...

    @property
    def absence_is_proof(self) -> bool:
        """Whether what a complete crawl did not yield is gone for certain; else each such document is revisited."""
        ...

    async def check(self) -> Sequence[CheckResult]:
        """Look at credentials, scope and rights without reading content. A failure is a result, not an error."""
        ...

    def crawl(self, checkpoint: Checkpoint | None) -> AsyncIterator[Change]:
        """Walk the scope from its beginning, or from a checkpoint of an earlier crawl of the same scope.

        Raises:
            CheckpointInvalid: the position is not one of this scope.
        """
        ...

    def open_content(self, document_id: DocumentId) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Stream a document's bytes, in pieces of at most 1 MiB. Entering sends the request.

        Raises:
            ContentGone: there are no bytes, or no document, any more.
            ContentUnavailable: the bytes are there and cannot be had now (refused, archived).
            SourceUnavailable: the transfer broke off; never a silently shortened stream.
        """
        ...


@runtime_checkable
class IncrementalConnector(Connector, Protocol):
    """A source that can tell what changed, and who may read what, without being walked as a whole.

    Raises (from every method): what `Connector` raises.
    """

    async def mark(self) -> Checkpoint:
        """The present, as a place to read changes from: all that happens from now on lies behind it."""
        ...

    def changes(self, checkpoint: Checkpoint, known: KnownDocuments) -> AsyncIterator[Change]:
        """Yield what is new, modified, moved or gone behind the checkpoint, as `Upsert`, `Skipped` or `Removed`.

        Each `Checkpoint` in the stream is a place to go on from, the last one the place for the next time. What did not
        change may be among it. What it yields is true; that it yields everything is for `crawl` to make sure. Lists
        that are met on the way come as `AclRead`; what a configured way of finding changes could not do, as `Notice`.

        Raises:
            CheckpointInvalid: the position is not one of this scope.
        """
        ...

    def permissions(self, checkpoint: Checkpoint | None) -> AsyncIterator[Change]:
        """Yield who may read each document in scope, as `AccessRead`, and lists as `AclRead` as early as possible.

        No content is read. Ended without an error, it was complete, as a crawl is. Checkpoints are as in `crawl`.
        """
        ...

    def revisit(self, document_ids: Sequence[DocumentId]) -> AsyncIterator[Change]:
        """Look at single documents again and yield an `Upsert`, `Skipped` or `Removed` for each."""
        ...


class IdentitySource(Protocol):
    """A directory of people and groups: a source that keeps its own, or a general one."""

    def identities(self) -> AsyncIterator[Identity]:
        """Yield every person and every direct membership once. Ended without an error, the list was complete."""
        ...


class Extractor(Protocol):
    """Bytes to text, by content and not by file name, in bounded time and memory."""

    async def extract(self, path: Path, *, mime_type: str) -> ExtractedText:
        """Read the file at `path`, an absolute one; `mime_type` is the source's word for it and may be wrong.

        Text beyond the configured limit is cut and flagged. No text at all gives no blocks, and no error.

        Raises:
            ExtractionFailed: encrypted, damaged, unsupported, too slow, or the parser died.
        """
        ...


class SearchBackend(Protocol):
    """An index: rows in, permitted hits out.

    It is an async context manager; it opens its files or connections when entered. Everything an answer is made
    of (hits, totals, facets, excerpts, cursors) comes from documents that the access filter admits, as if the others
    did not exist.
    """

    @property
    def index_id(self) -> str:
        """A random name given when the index was created empty; another one means that nothing written is there."""
        ...

    async def adopt(self, numbering: str) -> None:
        """Tie the index to the state that numbers its ACLs; an index that holds nothing can be tied anew.

        Raises:
            NumberingMismatch: the index holds documents under another state's numbers.
        """
        ...

    async def seal(self) -> str:
        """The word that was last put on the index; empty while there is none."""
        ...

    async def put_seal(self, seal: str, *, hide_all: bool) -> None:
        """Put a word on the index; with `hide_all`, in the same step, hide every document of every source."""
        ...

    async def apply(
        self, operations: Sequence[IndexOperation], *, fence: int | None = None
    ) -> Mapping[DocumentId, Refusal]:
        """Carry out the operations in order, and return once they survive a crash and can be searched.

        Returns the documents of which something was not done, and why (`Refusal`). After an error any part of the batch
        may have been carried out, and a replay completes it; after none, a replay changes nothing.

        `fence` is a number that grows with every lease on the documents' source: a document that was written, or
        deleted, under a higher one stays as it is. None: the writer is the only one.

        Raises:
            IndexBusy: the index cannot take the batch now.
            ValueError: a vector of another size, or with a number that is none; nothing was changed.
        """
        ...

    async def stored_passages(self, document_id: DocumentId) -> tuple[EnrichedPassage, ...]:
        """The passages of a document in their order, vectors within float16 rounding; empty when it is unknown."""
        ...

    async def stored_documents(self, *, after: str = "", limit: int) -> Sequence[StoredDocument]:
        """At most `limit` documents behind a position, in the order in which they were first stored, hidden ones too.

        What was stored before a reading began and not deleted since is met by it, whatever else is written meanwhile.
        """
        ...

    async def look_up(self, document_ids: Sequence[DocumentId]) -> Sequence[StoredDocument]:
        """Those of the documents that are stored, in the order in which they were first stored, hidden ones too."""
        ...

    async def take_identity(self, index_id: str) -> None:
        """Go by this name from now on: the index is about to hold what the index of that name holds.

        Raises:
            ConfigurationError: it holds documents under another name.
        """
        ...

    async def search(self, query: Query, vector: Vector | None, access: AccessFilter) -> Page:
        """Answer a query with what the filter admits; an index that was never tied to a state answers with nothing.

        Raises:
            NumberingMismatch: the filter's numbering is not the index's.
            QueryInvalid: an unusable cursor, or a missing vector.
        """
        ...

    async def suggest(
        self, text: str, access: AccessFilter, *, size: int, through: Callable[[Searching], Searching] | None = None
    ) -> tuple[Suggestion, ...]:
        """Complete what a reader has begun to type, best first, from documents that the filter admits.

        `through` changes the engine's own search, before it is asked for what completions are made of: from hits that
        it leaves out nothing is suggested.

        Raises:
            NumberingMismatch: the filter's numbering is not the index's.
        """
        ...

    async def show(self, document_id: DocumentId, access: AccessFilter) -> ShownDocument | None:
        """Show one document; None alike, and after the same work, where there is none and where it is not admitted.

        Raises:
            NumberingMismatch: the filter's numbering is not the index's.
        """
        ...

    async def statistics(self) -> IndexStatistics: ...

    def document_ids(self, source: str) -> AsyncIterator[DocumentId]:
        """Every stored document of a source, ordered by id."""
        ...
