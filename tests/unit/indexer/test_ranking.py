"""Fusion on its own: the documented rule, and that it holds however long the lists are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.search.ranking import SEMANTIC_SHARE, Ranking, fuse

Entry = tuple[int, int, float]  # document, passage, score


def ranking(*entries: Entry) -> Ranking:
    ordered = sorted(entries, key=lambda entry: (-entry[2], entry[0]))
    return Ranking(
        np.array([document for document, _, _ in ordered], np.int64),
        np.array([score for _, _, score in ordered], np.float64),
        np.array([passage for _, passage, _ in ordered], np.int64),
    )


def test_fusion_weighs_the_cosine_against_the_share_of_the_best_keyword_score() -> None:
    fused = fuse(ranking((1, 10, 8.0), (2, 20, 4.0), (3, 30, 2.0)), ranking((2, 21, 0.9), (4, 41, 0.5)))
    by_words = 1 - SEMANTIC_SHARE
    expected = {2: SEMANTIC_SHARE * 0.9 + by_words * 0.5, 4: SEMANTIC_SHARE * 0.5, 1: by_words, 3: by_words * 0.25}
    assert fused.documents.tolist() == list(expected)
    assert fused.scores.tolist() == pytest.approx(list(expected.values()))


def test_the_list_that_ranks_a_document_better_gives_its_passage() -> None:
    keyword = ranking((1, 10, 9.0), (2, 20, 8.0), (3, 30, 7.0))
    fused = fuse(keyword, ranking((1, 11, 0.9), (3, 31, 0.8), (2, 21, 0.7)))
    assert dict(zip(fused.documents.tolist(), fused.passages.tolist(), strict=True)) == {1: 10, 2: 20, 3: 31}


def test_fusion_with_an_empty_side_keeps_the_order_of_the_other() -> None:
    entries = ((1, 1, 0.9), (2, 2, 0.5))
    for fused in (fuse(ranking(*entries), ranking()), fuse(ranking(), ranking(*entries))):
        assert fused.documents.tolist() == [1, 2]


def test_keyword_scores_that_are_all_zero_fuse_without_a_division_by_zero() -> None:
    assert fuse(ranking((1, 1, 0.0)), ranking((2, 2, 0.4))).documents.tolist() == [2, 1]


# Few different scores, so that ties occur within and between the lists.
lists = st.dictionaries(st.integers(1, 30), st.sampled_from([0.2, 0.4, 0.6, 0.8, 1.0]), max_size=30)


@given(lists, lists)
def test_fusion_equals_the_rule_applied_one_by_one(by_words: dict[int, float], by_meaning: dict[int, float]) -> None:
    fused = fuse(
        ranking(*((document, document, score) for document, score in by_words.items())),
        ranking(*((document, document, score) for document, score in by_meaning.items())),
    )
    best = max(by_words.values(), default=1.0)
    scores = {
        document: round(
            SEMANTIC_SHARE * by_meaning.get(document, 0.0)
            + round((1 - SEMANTIC_SHARE) * by_words.get(document, 0.0) / best, 12),
            12,
        )
        for document in by_words.keys() | by_meaning.keys()
    }
    assert fused.documents.tolist() == sorted(scores, key=lambda document: (-scores[document], document))
    assert fused.scores.tolist() == [scores[document] for document in fused.documents.tolist()]
