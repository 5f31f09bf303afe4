"""One query to one page, in three round trips, every part of them under the reader's filter.

1. What the order depends on: how many documents the reader may read and how many of them hold each word
   (`statistics.py`), the documents nearest by meaning, where the last shown hit stands; beside them the index's state,
   as it is at this moment and not as of a refresh.
2. The candidates: the documents that match, best first by words or in the order asked for, with all facets and the
   exact total; beside them the documents found by meaning, with what their words are worth. Both are fused here, by the
   rules that all engines share (`ranking.py`).
3. The hits of the page, opened one by one (`hits.py`).

A better spelling needs no more than the first, and is looked for beside the others.

Equal scores are ordered by when a document was first stored.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from indexer.backends.opensearch import facets, statistics
from indexer.backends.opensearch.access_clause import AclIdSpelling, Clause, any_of, spelling_for, unheard
from indexer.backends.opensearch.asked import Asked
from indexer.backends.opensearch.candidates import Candidates, browsed, nearest, ranked, shown_of, with_copies
from indexer.backends.opensearch.clauses import (
    matching,
    of_ids,
    one_of,
    preferring_newer,
)
from indexer.backends.opensearch.client import Connection
from indexer.backends.opensearch.documents import id_of
from indexer.backends.opensearch.hits import hits_of, opening, shown_document
from indexer.backends.opensearch.mapping import Field
from indexer.backends.opensearch.ordering import BY_RELEVANCE, Row, RowKey
from indexer.backends.opensearch.requests import PermittedSearch, Reader, Rows
from indexer.backends.opensearch.spelling import Speller
from indexer.backends.opensearch.state import IndexState, StateDocument
from indexer.backends.opensearch.transport import Answer, about_cluster, send
from indexer.search import collapsing, cursor, ranking
from indexer.search.analysis import Analyzer, analyzer
from indexer.search.highlighting import Marker
from indexer.search.query_language import Clause as TextClause
from indexer.search.query_language import Wanted, Word, candidate_fields, parse
from indexer.search.request import needed_vector
from indexer.search.spelling import plain_words
from indexer.search.tuning import Tuned
from vocabulary.access import AccessFilter
from vocabulary.documents import DocumentId, Vector
from vocabulary.errors import IndexBusy, NumberingMismatch
from vocabulary.search import Hit, Page, Query, SearchMode, Total, TotalRelation, Tuning
from vocabulary.shown_document import ShownDocument

# `index.max_result_window`, as clusters come: pages do not reach further.
MAX_DEPTH = 10_000
# Rows beyond the page: for copies that fold into one hit, and for documents that came before the page meanwhile.
_SPARE_ROWS = 100
_ATTEMPTS = 5  # to ask in the present epoch; one is rarely raised

_log = logging.getLogger(__name__)

_NOTHING = Page(total=Total(0, TotalRelation.EQUAL), hits=(), facets={}, next_cursor=None)


class Searcher:
    """Answers queries on one index. Keeps nothing but the index's state as it was seen last."""

    def __init__(
        self,
        connection: Connection,
        states: StateDocument,
        *,
        dimensions: int,
        languages: Sequence[str],
        tuning: Tuning,
        on_plain_filter: Callable[[], None] = unheard,
    ) -> None:
        self._connection = connection
        self._states = states
        self._analyzer = analyzer(tuple(languages))
        self._tuned = Tuned(tuning, self._analyzer)
        self._dimensions = dimensions
        self._on_plain_filter = on_plain_filter
        self._seen: IndexState | None = None
        self.spelling: AclIdSpelling | None = None  # until the cluster has told its version
        self.is_quantised = False  # whoever opens the index says what it is

    async def search(self, query: Query, vector: Vector | None, access: AccessFilter) -> Page:
        """Answer a query with what the filter admits.

        Raises:
            NumberingMismatch: the filter's numbering is not the index's.
            QueryInvalid: an unusable cursor, or a missing vector.
            IndexBusy: the cluster cannot answer now, or cannot answer whole.
        """
        needed = needed_vector(query, vector, dimensions=self._dimensions)
        for _ in range(_ATTEMPTS):
            expected = self._seen or await self._states.read()
            reader = Reader(access, epoch=expected.epoch, spelling=await self._spelling())
            wanted = await self._read(query, reader)
            words = plain_words(query.text, self._analyzer) if query.cursor is None else []
            asked = Asked(
                reader, query, needed, wanted=wanted, words=words, tuned=self._tuned, is_quantised=self.is_quantised
            )
            answers, current = await self._first_trip(asked.first)
            if not self._is_numbered_as(access, current):
                return _NOTHING
            if current.epoch == expected.epoch:
                return await _Search(self._connection, asked, answers, self._analyzer).answer()
        raise IndexBusy("the state of the index is being changed by others")

    async def show(self, document_id: DocumentId, access: AccessFilter) -> ShownDocument | None:
        """Open one document under the filter: what is not there and what is not admitted are one empty answer.

        Raises:
            NumberingMismatch, IndexBusy: as in `search`.
        """
        for _ in range(_ATTEMPTS):
            expected = self._seen or await self._states.read()
            reader = Reader(access, epoch=expected.epoch, spelling=await self._spelling())
            answers, current = await self._first_trip({"document": reader.whole(of_ids([id_of(document_id)]))})
            if not self._is_numbered_as(access, current):
                return None
            if current.epoch == expected.epoch:
                return shown_document(answers["document"])
        raise IndexBusy("the state of the index is being changed by others")

    def _is_numbered_as(self, access: AccessFilter, state: IndexState) -> bool:
        """Remember the state, and say whether it was tied to a state store at all.

        Raises:
            NumberingMismatch: to another one than the filter.
        """
        self._seen = state
        if state.numbering not in (None, access.numbering):
            raise NumberingMismatch("the index's ACLs were numbered by another state")
        return state.numbering is not None

    async def _spelling(self) -> AclIdSpelling:
        if self.spelling is None:
            self.spelling = spelling_for(await about_cluster(self._connection), on_plain=self._on_plain_filter)
            if not self.spelling.bitmaps:
                _log.warning("OpenSearch is too old for bitmaps: readers' filters are sent in full, which is slower")
        return self.spelling

    async def _read(self, query: Query, reader: Reader) -> Wanted:
        """Read the query's text; where it may mean fields, those are such that the reader's documents have."""
        names = sorted(candidate_fields(query.text))
        fields: set[str] = set()
        if names:
            (answered,) = await send(self._connection, [statistics.looking_for_fields(reader, names)])
            fields = {name for name, count in zip(names, statistics.counts_of(answered), strict=True) if count}
        return self._tuned.expanded(parse(query.text, self._analyzer, is_field=fields.__contains__))

    async def _first_trip(self, searches: Mapping[str, PermittedSearch]) -> tuple[dict[str, Answer], IndexState]:
        """Send the searches and read the state beside them."""
        answers, state = await asyncio.gather(
            send(self._connection, list(searches.values())), self._states.read(), return_exceptions=True
        )
        if isinstance(state, BaseException):
            raise state
        if isinstance(answers, BaseException):
            raise answers
        return dict(zip(searches, answers, strict=True)), state


