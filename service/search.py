"""From a question to a page of an index: the one way to search, for the REST API and the command line alike.

There is no way through here without an access filter: it is an argument without a default.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from pyroaring import FrozenBitMap

from acl import SourceIdentityRule
from indexer.reindexing import LiveIndex, OpenedPlace
from indexer.search.query_language import meaning_of
from service.late_check import LateCheck
from service.reranking import Reranker
from service.settings.indexes import IndexAccess
from vocabulary.access import AccessFilter
from vocabulary.documents import DocumentId
from vocabulary.enricher import Enricher
from vocabulary.errors import DocumentUnknown, IndexUnknown, NumberingMismatch
from vocabulary.ports import SearchBackend
from vocabulary.search import (
    Bounds,
    DateFacet,
    DateInterval,
    FacetRequest,
    Page,
    Query,
    RangeFacet,
    SearchMode,
    Suggestion,
)
from vocabulary.shown_document import ShownDocument

_log = logging.getLogger(__name__)
_WARMING = Query(
    text="warm",
    facets=(  # those of the search page
        *map(FacetRequest, ("source", "type", "site", "author", "toxicity_category")),
        DateFacet("modified_at", DateInterval.YEAR),
        RangeFacet("size_bytes", (Bounds(),)),
        RangeFacet("toxicity", (Bounds(),)),
    ),
)


@dataclass(frozen=True, slots=True)
class ServedIndex:
    """One open index: who may ask it, and how each of its sources knows the asker."""

    name: str
    access: IndexAccess
    backend: SearchBackend
    identity_rules: tuple[SourceIdentityRule, ...]
    late_check: LateCheck | None = None
    reranker: Reranker | None = None

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(rule.source for rule in self.identity_rules)


class SearchService:
    """Every open index, and the model that reads queries."""

    def __init__(
        self,
        indexes: Mapping[str, ServedIndex],
        enricher: Enricher,
        *,
        plain_filters: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self.indexes = dict(indexes)
        self.plain_filters = plain_filters  # by index: how many went to a cluster that is too old for bitmaps
        self._enricher = enricher

    def index(self, name: str) -> ServedIndex:
        """Find an index by its name.

        Raises:
            IndexUnknown: there is none.
        """
        if name not in self.indexes:
            raise IndexUnknown(f"no such index: {name}")
        return self.indexes[name]

    async def enricher_of(self, index: ServedIndex) -> Enricher:
        """The model of an index's vectors: that of the settings, unless the index was built anew under another.

        What scores toxicity is what is approved now, and stays so for whoever has asked.
        """
        if not isinstance(index.backend, LiveIndex):
            return await self._enricher.pinned()
        async with index.backend.present() as opened:
            return await opened.enricher.pinned()

    async def search(self, index: ServedIndex, query: Query, access: AccessFilter) -> Page:
        """Answer a query with what the filter admits.

        Raises:
            QueryInvalid, NumberingMismatch, IndexBusy: as the backend finds it.
        """
        if isinstance(index.backend, LiveIndex):  # it knows its model, and both may be switched at any time
            async with index.backend.answering() as opened:
                return await _checked(opened, index, query, access)
        return await _checked(OpenedPlace(index.backend, self._enricher), index, query, access)

    async def suggest(
        self, index: ServedIndex, text: str, access: AccessFilter, *, size: int
    ) -> tuple[Suggestion, ...]:
        """Complete what was typed from what the filter admits and, asked late, the sources confirm.

        Raises:
            NumberingMismatch, IndexBusy: as the backend finds it.
        """
        through = None if index.late_check is None else index.late_check.through(index.backend)
        return await index.backend.suggest(text, access, size=size, through=through)

    async def show(self, index: ServedIndex, document_id: DocumentId, access: AccessFilter) -> ShownDocument:
        """Show one document that the filter admits.

        Raises:
            DocumentUnknown: there is none, the filter does not admit it, or the source, asked late, does not say so.
            NumberingMismatch, IndexBusy: as the backend finds it.
        """
        shown = await index.backend.show(document_id, access)
        if shown is None or not (index.late_check is None or await index.late_check.confirms(document_id, access)):
            raise DocumentUnknown("no such document")
        return shown

    async def warm(self, numbering: str) -> None:
        """Ask each index for nobody, so that the first reader does not wait for what is loaded at the first query.

        `numbering` is that of the state. An index that must be synced before it answers is named in the log.
        """
        nobody = _nobodys_filter(numbering)
        for index in self.indexes.values():
            if await is_occupied(index.backend):
                _log.warning("index %s answers no query: another index is kept, or copied, there", index.name)
                continue
            try:
                await self.search(index, _WARMING, nobody)
            except NumberingMismatch as error:
                _log.warning("index %s answers no query until it is synced: %s", index.name, error)


async def why_withheld(backend: SearchBackend, numbering: str) -> str:
    """Why an index answers nobody under the state of this numbering; empty where it answers.

    Raises:
        IndexBusy: it does not answer now.
    """
    asked = Query("", SearchMode.KEYWORD, size=1, highlight=False)
    try:
        await backend.search(asked, None, _nobodys_filter(numbering))
    except NumberingMismatch as error:
        return str(error)
    return ""


def _nobodys_filter(numbering: str) -> AccessFilter:
    return AccessFilter(numbering, visible=FrozenBitMap(), if_owner=FrozenBitMap(), owners=frozenset())


async def is_occupied(backend: SearchBackend) -> bool:
    """Whether another index is kept, or copied to, where the settings lead: then this one has nothing to say."""
    return isinstance(backend, LiveIndex) and await backend.occupant() is not None


async def _checked(opened: OpenedPlace, index: ServedIndex, query: Query, access: AccessFilter) -> Page:
    meaning = meaning_of(query.text)
    needs_vector = query.mode is not SearchMode.KEYWORD and meaning != ""
    vector = await opened.enricher.embed_query(meaning) if needs_vector else None

    async def answer(access: AccessFilter) -> Page:
        async def search(query: Query) -> Page:
            return await opened.backend.search(query, vector, access)

        return await search(query) if index.reranker is None else await index.reranker.answer(search, query)

    if index.late_check is None:
        return await answer(access)
    page = await index.late_check.confirmed(answer, access, opened.backend)
    if page.spelling is None:
        return page
    is_confirmed = await index.late_check.confirmed_spelling(query, page.spelling, access, opened.backend)
    return page if is_confirmed else replace(page, spelling=None)
