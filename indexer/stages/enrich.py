"""Enrich: gives passages their vectors and toxicity, the passages of many documents in one call.

The more passages the enricher sees at once, the better it can sort them by length; the stage takes what is ready and
never waits for more. A text that the index holds already, under the same recipe, keeps its vector.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from indexer.channel import Channel, ChannelClosed
from indexer.judging.scoring import scored_anew
from indexer.passages import CutPassage
from indexer.walk import Walk
from indexer.work import Prepared, Settlement
from vocabulary.documents import EnrichedPassage
from vocabulary.indexing import Describe, IndexOperation, Put

_Known = Mapping[str, EnrichedPassage]


class EnrichStage:
    """The third stage of a walk."""

    def __init__(self, walk: Walk, prepared: Channel[Prepared], settlements: Channel[Settlement]) -> None:
        self._walk = walk
        self._prepared = prepared
        self._settlements = settlements

    async def run(self) -> None:
        limits = self._walk.limits
        while True:
            try:
                batch = await self._prepared.get_batch(max_items=limits.queued_items, max_weight=limits.enriched_chars)
            except ChannelClosed:
                break
            await self._enrich(batch)
        await self._settlements.close()

    async def _enrich(self, batch: Sequence[Prepared]) -> None:
        known = [await self._known_passages(document) for document in batch]
        missing = [
            piece
            for document, texts in zip(batch, known, strict=True)
            for piece in document.cut
            if piece.passage.text not in texts
        ]
        fresh = iter(await self._embed(missing))
        for document, texts in zip(batch, known, strict=True):
            passages = document.kept + tuple(self._finished(piece, texts) or next(fresh) for piece in document.cut)
            if texts or document.kept:
                passages = await self._scored_alike(document, passages)
            await self._settlements.put(_settlement(document, passages))

    async def _scored_alike(
        self, document: Prepared, passages: tuple[EnrichedPassage, ...]
    ) -> tuple[EnrichedPassage, ...]:
        """Have all passages of a document scored by one model: those that were stored may have been by another."""
        enricher, previous = self._walk.ports.enricher, document.task.previous
        if previous is not None and previous.toxicity_version == enricher.toxicity_version:
            return passages
        return await scored_anew(enricher, passages)

    async def _known_passages(self, document: Prepared) -> _Known:
        """Passages of an earlier version of the document whose texts keep their vectors."""
        previous = document.task.previous
        if not document.cut or previous is None or not previous.in_index or previous.recipe != self._walk.recipe:
            return {}
        stored = await self._walk.stored_passages(document.task.document.id)
        return {piece.passage.text: piece for piece in stored}

    def _finished(self, piece: CutPassage, known: _Known) -> EnrichedPassage | None:
        stored = known.get(piece.passage.text)
        if stored is None:
            return None
        self._walk.tally.passages_reused += 1
        return EnrichedPassage(piece.passage, stored.vector, stored.toxicity)

    async def _embed(self, pieces: Sequence[CutPassage]) -> list[EnrichedPassage]:
        if not pieces:
            return []
        enrichment = await self._walk.ports.enricher.enrich([piece.read_text for piece in pieces])
        self._walk.tally.passages_embedded += len(pieces)
        return [
            EnrichedPassage(piece.passage, vector, toxicity)
            for piece, vector, toxicity in zip(pieces, enrichment.vectors, enrichment.toxicity, strict=True)
        ]


def _settlement(document: Prepared, passages: tuple[EnrichedPassage, ...]) -> Settlement:
    task = document.task
    operation: IndexOperation = Put(task.description, passages)
    if document.keeps_passages:
        operation = Describe(task.description)
    return Settlement(
        (task.number,), rows=(document.row,), operations=(operation,), earlier=task.previous, reassigned=task.reassigned
    )
