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
from indexer.backends.opensearch.ordering import Row
from indexer.backends.ranking import NO_PASSAGE, Ranking
from vocabulary.search import SearchMode, Sort

_STAND_IN = -1  # no document's number

NO_ONE = Ranking(np.zeros(0, np.int64), np.zeros(0, np.float64), np.zeros(0, np.int64))


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """The documents of an answer in its order, as far as they were fetched; `total` counts all of them."""

    ranking: Ranking
    content_keys: collapsing.Integers
    total: int

    @property
    def is_whole(self) -> bool:
        return self.ranking.documents.size >= self.total

    def place_of(self, number: int | None) -> int | None:
        """Return where a document stands in the order; None if it is not among them."""
        places = np.flatnonzero(self.ranking.documents == (-1 if number is None else number))
        return int(places[0]) if places.size else None


def nearest(answered: Mapping[str, Any]) -> Ranking:
    """Rank the documents nearest by meaning. Cosine c comes as the score (1 + c) / 2."""
    found = [(hit["sort"][1], hit["sort"][0]) for hit in answered["hits"]["hits"]]
    numbers, scores = _columns(found)
    return ranking.nearest_passages(numbers, np.full(numbers.size, BY_MEANING), 2 * scores - 1)


def browsed(rows: Sequence[Row], *, total: int) -> Candidates:
    """Take the rows as they come."""
    numbers, scores = _columns((row.number, row.score) for row in rows)
    return _candidates(Ranking(numbers, scores, np.full(numbers.size, NO_PASSAGE)), rows, total=total)


def ranked(
    rows: Iterable[Row], near: Ranking, *, mode: SearchMode, sort: Sort | None, best: float, total: int
) -> Candidates:
    """Rank rows, in any order and some of them twice, by words, by meaning, or by both.

    `best` is the best score by words of the whole answer, which need not be that of one of the rows.
    """
    distinct = {row.number: row for row in rows}
    return _candidates(_sorted(_found(distinct, near, mode, best), distinct, sort), distinct.values(), total=total)


def _found(rows: Mapping[int, Row], near: Ranking, mode: SearchMode, best: float) -> Ranking:
    present = near.reordered(np.flatnonzero(np.isin(near.documents, list(rows))))
    if mode is SearchMode.SEMANTIC:
        return present
    matching = [(row.number, row.score) for row in rows.values() if row.score > 0]
    if mode is SearchMode.KEYWORD:
        return _by_words(matching)
    # Scores by words are measured by the best one: it stands in for its document where that is not among the rows.
    is_missing = best > max((score for _, score in matching), default=0.0)
    fused = ranking.fuse(_by_words([*matching, (_STAND_IN, best)] if is_missing else matching), present)
    return fused.reordered(np.flatnonzero(fused.documents != _STAND_IN))


def _by_words(matching: Sequence[tuple[int, float]]) -> Ranking:
    numbers, scores = _columns(matching)
    return ranking.rank_documents(numbers, np.full(numbers.size, BY_WORDS), scores)


def _sorted(found: Ranking, rows: Mapping[int, Row], sort: Sort | None) -> Ranking:
    """Order by an attribute, documents without it last; equal values keep the order of relevance."""
    if sort is None:
        return found
    values = [rows[int(number)].value for number in found.documents]
    present = [place for place, value in enumerate(values) if value is not None]
    missing = [place for place, value in enumerate(values) if value is None]
    present.sort(key=lambda place: values[place] or "", reverse=sort.descending)
    return found.reordered(np.asarray(present + missing, np.intp))


def _candidates(found: Ranking, rows: Iterable[Row], *, total: int) -> Candidates:
    keys = {row.number: row.content_key for row in rows}
    return Candidates(found, np.asarray([keys[int(number)] for number in found.documents], np.int64), total)


def _columns(entries: Iterable[tuple[int, float]]) -> tuple[ranking.Ids, ranking.Scores]:
    listed = list(entries)
    numbers = np.asarray([number for number, _ in listed], np.int64)
    return numbers, np.asarray([score for _, score in listed], np.float64)
