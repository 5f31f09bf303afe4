"""The in-memory engine: the same answers, computed in the plainest way.

It is the reference that the other engines are tested against: permissions and filters are decided document by
document, and whatever they exclude is gone before anything is matched, ranked or counted. Nothing survives the
process.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from types import TracebackType
from typing import Self

import numpy as np

from indexer.backends import bm25, collapsing, cursor, facets, ranking, suggestions
from indexer.backends.analysis import DEFAULT_LANGUAGES, Analysed, Analyzer, analyzer, storable
from indexer.backends.bm25 import TextField
from indexer.backends.clauses import frequency, value_predicate
from indexer.backends.comments import CommentPassage, best_comments
from indexer.backends.highlighting import Marker, excerpt_of
from indexer.backends.matching import Key, Kind, holds, searched_text
from indexer.backends.memory_rows import Rows, Stored
from indexer.backends.query_language import PATH_FIELD, TITLE_FIELD, Clause, FieldTest, Prefix, Wanted, Word, parse
from indexer.backends.ranking import NO_PASSAGE, Ranking
from indexer.backends.request import needed_vector, refuse_foreign_vectors
from indexer.backends.spelling import DOCUMENTS_READ, near_terms, respell
from indexer.backends.tuning import Tuned
from vocabulary.access import HIDDEN_ACL, AccessFilter
from vocabulary.documents import DocumentId, EnrichedPassage, PassageKind, Vector
from vocabulary.errors import ConfigurationError, NumberingMismatch
from vocabulary.search import (
    BucketCount,
    DateFacet,
    Facet,
    FacetCount,
    FacetRequest,
    Hit,
    IndexOperation,
    IndexStatistics,
    Page,
    Query,
    RangeFacet,
    Refusal,
    SearchMode,
    StoredDocument,
    Suggestion,
    Total,
    TotalRelation,
    Tuning,
)


@dataclass(frozen=True, eq=False)
class _Texts:
    """What is searched by words of a document, analysed where something asks for it: browsing does not."""

    document: Stored
    analyzer: Analyzer

    @cached_property
    def bodies(self) -> tuple[Analysed, ...]:
        """Its passages, in their order."""
        return tuple(self.analyzer.analysed(each.passage.text) for each in self.document.passages)

    @cached_property
    def own(self) -> Mapping[TextField, Analysed]:
        description = self.document.description
        attributes = searched_text(description.attributes, description.searched)
        return {
            TextField.TITLE: self.analyzer.analysed(description.title),
            TextField.ATTRIBUTES: self.analyzer.analysed(attributes),
        }

    @cached_property
    def path(self) -> Analysed:
        return self.analyzer.analysed(self.document.description.path)

    def hold(self, clause: Clause) -> bool:
        return any(frequency(clause, text) for text in (*self.bodies, *self.own.values()))

    def spell(self, term: str) -> bool:
        """Whether text or title hold a term."""
        return any(term in text.terms for text in (*self.bodies, self.own[TextField.TITLE]))


@dataclass(frozen=True, slots=True, eq=False)
class _Words:
    """The words of readable documents, these in the order in which they were first stored (`ReadableWords`)."""

    texts: Sequence[_Texts]
    analyzer: Analyzer

    def documents_with(self, term: str) -> int:
        return sum(each.hold(Word(term)) for each in self.texts)

    def near(self, term: str, *, slips: int) -> Iterator[tuple[str, int]]:
        spelled = (text for each in self.texts for text in (*each.bodies, each.own[TextField.TITLE]))
        vocabulary = {term for text in spelled for term in text.terms}
        for other in near_terms(term, sorted(vocabulary), slips=slips):
            yield other, sum(each.spell(other) for each in self.texts)

    def forms(self, term: str) -> Iterator[str]:
        for each in [each for each in self.texts if each.spell(term)][:DOCUMENTS_READ]:
            passages = zip(each.bodies, each.document.passages, strict=True)
            holding = (stored.passage.text for body, stored in passages if term in body.terms)
            for text in (each.document.description.title, next(holding, "")):
                yield from (text[token.start : token.end] for token in self.analyzer.tokens(text) if token.term == term)


class MemoryBackend:
    """An index that lives as long as the object, for vectors of `dimensions` numbers and texts in these languages."""

    def __init__(
        self,
        *,
        dimensions: int,
        languages: Sequence[str] = DEFAULT_LANGUAGES,
        tuning: Tuning = Tuning(),  # noqa: B008 - immutable
    ) -> None:
        self._analyzer = analyzer(tuple(languages))
        self._tuned = Tuned(tuning, self._analyzer)
        self._dimensions = dimensions
        self._index_id = uuid.uuid4().hex
        self._numbering: str | None = None
        self._seal = ""
        self._rows = Rows()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    @property
    def index_id(self) -> str:
        """A random name given when the object was made."""
        return self._index_id

    async def adopt(self, numbering: str) -> None:
        """Tie the index to the state that numbers its ACLs.

        Raises:
            NumberingMismatch: the index holds documents under another state's numbers.
        """
        if self._rows.documents and self._numbering != numbering:
            raise NumberingMismatch("the index holds documents under another state's numbers")
        self._numbering = numbering

    async def seal(self) -> str:
        """Return the word that was last put on the index."""
        return self._seal

    async def put_seal(self, seal: str, *, hide_all: bool) -> None:
        """Put a word on the index, and hide every document where asked."""
        if hide_all:
            self._rows.hide_all()
        self._seal = seal

    async def apply(
        self, operations: Sequence[IndexOperation], *, fence: int | None = None
    ) -> Mapping[DocumentId, Refusal]:
        """Carry out the operations in order, all or none."""
        for operation in operations:
            refuse_foreign_vectors(operation, dimensions=self._dimensions)
        return self._rows.apply(operations, fence=fence)

    async def stored_passages(self, document_id: DocumentId) -> tuple[EnrichedPassage, ...]:
        """Return the passages of a document in their order."""
        stored = self._rows.documents.get(document_id)
        return () if stored is None else stored.passages

    async def stored_documents(self, *, after: str = "", limit: int) -> Sequence[StoredDocument]:
        """Return documents behind a position, in the order in which they were first stored."""
        return self._rows.behind(after, limit=limit)

    async def look_up(self, document_ids: Sequence[DocumentId]) -> Sequence[StoredDocument]:
        """Return those of the documents that are stored, in the order in which they were first stored."""
        return self._rows.held(document_ids)

    async def take_identity(self, index_id: str) -> None:
        """Go by this name from now on.

        Raises:
            ConfigurationError: the index holds documents under another name.
        """
        if self._rows.documents and self._index_id != index_id:
            raise ConfigurationError("the index holds documents under another name")
        self._index_id = index_id

    async def search(self, query: Query, vector: Vector | None, access: AccessFilter) -> Page:
        """Answer a query with what the filter admits.

        Raises:
            NumberingMismatch: the filter's numbering is not the index's.
            QueryInvalid: an unusable cursor, or a missing vector.
        """
        needed = needed_vector(query, vector, dimensions=self._dimensions)
        if self._numbering is None:
            return Page(total=Total(0, TotalRelation.EQUAL), hits=(), facets={}, next_cursor=None)
        if self._numbering != access.numbering:
            raise NumberingMismatch("the index's ACLs were numbered by another state")
        readable = [each for each in self._rows.documents.values() if _may_see(access, each)]
        return _answer(readable, query, needed, self._analyzer, self._tuned)

    async def suggest(self, text: str, access: AccessFilter, *, size: int) -> tuple[Suggestion, ...]:
        """Complete what a reader has begun to type, from documents that the filter admits.

        Raises:
            NumberingMismatch: the filter's numbering is not the index's.
        """
        return await suggestions.suggest(self.search, text, access, size=size, analyzer=self._analyzer)

    async def statistics(self) -> IndexStatistics:
        """Count what the index holds."""
        passages = sum(len(each.passages) for each in self._rows.documents.values())
        return IndexStatistics(documents=len(self._rows.documents), passages=passages)

    async def document_ids(self, source: str) -> AsyncIterator[DocumentId]:
        """Yield the documents of a source, ordered by id."""
        for document_id in sorted(each for each in self._rows.documents if each.source == source):
            yield document_id


_Parts = Callable[[ranking.Ids], Sequence[Mapping[str, float]]]


def _may_see(access: AccessFilter, stored: Stored) -> bool:
    acl_id = stored.description.acl_id
    return acl_id != HIDDEN_ACL and access.admits(acl_id, stored.owner)


def _answer(readable: Sequence[Stored], query: Query, vector: Vector | None, analyzer: Analyzer, tuned: Tuned) -> Page:
    """Answer as if the readable documents were all there is."""
    position = cursor.decode(query)
    texts = [_Texts(each, analyzer) for each in readable]
    fields = {name for each in readable for name in each.fields}
    wanted = tuned.expanded(parse(query.text, analyzer, is_field=fields.__contains__))
    kept = [each for each in texts if _is_kept(each, query, wanted, analyzer)]
    by_number = {each.document.number: each.document for each in kept}
    ranked, parts = _rank(texts, kept, query, vector, wanted)
    pinned = [
        number
        for each in tuned.pinned(query.text)
        for number, own in by_number.items()
        if own.description.document_id == each
    ]
    found = _sorted(ranking.pinned_first(ranked, np.asarray(pinned, np.int64)), query, by_number)
    documents = [by_number[int(number)] for number in found.documents]
    groups = _groups(documents, collapse=query.collapse)
    start = 0 if position is None else _start(documents, groups, position)
    shown = groups[start : start + query.size]
    hits = tuple(
        replace(
            _hit(
                documents[first],
                float(found.scores[first]),
                int(found.passages[first]),
                marker=Marker(analyzer, wanted.scored),
                query=query,
                vector=vector,
            ),
            copies=len(copies),
            score_parts=parts(found.documents[[first]])[0] if query.explain else None,
        )
        for first, *copies in shown
    )
    end = start + len(shown)
    more = bool(hits) and end < len(groups)
    return Page(
        total=Total(len(documents), TotalRelation.EQUAL),
        hits=hits,
        facets={each.key: _facet(documents, each) for each in query.facets},
        next_cursor=cursor.encode(query, cursor.Position(end, hits[-1].document_id)) if more else None,
        spelling=_spelling(texts, query, analyzer) if position is None else None,
    )


def _spelling(texts: Sequence[_Texts], query: Query, analyzer: Analyzer) -> str | None:
    """Return a better spelling, for the first page of an answer by words."""
    if query.mode is SearchMode.SEMANTIC:
        return None
    return respell(query.text, analyzer, _Words(sorted(texts, key=lambda each: each.document.number), analyzer))


def _is_kept(texts: _Texts, query: Query, wanted: Wanted, analyzer: Analyzer) -> bool:
    """Whether neither the filter nor the query's text excludes a document."""
    return (
        (query.filter is None or holds(query.filter, texts.document.fields))
        and all(texts.hold(clause) for clause in wanted.required)
        and not any(texts.hold(clause) for clause in wanted.excluded)
        and all(_passes(texts, test, analyzer) for test in wanted.fields)
        and not any(_passes(texts, test, analyzer) for test in wanted.excluded_fields)
    )


