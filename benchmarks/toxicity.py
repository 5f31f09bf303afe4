"""What toxicity models are worth: train on a set's training part, test on its held-out one, beside published figures.

    python -m benchmarks.toxicity --data ../shared/data --sets gametox --cache .cache/features

Data lies in folders `toxicity-*`, one `data.jsonl.gz` each; a missing set is skipped and said so. Duplicates are
removed before the split. Nothing trained here is kept: some of the sets allow no weights to be passed on. Needs the
`train` extra; on two cores a set takes some minutes, nearly all of it encoding, which `--cache` keeps.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedder.toxicity.learning.manifest import Part
from embedder.toxicity.learning.training import Order, train
from embedder.toxicity.model import FineTune


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """How a set is read, and what others reached on it (never on the same split: read them as a scale)."""

    options: dict[str, Any]
    published: str


SETS = {
    "gametox": LabelledSet(
        {}, "toxic F1 .77, AUC .93, weighted F1 .88; two stages weighted F1 .85, AUC .92 (own trials)"
    ),
    "davidson": LabelledSet({"clean_labels": ["neither"]}, "weighted F1 .90 of three classes (Davidson et al. 2017)"),
    "code-review": LabelledSet({"label_column": "toxic"}, "toxic F1 .889, BERT with features (Sarker et al. 2023)"),
    "olid-train": LabelledSet({"label_column": "offensive"}, "macro F1 .829 best system, .690 SVM (OffensEval 2019)"),
    "civil-spans": LabelledSet({"label_column": "labels"}, "none; 70 % toxic, negatives were flagged before"),
}
# What the figures of GameTox must reach, and of any set the rest: (path in the figures, at least, at most).
_BOUNDS = {
    "gametox": [
        (("toxic", "f1"), 0.77, 1),
        (("toxic", "auc"), 0.93, 1),
        (("toxic", "weighted_f1"), 0.88, 1),
        (("categories", "weighted_f1"), 0.85, 1),
        (("categories", "weighted_auc"), 0.92, 1),
        (("toxic", "calibration_error"), 0, 0.03),
        (("clean_text", "share"), 0, 0.001),
        (("traps", "share"), 0, 0.10),
    ]
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the sets' folders")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--network-examples", type=int, default=50_000, help="training texts encoded at most")
    parser.add_argument("--fine-tune", type=FineTune, choices=list(FineTune), default=FineTune.NONE)
    parser.add_argument("--cache", type=Path, help="folder that keeps encoded texts for the next run")
    arguments = parser.parse_args()
    for name in arguments.sets:
        file = arguments.data / f"toxicity-{name}" / "data.jsonl.gz"
        if not file.exists():
            print(f"{name}: skipped, there is no {file}")
            continue
        _report(name, _clean_parts(arguments.data), file, arguments)


def _clean_parts(data: Path) -> list[Part]:
    """Business text beside the project's own, where it is there."""
    file = data / "workplace-enterprisebench" / "posts.jsonl.gz"
    options = {"source": "clean posts", "text_column": ("Title", "Post"), "label": "clean", "documents": True}
    return [Part(path=file, **options)] if file.exists() else []


def _report(name: str, clean: list[Part], file: Path, arguments: argparse.Namespace) -> None:
    part = Part(path=file, source=name, group_column="id", **SETS[name].options)
    order = Order(
        name=name, parts=[part, *clean], fine_tune=arguments.fine_tune, network_examples=arguments.network_examples,
        cache=arguments.cache,
    )  # fmt: skip
    began = time.monotonic()
    figures = train(order, lambda line: print(f"  {line}", flush=True)).figures
    print(f"{name}: {time.monotonic() - began:.0f} s; published: {SETS[name].published}")
    print(json.dumps({key: value for key, value in figures.items() if key != "confusion"}, indent=1))
    for path, least, most in _BOUNDS.get(name, []):
        value = figures[path[0]][path[1]] if path[0] != "toxic" else _own(figures, name)[path[1]]
        print(f"  {'ok   ' if least <= value <= most else 'FAILS'} {'.'.join(path)} {value:.4f} in {least}..{most}")


def _own(figures: dict[str, Any], name: str) -> dict[str, Any]:
    """The set's own held-out texts, without the clean ones that were added."""
    return dict(figures["by_source"][name])


if __name__ == "__main__":
    main()
