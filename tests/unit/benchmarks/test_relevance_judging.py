"""What the relevance benchmark makes of answers: each figure on lists short enough to work out by hand."""

from __future__ import annotations

import math

import pytest

from benchmarks.judged import Question
from benchmarks.relevance_engines import Engine
from benchmarks.relevance_judging import SYSTEMS, Asked, Quality, Result, differences, judged, left_out

PETREL, GANNET, AUK, GULL = "petrel", "gannet", "auk", "gull"
WORDS = [(GULL, 6.0), (PETREL, 3.0), (AUK, 1.0)]
VECTORS = [(AUK, 0.9), (PETREL, 0.8), (GANNET, 0.7)]


def asked(*relevant: str, ours: list[str] | None = None) -> Asked:
    return Asked(Question("q", "seabirds", dict.fromkeys(relevant, 1)), WORDS, VECTORS, ours or [])


def at(rank: int) -> float:
    """What one relevant document at this rank is worth."""
    return 1 / math.log2(rank + 1)


def test_each_system_is_judged_by_its_own_list() -> None:
    systems = judged("birds", [asked(PETREL, ours=[PETREL])]).systems
    assert systems.keys() == set(SYSTEMS)
    assert systems["words"] == systems["vectors"] == Quality(pytest.approx(at(2)), 1.0)
    assert systems["ours"] == Quality(1.0, 1.0)
    assert judged("birds", [asked(GANNET)]).systems["words"] == Quality(0.0, 0.0), "its words find nothing"


def test_reciprocal_ranks_prefer_what_both_lists_have() -> None:
    """1/61 + 1/63 for the auk, 2/62 for the petrel, 1/61 for the gull and 1/63 for the gannet."""
    for rank, bird in enumerate((AUK, PETREL, GULL, GANNET), start=1):
        assert judged("birds", [asked(bird)]).systems["rrf"].ndcg_at_10 == pytest.approx(at(rank)), bird


def test_several_questions_count_alike() -> None:
    words = judged("birds", [asked(GULL), asked(PETREL), asked(GANNET)]).systems["words"]
    assert words.ndcg_at_10 == pytest.approx((1 + at(2) + 0) / 3)
    assert words.recall_at_100 == pytest.approx(2 / 3)


def test_the_hybrid_rule_goes_from_words_alone_to_meaning_alone() -> None:
    by_share = judged("birds", [asked(GULL)]).by_share
    assert (min(by_share), max(by_share), len(by_share)) == (0.0, 1.0, 21)
    assert by_share[0.0] == 1.0
    assert by_share[1.0] < by_share[0.0]
    assert judged("birds", [asked(AUK)]).by_share[1.0] == 1.0


def result(name: str, **by_share: float) -> Result:
    shares = {each / 20: 0.0 for each in range(21)}
    told = {float(share.removeprefix("at_").replace("_", ".")): quality for share, quality in by_share.items()}
    return Result(name, {system: Quality(by_share.get("at_0_5", 0.0), 1.0) for system in SYSTEMS}, shares | told)


def test_a_collection_gets_the_share_that_is_best_for_the_others() -> None:
    """Never its own best: that is what the figure is for."""
    results = [result("a", at_0_5=0.3, at_0_9=0.8), result("b", at_0_5=0.7), result("c", at_0_5=0.7, at_0_9=0.1)]
    assert left_out(results)["a"] == (0.5, 0.3)
    assert left_out(results)["b"] == (0.5, 0.7)
    assert left_out(results[:1]) == {}, "there are no others"


def test_engines_are_compared_by_collection_and_system() -> None:
    ours = [result("a", at_0_5=0.30), result("b", at_0_5=0.7)]
    theirs = [result("b", at_0_5=0.6), result("a", at_0_5=0.31)]
    told = differences({Engine.EMBEDDED: ours, Engine.OPENSEARCH: theirs})
    assert told.keys() == set(SYSTEMS)
    assert told["ours"] == {"a": pytest.approx(0.01), "b": pytest.approx(0.1)}
    assert differences({Engine.EMBEDDED: ours}) == {}