def _passes(texts: _Texts, test: FieldTest, analyzer: Analyzer) -> bool:
    if test.field in (TITLE_FIELD, PATH_FIELD):
        text = texts.own[TextField.TITLE] if test.field == TITLE_FIELD else texts.path
        return test.clause is not None and frequency(test.clause, text) > 0
    return any(map(value_predicate(test, analyzer), texts.document.fields.get(test.field, frozenset())))


def _rank(
    readable: Sequence[_Texts], kept: Sequence[_Texts], query: Query, vector: Vector | None, wanted: Wanted
) -> tuple[Ranking, _Parts]:
    """Return the ranking, and what tells the parts of its scores."""
    documents = [each.document for each in kept]
    if wanted.is_browse:
        by_title = sorted(documents, key=lambda each: (storable(each.description.title).casefold(), each.number))
        return _ranking((each.number, NO_PASSAGE, 0.0) for each in by_title), lambda shown: [{}] * shown.size
    semantic = ranking.NOTHING if vector is None else _by_meaning(documents, vector)
    by_words = ranking.NOTHING if query.mode is SearchMode.SEMANTIC else _by_words(readable, kept, wanted.scored)
    parts = partial(ranking.explained, keyword=by_words, semantic=semantic)
    match query.mode:
        case SearchMode.SEMANTIC:
            return semantic, parts
        case SearchMode.KEYWORD:
            return by_words, parts
        case SearchMode.HYBRID:
            return ranking.fuse(by_words, semantic), parts


