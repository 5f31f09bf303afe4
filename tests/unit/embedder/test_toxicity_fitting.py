"""How heads are fitted and measured, on made-up texts whose words and features tell what they are."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedder.toxicity.ngrams import NgramSpec, Unit, occurrences
from embedder.toxicity.parts import sigmoid, softmax
from tests.unit.embedder.conftest import write_tiny_model
from vocabulary.documents import ReadText, Tokens
from vocabulary.errors import SettingInvalid

pytest.importorskip("sklearn", reason="needs the train extra")

from sklearn.linear_model import LogisticRegression

from embedder.toxicity.learning.encoding import Encoder
from embedder.toxicity.learning.examples import Example
from embedder.toxicity.learning.figures import (
    binary_figures,
    calibration_error_by_chance,
    category_figures,
    expected_calibration_error,
    threshold_of_best_f1,
    threshold_of_precision,
)
from embedder.toxicity.learning.fitting import (
    Kind,
    Lot,
    Plan,
    fit_network,
    fit_with_folds,
    fit_with_held_apart,
)
from embedder.toxicity.learning.jobs import Job
from embedder.toxicity.learning.own_layers import first_network, validation_texts
from embedder.toxicity.learning.report import confusion_plot

TABLES = (NgramSpec(Unit.WORD_PIECES, (1,), 64), NgramSpec(Unit.CHARACTERS, (2,), 64))


def _lot(kind: Kind, count: int, seed: int, classes: int = 3) -> Lot:
    """Texts of a class have its token among random ones, and features around its own centre."""
    random = np.random.default_rng(seed)
    targets = random.integers(0, classes, count)
    ids = [np.append(random.integers(10, 40, 5), target).astype(np.int32) for target in targets]
    texts = [ReadText(" ".join(map(str, row)), Tokens(row, np.zeros((6, 2), np.int32))) for row in ids]
    features = (random.normal(size=(count, 6)) + 1.5 * np.eye(6)[targets]).astype(np.float32)
    if kind is Kind.INDEPENDENT:
        return Lot(texts, np.stack([targets > 0, targets > 1], axis=1).astype(np.int64), features)
    return Lot(texts, targets if kind is Kind.EXCLUSIVE else (targets > 0).astype(np.int64), features)


PLANS = [
    Plan(Kind.BINARY, 1, TABLES, 3), Plan(Kind.EXCLUSIVE, 3, TABLES, 3), Plan(Kind.INDEPENDENT, 2, TABLES, 3)
]  # fmt: skip


def _right(plan: Plan, logits: Any, targets: Any) -> float:
    if plan.kind is Kind.EXCLUSIVE:
        return float(np.mean(softmax(logits).argmax(axis=1) == targets))
    found = sigmoid(logits) > 0.5
    return float(np.mean(found == targets.reshape(found.shape)))


@pytest.mark.parametrize("plan", PLANS, ids=[plan.kind.value for plan in PLANS])
def test_a_head_learns_in_folds_and_with_a_set_held_apart(plan: Plan) -> None:
    lot, test = _lot(plan.kind, 300, 1), _lot(plan.kind, 100, 2)
    folded, unseen = fit_with_folds(plan, lot, [str(number) for number in range(300)])
    apart = fit_with_held_apart(plan, all_texts=lot, encoded=lot, calibration=_lot(plan.kind, 200, 4))
    assert unseen.shape == (300, plan.outputs)
    for head in (folded, apart):
        assert head.outputs == plan.outputs
        assert _right(plan, head.logits(test.features, test.texts), test.targets) > 0.9


def test_a_table_weighs_what_a_regression_over_all_its_rows_would() -> None:
    spec, lot = NgramSpec(Unit.WORD_PIECES, (1, 2), 1 << 12), _lot(Kind.BINARY, 200, 1)
    head = fit_with_held_apart(
        Plan(Kind.BINARY, 1, (spec,), 3), all_texts=lot, encoded=lot, calibration=_lot(Kind.BINARY, 50, 4)
    )
    found = occurrences(lot.texts, spec)
    every_row = np.zeros((200, spec.rows))
    np.add.at(every_row, (found.texts, found.rows), found.weights()[found.texts])
    regression = LogisticRegression(C=10.0).fit(every_row, lot.targets)
    (table,) = head.tables
    assert not table.weights[np.setdiff1d(np.arange(spec.rows), found.rows)].any()
    expected = regression.decision_function(every_row)
    np.testing.assert_allclose(table.logits(lot.texts)[:, 0], expected, atol=0.02)


def test_the_same_seed_gives_the_same_head() -> None:
    lot = _lot(Kind.BINARY, 60, 1)
    first, second = (fit_with_folds(PLANS[0], lot, list(map(str, range(60))))[0] for _ in range(2))
    np.testing.assert_array_equal(first.logits(lot.features, lot.texts), second.logits(lot.features, lot.texts))


def test_a_class_without_examples_is_never_the_answer() -> None:
    plan = Plan(Kind.EXCLUSIVE, 4, TABLES, 3)
    lot = _lot(Kind.EXCLUSIVE, 100, 1, classes=2)
    head, _ = fit_with_folds(plan, lot, list(map(str, range(100))))
    assert set(head.logits(lot.features, lot.texts).argmax(axis=1)) == {0, 1}


@pytest.mark.parametrize(
    ("scores", "toxic", "error"),
    [
        ([0.05, 0.05, 0.95, 0.95], [False, False, True, True], 0.05),
        ([0.5, 0.5], [False, True], 0.0),
        ([1.0, 1.0], [False, False], 1.0),
    ],
)
def test_calibration_error_is_the_gap_between_promise_and_outcome(
    scores: list[float], toxic: list[bool], error: float
) -> None:
    found = expected_calibration_error(np.array(scores, dtype=np.float32), np.array(toxic))
    assert found == pytest.approx(error, abs=1e-6)


def test_calibration_error_by_chance_is_what_true_scores_show_on_so_few_texts() -> None:
    random = np.random.default_rng(4)
    scores = random.uniform(0, 1, 600).astype(np.float32)
    drawn = [expected_calibration_error(scores, random.uniform(size=600) < scores) for _ in range(200)]
    assert calibration_error_by_chance(scores) == pytest.approx(np.mean(drawn), rel=0.08)
    assert calibration_error_by_chance(scores[:0]) == 0


def test_thresholds_follow_from_scores() -> None:
    scores = np.array([0.1, 0.2, 0.4, 0.6, 0.8, 0.9], dtype=np.float32)
    toxic = np.array([False, False, True, False, True, True])
    assert 0.2 < threshold_of_best_f1(scores, toxic) <= 0.4
    assert 0.6 < threshold_of_precision(scores, toxic, wanted=0.95, at_least=0.3) <= 0.8
    assert threshold_of_precision(scores, ~toxic, wanted=0.95, at_least=0.3) == 0.95


def test_figures_of_one_kind_alone_are_numbers_or_nothing() -> None:
    figures = binary_figures(np.array([0.1, 0.9], dtype=np.float32), np.array([False, False]), 0.5)
    assert (figures["precision"], figures["recall"], figures["auc"]) == (0.0, 0.0, None)
    json.dumps(figures, allow_nan=False)


def test_categories_are_measured_with_clean_as_a_class() -> None:
    found = [("a",), ("b",), (), ("a",)]
    examples = [Example(str(n), bool(names), names, "s", str(n)) for n, names in enumerate(found)]
    figures = category_figures(
        examples,
        np.array([0.9, 0.9, 0.1, 0.2], dtype=np.float32),
        np.array([[0.8, 0.2], [0.3, 0.7], [0.5, 0.5], [0.9, 0.1]], dtype=np.float32),
        categories=("a", "b"),
        threshold=0.5,
        multi_label=False,
    )
    assert figures["confusion"] == {"classes": ["clean", "a", "b"], "counts": [[1, 0, 0], [1, 1, 0], [0, 0, 1]]}
    assert figures["classes"]["a"]["recall"] == 0.5


def test_a_confusion_is_drawn_as_a_picture() -> None:
    pytest.importorskip("matplotlib")
    assert confusion_plot(["clean", "toxic"], [[5, 1], [0, 3]]).startswith(b"\x89PNG")


def _groups(**sizes: int) -> list[str]:
    return [name for name, size in sizes.items() for _ in range(size)]


def test_a_feature_that_only_noise_moves_has_no_weight() -> None:
    lot = _lot(Kind.BINARY, 200, 1)
    lot.features[:, 0] = 3 + 1e-8 * lot.targets  # all that tells the two apart, and nothing but rounding
    lot.features[:, 5] = -2
    network = fit_network(PLANS[0], lot)
    assert not np.any(network.hidden_weight[[0, 5]])
    moved = lot.features + np.array([0.01, 0, 0, 0, 0, 0.01], dtype=np.float32)  # as another arithmetic may
    assert network.logits(moved).tolist() == network.logits(lot.features).tolist()


@pytest.mark.parametrize(
    "groups",
    [
        [str(number) for number in range(2_000)],
        _groups(**{f"g{number}": 200 for number in range(10)}),
        _groups(a=500, b=500, c=500, d=500),
        _groups(giant=1_500, **{f"g{number}": 50 for number in range(10)}),
    ],
    ids=["of one text each", "ten", "four", "with a giant"],
)
def test_whole_groups_of_about_a_tenth_say_when_to_stop(groups: list[str]) -> None:
    validating = validation_texts(groups)
    assert 0.05 <= validating.mean() <= 0.3
    chosen = {group for group, held in zip(groups, validating, strict=True) if held}
    assert all(held == (group in chosen) for group, held in zip(groups, validating, strict=True))


@pytest.mark.parametrize("groups", [_groups(one=1_000), _groups(a=700, b=699, c=1)], ids=["one", "two"])
def test_texts_of_too_few_groups_are_not_fine_tuned(groups: list[str]) -> None:
    with pytest.raises(SettingInvalid, match="give finer groups"):
        validation_texts(groups)


def test_fine_tuning_begins_with_a_network_that_has_seen_no_validation_text(tmp_path: Path) -> None:
    encoder = Encoder.load(str(write_tiny_model(tmp_path / "tiny")))
    job = Job(Plan(Kind.BINARY, 1, (), 3), lambda example: int(example.toxic))
    texts = [f"{first} {second}" for first in "abcdef" for second in "uvwxyz"]
    training = [Example(text, text[0] < "d", None, "letters", text) for text in texts]
    validating = np.arange(len(texts)) % 6 == 0

    def output_weight(relabelled: Any) -> list[Any]:
        told = [replace(each, toxic=each.toxic != other) for each, other in zip(training, relabelled, strict=True)]
        return first_network(encoder, job, told, validating).output_weight.ravel().tolist()

    first = output_weight(np.zeros(len(texts), dtype=bool))
    assert output_weight(validating) == first
    assert output_weight(np.roll(validating, 1)) != first
