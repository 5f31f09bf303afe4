"""Scored passages to ranked documents, and two rankings to one.

The one rule of a hybrid search, with parameters fixed for all collections (docs/decisions/010-ranking.md):

    score(d) = SEMANTIC_SHARE * cosine of d's nearest passage
             + (1 - SEMANTIC_SHARE) * keyword score of d / best keyword score of the answer

A list that does not hold a document adds nothing. The cosine is taken as it is: it means the same for every query, so
that a query which nothing is near to is decided by its words. A keyword score means nothing by itself, and is measured
by the best one of the same answer. Where an operator prefers newer documents, both are multiplied by what `recency.py`
says before they are added. Source: Bruch, Gai and Ingber, An Analysis of Fusion Functions for Hybrid Retrieval (2023):
a convex combination, normalised by what is known of the scores, beats reciprocal rank fusion.

Documents and passages are integers here, given by the engine in the order in which it first met them; equal scores
are ordered by them, so that an answer is the same every time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float64]

NO_PASSAGE = -1  # the hit has no passage to show

# How many documents a semantic search finds. With 200 instead of 100 the judged collections gain 0.002 nDCG@10 and more
# of what is relevant comes within the first hundred; 400 add 0.001 (docs/decisions/010-ranking.md). They are the
# documents of the nearest passages, so many of these that one long document near the query does not crowd out all
# others: as many as the embedded engine rescores.
SEMANTIC_DEPTH = 200
SEMANTIC_PASSAGES = 1_000

# Passages less similar than this are no semantic match, so that a nonsense query does not return a hundred documents.
# Measured with all-MiniLM-L6-v2 on five judged collections: 3 % of the relevant pairs lie below, and a nonsense query
# keeps less than 1 % of the documents (docs/search-backend.md).
SIMILARITY_FLOOR = 0.2

# Chosen with each of five judged collections left out in turn; between 0.6 and 0.75 the mean moves by less than 0.004
# (docs/decisions/010-ranking.md).
SEMANTIC_SHARE = 0.7

# Digits kept of a score and of a similarity. Two libraries add the same products in different orders; what they then
# differ in (1e-15 in double, 1e-7 in single precision) is noise that must not decide an order.
_SCORE_DIGITS = 12
_SIMILARITY_DIGITS = 6


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """Distinct documents, best first, each with its score and the passage that represents it."""

    documents: Ids
    scores: Scores
    passages: Ids

    def reordered(self, order: npt.NDArray[np.intp]) -> Ranking:
        return Ranking(self.documents[order], self.scores[order], self.passages[order])


NOTHING = Ranking(np.zeros(0, np.int64), np.zeros(0, np.float64), np.zeros(0, np.int64))


def rank_documents(documents: Ids, passages: Ids, scores: Scores) -> Ranking:
    """Rank documents by their best passage; entry i of each array describes one matching passage."""
    rounded = np.round(scores, _SCORE_DIGITS)
    return _best_of_each(documents, passages, rounded, np.lexsort((passages, documents, -rounded)))


def with_own_scores(by_passage: Ranking, own_documents: Ids, own_scores: Scores) -> Ranking:
    """Add what documents score by themselves, by title and attributes, to what their best passages score.

    A document that matches by itself alone has no passage to show.
    """
    alone = np.setdiff1d(own_documents, by_passage.documents)
    documents = np.concatenate([by_passage.documents, alone])
    passages = np.concatenate([by_passage.passages, np.full(alone.size, NO_PASSAGE, np.int64)])
    scores = np.concatenate([by_passage.scores, np.zeros(alone.size)])
    order = np.argsort(documents)
    scores[order[np.searchsorted(documents, own_documents, sorter=order)]] += own_scores
    rounded = np.round(scores, _SCORE_DIGITS)
    return Ranking(documents, rounded, passages).reordered(np.lexsort((documents, -rounded)))


def nearest_passages(documents: Ids, passages: Ids, similarities: Scores) -> Ranking:
    """Rank documents by cosine similarity: the first `SEMANTIC_DEPTH` whose passages are near, and above the floor."""
    rounded = np.round(similarities, _SIMILARITY_DIGITS)
    order = np.lexsort((passages, documents, -rounded))[:SEMANTIC_PASSAGES]
    near = _best_of_each(documents, passages, rounded, order[rounded[order] >= SIMILARITY_FLOOR])
    return near.reordered(np.arange(min(near.documents.size, SEMANTIC_DEPTH)))


def fuse(keyword: Ranking, semantic: Ranking, *, semantic_share: float = SEMANTIC_SHARE) -> Ranking:
    """Fuse two rankings; a document of either list is a document of the result.

    The list in which a document ranks better gives its passage, the keyword list on a tie: its words can be shown.
    """
    best = float(keyword.scores.max(initial=0.0)) or 1.0
    by_words = replace(keyword, scores=np.round((1 - semantic_share) * keyword.scores / best, _SCORE_DIGITS))
    by_meaning = replace(semantic, scores=semantic_share * semantic.scores)
    in_both = np.isin(keyword.documents, semantic.documents)
    return _merged(
        by_words.reordered(np.flatnonzero(~in_both)), _with_words(by_meaning, by_words, np.flatnonzero(in_both))
    )


def multiplied(found: Ranking, factors: Scores) -> Ranking:
    """Return a ranking by its scores times the factor of each document, given in the ranking's order."""
    scores = np.round(found.scores * factors, _SCORE_DIGITS)
    return replace(found, scores=scores).reordered(np.lexsort((found.documents, -scores)))