def _by_words(readable: Sequence[_Texts], kept: Sequence[_Texts], clauses: Sequence[Clause]) -> Ranking:
    """Rank by BM25. How rare a clause is depends on all that the reader may read, not on the filter."""
    weights = {
        clause: bm25.clause_weight(clause)
        * bm25.inverse_document_frequency(
            documents=len(readable), documents_with_clause=sum(each.hold(clause) for each in readable)
        )
        for clause in clauses
    }
    passages = _ranking(
        (each.document.number, place, _score(body, TextField.BODY, weights))
        for each in kept
        for place, body in enumerate(each.bodies)
        if any(frequency(clause, body) for clause in clauses)
    )
    own = {each.document.number: sum(_score(text, field, weights) for field, text in each.own.items()) for each in kept}
    matching = [number for number, score in own.items() if score]
    return ranking.with_own_scores(
        ranking.rank_documents(passages.documents, passages.passages, passages.scores),
        np.asarray(matching, np.int64),
        np.asarray([own[number] for number in matching], np.float64),
    )


def _score(text: Analysed, field: TextField, weights: Mapping[Clause, float]) -> float:
    return sum(
        (weight * _saturated(clause, text, field) for clause, weight in weights.items() if frequency(clause, text)), 0.0
    )


def _saturated(clause: Clause, text: Analysed, field: TextField) -> float:
    if isinstance(clause, Prefix):
        return bm25.of_prefix(field)
    return bm25.saturated(float(frequency(clause, text)), float(len(text.terms)), field=field)


