"""One query to one page, inside one reading transaction.

The order of things is the guarantee: first what the reader may see, then the filter, then matching, ranking and
counting among what is left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from indexer.backends.embedded.catalogue import Catalogue, Integers
from indexer.backends.embedded.columns import Column, Mask
from indexer.backends.embedded.current_vectors import StoredVectors
from indexer.backends.embedded.facet_counts import counted
from indexer.backends.embedded.filters import documents_satisfying
from indexer.backends.embedded.hits import Shown, fetch_hits
from indexer.backends.embedded.postings import Field
from indexer.backends.embedded.readable_words import EmbeddedWords
from indexer.backends.embedded.text_rows import clause_of_value
from indexer.backends.embedded.text_search import TextSearch
from indexer.backends.embedded.vector_sidecar import inner_products
from indexer.search import collapsing, cursor, ranking
from indexer.search.analysis import Analyzer, storable
from indexer.search.clauses import value_predicate, values_named
from indexer.search.highlighting import Marker
from indexer.search.matching import TOXICITY_CATEGORY_FIELD
from indexer.search.query_language import PATH_FIELD, TITLE_FIELD, FieldTest, Wanted, candidate_fields, parse
from indexer.search.ranking import NO_PASSAGE, Ranking
from indexer.search.spelling import respell
from indexer.search.tuning import Tuned
from vocabulary.access import AccessFilter
from vocabulary.documents import Vector
from vocabulary.search import (
    BucketCount,
    FacetCount,
    Page,
    Query,
    SearchMode,
    Total,
    TotalRelation,
)

# How much of an answer is put in order at first; a page that needs more asks for several times as much.
_RANKED_FIRST = 64
_GROWTH = 4
# From here on the scanning threads find out themselves which passages these documents have: of a million 1.3 ms that
# no other processor helps with otherwise. So few as to be looked at without a scan are hardly theirs.
_MANY_DOCUMENTS = 20_000
_DOCUMENT = "SELECT id FROM document WHERE source = ? AND native_id = ?"
_HEADINGS = {TITLE_FIELD: Field.TITLE, PATH_FIELD: Field.PATH}


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """The documents of an answer, each once, and their ranking: `leading(n)` is right in its first n places.

    `explained` says what the scores of documents are made of.
    """

    documents: Integers
    leading: Callable[[int], Ranking]
    explained: Callable[[Integers], Sequence[Mapping[str, float]]]

    @property
    def total(self) -> int:
        return int(self.documents.size)


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """A query in the state that the connection's open transaction, the catalogue and the vectors share.

    `vector` is None where the query needs none.
    """

    connection: Any
    catalogue: Catalogue
    vectors: StoredVectors
    query: Query
    vector: Vector | None
    access: AccessFilter
    analyzer: Analyzer
    tuned: Tuned

    def answer(self) -> Page:
        """Return the page that the query's cursor asks for, or the first."""
        position = cursor.decode(self.query)
        text = TextSearch(self.connection, self.catalogue, self.catalogue.admitted(self.access))
        wanted = self._wanted(text.readable)
        kept = self._filtered(wanted, text)
        scan = self._begin_scan(wanted, kept)  # words are looked up and spelled while the vectors are scanned
        spelling = self._spelling(text) if position is None else None
        found = self._headed(self._found(wanted, text, kept, scan), kept)
        ranked, cut = self._cut(found, position)
        shown = ranked.reordered(cut.places)
        hits = fetch_hits(
            self.connection,
            Shown(
                shown,
                self._copies(found, shown),
                self.catalogue.acl_ids[shown.documents],
                found.explained(shown.documents) if self.query.explain else [None] * shown.documents.size,
            ),
            self.access,
            marker=Marker(self.analyzer, wanted.scored),
            vector=self.vector,
            highlight=self.query.highlight,
        )
        more = bool(hits) and not cut.is_last
        return Page(
            total=Total(found.total, TotalRelation.EQUAL),
            hits=hits,
            facets=self._facets(found),
            next_cursor=cursor.encode(self.query, cursor.Position(cut.hits_so_far, hits[-1].document_id))
            if more
            else None,
            spelling=spelling,
        )

    def _spelling(self, text: TextSearch) -> str | None:
        """Return a better spelling, for the first page of an answer by words."""
        if self.query.mode is SearchMode.SEMANTIC:
            return None
        return respell(self.query.text, self.analyzer, EmbeddedWords(text, self.access, self.analyzer))

    def _wanted(self, readable: Mask) -> Wanted:
        """Read the query's text; a field is what a readable document has."""
        fields = {name for name in candidate_fields(self.query.text) if readable[self._column(name).documents].any()}
        return self.tuned.expanded(parse(self.query.text, self.analyzer, is_field=fields.__contains__))

    def _filtered(self, wanted: Wanted, text: TextSearch) -> Mask:
        """Return the documents that the reader may read and that nothing excludes; bool by document."""
        kept = text.readable.copy()
        if self.query.filter is not None:
            kept &= documents_satisfying(self.query.filter, self._column, size=kept.size)
        for clause in wanted.required:
            kept &= text.holding(clause)
        for clause in wanted.excluded:
            kept &= ~text.holding(clause)
        for test in wanted.fields:
            kept &= self._passing(test, text)
        for test in wanted.excluded_fields:
            kept &= ~self._passing(test, text)
        return kept

    def _passing(self, test: FieldTest, text: TextSearch) -> Mask:
        if test.field in _HEADINGS:
            if test.clause is None:
                return np.zeros(text.readable.size, np.bool_)
            return text.holding_in(_HEADINGS[test.field], test.clause)
        if test.field == TOXICITY_CATEGORY_FIELD:  # in no heading, so that it may be scored anew; few distinct values
            predicate = value_predicate(test, self.analyzer)
            return self._column(test.field).documents_where(predicate, size=text.readable.size)
        passing = np.zeros(text.readable.size, np.bool_)
        if test.clause is not None:
            passing |= text.holding_in(Field.VALUES, clause_of_value(test.field, test.clause))
        if values_named(test).any:
            predicate = value_predicate(replace(test, clause=None), self.analyzer)
            passing |= self._column(test.field).documents_where(predicate, size=passing.size)
        return passing

    def _found(self, wanted: Wanted, text: TextSearch, kept: Mask, scan: Callable[[], Ranking]) -> _Found:
        if wanted.is_browse:
            by_title = self._by_title(kept)
            return _Found(by_title.documents, lambda _: by_title, lambda shown: [{}] * shown.size)
        is_semantic = self.query.mode is SearchMode.SEMANTIC
        matches = None if is_semantic else text.matches(wanted.scored, wanted=kept, boosts=self.tuned.boosts)
        semantic = scan()
        recency = self._recency()
        if recency is not None:
            semantic = ranking.multiplied(semantic, recency[semantic.documents])
            matches = matches and matches.multiplied(recency)

        def explained(shown: Integers) -> Sequence[Mapping[str, float]]:
            by_words = ranking.NOTHING if matches is None else matches.leading(1, besides=shown)
            of_shown = None if recency is None else recency[shown]
            return ranking.explained(shown, by_words, semantic, recency=of_shown)

        if matches is None:
            return _Found(semantic.documents, lambda _: semantic, explained)

        if self.query.mode is SearchMode.KEYWORD:
            return _Found(
                matches.documents,
                lambda count: matches.leading(count, besides=semantic.documents),
                explained,
            )
        is_matching = np.zeros(kept.size, np.bool_)
        is_matching[matches.documents] = True
        found = np.concatenate([matches.documents, semantic.documents[~is_matching[semantic.documents]]])
        # Behind the first `count` there are no others than documents that score less by words and nothing by meaning.
        return _Found(
            found,
            lambda count: ranking.fuse(matches.leading(count, besides=semantic.documents), semantic),
            explained,
        )

    def _recency(self) -> ranking.Scores | None:
        """Return what the scores of every document are multiplied by; None where newer ones are not preferred."""
        rule = self.tuned.recency()
        if rule is None:
            return None
        return rule.factors(self._column(rule.field).latest(size=self.catalogue.acl_ids.size))

    def _headed(self, found: _Found, kept: Mask) -> _Found:
        """Put the documents that are pinned to the query before all others, of those that are kept."""
        pins = self._pinned(kept)
        if not pins.size:
            return found
        return _Found(
            np.union1d(found.documents, pins),
            lambda count: ranking.pinned_first(found.leading(count), pins),
            found.explained,
        )

    def _pinned(self, kept: Mask) -> Integers:
        pinned = []
        for each in self.tuned.pinned(self.query.text):
            row = self.connection.execute(_DOCUMENT, (each.source, each.native_id)).fetchone()
            if row is not None and row[0] < kept.size and kept[row[0]]:
                pinned.append(row[0])
        return np.asarray(pinned, np.int64)

    def _by_title(self, wanted: Mask) -> Ranking:
        documents = self.catalogue.title_order(self.connection)
        documents = documents[wanted[documents]]
        return Ranking(documents, np.zeros(documents.size), np.full(documents.size, NO_PASSAGE))

    def _begin_scan(self, wanted: Wanted, kept: Mask) -> Callable[[], Ranking]:
        """Begin to look for what is near by meaning; the function that is returned waits for it."""
        vector = self.vector
        if vector is None or wanted.is_browse:
            return lambda: ranking.NOTHING
        documents, has_vector = self.catalogue.passage_documents, self.catalogue.has_vector
        slots = self.catalogue.vectors.begin_nearest(
            vector,
            lambda run: np.take(kept, documents[run]) & has_vector[run],
            size=documents.size,
            count=ranking.SEMANTIC_PASSAGES,
            many=int(np.count_nonzero(kept)) > _MANY_DOCUMENTS,
        )
        return lambda: self._by_meaning(vector, slots())

    def _by_meaning(self, vector: Vector, slots: Integers) -> Ranking:
        ids, vectors = self.vectors.of(np.sort(self.catalogue.passage_ids[slots]))
        similarities = inner_products(vectors, vector).astype(np.float64)
        documents = self.catalogue.passage_documents[self.catalogue.slots_of(ids)]
        return ranking.nearest_passages(documents, ids, similarities)

    def _sorted(self, found: Ranking) -> Ranking:
        sort = self.query.sort
        if sort is None:
            return found
        column = self._column(sort.field)
        size = self.catalogue.acl_ids.size
        return found.reordered(column.order(found.documents, descending=sort.descending, size=size))

    def _facets(self, found: _Found) -> dict[str, tuple[FacetCount | BucketCount, ...]]:
        if not self.query.facets:
            return {}
        matching = np.zeros(self.catalogue.acl_ids.size, np.bool_)
        matching[found.documents] = True
        return {each.key: counted(each, self._column(each.field), matching) for each in self.query.facets}

    def _cut(self, found: _Found, position: cursor.Position | None) -> tuple[Ranking, collapsing.Shown]:
        """Cut the page out of the answer: behind the last shown hit, or where it stood if it is gone.

        Only as much of the answer is put in order as the page needs.
        """
        last = None if position is None else self._last_shown(found, position)
        skipped = 0 if position is None else position.shown
        count = found.total if self.query.sort else _RANKED_FIRST + _GROWTH * (skipped + self.query.size)
        while True:
            ranked = self._sorted(found.leading(count))
            is_whole = ranked.documents.size == found.total
            if not is_whole:
                ranked = ranked.reordered(np.arange(count))
            places = np.flatnonzero(ranked.documents == last) if last is not None else np.zeros(0, np.int64)
            if is_whole or last is None or places.size:
                behind = int(places[0]) if places.size else None
                cut = collapsing.cut_page(
                    self._content_keys(ranked.documents), behind=behind, skipped=skipped, size=self.query.size
                )
                if is_whole or not cut.is_last:
                    return ranked, cut
            count *= _GROWTH

    def _content_keys(self, documents: Integers) -> Integers:
        keys = self.catalogue.content_keys[documents]
        return keys if self.query.collapse else np.full_like(keys, collapsing.NO_CONTENT_KEY)

    def _copies(self, found: _Found, shown: Ranking) -> Integers:
        """Return how many more documents of the whole answer have the text of each shown one."""
        keys = self._content_keys(shown.documents)
        if not keys.any():
            return keys
        of_all = self._content_keys(found.documents)
        return np.asarray([np.count_nonzero(of_all == key) - 1 if key else 0 for key in keys], np.int64)

    def _last_shown(self, found: _Found, position: cursor.Position) -> int | None:
        """Return the document that was shown last, if it is still in the answer."""
        row = self.connection.execute(_DOCUMENT, (position.last.source, position.last.native_id)).fetchone()
        return int(row[0]) if row and (found.documents == row[0]).any() else None

    def _column(self, field: str) -> Column:
        return self.catalogue.columns.column(self.connection, storable(field), sequence=self.catalogue.sequence)
