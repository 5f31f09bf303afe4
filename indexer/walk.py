"""What the stages of one walk share: the ports, the bounds, the ledger and the tally."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from indexer.acknowledgement import Acknowledgements
from indexer.judging.guard import Guarded, HoldGuard
from indexer.judging.rules import Handling
from indexer.layers import RetryPolicy
from indexer.passages import PASSAGES_VERSION
from indexer.state.ledger import Ledger
from indexer.state.runs import RunStore, RunTicket
from indexer.state.tally import Tally
from vocabulary.documents import DocumentId, EnrichedPassage
from vocabulary.enricher import Enricher
from vocabulary.indexing import IndexOperation, Put, Refusal
from vocabulary.numbering import AclNumbering
from vocabulary.ports import Connector, Extractor, SearchBackend


@dataclass(frozen=True, slots=True)
class SyncPorts:
    """The rooms that a sync works with."""

    connector: Connector
    extractor: Extractor
    enricher: Enricher
    backend: SearchBackend
    acls: AclNumbering


@dataclass(frozen=True, slots=True)
class PipelineLimits:
    """How much may be under way at once. Memory is bounded by these, whatever the size of the source."""

    page_documents: int = 200  # looked up in the ledger together
    read_at_once: int = 8  # documents whose content is fetched and extracted; a connector's requests at once
    queued_items: int = 64  # between two stages
    queued_bytes: int = 32 << 20  # text and vectors between two stages
    enriched_chars: int = 512 << 10  # given to the enricher together, about 800 passages: its look-ahead for sorting
    written_items: int = 64  # written to the index in one transaction
    written_bytes: int = 8 << 20
    content_bytes: int = 256 << 20  # one document's content; a larger one fails as too-large


@dataclass(slots=True)
class RemovalBrake:
    """How many documents a run may still remove at the source's word; None: a person has confirmed any number."""

    left: int | None

    def allows_one(self) -> bool:
        """Take one removal from what is left."""
        if self.left is None:
            return True
        self.left -= 1
        return self.left >= 0

    @property
    def engaged(self) -> bool:
        return self.left is not None and self.left < 0


@dataclass(slots=True)
class Walk:
    """What the stages of one walk share."""

    ports: SyncPorts
    ledger: Ledger
    runs: RunStore
    ticket: RunTicket
    public: bool  # the index is read without a token and holds only what everyone may read
    limits: PipelineLimits
    policy: RetryPolicy
    tally: Tally
    on_progress: Callable[[Tally], None]
    removals: RemovalBrake
    guard: HoldGuard
    stop: asyncio.Event = field(default_factory=asyncio.Event)  # set: end at the next page, settle what was crawled
    clock: Callable[[], float] = time.time  # epoch seconds
    lists_trusted_up_to: int | None = None  # the version of the source's lists when they were first distrusted
    acknowledgements: Acknowledgements = field(default_factory=Acknowledgements)
    under_way: set[DocumentId] = field(default_factory=set)  # met in this walk and not yet in the ledger
    leaving: set[DocumentId] = field(default_factory=set)  # removed in this walk and still in the ledger
    recorded: asyncio.Event = field(default_factory=asyncio.Event)  # something has reached the ledger

    async def until_settled(self, document_id: DocumentId) -> None:
        """Wait until nothing of the document is on its way to the ledger."""
        while document_id in self.under_way or document_id in self.leaving:
            self.recorded.clear()
            await self.recorded.wait()

    async def stored_passages(self, document_id: DocumentId) -> tuple[EnrichedPassage, ...]:
        """What the index holds of a document; waits for an index that is busy."""
        return await self.policy.call(lambda: self.ports.backend.stored_passages(document_id))

    async def write(
        self, operations: Sequence[IndexOperation], *, unjudged: Collection[str] = ()
    ) -> tuple[Guarded, Mapping[DocumentId, Refusal]]:
        """Have the index carry operations out, as far as nothing is held back; say what was, and what was refused.

        `unjudged` are documents of which nobody knows by which rule their stored text was judged: it is judged before
        anything shows them. May be repeated. What is about to change must be in doubt before.
        """
        stored = await self._stored_of(unjudged if self.guard.rule.handling is Handling.HIDE else ())
        guarded = await self.guard.guard(self.ticket, operations, stored, now=self.clock())
        refused = await self.ports.backend.apply(guarded.operations, fence=self.ticket.fence)
        await self.guard.note_written(self.ticket, guarded)
        return guarded, refused

    async def _stored_of(self, native_ids: Collection[str]) -> Mapping[str, Put]:
        if not native_ids:
            return {}
        wanted = [DocumentId(self.ticket.source, native_id) for native_id in native_ids]
        found = await self.ports.backend.look_up(wanted)
        return {each.put.description.document_id.native_id: each.put for each in found}

    async def distrust_lists(self) -> None:
        """From now on lists may be read after documents that are under them: what those give waits for the next run."""
        if self.lists_trusted_up_to is None:
            self.lists_trusted_up_to = await self.ports.acls.version(self.ticket.source)

    async def grant(self) -> None:
        """Let changed lists give, now that every document is under the list it belongs to.

        A list gives only what it gave when it was read before the documents that are under it. After a resumption it
        may have been read again, and admit somebody whom a document that has left meanwhile must not be shown to: what
        changed since the first resumption waits for the next run; where the run itself is one, everything does.
        """
        await self.ledger.require_lease(self.ticket)
        if self.ticket.checkpoint is None:
            await self.ports.acls.grant(self.ticket.source, run=self.ticket.run_id, up_to=self.lists_trusted_up_to)

    @property
    def recipe(self) -> str:
        """What stored passages depend on besides their text: another recipe has every document read again."""
        return recipe_of(self.ports.enricher)


def recipe_of(enricher: Enricher) -> str:
    """What stored passages depend on besides their text."""
    return f"{enricher.recipe};passages={PASSAGES_VERSION}"
