"""The product's rooms around a sync, with a stand-in for what reads and embeds text."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from pydantic import SecretStr

from acl import (
    AccessControl,
    AclStore,
    IdentityStore,
    MatchUserBy,
    ReaderClaims,
    SourceIdentityRule,
    refresh_identities,
)
from acl import create_tables as create_acl_tables
from connectors.alfresco import AlfrescoConfig, AlfrescoConnector
from indexer.backends.embedded import EmbeddedBackend
from indexer.state.ledger import Ledger
from indexer.state.run_history import RunReport
from indexer.state.runs import RunStore
from indexer.state.tables import create_tables
from indexer.sync import SyncSettings, run_sync
from indexer.walk import SyncPorts
from vocabulary.access import AccessFilter
from vocabulary.documents import (
    CLEAN,
    Block,
    DocumentId,
    Enrichment,
    ExtractedText,
    ReadText,
    Tokens,
    Toxicity,
    ToxicityThresholds,
    Vector,
)
from vocabulary.indexing import IndexOperation, Refusal
from vocabulary.ports import SyncMode
from vocabulary.search import Query

_SOURCE = "bench"
DIMENSIONS = 16


class _FirstLine:
    """An extractor that reads a line of text."""

    async def extract(self, path: Path, *, mime_type: str) -> ExtractedText:
        with path.open("rb") as file:
            return ExtractedText((Block(file.readline(200).decode(errors="replace") or "empty"),))


class _OneToken:
    """An enricher that takes no time."""

    recipe = "stand-in/1"
    toxicity_version = ""
    toxicity_thresholds = ToxicityThresholds(flag=1.0, hide=1.0)
    dimensions = DIMENSIONS
    max_tokens = 256

    async def pinned(self) -> _OneToken:
        return self

    def tokenise(self, text: str) -> Tokens:
        return Tokens(np.array([1], dtype=np.int32), np.array([[0, len(text)]], dtype=np.int32))

    async def enrich(self, texts: Sequence[ReadText]) -> Enrichment:
        vectors = np.full((len(texts), DIMENSIONS), DIMENSIONS**-0.5, dtype=np.float32)
        return Enrichment(vectors, await self.score(texts))

    async def score(self, texts: Sequence[ReadText]) -> Sequence[Toxicity]:
        return [CLEAN] * len(texts)

    async def embed_query(self, text: str) -> Vector:
        return (await self.enrich([ReadText(text, self.tokenise(text))])).vectors[0]


class _CountingBackend(EmbeddedBackend):
    """The embedded index, counting what is written to it."""

    writes = 0

    async def apply(
        self, operations: Sequence[IndexOperation], *, fence: int | None = None
    ) -> Mapping[DocumentId, Refusal]:
        self.writes += len(operations)
        return await super().apply(operations, fence=fence)


class _CountingConnector(AlfrescoConnector):
    """The connector, counting the documents whose content was asked for."""

    opened = 0

    fills = False  # contents are made up here, so that an index is filled without a request for each document

    def open_content(self, document_id: DocumentId) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        self.opened += 1
        return _made_up(document_id) if self.fills else super().open_content(document_id)


@asynccontextmanager
async def _made_up(document_id: DocumentId) -> AsyncIterator[AsyncIterator[bytes]]:
    async def pieces() -> AsyncIterator[bytes]:
        yield f"Document {document_id.native_id}".encode()

    yield pieces()


@dataclass
class Rooms:
    """One source with its index and state store, open."""

    connector: _CountingConnector
    backend: _CountingBackend
    acls: AclStore
    identities: IdentityStore
    access: AccessControl
    ledger: Ledger
    runs: RunStore
    enricher: _OneToken = field(default_factory=_OneToken)
    requests_at_once = 8  # the connector's default

    @property
    def opened(self) -> int:
        return self.connector.opened

    @property
    def index_writes(self) -> int:
        return self.backend.writes

    @index_writes.setter
    def index_writes(self, count: int) -> None:
        self.backend.writes = count

    async def refresh_people(self) -> None:
        await refresh_identities(_SOURCE, self.connector, self.identities, confirmed=False)

    async def sync(self, mode: SyncMode) -> RunReport:
        ports = SyncPorts(self.connector, _FirstLine(), self.enricher, self.backend, self.acls)
        return await run_sync(mode, ports, SyncSettings(_SOURCE), ledger=self.ledger, runs=self.runs)

    async def visible_to(self, email: str) -> int:
        """How many lists admit the person, as a query would have it."""
        return len((await self._filter_for(email)).visible)

    async def found_by(self, email: str) -> int:
        """How many documents the person finds."""
        page = await self.backend.search(Query("", size=1), None, await self._filter_for(email))
        return page.total.value

    async def _filter_for(self, email: str) -> AccessFilter:
        claims = ReaderClaims(issuer="https://idp.example.com", user=email, groups=())
        return await self.access.filter_for(claims, [SourceIdentityRule(_SOURCE, MatchUserBy.EMAIL)])


@asynccontextmanager
async def open_rooms(
    url: str,
    folder: Path,
    *,
    backend: AbstractAsyncContextManager[Any] | None = None,
    acls: Callable[[sa.Engine], AclStore] = AclStore,
    **settings: Any,
) -> AsyncIterator[Rooms]:
    """Open the rooms over a folder that keeps the state and, unless there is another engine, the index.

    Further settings are the connector's.
    """
    engine = sa.create_engine(f"sqlite:///{folder / 'state.db'}")
    create_acl_tables(engine)
    create_tables(engine)
    auth = {"kind": "basic", "username": "admin", "password": SecretStr("admin")}
    scope = {"folders": ["/Company Home/Bulk"]}
    config = AlfrescoConfig.model_validate({"url": url, "auth": auth} | scope | settings)
    async with AsyncExitStack() as stack:
        stack.callback(engine.dispose)
        connector = await stack.enter_async_context(_CountingConnector(_SOURCE, config))
        engine_of_index = backend or _CountingBackend(folder / "index", dimensions=DIMENSIONS)
        index = await stack.enter_async_context(engine_of_index)
        yield Rooms(
            connector=connector,
            backend=index,
            acls=acls(engine),
            identities=IdentityStore(engine),
            access=AccessControl(engine),
            ledger=Ledger(engine),
            runs=RunStore(engine),
        )
