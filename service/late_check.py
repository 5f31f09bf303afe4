"""The late check: the first hits of a page are confirmed at their sources, for this reader, before they are returned.

An index obeys a revocation with the next sync; an index with a late check obeys it, for what is shown first, at once.
A hit that its source denies was a leak until then: it is logged and counted, and the query is answered anew without
all documents under that hit's list, so that totals, facets, excerpts and cursors tell nothing of them. What is gone,
or not answered for in time, vanishes from the page. Nothing here ever adds a hit.

Suggestions are made of confirmed hits alone, and a better spelling is offered where a confirmed hit holds its words.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from pyroaring import BitMap, FrozenBitMap

from indexer.search.analysis import fold
from vocabulary.access import AccessFilter, Principal
from vocabulary.documents import DocumentId, Vector
from vocabulary.errors import SightlineError
from vocabulary.ports import SearchBackend, Searching
from vocabulary.search import Hit, Page, Query, SearchMode, Total, TotalRelation
from vocabulary.statements import Question, SourceWitness, Statement, Verdict

_log = logging.getLogger(__name__)

Answering = Callable[[AccessFilter], Awaitable[Page]]

# Each round takes at least one list from the reader. More than a few that are out of date at once mean that a folder
# high up has changed, and then the page is rather short than late.
_ROUNDS = 3

_WORD = re.compile(r"[^\W_]+")
_NOT_IN_TIME = Statement(Verdict.UNKNOWN, reason="not-in-time")
_NOBODY_THERE = Statement(Verdict.DENIED)


@dataclass(frozen=True, slots=True)
class LateCheckOptions:
    """How many hits of a page are confirmed, and within what time all of it is done."""

    hits: int
    within_s: float
    is_public: bool  # the index has readers who are nobody in particular


class LateCheck:
    """Confirms hits of one index at the sources that feed it."""

    def __init__(self, witnesses: Mapping[str, SourceWitness], options: LateCheckOptions) -> None:
        self._witnesses = dict(witnesses)
        self._options = options
        self.found: Counter[tuple[str, Verdict]] = Counter()  # hits by source and what became of them

    async def confirmed(self, answering: Answering, access: AccessFilter, backend: SearchBackend) -> Page:
        """Answer with what the filter admits and, of the first hits, what the sources confirm.

        `answering` asks the index, which `backend` is, under a filter.
        """
        deadline = asyncio.get_running_loop().time() + self._options.within_s
        narrowed = access
        for _ in range(_ROUNDS):
            page = await answering(narrowed)
            said = await self._said(page.hits[: self._options.hits], access, deadline)
            denied = [document_id for document_id, each in said.items() if each.verdict is Verdict.DENIED]
            self._note(said)
            if not denied:
                break
            narrowed = await _without_their_lists(narrowed, denied, backend)
        return _shown(page, said, is_narrowed=narrowed is not access)

    def through(self, backend: SearchBackend) -> Callable[[Searching], Searching]:
        """Make a search of the index one whose hits are all confirmed: as many as are looked at of a page, no more."""

        def confirming(search: Searching) -> Searching:
            async def confirmed(query: Query, vector: Vector | None, access: AccessFilter) -> Page:
                few = replace(query, size=min(query.size, self._options.hits))
                return await self.confirmed(lambda narrowed: search(few, vector, narrowed), access, backend)

            return confirmed

        return confirming

    async def confirmed_spelling(
        self, query: Query, spelling: str, access: AccessFilter, backend: SearchBackend
    ) -> bool:
        """Whether documents that the sources confirm hold, in what a hit shows, every word that the spelling brings."""
        asked = Query(spelling, SearchMode.KEYWORD, filter=query.filter, size=self._options.hits, highlight=False)
        page = await self.through(backend)(backend.search)(asked, None, access)
        shown = {word for hit in page.hits for word in _words(hit.title, hit.excerpt.text if hit.excerpt else "")}
        return _words(spelling) - _words(query.text) <= shown

    async def confirms(self, document_id: DocumentId, access: AccessFilter) -> bool:
        """Whether the source says of one document that this reader may read it; no answer in time is none."""
        deadline = asyncio.get_running_loop().time() + self._options.within_s
        said = await self._of_source(document_id.source, [document_id], access, deadline)
        self._note(said)
        return said[document_id].verdict is Verdict.ALLOWED

    async def _said(self, hits: Sequence[Hit], access: AccessFilter, deadline: float) -> Mapping[DocumentId, Statement]:
        """What the sources say of the hits, all asked at the same time."""
        by_source: dict[str, list[DocumentId]] = {}
        for hit in hits:
            by_source.setdefault(hit.document_id.source, []).append(hit.document_id)
        answers = await asyncio.gather(
            *(self._of_source(source, ids, access, deadline) for source, ids in by_source.items())
        )
        return {document_id: statement for answer in answers for document_id, statement in answer.items()}

    async def _of_source(
        self, source: str, ids: Sequence[DocumentId], access: AccessFilter, deadline: float
    ) -> Mapping[DocumentId, Statement]:
        reader, witness = _person_in(source, access), self._witnesses.get(source)
        if witness is None or (reader is None and not self._options.is_public):
            return dict.fromkeys(ids, _NOBODY_THERE)
        try:
            async with asyncio.timeout_at(deadline):
                answers = await witness.testify([Question(each, reader) for each in ids])
        except TimeoutError:
            return dict.fromkeys(ids, _NOT_IN_TIME)
        except SightlineError as error:
            _log.error("late check: source=%s cannot be asked: %s", source, error)
            return dict.fromkeys(ids, Statement(Verdict.UNKNOWN, reason="unavailable"))
        return dict(zip(ids, answers, strict=True))

    def _note(self, said: Mapping[DocumentId, Statement]) -> None:
        for document_id, statement in said.items():
            self.found[document_id.source, statement.verdict] += 1
            if statement.verdict is Verdict.DENIED:
                _log.warning(
                    "late check found a leak: source=%s document=%s", document_id.source, document_id.native_id
                )


def _words(*texts: str) -> set[str]:
    return {fold(word) for text in texts for word in _WORD.findall(text)}


def _person_in(source: str, access: AccessFilter) -> Principal | None:
    """Whom the reader is in a source: a filter names its reader's persons, since they may own documents."""
    persons = [person for owner in access.owners if (person := Principal.parse(owner)).scope == source]
    return persons[0] if len(persons) == 1 else None


