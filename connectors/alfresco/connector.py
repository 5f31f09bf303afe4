"""One Alfresco source as streams of changes: everything, what changed, who may read, and single documents again.

The connector puts together what each stream is made of: a walk through folder trees or the search index, the scope as
it is found now, the permissions of the places on the way. Nothing is retried here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from connectors.alfresco import identity
from connectors.alfresco.checks import check_source
from connectors.alfresco.config import AlfrescoConfig
from connectors.alfresco.lanes.changed_lists import ChangedLists
from connectors.alfresco.lanes.configured import configured_lanes
from connectors.alfresco.lanes.lane_reading import LaneReading
from connectors.alfresco.lanes.lately_secured import LatelySecured, lately_secured
from connectors.alfresco.lanes.list_sweep import ListSweep
from connectors.alfresco.lanes.named_nodes import NamedNodes
from connectors.alfresco.lanes.news_reader import NewsReader
from connectors.alfresco.permissions import PermissionReader
from connectors.alfresco.renditions import Renditions
from connectors.alfresco.scope.resolving import ResolvedScope, resolve_scope
from connectors.alfresco.streams import position
from connectors.alfresco.streams.change_reader import ChangeReader
from connectors.alfresco.streams.folder_comparison import FolderComparison
from connectors.alfresco.streams.node_changes import REVISITED_AT_ONCE, NodeChanges
from connectors.alfresco.streams.permission_sweep import PermissionSweep, SweepTools
from connectors.alfresco.streams.places import PlaceReader
from connectors.alfresco.streams.position import PendingFolder
from connectors.alfresco.streams.search_crawl import aspect_query, crawl_found
from connectors.alfresco.streams.tree_walk import TreeWalk, roots_pending
from connectors.alfresco.wire.client import AlfrescoClient
from connectors.alfresco.wire.faults import AccessRefused, NodeMissing
from vocabulary.access import Identity
from vocabulary.documents import Change, Checkpoint, DocumentId
from vocabulary.errors import CheckpointInvalid, ContentGone, ContentUnavailable
from vocabulary.ports import CheckResult, KnownDocuments


@dataclass(frozen=True, slots=True)
class _Crawl:
    """What one stream works with: the scope as it is now, and what was decided at places on the way."""

    scope: ResolvedScope
    places: PlaceReader
    changes: NodeChanges


class AlfrescoConnector:
    """One Alfresco source, an async context manager that holds the connections.

    It is an `IncrementalConnector` and an `IdentitySource`.
    """

    def __init__(self, source: str, config: AlfrescoConfig) -> None:
        self._source = source
        self._config = config
        self._client = AlfrescoClient(config)
        self._reader = PermissionReader(source, config.extra_read_permissions)
        self._renditions = Renditions(self._client, config.rendition)
        self._scope = position.scope_fingerprint(config)
        self._lanes = configured_lanes(self._client, config)

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.__aexit__(kind, error, trace)

    @property
    def requests(self) -> Mapping[str, int]:
        return {kind: count for kind, count in self._client.counts.requests.items() if count}

    @property
    def absence_is_proof(self) -> bool:
        """A walk meets what is there; the search index may not know it yet, or not any more."""
        return self._config.find_by == "walk"

    async def check(self) -> Sequence[CheckResult]:
        return await check_source(self._client, self._config, self._lanes)

    def identities(self) -> AsyncIterator[Identity]:
        return identity.identities(self._client, source=self._source, concurrency=self._config.max_connections)

    async def crawl(self, checkpoint: Checkpoint | None) -> AsyncIterator[Change]:
        crawl = await self._begin()
        if self._config.find_by == "search":
            since = position.moment_at(checkpoint, scope=self._scope) if checkpoint else None
            async for nodes, reached in crawl_found(self._client, aspect_query(self._config), since=since):
                placed = [(node, await crawl.places.at_node(node)) for node in nodes]
                for change in await crawl.changes.placed_documents(placed):
                    yield change
                yield position.in_time(reached, scope=self._scope)
            return
        walk = self._walk(crawl.places, self._pending(crawl, checkpoint))
        async for page in walk.pages():
            for change in await crawl.changes.documents(page.items, page.access):
                yield change
            yield position.in_tree(walk.pending, scope=self._scope)

    async def mark(self) -> Checkpoint:
        return position.in_time(await self._client.now(), scope=self._scope)

    async def changes(self, checkpoint: Checkpoint, known: KnownDocuments) -> AsyncIterator[Change]:
        since = position.moment_at(checkpoint, scope=self._scope)
        if since is None:
            raise CheckpointInvalid("the saved position names no moment")
        crawl, now = await self._begin(), await self._client.now()
        begins_at = since - timedelta(seconds=self._config.index_lag_s)
        comparison = self._comparison(crawl, known)
        places = position.lanes_at(checkpoint, scope=self._scope)
        lanes = LaneReading(self._lanes, self._news_reader(crawl, known, comparison, begins_at), places=places)
        async for change in lanes.changes(
            since=since, now=now, checkpoint=lambda at: position.in_time(since, lanes=at, scope=self._scope)
        ):
            yield change
        reader = ChangeReader(
            self._client, scope=crawl.scope, places=crawl.places, changes=crawl.changes, comparison=comparison
        )
        async for change in reader.since(
            since,
            begins_at=begins_at,
            now=now,
            checkpoint=lambda moment: position.in_time(moment, lanes=lanes.places, scope=self._scope),
        ):
            yield change

    async def permissions(self, checkpoint: Checkpoint | None) -> AsyncIterator[Change]:
        crawl = await self._begin()
        sweep = PermissionSweep(self._sweep_tools(crawl), crawl.scope.roots)
        if checkpoint is None:
            stream = sweep.begun(await self._lately_secured(crawl.scope))
        else:
            pending = position.pending_at(checkpoint, scope=self._scope)
            stream = sweep.resumed(pending, apart=position.apart_at(checkpoint, scope=self._scope))
        async for change in stream:
            yield change

    async def revisit(self, document_ids: Sequence[DocumentId]) -> AsyncIterator[Change]:
        crawl = await self._begin()
        for start in range(0, len(document_ids), REVISITED_AT_ONCE):
            some = document_ids[start : start + REVISITED_AT_ONCE]
            for change in await crawl.changes.revisited([each.native_id for each in some]):
                yield change

    @asynccontextmanager
    async def open_content(self, document_id: DocumentId) -> AsyncIterator[AsyncIterator[bytes]]:
        try:
            async with self._renditions.content(document_id.native_id) as pieces:
                yield pieces
        except NodeMissing as cause:
            raise ContentGone(str(cause)) from cause
        except AccessRefused as cause:
            raise ContentUnavailable(str(cause)) from cause

    async def _begin(self) -> _Crawl:
        scope = await resolve_scope(self._client, self._config)
        places = PlaceReader(self._client, self._reader)
        changes = NodeChanges(self._client, self._config, source=self._source, scope=scope, places=places)
        return _Crawl(scope, places, changes)

    def _comparison(self, crawl: _Crawl, known: KnownDocuments) -> FolderComparison:
        return FolderComparison(
            places=crawl.places,
            changes=crawl.changes,
            known=known,
            walk=lambda pending, enters: self._walk(crawl.places, pending, enters_subfolders=enters),
        )

    def _news_reader(
        self, crawl: _Crawl, known: KnownDocuments, comparison: FolderComparison, since: datetime
    ) -> NewsReader:
        scope, places, changes = crawl.scope, crawl.places, crawl.changes
        nodes = NamedNodes(
            self._client, scope=scope, places=places, changes=changes, known=known, comparison=comparison
        )
        sweep = ListSweep(
            places=places,
            changes=changes,
            known=known,
            comparison=comparison,
            folders=lambda top: self._walk(places, [PendingFolder(id=top.id)], folders_only=True),
            files=lambda top: self._walk(places, [PendingFolder(id=top.id)], enters_subfolders=False),
            page_size=self._config.page_size,
        )
        lists = ChangedLists(scope=scope, nodes=nodes, places=places, known=known, comparison=comparison, sweep=sweep)
        return NewsReader(scope=scope, nodes=nodes, comparison=comparison, lists=lists, since=since)

    def _sweep_tools(self, crawl: _Crawl) -> SweepTools:
        return SweepTools(
            places=crawl.places,
            changes=crawl.changes,
            folders=lambda pending, apart: self._walk(crawl.places, pending, folders_only=True, apart=apart),
            everything=lambda pending, apart: self._walk(crawl.places, pending, apart=apart),
            checkpoint=lambda pending, apart: position.in_tree(pending, apart=apart, scope=self._scope),
        )

    async def _lately_secured(self, scope: ResolvedScope) -> LatelySecured:
        if not self._lanes:
            return LatelySecured()
        return await lately_secured(self._lanes, self._client, scope, now=await self._client.now())

    def _pending(self, crawl: _Crawl, checkpoint: Checkpoint | None) -> list[PendingFolder]:
        if checkpoint is None:
            return roots_pending(crawl.scope.roots)
        return position.pending_at(checkpoint, scope=self._scope)

    def _walk(
        self,
        places: PlaceReader,
        pending: list[PendingFolder],
        *,
        folders_only: bool = False,
        enters_subfolders: bool = True,
        apart: frozenset[str] = frozenset(),
    ) -> TreeWalk:
        return TreeWalk(
            self._client,
            places,
            pending,
            page_size=self._config.page_size,
            ahead=self._config.max_connections,
            folders_only=folders_only,
            enters_subfolders=enters_subfolders,
            apart=apart,
        )
