"""Documents that are held back for toxic text: what waits for a review, why, and what becomes of a decision.

A release shows the document under its own list at once, by a run of its own that holds the source's lease: without it,
a sync under way could have found other readers by then, and the document would come to stand under the former ones.
Where a sync is under way, the decision is on record and takes effect as the next run of the source begins. Text is
shown to who reviews; it is in no record and no log.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from indexer.state.holds import Decision, Hold, HoldStore
from indexer.state.leases import RunInProgress
from service.rescoring import rescore_source
from service.search import SearchService, ServedIndex
from service.settings.settings import Settings
from service.wiring import State
from vocabulary.documents import DocumentId, Passage
from vocabulary.errors import DocumentUnknown, ReviewOutdated


class Effect(StrEnum):
    """What a decision has led to when it is told."""

    SHOWN = "shown"  # to the readers that its list admits
    HIDDEN = "hidden"  # as it was
    WAITS = "waits-for-the-next-run"  # of its source: another run is under way, or something else hides it


@dataclass(frozen=True, slots=True)
class HeldDocument:
    """A held document with the passage of the sentence; None: the index holds another text by now."""

    document_id: DocumentId
    hold: Hold
    title: str
    uri: str
    passage: Passage | None

    @property
    def sentence(self) -> str:
        """What it is held back for."""
        return "" if self.passage is None else self.passage.text[self.hold.start : self.hold.end]


class Reviews:
    """The held documents of the settings' sources, and decisions about them."""

    def __init__(self, settings: Settings, state: State, service: SearchService) -> None:
        self._settings = settings
        self._state = state
        self._service = service
        self._holds = HoldStore(state.engine)

    async def listed(
        self, source: str, *, undecided: bool = True, category: str | None = None, after: str = "", limit: int
    ) -> list[tuple[DocumentId, Hold]]:
        """Held documents of a source in the order of their ids, without anything of their text."""
        found = await self._holds.listed(source, undecided=undecided, category=category, after=after, limit=limit)
        return [(DocumentId(source, hold.native_id), hold) for hold in found]

    async def counted(self, source: str, *, undecided: bool = True) -> Mapping[str, int]:
        """How many documents of a source are held back for each category, the commonest first."""
        return await self._holds.count_by_category(source, undecided=undecided)

    async def show(self, document_id: DocumentId) -> HeldDocument:
        """Show one held document with the sentence, whoever may read it.

        Raises:
            DocumentUnknown: nothing holds back such a document.
        """
        hold = await self._hold(document_id)
        stored = await self._index_of(document_id).backend.look_up([document_id])
        if not stored:
            raise DocumentUnknown("the index does not hold such a document")
        put = stored[0].put
        passages: Sequence[Passage] = [each.passage for each in put.passages]
        passage = next((each for each in passages if each.ordinal == hold.ordinal), None)
        description = put.description
        return HeldDocument(document_id, hold, description.title, description.uri, passage)

    async def decide(self, document_id: DocumentId, decision: Decision, *, by: str, texts: str | None = None) -> Effect:
        """Put a decision on record, and show the document at once if it was released and nothing else hides it.

        `texts` is the fingerprint of the text that was looked at; None: whatever is held back now.

        Raises:
            DocumentUnknown: nothing holds back such a document.
            ReviewOutdated: it is held back for other text than was looked at.
        """
        hold = await self._hold(document_id)
        is_as_seen = texts is None or texts == hold.texts_sha256
        source = document_id.source
        if not is_as_seen or not await self._holds.decide(source, hold, decision, by=by, at=time.time()):
            raise ReviewOutdated("the document has changed since it was looked at; look again")
        try:
            await rescore_source(self._settings, self._state, self._service, source, only=[document_id.native_id])
        except RunInProgress:
            return Effect.WAITS
        return await self._effect(document_id, decision)

    async def _effect(self, document_id: DocumentId, decision: Decision) -> Effect:
        if decision is Decision.KEPT:
            return Effect.HIDDEN
        hold = (await self._holds.look_up(document_id.source, [document_id.native_id])).get(document_id.native_id)
        return Effect.WAITS if hold is not None and hold.is_hidden else Effect.SHOWN

    async def _hold(self, document_id: DocumentId) -> Hold:
        found = await self._holds.look_up(document_id.source, [document_id.native_id])
        if document_id.native_id not in found:
            raise DocumentUnknown("nothing holds back such a document")
        return found[document_id.native_id]

    def _index_of(self, document_id: DocumentId) -> ServedIndex:
        return self._service.index(self._settings.sources[document_id.source].index)