async def _without_their_lists(
    access: AccessFilter, denied: Sequence[DocumentId], backend: SearchBackend
) -> AccessFilter:
    """The filter without the lists that the documents are under: whoever is denied one is in doubt for all of them."""
    stored = await backend.look_up(denied)
    lists = BitMap([each.put.description.acl_id for each in stored])
    return replace(access, visible=FrozenBitMap(access.visible - lists), if_owner=FrozenBitMap(access.if_owner - lists))


def _shown(page: Page, said: Mapping[DocumentId, Statement], *, is_narrowed: bool) -> Page:
    """The page with what was confirmed, or not asked about; what it counts is told as what it is."""
    hits = tuple(
        hit for hit in page.hits if hit.document_id not in said or said[hit.document_id].verdict is Verdict.ALLOWED
    )
    vanished = len(page.hits) - len(hits)
    if not vanished:
        total = replace(page.total, relation=TotalRelation.AT_LEAST) if is_narrowed else page.total
        return replace(page, total=total)
    if all(each.verdict in {Verdict.ALLOWED, Verdict.GONE} for each in said.values()):
        return replace(
            page, hits=hits, total=Total(max(len(hits), page.total.value - vanished), TotalRelation.AT_LEAST)
        )
    # Nobody knows what else of the answer is still theirs to read: what counts it says nothing.
    facets = dict.fromkeys(page.facets, ())
    return replace(page, hits=hits, total=Total(len(hits), TotalRelation.AT_LEAST), facets=facets, spelling=None)
