"""Rows of two searches to one ranked list: what was found by words, what was found by meaning, fused.

Pure. Ranking, fusion and the floor of similarity are those of `ranking.py`, which all engines share; here OpenSearch's
scores become what they rank.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from indexer.backends import collapsing, ranking
from indexer.backends.opensearch.hits import BY_MEANING, BY_WORDS
from indexer.backends.opensearch.ordering import Row, RowKey, key_of
from indexer.backends.ranking import NO_PASSAGE, Ranking
from vocabulary.search import SearchMode, Sort

_STAND_IN = -1  # no document's number

Near = Mapping[RowKey, float]  # the nearest documents by their similarity, in no order


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """The documents of an answer in its order, as far as they were fetched; `total` counts all of them.

    `ranking` knows a document by its place in `keys`, which are in the order in which documents were first stored.
    """

    ranking: Ranking
    keys: Sequence[RowKey]
    content_keys: collapsing.Integers
    total: int

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


def browsed(rows: Sequence[Row], *, total: int) -> Candidates:
    """Take the rows as they come."""
    keys = sorted({row.key for row in rows})
    numbers = _numbers(keys)
    documents = np.asarray([numbers[row.key] for row in rows], np.int64)
    found = Ranking(documents, np.zeros(documents.size), np.full(documents.size, NO_PASSAGE))
    return _candidates(found, keys, {row.key: row for row in rows}, total=total)


def ranked(
    rows: Iterable[Row], near: Near, *, mode: SearchMode, sort: Sort | None, best: float, total: int
) -> Candidates:
    """Rank rows, in any order and some of them twice, by words, by meaning, or by both.

    `best` is the best score by words of the whole answer, which need not be that of one of the rows.
    """
    distinct = {row.key: row for row in rows}
    keys = sorted(distinct)
    by_meaning = _ranking([(number, near[key], BY_MEANING) for key, number in _numbers(keys).items() if key in near])
    scores = [(number, distinct[key].score, BY_WORDS) for key, number in _numbers(keys).items()]
    found = _found([each for each in scores if each[1] > 0], by_meaning, mode, best)
    return _candidates(_sorted(found, [distinct[key].value for key in keys], sort), keys, distinct, total=total)


def _found(matching: list[tuple[int, float, int]], by_meaning: Ranking, mode: SearchMode, best: float) -> Ranking:
    if mode is SearchMode.SEMANTIC:
        return by_meaning
    if mode is SearchMode.KEYWORD:
        return _ranking(matching)
    # Scores by words are measured by the best one: it stands in for its document where that is not among the rows.
    is_missing = best > max((score for _, score, _ in matching), default=0.0)
    by_words = _ranking([*matching, (_STAND_IN, best, BY_WORDS)] if is_missing else matching)
    fused = ranking.fuse(by_words, by_meaning)
    return fused.reordered(np.flatnonzero(fused.documents != _STAND_IN))


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


def _candidates(found: Ranking, keys: Sequence[RowKey], rows: Mapping[RowKey, Row], *, total: int) -> Candidates:
    content_keys = [rows[keys[number]].content_key for number in found.documents.tolist()]
    return Candidates(found, keys, np.asarray(content_keys, np.int64), total)


def _numbers(keys: Sequence[RowKey]) -> dict[RowKey, int]:
    return {key: number for number, key in enumerate(keys)}
