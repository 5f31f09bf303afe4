"""One query to one page, decided document by document among those that the reader may see."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from indexer.backends.memory.rows import Stored
from indexer.backends.memory.showing import facet_of, groups_of, hit_of, start_of
from indexer.backends.memory.texts import Texts, Words
from indexer.search import bm25, cursor, ranking
from indexer.search.analysis import Analysed, Analyzer, storable
from indexer.search.bm25 import TextField
from indexer.search.clauses import frequency, value_predicate
from indexer.search.highlighting import Marker
from indexer.search.matching import Key, holds
from indexer.search.query_language import PATH_FIELD, TITLE_FIELD, Clause, FieldTest, Prefix, Wanted, parse
from indexer.search.ranking import NO_PASSAGE, Ranking
from indexer.search.recency import latest
from indexer.search.spelling import respell
from indexer.search.tuning import Tuned
from vocabulary.access import HIDDEN_ACL, AccessFilter
from vocabulary.documents import Vector
from vocabulary.search import (
    Page,
    Query,
    SearchMode,
    Total,
    TotalRelation,
)

_Parts = Callable[[ranking.Ids], Sequence[Mapping[str, float]]]
_Factors = Mapping[int, float]  # by a document's number


def may_see(access: AccessFilter, stored: Stored) -> bool:
    acl_id = stored.description.acl_id
    return acl_id != HIDDEN_ACL and access.admits(acl_id, stored.owner)


def answer(texts: Sequence[Texts], query: Query, vector: Vector | None, analyzer: Analyzer, tuned: Tuned) -> Page:
    """Answer as if the readable documents, whose texts these are, were all there is."""
    position = cursor.decode(query)
    fields = {name for each in texts for name in each.document.fields}
    wanted = tuned.expanded(parse(query.text, analyzer, is_field=fields.__contains__))
    kept = [each for each in texts if _is_kept(each, query, wanted, analyzer)]
    by_number = {each.document.number: each.document for each in kept}
    ranked, parts = _rank(texts, kept, query, vector, wanted, tuned)
    pinned = [
        number
        for each in tuned.pinned(query.text)
        for number, own in by_number.items()
        if own.description.document_id == each
    ]
    found = _sorted(ranking.pinned_first(ranked, np.asarray(pinned, np.int64)), query, by_number)
    documents = [by_number[int(number)] for number in found.documents]
    groups = groups_of(documents, collapse=query.collapse)
    start = 0 if position is None else start_of(documents, groups, position)
    shown = groups[start : start + query.size]
    hits = tuple(
        replace(
            hit_of(
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
        facets={each.key: facet_of(documents, each) for each in query.facets},
        next_cursor=cursor.encode(query, cursor.Position(end, hits[-1].document_id)) if more else None,
        spelling=_spelling(texts, query, analyzer) if position is None else None,
    )


def _spelling(texts: Sequence[Texts], query: Query, analyzer: Analyzer) -> str | None:
    """Return a better spelling, for the first page of an answer by words."""
    if query.mode is SearchMode.SEMANTIC:
        return None
    return respell(query.text, analyzer, Words(sorted(texts, key=lambda each: each.document.number), analyzer))


def _is_kept(texts: Texts, query: Query, wanted: Wanted, analyzer: Analyzer) -> bool:
    """Whether neither the filter nor the query's text excludes a document."""
    return (
        (query.filter is None or holds(query.filter, texts.document.fields))
        and all(texts.hold(clause) for clause in wanted.required)
        and not any(texts.hold(clause) for clause in wanted.excluded)
        and all(_passes(texts, test, analyzer) for test in wanted.fields)
        and not any(_passes(texts, test, analyzer) for test in wanted.excluded_fields)
    )


def _passes(texts: Texts, test: FieldTest, analyzer: Analyzer) -> bool:
    if test.field in (TITLE_FIELD, PATH_FIELD):
        text = texts.own[TextField.TITLE] if test.field == TITLE_FIELD else texts.path
        return test.clause is not None and frequency(test.clause, text) > 0
    return any(map(value_predicate(test, analyzer), texts.document.fields.get(test.field, frozenset())))


