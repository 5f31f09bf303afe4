"""Rows from an index to its copy: all of them once, then what is written meanwhile, again and again.

Always what the index itself holds at that moment is put, never what somebody meant to write: so the copier may die
anywhere, and another one goes on from the position in the state store, repeating a page at most.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from indexer.reindexing.followed_writes import EVERYTHING, FollowedWrites
from indexer.reindexing.places import PlaceStore, Standing
from vocabulary.documents import DocumentId, EnrichedPassage, ReadText, Toxicity, Vector
from vocabulary.enricher import Enricher
from vocabulary.errors import SightlineError
from vocabulary.indexing import Delete, IndexOperation, Put, Refusal, StoredDocument
from vocabulary.ports import SearchBackend

Convert = Callable[[Sequence[Put]], Awaitable[Sequence[Put]]]

_PAGE = 64  # documents written in one transaction, as a sync does; a document is some ten passages, 15 KB of vectors


async def as_they_are(puts: Sequence[Put]) -> Sequence[Put]:
    """Carry vectors over: the copy is under the same model."""
    return puts


@dataclass(frozen=True, slots=True)
class Reembedding:
    """New vectors and toxicity from the stored text of passages, for a copy under another model."""

    enricher: Enricher

    async def __call__(self, puts: Sequence[Put]) -> Sequence[Put]:
        texts = [each.passage.text for put in puts for each in put.passages]
        read = await asyncio.to_thread(lambda: [ReadText(text, self.enricher.tokenise(text)) for text in texts])
        enriched = await self.enricher.enrich(read)
        fresh = zip(read, enriched.vectors, enriched.toxicity, strict=True)
        return [self._reembedded(put, tuple(_as_read(each, *next(fresh)) for each in put.passages)) for put in puts]

    def _reembedded(self, put: Put, passages: tuple[EnrichedPassage, ...]) -> Put:
        """What a document is marked with stays until a run judges it by the new scores, as who may read it does."""
        return replace(put, passages=passages, scoring=replace(put.scoring, version=self.enricher.toxicity_version))


def _as_read(each: EnrichedPassage, read: ReadText, vector: Vector, toxicity: Toxicity) -> EnrichedPassage:
    return EnrichedPassage(replace(each.passage, token_count=len(read.tokens.ids)), vector, toxicity)


class CopyRefused(SightlineError):
    """The copy cannot hold a document, or holds what was written later than it was begun."""


@dataclass(frozen=True, slots=True)
class Copier:
    """Brings one copy up to date, under a lease that it renews with every page.

    `fence` is that of its writes (`SearchBackend.apply`): below every run's, so that each run may write at once over
    what was copied, and above every former copier's.
    """

    places: PlaceStore
    index: str
    holder: str
    source: SearchBackend
    target: SearchBackend
    fence: int | None
    convert: Convert
    on_progress: Callable[[Standing], None]

    async def fill(self) -> None:
        """Copy every row once, from where the last copier came to.

        Raises:
            CopyInProgress: the lease was lost to another process.
        """
        standing = await self.places.read(self.index)
        while not standing.is_filled:
            page = await self.source.stored_documents(after=standing.position, limit=_PAGE)
            await self._put(page)
            position = page[-1].position if page else standing.position
            copied = standing.copied + len(page)
            await self.places.renew(
                self.index, self.holder, position=position, copied=copied, is_filled=len(page) < _PAGE
            )
            standing = await self.places.read(self.index)
            self.on_progress(standing)

    async def catch_up(self) -> None:
        """Bring to the copy what has been written since; what is written meanwhile may stay on the list."""
        writes = FollowedWrites(self.places)
        while (pending := await writes.pending(self.index)).documents:
            await self.bring(pending.documents.values())
            await writes.forget(self.index, pending.ended)

    async def bring(self, documents: Iterable[DocumentId]) -> None:
        """Make the copy hold of these documents what the index holds: their rows, or nothing.

        Raises:
            CopyInProgress: the lease was lost to another process.
        """
        wanted = list(dict.fromkeys(documents))
        if EVERYTHING in wanted:
            await self._fill_again()
        listed = [each for each in wanted if each != EVERYTHING]
        for start in range(0, len(listed), _PAGE):
            await self._bring_page(listed[start : start + _PAGE])

    async def _bring_page(self, documents: Sequence[DocumentId]) -> None:
        found = await self.source.look_up(documents)
        held = {each.put.description.document_id for each in found}
        await self._put(found, gone=[each for each in documents if each not in held])

    async def _fill_again(self) -> None:
        await self.places.renew(self.index, self.holder, position="", copied=0, is_filled=False)
        await self.fill()

    async def _put(self, found: Sequence[StoredDocument], gone: Sequence[DocumentId] = ()) -> None:
        operations: list[IndexOperation] = [Delete(each) for each in gone]
        operations += await self.convert([each.put for each in found])
        await self.places.renew(self.index, self.holder)  # after the slow part: nobody else writes the copy
        if not operations:
            return
        refused = await self.target.apply(operations, fence=self.fence)
        if set(refused.values()) == {Refusal.SUPERSEDED}:
            # A switch that did not come about has raised the copy's fences to those of the runs, above this copier's.
            # Whoever holds the lease is the only one to write the copy.
            refused = await self.target.apply(operations, fence=None)
        if refused:
            raise CopyRefused(f"index {self.index!r}: the copy does not take every document; drop it and begin again")