def _by_meaning(documents: Sequence[Stored], vector: Vector) -> Ranking:
    found = _ranking(
        (each.number, place, float(enriched.vector @ vector))
        for each in documents
        for place, enriched in enumerate(each.passages)
    )
    return ranking.nearest_passages(found.documents, found.passages, found.scores)


def _ranking(entries: Iterable[tuple[int, int, float]]) -> Ranking:
    """Return (document, passage, score) triples as arrays, in their order."""
    listed = list(entries)
    return Ranking(
        np.asarray([document for document, _, _ in listed], np.int64),
        np.asarray([score for _, _, score in listed], np.float64),
        np.asarray([passage for _, passage, _ in listed], np.int64),
    )


def _sorted(found: Ranking, query: Query, by_number: dict[int, Stored]) -> Ranking:
    """Order by an attribute; of several values the smallest counts, in descending order the largest."""
    sort = query.sort
    if sort is None:
        return found
    pick: Callable[[Iterable[Key]], Key] = max if sort.descending else min
    values = {number: each.fields.get(storable(sort.field), frozenset()) for number, each in by_number.items()}
    numbers = [int(number) for number in found.documents]
    present = [at for at, number in enumerate(numbers) if values[number]]
    missing = [at for at, number in enumerate(numbers) if not values[number]]
    present.sort(key=lambda at: pick(values[numbers[at]]), reverse=sort.descending)
    return found.reordered(np.asarray(present + missing, np.intp))


def _groups(documents: Sequence[Stored], *, collapse: bool) -> list[list[int]]:
    """Return the places of the documents, those of copies together, in the order of each group's first."""
    groups: dict[object, list[int]] = {}
    for place, each in enumerate(documents):
        key = collapsing.content_key(each.passages) if collapse else collapsing.NO_CONTENT_KEY
        groups.setdefault(each if key == collapsing.NO_CONTENT_KEY else key, []).append(place)
    return list(groups.values())


def _start(documents: Sequence[Stored], groups: Sequence[list[int]], position: cursor.Position) -> int:
    """Return the group to begin with: the first behind the last shown hit, or where that stood if it is gone."""
    for place, each in enumerate(documents):
        if each.description.document_id == position.last:
            return sum(1 for group in groups if group[0] <= place)
    return min(position.shown, len(groups))


def _facet(documents: Iterable[Stored], facet: Facet) -> tuple[FacetCount | BucketCount, ...]:
    held = [each.fields.get(storable(facet.field), frozenset()) for each in documents]
    match facet:
        case FacetRequest():
            counts = Counter(key for keys in held for key in keys)
            return facets.commonest(counts.items(), size=facet.size)
        case RangeFacet():
            kind = facets.kind_of_ranges(facet)
            values = [[key for key in keys if key.kind is kind] for keys in held]
            buckets = facets.buckets_of(facet)
            return facets.counted_ranges(facet, [sum(any(map(each.holds, own)) for own in values) for each in buckets])
        case DateFacet():
            zone = facets.zone_of(facet)
            moments = [[int(key.value) for key in keys if key.kind is Kind.MOMENT] for keys in held]
            stretches = Counter(
                stretch
                for own in moments
                for stretch in {facets.stretch_of(each, facet.interval, zone) for each in own}
            )
            return facets.latest(stretches, size=facet.size)


def _hit(stored: Stored, score: float, place: int, *, marker: Marker, query: Query, vector: Vector | None) -> Hit:
    description = stored.description
    shown = stored.passages[max(place, 0)].passage if stored.passages else None
    return Hit(
        document_id=description.document_id,
        title=description.title,
        uri=description.uri,
        path=description.path,
        score=score,
        excerpt=None if shown is None else excerpt_of(shown, marker, highlight=query.highlight),
        attributes=dict(description.attributes),
        toxicity_0_1=stored.toxicity_0_1,
        comments=best_comments(_comments(stored, vector), marker, besides=shown, highlight=query.highlight),
    )


def _comments(stored: Stored, vector: Vector | None) -> list[CommentPassage]:
    return [
        CommentPassage(each.passage, None if vector is None else float(each.vector @ vector))
        for each in stored.passages
        if each.passage.kind is PassageKind.COMMENT
    ]
