"""From encoded examples to a head: fit the parts, then the regression that stacks and calibrates them.

The regression must see scores of texts that its parts have not learnt: of a set held apart where there are many
examples, and where there are few, of each fold from parts that learnt the others.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from embedder.toxicity.learning.standardising import Standardisation
from embedder.toxicity.ngrams import Array, NgramSpec, NgramTable, occurrences
from embedder.toxicity.parts import Head, Network
from vocabulary.documents import ReadText

Targets: TypeAlias = npt.NDArray[np.int64]
HIDDEN_UNITS = 32  # 64 gained nothing on any of the sets and doubles the file's dense part
# Networks of other beginnings err elsewhere. Three folds of GameTox, two stages: weighted F1 .848 instead of .843 and
# .846 of two single ones, AUC .928 instead of .925.
NETWORKS = 4
FOLDS = 5
# With this C, of 10 and 30, tables did better on held-out GameTox (AUC .927 against .916 of character n-grams).
_TABLE_C = 10.0
_NEVER = -10.0  # the logit of a class that has no example among those learnt from
_ENOUGH_TO_STOP_EARLY = 1_000


class Kind(StrEnum):
    """What the outputs of a head mean together."""

    BINARY = "binary"  # one output; targets [n] of 0 and 1
    EXCLUSIVE = "exclusive"  # a softmax; targets [n] of class numbers
    INDEPENDENT = "independent"  # sigmoids; targets [n, outputs] of 0 and 1


@dataclass(frozen=True, slots=True, eq=False)
class Lot:
    """Texts with their targets and, where they were encoded, features [n, features]."""

    texts: Sequence[ReadText]
    targets: Targets
    features: Array

    def at(self, chosen: npt.NDArray[np.bool_]) -> Lot:
        texts = [text for text, keep in zip(self.texts, chosen, strict=True) if keep]
        features = self.features[chosen] if len(self.features) else self.features
        return Lot(texts, self.targets[chosen], features)


@dataclass(frozen=True, slots=True)
class Plan:
    """What kind of head to fit."""

    kind: Kind
    outputs: int
    tables: tuple[NgramSpec, ...]
    seed: int


def fit_with_held_apart(plan: Plan, *, all_texts: Lot, encoded: Lot, calibration: Lot) -> Head:
    """Fit tables on all texts, the network on the encoded ones, and the stack on the calibration set."""
    return fit_around(plan, fit_network(plan, encoded), _fit_tables(plan, all_texts), calibration)


def fit_around(plan: Plan, network: Network, tables: tuple[NgramTable, ...], calibration: Lot) -> Head:
    """Fit the stack around a network and tables that are there; the calibration set's features are the network's."""
    return Head(network, tables, *_fit_stack(plan, _part_logits(network, tables, calibration), calibration.targets))


def fit_with_folds(plan: Plan, lot: Lot, groups: Sequence[str]) -> tuple[Head, Array]:
    """Fit everything on one small lot; returns the head and the stacked logits of texts unseen by the parts behind."""
    fold_of = _folds(groups)
    logits: Array = np.zeros((len(lot.texts), _parts(plan) * plan.outputs), dtype=np.float32)
    for fold in range(FOLDS):
        inside = fold_of == fold
        rest = lot.at(~inside)
        logits[inside] = _part_logits(fit_network(plan, rest), _fit_tables(plan, rest), lot.at(inside))
    weight, bias = _fit_stack(plan, logits, lot.targets)
    return Head(fit_network(plan, lot), _fit_tables(plan, lot), weight, bias), logits @ weight + bias


def _folds(groups: Sequence[str]) -> npt.NDArray[np.int64]:
    """Deal groups out in turn, so that folds are even even where groups are few."""
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    return np.array([numbers[group] % FOLDS for group in groups])


def _parts(plan: Plan) -> int:
    return 1 + len(plan.tables)


def _part_logits(network: Network, tables: tuple[NgramTable, ...], lot: Lot) -> Array:
    nothing: Array = np.empty((0, 0), dtype=np.float32)
    return Head(network, tables, nothing, nothing[0:0].ravel()).part_logits(lot.features, lot.texts)


def fit_network(plan: Plan, lot: Lot) -> Network:
    """Fit several networks that begin differently; their units side by side are one that gives their mean."""
    standard = Standardisation.of(lot.features)
    inputs = standard.applied(lot.features)
    fitted = [_fit_one(plan, inputs, lot.targets, seed=plan.seed + number) for number in range(NETWORKS)]
    weight, bias = standard.folded(
        np.concatenate([each.coefs_[0] for each in fitted], axis=1),
        np.concatenate([each.intercepts_[0] for each in fitted]),
    )
    outputs = [_spread(plan, each.coefs_[1], each.intercepts_[1], each.classes_) for each in fitted]
    return Network(
        hidden_weight=weight,
        hidden_bias=bias,
        output_weight=(np.concatenate([each for each, _ in outputs]) / NETWORKS).astype(np.float32),
        output_bias=np.mean([each for _, each in outputs], axis=0).astype(np.float32),
    )


def _fit_one(plan: Plan, inputs: Array, targets: Targets, *, seed: int) -> MLPClassifier:
    stops_early = len(targets) >= _ENOUGH_TO_STOP_EARLY and _rarest(plan, targets) >= 10
    network = MLPClassifier(
        (HIDDEN_UNITS,),
        alpha=0.01 if stops_early else 1.0,
        early_stopping=stops_early,
        n_iter_no_change=5,
        max_iter=60 if stops_early else 30,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # few examples are learnt for a fixed time on purpose
        return network.fit(inputs, targets)


def _rarest(plan: Plan, targets: Targets) -> int:
    counts = targets.sum(axis=0) if plan.kind is Kind.INDEPENDENT else np.unique(targets, return_counts=True)[1]
    return int(counts.min())


def _fit_tables(plan: Plan, lot: Lot) -> tuple[NgramTable, ...]:
    return tuple(_fit_table(plan, spec, lot) for spec in plan.tables)


def _fit_table(plan: Plan, spec: NgramSpec, lot: Lot) -> NgramTable:
    found = occurrences(lot.texts, spec)
    # Rows that no text has would keep a weight of zero; without them a few hundred texts are fitted in a moment.
    rows, columns = np.unique(found.rows, return_inverse=True)
    counted = csr_matrix(
        (found.weights()[found.texts], (found.texts, columns)), shape=(found.n_texts, len(rows)), dtype=np.float32
    )
    fitted, bias = _fit_linear(plan, counted, lot.targets, c=_TABLE_C)
    weight = np.zeros((spec.rows, plan.outputs), dtype=np.float16)
    weight[rows] = fitted
    return NgramTable(spec, weight, bias)


def _fit_linear(plan: Plan, inputs: Any, targets: Targets, *, c: float) -> tuple[Array, Array]:
    """Return weights [inputs, outputs] and biases [outputs] of logistic regressions."""
    if plan.kind is not Kind.INDEPENDENT:
        fitted = _logistic(inputs, targets, c)
        return _spread(plan, fitted.coef_.T, fitted.intercept_, fitted.classes_)
    columns = [_one_output(inputs, column, c) for column in targets.T]
    return np.stack([weight for weight, _ in columns], axis=1), np.array([bias for _, bias in columns], np.float32)


def _one_output(inputs: Any, target: Targets, c: float) -> tuple[Array, float]:
    if target.min() == target.max():
        return np.zeros(inputs.shape[1], dtype=np.float32), -_NEVER if target[0] else _NEVER
    fitted = _logistic(inputs, target, c)
    return fitted.coef_[0].astype(np.float32), float(fitted.intercept_[0])


def _logistic(inputs: Any, targets: Targets, c: float) -> LogisticRegression:
    with warnings.catch_warnings():
        # The weights hardly move any more after 60 steps; the stack sets their scale anyway.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(C=c, max_iter=60).fit(inputs, targets)


def _spread(plan: Plan, weight: Any, bias: Any, classes: Any) -> tuple[Array, Array]:
    """Give every output its column: libraries leave out classes that they never saw, and join two into one."""
    weight, bias = np.asarray(weight, dtype=np.float32), np.asarray(bias, dtype=np.float32)
    if plan.kind is not Kind.EXCLUSIVE:
        return weight, bias
    if len(classes) == 2:
        weight, bias = np.concatenate([-weight / 2, weight / 2], axis=1), np.concatenate([-bias / 2, bias / 2])
    all_weights = np.zeros((len(weight), plan.outputs), dtype=np.float32)
    all_biases = np.full(plan.outputs, _NEVER, dtype=np.float32)
    all_weights[:, classes], all_biases[classes] = weight, bias
    return all_weights, all_biases


def _fit_stack(plan: Plan, logits: Array, targets: Targets) -> tuple[Array, Array]:
    """Return the stacking regression: weights [parts * outputs, outputs] and biases [outputs]."""
    if plan.kind is Kind.BINARY:
        return _fit_linear(plan, logits, targets, c=100.0)
    if plan.kind is Kind.EXCLUSIVE:
        # parts * outputs^2 weights and few texts of rare classes: strong regularisation keeps those from being believed
        return _fit_linear(plan, logits, targets, c=0.1)
    weight: Array = np.zeros((logits.shape[1], plan.outputs), dtype=np.float32)
    bias: Array = np.zeros(plan.outputs, dtype=np.float32)
    for output in range(plan.outputs):
        own = slice(output, None, plan.outputs)  # the same output of every part
        weight[own, output], bias[output] = _one_output(logits[:, own], targets[:, output], 1.0)
    return weight, bias