def _rank(  # noqa: PLR0917 - a query, and what it is asked of
    readable: Sequence[Texts],
    kept: Sequence[Texts],
    query: Query,
    vector: Vector | None,
    wanted: Wanted,
    tuned: Tuned,
) -> tuple[Ranking, _Parts]:
    """Return the ranking, and what tells the parts of its scores."""
    documents = [each.document for each in kept]
    if wanted.is_browse:
        by_title = sorted(documents, key=lambda each: (storable(each.description.title).casefold(), each.number))
        return _ranking((each.number, NO_PASSAGE, 0.0) for each in by_title), lambda shown: [{}] * shown.size
    factors = _recency_of(documents, tuned)
    semantic = ranking.NOTHING if vector is None else _by_meaning(documents, vector, factors)
    by_words = ranking.NOTHING
    if query.mode is not SearchMode.SEMANTIC:
        by_words = _by_words(readable, kept, wanted.scored, tuned.boosts, factors)

    def parts(shown: ranking.Ids) -> Sequence[Mapping[str, float]]:
        recency = None if factors is None else np.asarray([factors[number] for number in shown.tolist()])
        return ranking.explained(shown, by_words, semantic, recency=recency)

    match query.mode:
        case SearchMode.SEMANTIC:
            return semantic, parts
        case SearchMode.KEYWORD:
            return by_words, parts
        case SearchMode.HYBRID:
            return ranking.fuse(by_words, semantic), parts


def _recency_of(documents: Sequence[Stored], tuned: Tuned) -> _Factors | None:
    """Return what each document's scores are multiplied by; None where newer ones are not preferred."""
    rule = tuned.recency()
    if rule is None:
        return None
    moments = [latest(each.fields.get(rule.field, ())) for each in documents]
    factors = rule.factors(np.asarray(moments, np.int64))
    return {each.number: factor for each, factor in zip(documents, factors.tolist(), strict=True)}


def _by_words(
    readable: Sequence[Texts],
    kept: Sequence[Texts],
    clauses: Sequence[Clause],
    boosts: Mapping[TextField, float],
    factors: _Factors | None,
) -> Ranking:
    """Rank by BM25. How rare a clause is depends on all that the reader may read, not on the filter."""
    rarities = {
        clause: bm25.clause_weight(clause)
        * bm25.inverse_document_frequency(
            documents=len(readable), documents_with_clause=sum(each.hold(clause) for each in readable)
        )
        for clause in clauses
    }
    weights = {field: {clause: rarity * boosts[field] for clause, rarity in rarities.items()} for field in TextField}

    def scored(each: Texts, field: TextField, text: Analysed) -> float:
        return _score(text, field, weights[field]) * (1.0 if factors is None else factors[each.document.number])

    holding = [each for each in kept if any(map(each.hold, clauses))]
    passages = _ranking(
        (each.document.number, place, scored(each, TextField.BODY, body))
        for each in holding
        for place, body in enumerate(each.bodies)
        if any(frequency(clause, body) for clause in clauses)
    )
    own = {each.document.number: sum(scored(each, field, text) for field, text in each.own.items()) for each in holding}
    matching = [number for number, score in own.items() if score]
    return ranking.with_own_scores(
        ranking.rank_documents(passages.documents, passages.passages, passages.scores),
        np.asarray(matching, np.int64),
        np.asarray([own[number] for number in matching], np.float64),
    )


def _score(text: Analysed, field: TextField, weights: Mapping[Clause, float]) -> float:
    counts = {clause: frequency(clause, text) for clause in weights}
    return sum(
        (weights[clause] * _saturated(clause, count, text, field) for clause, count in counts.items() if count), 0.0
    )


def _saturated(clause: Clause, count: int, text: Analysed, field: TextField) -> float:
    if isinstance(clause, Prefix):
        return bm25.of_prefix(field)
    return bm25.saturated(float(count), float(len(text.terms)), field=field)


def _by_meaning(documents: Sequence[Stored], vector: Vector, factors: _Factors | None) -> Ranking:
    found = _ranking(
        (each.number, place, float(enriched.vector @ vector))
        for each in documents
        for place, enriched in enumerate(each.passages)
    )
    near = ranking.nearest_passages(found.documents, found.passages, found.scores)
    if factors is None:
        return near
    return ranking.multiplied(near, np.asarray([factors[number] for number in near.documents.tolist()], np.float64))


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
