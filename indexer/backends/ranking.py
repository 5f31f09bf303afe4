"""Scored passages to ranked documents, and two rankings to one.

Documents and passages are integers here, given by the engine in the order in which it first met them; equal scores
are ordered by them, so that an answer is the same every time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float64]

NO_PASSAGE = -1  # the hit has no passage to show

# How many documents a semantic search finds. Reciprocal rank fusion was measured with lists of 100 and 200 on the
# judged collections, within 0.002 nDCG@10 of each other. They are the documents of the nearest passages, so many of
# these that one long document near the query does not crowd out all others: as many as the embedded engine rescores.
SEMANTIC_DEPTH = 100
SEMANTIC_PASSAGES = 1_000

# Passages less similar than this are no semantic match, so that a nonsense query does not return a hundred documents.
# Measured with all-MiniLM-L6-v2 on five judged collections: 3 % of the relevant pairs lie below, and a nonsense query
# keeps less than 1 % of the documents (docs/search-backend.md).
SIMILARITY_FLOOR = 0.2

# Cormack, Clarke and Büttcher, Reciprocal Rank Fusion outperforms Condorcet (2009): the constant of the paper.
_FUSION_RANK_OFFSET = 60

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


def fuse(keyword: Ranking, semantic: Ranking) -> Ranking:
    """Fuse two rankings by reciprocal rank; a document of either list is a document of the result.

    The list in which a document ranks better gives its passage, the keyword list on a tie: its words can be shown.
    """
    contributions = np.concatenate([_reciprocal_ranks(keyword), _reciprocal_ranks(semantic)])
    documents = np.concatenate([keyword.documents, semantic.documents])
    passages = np.concatenate([keyword.passages, semantic.passages])
    distinct, position = np.unique(documents, return_inverse=True)
    totals = np.bincount(position, weights=contributions, minlength=distinct.size).astype(np.float64)
    order = np.argsort(-contributions, kind="stable")
    better = _best_of_each(documents, passages, contributions, order)
    scores = totals[np.searchsorted(distinct, better.documents)]
    return Ranking(better.documents, scores, better.passages).reordered(np.lexsort((better.documents, -scores)))


def _reciprocal_ranks(ranking: Ranking) -> Scores:
    return 1.0 / (_FUSION_RANK_OFFSET + np.arange(1, ranking.documents.size + 1, dtype=np.float64))


def _best_of_each(documents: Ids, passages: Ids, scores: Scores, order: npt.NDArray[np.intp]) -> Ranking:
    """Keep the first entry of each document along `order`."""
    _, first = np.unique(documents[order], return_index=True)
    kept = order[np.sort(first)]
    return Ranking(documents[kept], scores[kept], passages[kept])