def explained(
    documents: Ids, keyword: Ranking, semantic: Ranking, *, recency: Scores | None = None
) -> tuple[Mapping[str, float], ...]:
    """Return what each document's score is made of: BM25, beside the answer's best one, and cosine; 0 where neither is.

    The two rankings hold the documents that they found, and the best of all. `recency` are the factors that are in
    their scores; they are told apart, but for the best one's.
    """
    by_words = dict(zip(keyword.documents.tolist(), keyword.scores.tolist(), strict=True))
    by_meaning = dict(zip(semantic.documents.tolist(), semantic.scores.tolist(), strict=True))
    best = max(by_words.values(), default=0.0)
    factors = np.ones(documents.size) if recency is None else recency
    parts = (
        {"bm25": by_words.get(each, 0.0) / factor, "bm25_best": best, "cosine": by_meaning.get(each, 0.0) / factor}
        for each, factor in zip(documents.tolist(), factors.tolist(), strict=True)
    )
    if recency is None:
        return tuple(parts)
    return tuple({**each, "recency": factor} for each, factor in zip(parts, factors.tolist(), strict=True))


def pinned_first(found: Ranking, pinned: Ids) -> Ranking:
    """Put documents at the head of a ranking, in the order given, whether it holds them or not.

    They share the best score, so that scores still fall from hit to hit.
    """
    if not pinned.size:
        return found
    passages = dict(zip(found.documents.tolist(), found.passages.tolist(), strict=True))
    others = found.reordered(np.flatnonzero(~np.isin(found.documents, pinned)))
    best = float(found.scores.max(initial=0.0))
    return Ranking(
        np.concatenate([pinned, others.documents]),
        np.concatenate([np.full(pinned.size, best), others.scores]),
        np.concatenate([np.asarray([passages.get(each, NO_PASSAGE) for each in pinned.tolist()]), others.passages]),
    )


def _with_words(by_meaning: Ranking, by_words: Ranking, in_both: npt.NDArray[np.intp]) -> Ranking:
    """Return the list by meaning with what the documents' words add, best first; `in_both` are places in `by_words`."""
    place = dict(zip(by_words.documents[in_both].tolist(), in_both.tolist(), strict=True))
    scores, passages = by_meaning.scores.copy(), by_meaning.passages.copy()
    for rank, document in enumerate(by_meaning.documents.tolist()):
        rank_by_words = place.get(document)
        if rank_by_words is None:
            continue
        scores[rank] += by_words.scores[rank_by_words]
        if rank_by_words <= rank:
            passages[rank] = by_words.passages[rank_by_words]
    fused = Ranking(by_meaning.documents, np.round(scores, _SCORE_DIGITS), passages)
    return fused.reordered(np.lexsort((fused.documents, -fused.scores)))


def _merged(many: Ranking, few: Ranking) -> Ranking:
    """Merge two rankings without a common document, each in order: the many are not sorted again."""
    low = np.searchsorted(-many.scores, -few.scores, side="left")
    high = np.searchsorted(-many.scores, -few.scores, side="right")
    places = low.copy()
    for at in np.flatnonzero(low < high):  # equal scores are ordered by document
        places[at] += np.searchsorted(many.documents[low[at] : high[at]], few.documents[at])
    return Ranking(
        np.insert(many.documents, places, few.documents),
        np.insert(many.scores, places, few.scores),
        np.insert(many.passages, places, few.passages),
    )


def _best_of_each(documents: Ids, passages: Ids, scores: Scores, order: npt.NDArray[np.intp]) -> Ranking:
    """Keep the first entry of each document along `order`."""
    _, first = np.unique(documents[order], return_index=True)
    kept = order[np.sort(first)]
    return Ranking(documents[kept], scores[kept], passages[kept])
