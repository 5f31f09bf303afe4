"""One query to one page, inside one reading transaction.

The order of things is the guarantee: first what the reader may see, then the filter, then matching, ranking and
counting among what is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from indexer.backends import collapsing, cursor, ranking
from indexer.backends.analysis import Analyzer, storable
from indexer.backends.clauses import value_predicate
from indexer.backends.embedded.catalogue import Catalogue, Integers
from indexer.backends.embedded.changes import id_parameter
from indexer.backends.embedded.codec import vectors_from_blobs
from indexer.backends.embedded.columns import Column, Mask
from indexer.backends.embedded.facet_counts import counted
from indexer.backends.embedded.filters import documents_satisfying
from indexer.backends.embedded.hits import Shown, fetch_hits
from indexer.backends.embedded.postings import Field
from indexer.backends.embedded.readable_words import EmbeddedWords
from indexer.backends.embedded.text_search import TextSearch
from indexer.backends.embedded.vector_sidecar import inner_products
from indexer.backends.highlighting import Marker
from indexer.backends.query_language import PATH_FIELD, TITLE_FIELD, FieldTest, Wanted, candidate_fields, parse
from indexer.backends.ranking import NO_PASSAGE, Ranking
from indexer.backends.spelling import respell
from vocabulary.access import AccessFilter
from vocabulary.documents import Vector
from vocabulary.search import BucketCount, FacetCount, Page, Query, SearchMode, Total, TotalRelation

_HEADINGS = {TITLE_FIELD: Field.TITLE, PATH_FIELD: Field.PATH}


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """A query in the state that the connection's open transaction and the catalogue share.

    `vector` is None where the query needs none.
    """

    connection: Any
    catalogue: Catalogue
    query: Query
    vector: Vector | None
    access: AccessFilter
    analyzer: Analyzer

    def answer(self) -> Page:
        """Return the page that the query's cursor asks for, or the first."""
        position = cursor.decode(self.query)
        text = TextSearch(self.connection, self.catalogue, self.catalogue.admitted(self.access))
        wanted = self._wanted(text.readable)
        found = self._sorted(self._rank(wanted, text, self._filtered(wanted, text)))
        cut = self._cut(found, position)
        shown = found.reordered(cut.places)
        hits = fetch_hits(
            self.connection,
            Shown(shown, cut.copies, self.catalogue.acl_ids[shown.documents]),
            self.access,
            marker=Marker(self.analyzer, wanted.scored),
            vector=self.vector,
            highlight=self.query.highlight,
        )
        more = bool(hits) and not cut.is_last
        return Page(
            total=Total(int(found.documents.size), TotalRelation.EQUAL),
            hits=hits,
            facets=self._facets(found),
            next_cursor=cursor.encode(self.query, cursor.Position(cut.hits_so_far, hits[-1].document_id))
            if more
            else None,
            spelling=self._spelling(text) if position is None else None,
        )

    def _spelling(self, text: TextSearch) -> str | None:
        """Return a better spelling, for the first page of an answer by words."""
        if self.query.mode is SearchMode.SEMANTIC:
            return None
        return respell(self.query.text, self.analyzer, EmbeddedWords(text, self.access, self.analyzer))

    def _wanted(self, readable: Mask) -> Wanted:
        """Read the query's text; a field is what a readable document has."""
        fields = {name for name in candidate_fields(self.query.text) if readable[self._column(name).documents].any()}
        return parse(self.query.text, self.analyzer, is_field=fields.__contains__)

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
        predicate = value_predicate(test, self.analyzer)
        return self._column(test.field).documents_where(predicate, size=text.readable.size)

    def _rank(self, wanted: Wanted, text: TextSearch, kept: Mask) -> Ranking:
        if wanted.is_browse:
            return self._by_title(kept)
        semantic = ranking.NOTHING if self.vector is None else self._by_meaning(self.vector, wanted=kept)
        if self.query.mode is SearchMode.SEMANTIC:
            return semantic
        by_words = text.rank(wanted.scored, wanted=kept)
        return by_words if self.query.mode is SearchMode.KEYWORD else ranking.fuse(by_words, semantic)

    def _by_title(self, wanted: Mask) -> Ranking:
        documents = self.catalogue.title_order(self.connection)
        documents = documents[wanted[documents]]
        return Ranking(documents, np.zeros(documents.size), np.full(documents.size, NO_PASSAGE))

    def _by_meaning(self, vector: Vector, *, wanted: Mask) -> Ranking:
        mask = wanted[self.catalogue.passage_documents] & self.catalogue.has_vector
        slots = self.catalogue.vectors.nearest(vector, mask=mask, count=ranking.SEMANTIC_PASSAGES)
        ids, similarities = self._rescored(np.sort(self.catalogue.passage_ids[slots]), vector)
        documents = self.catalogue.passage_documents[self.catalogue.slots_of(ids)].astype(np.int64)
        return ranking.nearest_passages(documents, ids, similarities)

    def _rescored(self, passage_ids: Integers, vector: Vector) -> tuple[Integers, ranking.Scores]:
        """Return the exact similarities of candidate passages, from the vectors in the file."""
        rows = self.connection.execute(
            "SELECT passage_id, vector FROM embedding WHERE passage_id IN (SELECT value FROM carray(?))",
            (id_parameter(passage_ids),),
        ).fetchall()
        ids = np.asarray([row[0] for row in rows], np.int64)
        vectors = vectors_from_blobs([row[1] for row in rows], vector.size)
        return ids, inner_products(vectors, vector).astype(np.float64)

    def _sorted(self, found: Ranking) -> Ranking:
        sort = self.query.sort
        if sort is None:
            return found
        column = self._column(sort.field)
        size = self.catalogue.acl_ids.size
        return found.reordered(column.order(found.documents, descending=sort.descending, size=size))

    def _facets(self, found: Ranking) -> dict[str, tuple[FacetCount | BucketCount, ...]]:
        matching = np.zeros(self.catalogue.acl_ids.size, np.bool_)
        matching[found.documents] = True
        return {each.key: counted(each, self._column(each.field), matching) for each in self.query.facets}

    def _cut(self, found: Ranking, position: cursor.Position | None) -> collapsing.Shown:
        """Cut the page out of the answer: behind the last shown hit, or where it stood if it is gone."""
        keys = self.catalogue.content_keys[found.documents]
        if not self.query.collapse:
            keys = np.full_like(keys, collapsing.NO_CONTENT_KEY)
        behind = None if position is None else self._place(found, position)
        skipped = 0 if position is None else position.shown
        return collapsing.cut_page(keys, behind=behind, skipped=skipped, size=self.query.size)

    def _place(self, found: Ranking, position: cursor.Position) -> int | None:
        """Return where the last shown hit stands now; None when it is gone."""
        row = self.connection.execute(
            "SELECT id FROM document WHERE source = ? AND native_id = ?",
            (position.last.source, position.last.native_id),
        ).fetchone()
        places = np.flatnonzero(found.documents == row[0]) if row else np.zeros(0, np.int64)
        return int(places[0]) if places.size else None

    def _column(self, field: str) -> Column:
        return self.catalogue.columns.column(self.connection, storable(field), sequence=self.catalogue.sequence)
