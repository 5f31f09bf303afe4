"""What the answers that `benchmarks.relevance` got are worth, by the judgements: each engine's, each system's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.judged import Question, ndcg, recall
from benchmarks.relevance_engines import Engine, apart
from indexer.search.ranking import Ranking, fuse

SYSTEMS = ("words", "vectors", "rrf", "ours")
LISTS_OF = 200  # documents of each list that are looked at; recall@100 and fusion need no more
_RRF_OFFSET = 60  # Cormack, Clarke and Büttcher (2009)
_SHARES = tuple(np.round(np.arange(0, 1.01, 0.05), 2).tolist())


@dataclass(frozen=True, slots=True)
class Quality:
    """One system on one collection."""

    ndcg_at_10: float
    recall_at_100: float


@dataclass(frozen=True, slots=True)
class Asked:
    """One question and what was found for it: (document, score), best first, by words and by meaning; ours by id."""

    question: Question
    words: list[tuple[str, float]]
    vectors: list[tuple[str, float]]
    ours: list[str]


@dataclass(frozen=True, slots=True)
class Result:
    """One collection: each system's quality, and the mean nDCG@10 of the hybrid rule at each share."""

    collection: str
    systems: Mapping[str, Quality]
    by_share: Mapping[float, float]


def judged(name: str, asked: Sequence[Asked]) -> Result:
    """Compare what was found with the judgements."""
    rankings = {
        "words": [[document for document, _ in each.words] for each in asked],
        "vectors": [[document for document, _ in each.vectors] for each in asked],
        "rrf": [_reciprocal(each) for each in asked],
        "ours": [each.ours for each in asked],
    }
    grades = [each.question.grades for each in asked]
    return Result(
        collection=name,
        systems={system: _quality(rankings[system], grades) for system in SYSTEMS},
        by_share={share: _quality([_fused(each, share) for each in asked], grades).ndcg_at_10 for share in _SHARES},
    )


def _quality(rankings: Sequence[Sequence[str]], grades: Sequence[Mapping[str, int]]) -> Quality:
    pairs = list(zip(rankings, grades, strict=True))
    return Quality(
        ndcg_at_10=float(np.mean([ndcg(ranked, own) for ranked, own in pairs])),
        recall_at_100=float(np.mean([recall(ranked, own) for ranked, own in pairs])),
    )


def _reciprocal(asked: Asked) -> list[str]:
    scores: dict[str, float] = defaultdict(float)
    for ranked in (asked.words, asked.vectors):
        for rank, (document, _) in enumerate(ranked[:LISTS_OF], start=1):
            scores[document] += 1 / (_RRF_OFFSET + rank)
    return sorted(scores, key=lambda document: -scores[document])


def _fused(asked: Asked, share: float) -> list[str]:
    """Apply the product's own rule with another share."""
    numbers: dict[str, int] = {}
    for document, _ in (*asked.words, *asked.vectors):
        numbers.setdefault(document, len(numbers))
    names = list(numbers)
    fused = fuse(_ranking(asked.words, numbers), _ranking(asked.vectors, numbers), semantic_share=share)
    return [names[number] for number in fused.documents]


def _ranking(found: Sequence[tuple[str, float]], numbers: Mapping[str, int]) -> Ranking:
    documents = np.asarray([numbers[document] for document, _ in found], np.int64)
    return Ranking(documents, np.asarray([score for _, score in found], np.float64), np.zeros_like(documents))


def left_out(results: Sequence[Result]) -> dict[str, tuple[float, float]]:
    """Return, by collection, the share that is best for the others, and what the collection gets with it."""
    chosen = {}
    for result in results:
        others = [each for each in results if each is not result]
        if others:
            share = max(_SHARES, key=lambda share: float(np.mean([each.by_share[share] for each in others])))
            chosen[result.collection] = (share, result.by_share[share])
    return chosen


def differences(results: Mapping[Engine, Sequence[Result]]) -> dict[str, dict[str, float]]:
    """Return, by system, how far the engines are apart in nDCG@10 on each collection; nothing of one engine alone."""
    if len(results) < 2:
        return {}
    return {
        system: apart(*({each.collection: each.systems[system].ndcg_at_10 for each in of} for of in results.values()))
        for system in SYSTEMS
    }
