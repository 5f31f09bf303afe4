"""Rows of two searches to one ranked list: what was found by words, what was found by meaning, fused.

Pure. Ranking, fusion and the floor of similarity are those of `ranking.py`, which all engines share; here OpenSearch's
scores become what they rank.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from indexer.backends.opensearch.hits import BY_MEANING, BY_WORDS, Shown
from indexer.backends.opensearch.ordering import Row, RowKey, key_of
from indexer.search import collapsing, ranking
from indexer.search.ranking import NO_PASSAGE, Ids, Ranking, Scores
from vocabulary.search import SearchMode, Sort

_STAND_IN = -1  # no document's number

Near = Mapping[RowKey, float]  # the nearest documents by their similarity, in no order


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """The documents of an answer in its order, as far as they were fetched; `total` counts all of them.

    `ranking` knows a document by its place in `keys`, which are in the order in which documents were first stored.
    """

    ranking: Ranking
    by_words: Ranking
    by_meaning: Ranking
    keys: Sequence[RowKey]
    content_keys: collapsing.Integers
    total: int
    is_browse: bool
    recency: Scores | None  # by place in `keys`; None where newer documents are not preferred

    def explained(self, documents: Ids) -> Sequence[Mapping[str, float]]:
        """Return what the scores of documents are made of; nothing, where all are in the order of titles."""
        if self.is_browse:
            return [{}] * documents.size
        recency = None if self.recency is None else self.recency[documents]
        return ranking.explained(documents, self.by_words, self.by_meaning, recency=recency)

    @property
    def is_whole(self) -> bool:
        return self.ranking.documents.size >= self.total

    def place_of(self, key: RowKey | None) -> int | None:
        """Return where a document stands in the order; None if it is not among them."""
        number = self.keys.index(key) if key in self.keys else _STAND_IN
        places = np.flatnonzero(self.ranking.documents == number)
        return int(places[0]) if places.size else None


def nearest(answered: Mapping[str, Any]) -> Near:
    """Take the documents nearest by meaning that count. Cosine c comes as the score (1 + c) / 2."""
    found = {key_of(hit, hit["sort"][1]): 2 * hit["sort"][0] - 1 for hit in answered["hits"]["hits"]}
    keys = sorted(found)
    similarities = np.asarray([found[key] for key in keys], np.float64)
    near = ranking.nearest_passages(np.arange(len(keys)), np.full(len(keys), BY_MEANING), similarities)
    return {keys[number]: score for number, score in zip(near.documents.tolist(), near.scores.tolist(), strict=True)}


def browsed(rows: Sequence[Row], *, pinned: Sequence[RowKey], total: int) -> Candidates:
    """Take the rows as they come, some of them twice, behind those that are pinned."""
    distinct = {row.key: row for row in rows}
    numbers = _numbers(distinct)
    documents = np.asarray([numbers[key] for key in distinct], np.int64)
    found = Ranking(documents, np.zeros(documents.size), np.full(documents.size, NO_PASSAGE))
    headed = _headed(found, numbers, pinned)
    in_order = _Ranked(headed, ranking.NOTHING, ranking.NOTHING)
    return _candidates(in_order, distinct, total=total, is_browse=True)


def ranked(
    rows: Iterable[Row],
    near: Near,
    *,
    mode: SearchMode,
    sort: Sort | None,
    pinned: Sequence[RowKey],
    best: float,
    total: int,
) -> Candidates:
    """Rank rows, in any order and some of them twice, by words, by meaning, or by both, behind those that are pinned.

    `best` is the best score by words of the whole answer, which need not be that of one of the rows. Scores by words
    come multiplied by what is preferred of newer documents; those by meaning are multiplied here.
    """
    distinct = {row.key: row for row in rows}
    numbers = _numbers(distinct)
    factors = {key: 1.0 if row.recency is None else row.recency for key, row in distinct.items()}
    by_meaning = _ranking(
        [(numbers[key], score * factors[key], BY_MEANING) for key, score in near.items() if key in numbers]
    )
    matching = [(numbers[key], row.score, BY_WORDS) for key, row in distinct.items() if row.score > 0]
    found = _found(matching, by_meaning, mode, best)
    headed = _headed(found.ranking, numbers, pinned)
    values = [distinct[key].value for key in numbers]
    return _candidates(replace(found, ranking=_sorted(headed, values, sort)), distinct, total=total)


def shown_of(candidates: Candidates, cut: collapsing.Shown, *, explain: bool) -> list[Shown]:
    """Return the hits of a page to be opened, where asked with what their scores are made of."""
    found = candidates.ranking.reordered(cut.places)
    parts = candidates.explained(found.documents) if explain else [None] * found.documents.size
    columns = (found.documents, found.scores, found.passages, cut.copies)
    return [
        Shown(candidates.keys[int(number)], float(score), int(represented), int(copies), made_of)
        for number, score, represented, copies, made_of in zip(*columns, parts, strict=True)
    ]


def with_copies(shown: Sequence[Shown], keys: collapsing.Integers, answered: Mapping[str, Any]) -> list[Shown]:
    """Return the same with the copies of each, as an answer counts them by content."""
    counted = {each["key"]: each["doc_count"] for each in answered["aggregations"]["copies"]["buckets"]}
    return [replace(each, copies=counted.get(int(key), 1) - 1) for each, key in zip(shown, keys, strict=True)]


@dataclass(frozen=True, slots=True, eq=False)
class _Ranked:
    """A ranking, and the two that it is made of."""

    ranking: Ranking
    by_words: Ranking
    by_meaning: Ranking


def _found(matching: list[tuple[int, float, int]], by_meaning: Ranking, mode: SearchMode, best: float) -> _Ranked:
    if mode is SearchMode.SEMANTIC:
        return _Ranked(by_meaning, ranking.NOTHING, by_meaning)
    # Scores by words are measured by the best one: it stands in for its document where that is not among the rows.
    is_missing = best > max((score for _, score, _ in matching), default=0.0)
    by_words = _ranking([*matching, (_STAND_IN, best, BY_WORDS)] if is_missing else matching)
    found = by_words if mode is SearchMode.KEYWORD else ranking.fuse(by_words, by_meaning)
    return _Ranked(found.reordered(np.flatnonzero(found.documents != _STAND_IN)), by_words, by_meaning)


def _headed(found: Ranking, numbers: Mapping[RowKey, int], pinned: Sequence[RowKey]) -> Ranking:
    return ranking.pinned_first(found, np.asarray([numbers[key] for key in pinned], np.int64))


def _ranking(entries: Sequence[tuple[int, float, int]]) -> Ranking:
    """Rank (document, score, who stands for it), in any order."""
    documents = np.asarray([document for document, _, _ in entries], np.int64)
    passages = np.asarray([passage for _, _, passage in entries], np.int64)
    return ranking.rank_documents(documents, passages, np.asarray([score for _, score, _ in entries], np.float64))


def _sorted(found: Ranking, values: Sequence[str | None], sort: Sort | None) -> Ranking:
    """Order by an attribute, documents without it last; equal values keep the order of relevance."""
    if sort is None:
        return found
    own = [values[number] for number in found.documents.tolist()]
    present = [place for place, value in enumerate(own) if value is not None]
    missing = [place for place, value in enumerate(own) if value is None]
    present.sort(key=lambda place: own[place] or "", reverse=sort.descending)
    return found.reordered(np.asarray(present + missing, np.intp))


def _candidates(found: _Ranked, rows: Mapping[RowKey, Row], *, total: int, is_browse: bool = False) -> Candidates:
    keys = sorted(rows)
    content_keys = [rows[keys[number]].content_key for number in found.ranking.documents.tolist()]
    columns = np.asarray(content_keys, np.int64)
    factors = [row.recency for key in keys if (row := rows[key]).recency is not None]
    recency = np.asarray(factors, np.float64) if len(factors) == len(keys) else None
    return Candidates(found.ranking, found.by_words, found.by_meaning, keys, columns, total, is_browse, recency)


def _numbers(keys: Iterable[RowKey]) -> dict[RowKey, int]:
    """Number documents in the order in which they were first stored."""
    return {key: number for number, key in enumerate(sorted(keys))}
