"""A query under a reader's filter, and what the first round trip is to find out for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from indexer.backends.opensearch import statistics
from indexer.backends.opensearch.access_clause import Clause
from indexer.backends.opensearch.clauses import failing, holding, lacking, of_ids, passing
from indexer.backends.opensearch.documents import id_of
from indexer.backends.opensearch.filters import filter_clause
from indexer.backends.opensearch.mapping import Field
from indexer.backends.opensearch.ordering import KEY_COLUMNS, Order
from indexer.backends.opensearch.requests import PermittedSearch, Reader, Rows
from indexer.search import cursor, ranking
from indexer.search.analysis import Token
from indexer.search.query_language import Clause as TextClause
from indexer.search.query_language import Wanted, Word
from indexer.search.tuning import Tuned
from vocabulary.documents import DocumentId, Vector
from vocabulary.search import Query, SearchMode

# Documents looked for beyond those that count: Lucene finds the nearest ones the surer the more it is asked for. Some
# more are taken than count, so that equal ones are cut by the ranking's rule.
_LOOKED_FOR = ranking.SEMANTIC_PASSAGES
_TAKEN = 2 * ranking.SEMANTIC_DEPTH


class Asked:
    """A query under a reader's filter, and what the first round trip is to find out for it."""

    def __init__(
        self,
        reader: Reader,
        query: Query,
        vector: Vector | None,
        *,
        wanted: Wanted,
        words: Sequence[Token],
        tuned: Tuned,
        is_quantised: bool,
    ) -> None:
        self.reader = reader
        self.query = query
        self.is_quantised = is_quantised
        self.vector = None if vector is None or not vector.any() else vector  # without direction, near to nothing
        self.position = cursor.decode(query)
        self.wanted = wanted
        self.pinned = tuned.pinned(query.text)
        self.boosts = tuned.boosts
        self.recency = None if wanted.is_browse else tuned.recency()
        self.is_browse = wanted.is_browse
        self.filters = list(_narrowing(query, wanted))
        self.counted = () if query.mode is SearchMode.SEMANTIC else _counted(wanted, words)
        self.order = Order(query.sort, is_browse=self.is_browse)
        self.columns = (*KEY_COLUMNS, Field.CONTENT_KEY) if query.collapse else KEY_COLUMNS

    @property
    def first(self) -> Mapping[str, PermittedSearch]:
        """The searches of the first round trip."""
        searches: dict[str, PermittedSearch] = {}
        if self.counted:
            searches["all"] = self.reader.everything()
            searches["counts"] = statistics.counting(self.reader, self.counted)
        if self.vector is not None:
            searches["nearest"] = self.reader.nearest(
                self.vector, self.filters, count=_TAKEN, looked_for=_LOOKED_FOR, is_quantised=self.is_quantised
            )
        if self.pinned:
            searches["pinned"] = self._places(self.pinned)
        if self.position is not None:
            searches["last"] = self._places([self.position.last])
        return searches

    def _places(self, documents: Sequence[DocumentId]) -> PermittedSearch:
        """Return the search for those of the documents that the reader may read and nothing excludes."""
        filters = [*self.filters, of_ids([id_of(each) for each in documents])]
        return self.reader.rows(Rows(None, filters, self.order.clauses, size=len(documents), columns=KEY_COLUMNS))


def _counted(wanted: Wanted, words: Sequence[Token]) -> tuple[TextClause, ...]:
    """Return what the reader's documents are counted for: what ranks them, and the words that may be slips."""
    return tuple(dict.fromkeys((*wanted.scored, *(Word(token.term) for token in words))))


def _narrowing(query: Query, wanted: Wanted) -> Iterator[Clause]:
    """Yield what every document of the answer satisfies, whatever it is found by."""
    if query.filter is not None:
        yield filter_clause(query.filter)
    yield from map(holding, wanted.required)
    yield from map(lacking, wanted.excluded)
    yield from map(passing, wanted.fields)
    yield from map(failing, wanted.excluded_fields)
