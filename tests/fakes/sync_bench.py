"""All that a full sync needs, over a scripted source, an index and a real state store."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import sqlalchemy as sa
from pyroaring import FrozenBitMap

from indexer.judging.guard import NOTHING_MADE_OF_SCORES, ConfiguredRule
from indexer.judging.rescoring import RescoringSettings, run_rescoring
from indexer.layers import RetryPolicy
from indexer.preview import Preview, preview_sync
from indexer.state.ledger import Ledger
from indexer.state.run_history import RunReport
from indexer.state.runs import RunStore
from indexer.sync import SyncSettings, run_sync
from indexer.walk import PipelineLimits, SyncPorts
from tests.fakes.plain_rooms import HashingEnricher, MemoryNumbering, PlainTextExtractor
from tests.fakes.scripted_source import SOURCE, ScriptedSource
from vocabulary.access import AccessFilter, Acl
from vocabulary.documents import DocumentState
from vocabulary.numbering import AclNumbering
from vocabulary.ports import SearchBackend, SyncMode
from vocabulary.search import Query, SearchMode

_MORE_THAN_ANY_ACL_ID = 1_000


async def no_wait(_: float) -> None:
    await asyncio.sleep(0)


@dataclass
class Bench:
    """All that a run needs, and what a test looks at afterwards."""

    engine: sa.Engine
    backend: SearchBackend
    source: ScriptedSource = field(default_factory=ScriptedSource)
    enricher: HashingEnricher = field(default_factory=HashingEnricher)
    numbering: AclNumbering = field(default_factory=MemoryNumbering)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    toxicity: ConfiguredRule = NOTHING_MADE_OF_SCORES
    now: float = 1_800_000_000.0  # epoch seconds, as the runs see them
    limits: PipelineLimits = field(default_factory=lambda: PipelineLimits(page_documents=7, queued_items=4))
    policy: RetryPolicy = field(default_factory=lambda: RetryPolicy(attempts=3, sleep=no_wait))

    async def sync(
        self,
        mode: SyncMode = SyncMode.FULL,
        *,
        public: bool = False,
        confirm_deletes: bool = False,
        brake: float = 0.5,
    ) -> RunReport:
        ports = SyncPorts(self.source, PlainTextExtractor(), self.enricher, self.backend, self.numbering)
        settings = SyncSettings(
            SOURCE,
            public=public,
            toxicity=self.toxicity,
            delete_brake=brake,
            confirm_deletes=confirm_deletes,
            limits=self.limits,
            policy=self.policy,
            stop=self.stop,
            clock=lambda: self.now,
        )
        return await run_sync(mode, ports, settings, ledger=Ledger(self.engine), runs=RunStore(self.engine))

    async def rescore(self, *only: str) -> RunReport:
        """Score stored text anew, or judge only these documents."""
        settings = RescoringSettings(
            SOURCE,
            self.numbering.numbering,
            self.toxicity,
            only=only or None,
            policy=self.policy,
            stop=self.stop,
            clock=lambda: self.now,
        )
        rows, runs = Ledger(self.engine), RunStore(self.engine)
        return await run_rescoring(settings, self.backend, self.enricher, ledger=rows, runs=runs)

    async def preview(self, mode: SyncMode = SyncMode.FULL) -> Preview:
        return await preview_sync(
            mode,
            SyncPorts(self.source, PlainTextExtractor(), self.enricher, self.backend, self.numbering),
            source=SOURCE,
            public=False,
            delete_brake=0.5,
            ledger=Ledger(self.engine),
            runs=RunStore(self.engine),
            policy=self.policy,
            now=self.now,
            listed=20,
        )

    async def find(self, text: str, *, acl: Acl | None = None) -> set[str]:
        """Ids of what a reader who may see every numbered list, or only the given one, finds by keyword."""
        visible = FrozenBitMap(range(1, _MORE_THAN_ANY_ACL_ID))
        if acl is not None:
            visible = FrozenBitMap((await self.numbering.number(SOURCE, [acl])).values())
        access = AccessFilter(self.numbering.numbering, visible, FrozenBitMap(), frozenset())
        page = await self.backend.search(Query(text, mode=SearchMode.KEYWORD, size=100), None, access)
        return {hit.document_id.native_id for hit in page.hits}

    async def stored(self) -> list[str]:
        return [document_id.native_id async for document_id in self.backend.document_ids(SOURCE)]

    async def listed(self, report: RunReport, state: DocumentState) -> dict[str, str]:
        rows = await RunStore(self.engine).documents(report.id, state)
        return {row.document_id.native_id: row.reason for row in rows}
