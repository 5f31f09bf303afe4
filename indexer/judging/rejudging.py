"""Stored documents judged anew: by another rule of their source, by a person's decision, by new scores of their text.

No source is asked, no content is read, no vector is touched. A page at a time: what is to be held back is put on record
and hidden in one step with its new scores; what is not any more is shown under the list that the ledger names, which is
the one that the last sync found it under. Killed anywhere, the next run comes to the same end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from indexer.judging.guard import HoldGuard
from indexer.judging.rules import Handling
from indexer.judging.scoring import scored_anew
from indexer.layers import RetryPolicy
from indexer.search.toxicity import texts_sha256
from indexer.state.holds import Decision, Hold
from indexer.state.judged_rows import JudgedRows
from indexer.state.ledger import LedgerRow
from indexer.state.runs import RunTicket
from indexer.state.tally import Tally
from vocabulary.access import HIDDEN_ACL, AclId, Principal
from vocabulary.documents import DocumentId, DocumentState, EnrichedPassage
from vocabulary.enricher import Enricher
from vocabulary.errors import RunStopped
from vocabulary.indexing import Hide, IndexOperation, Put, Readmit, Refusal, Rescore, Scoring
from vocabulary.ports import SearchBackend

_PAGE = 64  # documents read, scored and written together: some hundred passages, as a sync writes


@dataclass(frozen=True, slots=True)
class JudgingRooms:
    """What stored documents are judged with."""

    backend: SearchBackend
    enricher: Enricher
    rows: JudgedRows
    guard: HoldGuard


@dataclass(frozen=True, slots=True)
class _Judged:
    """One document judged: what the index is told, the row that it leaves, and its hold, if it has one.

    `is_shown`: the index shows it afterwards, whatever was before.
    """

    row: LedgerRow
    operations: tuple[IndexOperation, ...]
    hold: Hold | None
    was_held: bool
    is_rescored: bool = False
    is_shown: bool = False

    @property
    def native_id(self) -> str:
        return self.row.native_id

    @property
    def is_hidden(self) -> bool:
        return self.hold is not None and self.hold.decision is not Decision.RELEASED


class Rejudging:
    """Judges the stored documents of one source within a run that holds its lease.

    `rescores`: what another model has scored is scored anew. `counts`: each document is one that the run has scanned.
    """

    def __init__(
        self,
        rooms: JudgingRooms,
        ticket: RunTicket,
        tally: Tally,
        *,
        policy: RetryPolicy,
        stop: asyncio.Event,
        clock: Callable[[], float],
        rescores: bool = False,
        counts: bool = False,
        on_progress: Callable[[Tally], None] = lambda tally: None,
    ) -> None:
        self._rooms = rooms
        self._ticket = ticket
        self._tally = tally
        self._policy = policy
        self._stop = stop
        self._clock = clock
        self._rescores = rescores
        self._counts = counts
        self._on_progress = on_progress

    async def all(self) -> None:
        """Judge what somebody has decided about, and all that another rule, or another model, has judged.

        Raises:
            RunStopped: somebody asked for an orderly end; what was judged before that is settled.
        """
        await self._decided()
        last, guard = "", self._rooms.guard
        while page := await self._rooms.rows.judged_otherwise(
            self._ticket.source,
            rule=guard.rule.name,
            model=guard.model if self._rescores else None,
            after=last,
            limit=_PAGE,
        ):
            await self._judge(page)
            last = page[-1].native_id

    async def these(self, native_ids: Sequence[str]) -> None:
        """Judge single documents, whatever has judged them before."""
        await self._judge(await self._rooms.rows.rows(self._ticket.source, native_ids))

    async def _decided(self) -> None:
        last = ""
        while page := await self._rooms.guard.store.decided_otherwise(self._ticket.source, after=last, limit=_PAGE):
            await self.these(page)
            last = page[-1]

    async def _judge(self, rows: Sequence[LedgerRow]) -> None:
        if self._stop.is_set():
            raise RunStopped("stopped in order; the next run goes on from here")
        ids = [row.native_id for row in rows]
        wanted = [DocumentId(self._ticket.source, native_id) for native_id in ids]
        stored = await self._policy.call(lambda: self._rooms.backend.look_up(wanted))
        held = await self._rooms.guard.store.look_up(self._ticket.source, ids)
        puts = {each.put.description.document_id.native_id: each.put for each in stored}
        scored = await self._scored(puts)
        judged = [
            self._judged(row, puts[row.native_id], scored[row.native_id], held.get(row.native_id))
            for row in rows
            if row.native_id in puts
        ]
        await self._policy.call(lambda: self._write(judged))

    async def _scored(self, puts: dict[str, Put]) -> dict[str, tuple[EnrichedPassage, ...]]:
        """The passages of each document, scored anew where that is asked for and another model had scored them."""
        model = self._rooms.guard.model
        outdated = [each for each, put in puts.items() if self._rescores and put.scoring.version != model]
        passages = [each for native_id in outdated for each in puts[native_id].passages]
        fresh = iter(await scored_anew(self._rooms.enricher, passages) if passages else ())
        scored = {native_id: put.passages for native_id, put in puts.items()}
        return scored | {native_id: tuple(next(fresh) for _ in puts[native_id].passages) for native_id in outdated}

    def _judged(self, row: LedgerRow, put: Put, passages: tuple[EnrichedPassage, ...], known: Hold | None) -> _Judged:
        guard = self._rooms.guard
        judgement = guard.rule.judge(passages)
        version = guard.model if self._rescores else put.scoring.version
        hold = guard.held(row.native_id, passages, judgement, known, model=version, now=self._clock())
        scoring = Scoring(version, judgement.categories or self._kept_mark(put, version))
        operations: list[IndexOperation] = []
        if scoring != put.scoring or passages is not put.passages:
            texts = texts_sha256(each.passage.text for each in passages)
            toxicity = tuple(each.toxicity for each in passages)
            operations.append(Rescore(put.description.document_id, texts, toxicity, scoring))
        was_held = known is not None and known.is_hidden
        judged = _Judged(_noted(row, version, guard.rule.name), (), hold, was_held, passages is not put.passages)
        moved = _shown_or_hidden(judged, put)
        is_shown = not judged.is_hidden and (bool(moved) or put.description.acl_id != HIDDEN_ACL)
        return replace(judged, row=_ended(judged), operations=(*operations, *moved), is_shown=is_shown)

    def _kept_mark(self, put: Put, version: str) -> tuple[str, ...]:
        """The mark that stands although nothing is over the threshold: it was made by another model's.

        As for what is held back: only the present model's scores take it away, and none do where none scores.
        """
        guard = self._rooms.guard
        is_own = version == guard.model or guard.rule.handling is Handling.INDEX
        return () if is_own else put.scoring.categories

    async def _write(self, judged: Sequence[_Judged]) -> None:
        """Put holds on record, have the index carry out what was judged, and note both.

        From before the first record to behind the last one the documents are in doubt: killed anywhere between, the
        next run judges them again.
        """
        rooms, ticket = self._rooms, self._ticket
        changing = [each for each in judged if each.operations]
        await rooms.rows.doubt(ticket, [each.native_id for each in changing])
        await rooms.guard.store.put(ticket, [each.hold for each in judged if each.hold is not None and each.is_hidden])
        operations = [operation for each in changing for operation in each.operations]
        refused = await rooms.backend.apply(operations, fence=ticket.fence) if operations else {}
        done = [each for each in judged if DocumentId(ticket.source, each.native_id) not in refused]
        await rooms.guard.store.forget(ticket, [each.native_id for each in done if each.hold is None and each.was_held])
        await rooms.guard.store.note_shown(ticket, [each.native_id for each in done if each.is_shown])
        endings = {each.native_id: _ending(each, is_done=each in done) for each in judged} if self._counts else {}
        await rooms.rows.note(ticket, [each.row for each in done], endings=endings)
        self._tally.rescored += sum(each.is_rescored for each in done)
        self._tally.scanned += len(endings)
        for state, reason in endings.values():
            self._tally.settle(state, reason)
        self._on_progress(self._tally)


def _ending(judged: _Judged, *, is_done: bool) -> tuple[DocumentState, str]:
    """How a document ended in a run that has scanned it, whatever the ledger says of its last sync."""
    if not is_done:
        return DocumentState.FAILED, Refusal.CHANGED
    if judged.is_hidden and judged.hold is not None:
        return DocumentState.HELD, judged.hold.category
    return (DocumentState.METADATA_ONLY, "toxicity") if judged.operations else (DocumentState.UNCHANGED, "")


def _noted(row: LedgerRow, model: str, rule: str) -> LedgerRow:
    return replace(row, toxicity_version=model, toxicity_rule=rule)


def _shown_or_hidden(judged: _Judged, put: Put) -> list[IndexOperation]:
    """Hide what is to be held back and is not hidden; show what was held back and is not any more."""
    row, document_id = judged.row, put.description.document_id
    is_in_sight = put.description.acl_id != HIDDEN_ACL
    if judged.is_hidden:
        return [Hide(document_id)] if is_in_sight else []
    if not judged.was_held or row.acl_id is None or row.acl_id == HIDDEN_ACL:
        return []  # whatever else hides it, a sync decides about that
    owner = None if row.owner is None else Principal.parse(row.owner)
    return [Readmit(document_id, AclId(row.acl_id), owner)]


def _ended(judged: _Judged) -> LedgerRow:
    """The row with the state that the judgement leaves; one that failed, or is hidden for other reasons, stays that."""
    row = judged.row
    if judged.is_hidden and judged.hold is not None:
        if row.state in {DocumentState.FAILED, DocumentState.HIDDEN}:
            return row
        return replace(row, state=DocumentState.HELD, reason=judged.hold.category)
    if row.state is DocumentState.HELD:
        return replace(row, state=DocumentState.METADATA_ONLY, reason="toxicity")
    return row
