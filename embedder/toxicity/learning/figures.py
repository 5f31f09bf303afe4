"""What a model is worth on texts that it has not seen, as plain numbers.

Every figure is of the held-out part of the data or of the project's own held-out sentences. Figures of few texts say
little: each comes with its count.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from sklearn.metrics import confusion_matrix, f1_score, precision_recall_fscore_support, roc_auc_score

from embedder.toxicity.learning.examples import Example
from embedder.toxicity.ngrams import Array

Flags: TypeAlias = npt.NDArray[np.bool_]
Figures: TypeAlias = dict[str, Any]
CLEAN_CLASS = "clean"
_BINS = 15  # of calibration errors, as Guo et al. 2017


def expected_calibration_error(score_0_1: Array, applies: Flags, bins: int = _BINS) -> float:
    """Return the mean gap between predicted and observed share over equally wide bins, weighted by their size."""
    gaps = [
        abs(float(score_0_1[inside].sum()) - np.count_nonzero(applies[inside])) for inside in _binned(score_0_1, bins)
    ]
    return float(sum(gaps)) / max(1, len(applies))


def calibration_error_by_chance(score_0_1: Array, bins: int = _BINS) -> float:
    """Return the error that is to be expected of texts with these scores if each score is exactly true.

    Few texts never have just the promised share of toxic ones. Of a bin's gap, a sum of independent draws, the expected
    size is that of a normal variable: sqrt(2 / pi) of its standard deviation.
    """
    variances = [float((score_0_1[inside] * (1 - score_0_1[inside])).sum()) for inside in _binned(score_0_1, bins)]
    return math.sqrt(2 / math.pi) * sum(map(math.sqrt, variances)) / max(1, len(score_0_1))


def _binned(score_0_1: Array, bins: int) -> Iterator[Flags]:
    numbers = np.minimum((score_0_1 * bins).astype(int), bins - 1)
    yield from (numbers == number for number in np.unique(numbers))


def binary_figures(score_0_1: Array, applies: Flags, threshold: float) -> Figures:
    """Precision, recall, F1 of the class, weighted and macro F1, AUC (None of one class), calibration."""
    flagged = score_0_1 >= threshold
    precision, recall, f1, _ = precision_recall_fscore_support(applies, flagged, average="binary", zero_division=0)
    return {
        "texts": len(applies),
        "positive": int(np.count_nonzero(applies)),
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(f1),
        "weighted_f1": float(f1_score(applies, flagged, average="weighted", zero_division=0)),
        "macro_f1": float(f1_score(applies, flagged, average="macro", zero_division=0)),  # what OffensEval ranks by
        "auc": float(roc_auc_score(applies, score_0_1)) if 0 < applies.sum() < len(applies) else None,
        "calibration_error": expected_calibration_error(score_0_1, applies),
        "calibration_error_by_chance": calibration_error_by_chance(score_0_1),
    }


def false_alarms(score_0_1: Array, threshold: float) -> Figures:
    """Of texts that are all clean."""
    flagged = int(np.count_nonzero(score_0_1 >= threshold))
    return {"texts": len(score_0_1), "flagged": flagged, "share": flagged / max(1, len(score_0_1))}


def threshold_of_best_f1(score_0_1: Array, toxic: Flags) -> float:
    """Return the threshold of best F1 between .05 and .95, in hundredths; the middle one of equals."""
    candidates = np.arange(5, 96) / 100
    f1 = np.array([f1_score(toxic, score_0_1 >= threshold, zero_division=0) for threshold in candidates])
    best = np.flatnonzero(f1 >= f1.max() - 1e-9)
    return float(candidates[best[len(best) // 2]])


def threshold_of_precision(score_0_1: Array, toxic: Flags, *, wanted: float, at_least: float) -> float:
    """Return the lowest threshold, in hundredths, from which on so many of the flagged texts are toxic; else .95."""
    for threshold in np.arange(round(at_least * 100), 96) / 100:
        flagged = score_0_1 >= threshold
        if flagged.any() and toxic[flagged].mean() >= wanted:
            return float(threshold)
    return 0.95


def category_figures(
    examples: Sequence[Example],
    score_0_1: Array,
    category_0_1: Array,
    *,
    categories: Sequence[str],
    threshold: float,
    multi_label: bool,
) -> Figures:
    """Figures of each category over the examples whose categories are known, and of all together.

    A text's probability of a category is that of being toxic times the category's share. Where a text has exactly one
    category, clean is a class of its own and a text gets the most probable category, or clean below the threshold.
    """
    joint: Array = score_0_1[:, None] * category_0_1
    truth = np.array([[name in (example.categories or ()) for name in categories] for example in examples])
    if multi_label:
        found = (score_0_1[:, None] >= threshold) & (category_0_1 >= 0.5)
    else:
        best = category_0_1.argmax(axis=1)
        found = (score_0_1 >= threshold)[:, None] & (best[:, None] == np.arange(len(categories)))
    figures: Figures = {
        "classes": {name: _class_figures(joint[:, n], truth[:, n], found[:, n]) for n, name in enumerate(categories)},
        "weighted_f1": float(f1_score(truth, found, average="weighted", zero_division=0)),
        "macro_f1": float(f1_score(truth, found, average="macro", zero_division=0)),
    }
    return figures if multi_label else figures | _exclusive(truth, found, score_0_1, joint, categories)


def _class_figures(probability: Array, truth: Flags, found: Flags) -> Figures:
    precision, recall, f1, _ = precision_recall_fscore_support(truth, found, average="binary", zero_division=0)
    return {
        "texts": int(truth.sum()),
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(f1),
        "auc": float(roc_auc_score(truth, probability)) if 0 < truth.sum() < len(truth) else None,
        "calibration_error": expected_calibration_error(probability, truth),
    }


def _exclusive(truth: Flags, found: Flags, score_0_1: Array, joint: Array, categories: Sequence[str]) -> Figures:
    """Figures with clean as one class among the others, and the confusion of all of them."""
    names = [CLEAN_CLASS, *categories]
    true_class, found_class = (np.where(flags.any(axis=1), flags.argmax(axis=1) + 1, 0) for flags in (truth, found))
    present = [n for n in range(len(names)) if 0 < np.count_nonzero(true_class == n) < len(true_class)]
    probabilities = np.concatenate([1 - score_0_1[:, None], joint], axis=1)
    aucs = [float(roc_auc_score(true_class == n, probabilities[:, n])) for n in present]
    support = [int(np.count_nonzero(true_class == n)) for n in present]
    return {
        "weighted_f1": float(f1_score(true_class, found_class, average="weighted", zero_division=0)),
        "macro_f1": float(f1_score(true_class, found_class, average="macro", zero_division=0)),
        "weighted_auc": float(np.average(aucs, weights=support)) if aucs else None,
        "confusion": {
            "classes": names,
            "counts": confusion_matrix(true_class, found_class, labels=range(len(names))).tolist(),
        },
    }


def binary_confusion(score_0_1: Array, toxic: Flags, threshold: float) -> Figures:
    counts = confusion_matrix(toxic, score_0_1 >= threshold, labels=[False, True])
    return {"classes": [CLEAN_CLASS, "toxic"], "counts": counts.tolist()}