class _Search:
    """A query whose first round trip is done."""

    def __init__(self, connection: Connection, asked: Asked, answers: Mapping[str, Answer], analyzer: Analyzer) -> None:
        self._connection = connection
        self._asked = asked
        self._analyzer = analyzer
        self._held: dict[TextClause, int] = {}
        self._weights: dict[TextClause, float] = {}
        if "counts" in answers:
            documents = statistics.total_of(answers["all"])
            self._held = dict(zip(asked.counted, statistics.counts_of(answers["counts"]), strict=True))
            self._weights = statistics.weights_of(asked.wanted.scored, self._held, documents=documents)
        self._near = nearest(answers["nearest"]) if "nearest" in answers else {}
        held = {row.key[1:]: row.key for row in asked.order.rows(answers["pinned"])} if "pinned" in answers else {}
        pinned = [held.get((each.source, each.native_id)) for each in asked.pinned]
        self._pinned = [key for key in pinned if key is not None]
        last = asked.order.rows(answers["last"]) if "last" in answers else []
        self._last = last[0].key if last else None

    async def answer(self) -> Page:
        """Return the page that the query's cursor asks for, or the first; a better spelling is looked for beside it."""
        page, spelling = await asyncio.gather(self._page(), self._spelling(), return_exceptions=True)
        if isinstance(page, BaseException):
            raise page
        if isinstance(spelling, BaseException):
            raise spelling
        return replace(page, spelling=spelling)

    async def _page(self) -> Page:
        query, position = self._asked.query, self._asked.position
        skipped = 0 if position is None else position.shown
        window = min(skipped + query.size + _SPARE_ROWS, MAX_DEPTH)
        if query.mode is SearchMode.SEMANTIC:  # the cluster does not know their order, which is decided here
            window = max(window, ranking.SEMANTIC_DEPTH + len(self._pinned))
        while True:
            candidates, counted = await self._second_trip(window)
            behind = candidates.place_of(self._last)
            cut = collapsing.cut_page(candidates.content_keys, behind=behind, skipped=skipped, size=query.size)
            is_short = cut.is_last or (behind is None and self._last is not None)
            if candidates.is_whole or not is_short or window == MAX_DEPTH:
                break
            window = min(4 * window, MAX_DEPTH)
        hits = await self._third_trip(candidates, cut)
        more = bool(hits) and not cut.is_last
        return Page(
            total=Total(candidates.total, TotalRelation.EQUAL),
            hits=hits,
            facets=facets.counted(query.facets, counted),
            next_cursor=cursor.encode(query, cursor.Position(cut.hits_so_far, hits[-1].document_id)) if more else None,
        )

    @property
    def _matching(self) -> Clause | None:
        """What a document of the answer holds, scored by its words; None when all do."""
        if self._asked.is_browse:
            return None
        by_words = [self._by_words] if self._weights else []
        others = [one_of(self._others)] if self._others else []
        return any_of([*by_words, *others])

    @property
    def _by_words(self) -> Clause:
        found, recency = matching(self._weights, self._asked.boosts), self._asked.recency
        return found if recency is None else preferring_newer(found, recency)

    @property
    def _others(self) -> Sequence[RowKey]:
        """The documents of the answer that need not have been found by words."""
        return list(dict.fromkeys((*self._near, *self._pinned)))

    async def _second_trip(self, window: int) -> tuple[Candidates, Mapping[str, Any]]:
        """Fetch the first `window` candidates, and all that were found by meaning; count facets over all."""
        asked = self._asked
        columns = asked.columns if asked.recency is None else (*asked.columns, Field.ATTRIBUTE_KEYS)
        listed = Rows(self._matching, asked.filters, asked.order.clauses, size=window, columns=columns)
        searches = {"listed": asked.reader.rows(replace(listed, counted=facets.aggregations(asked.query.facets)))}
        if self._others:
            others = [*asked.filters, one_of(self._others)]
            searches["others"] = asked.reader.rows(replace(listed, filters=others, size=len(self._others)))
            if asked.query.sort is not None:
                searches["best"] = asked.reader.rows(replace(listed, sort=BY_RELEVANCE.clauses, size=1))
        answers = dict(zip(searches, await send(self._connection, list(searches.values())), strict=True))
        rows = [row for name in ("listed", "others") if name in answers for row in self._rows(answers[name])]
        total = answers["listed"]["hits"]["total"]["value"]
        counted = answers["listed"].get("aggregations", {})
        if asked.is_browse:
            return browsed(rows, pinned=self._pinned, total=total), counted
        best = BY_RELEVANCE.rows(answers["best"])[0].score if "best" in answers and total else 0.0
        mode, sort = asked.query.mode, asked.query.sort
        return ranked(rows, self._near, mode=mode, sort=sort, pinned=self._pinned, best=best, total=total), counted

    def _rows(self, answered: Answer) -> list[Row]:
        """Return the rows of an answer, with what their scores are multiplied by."""
        rows, recency = self._asked.order.rows(answered), self._asked.recency
        if recency is None:
            return rows
        factors = recency.factors(np.asarray([row.latest(recency.field) for row in rows], np.int64))
        return [replace(row, recency=factor) for row, factor in zip(rows, factors.tolist(), strict=True)]

    async def _third_trip(self, candidates: Candidates, cut: collapsing.Shown) -> tuple[Hit, ...]:
        """Open the documents of the page, and count the copies of each where not all candidates are known."""
        asked = self._asked
        shown = shown_of(candidates, cut, explain=asked.query.explain)
        if not shown:
            return ()
        searches = [opening(asked.reader, shown, weights=self._weights, vector=asked.vector)]
        keys = sorted({int(key) for key in candidates.content_keys[cut.places]} - {collapsing.NO_CONTENT_KEY})
        if keys and not candidates.is_whole:
            searches.append(self._counting_copies(keys))
        opened, *copies = await send(self._connection, searches)
        if copies:
            shown = with_copies(shown, candidates.content_keys[cut.places], copies[0])
        is_near, highlight = asked.vector is not None, asked.query.highlight
        marker = Marker(self._analyzer, asked.wanted.scored)
        return hits_of(opened, shown, marker=marker, is_near=is_near, highlight=highlight)

    async def _spelling(self) -> str | None:
        """Return a better spelling, for the first page of an answer by words."""
        if self._asked.position is not None:
            return None
        held = {clause.term: count for clause, count in self._held.items() if isinstance(clause, Word)}
        ask = partial(send, self._connection)
        return await Speller(ask, self._asked.reader, self._analyzer, held).respell(self._asked.query.text)

    def _counting_copies(self, keys: Sequence[int]) -> PermittedSearch:
        of_these: Clause = {"terms": {Field.CONTENT_KEY.value: list(keys)}}
        counted = {"copies": {"terms": {"field": Field.CONTENT_KEY.value, "size": len(keys)}}}
        return self._asked.reader.rows(Rows(self._matching, [*self._asked.filters, of_these], counted=counted))
