"""What kinds of abuse a toxicity model finds: sentences that people write to try one, which nothing is trained on.

`python -m benchmarks.toxicity_kinds [--json] [--model FILE]`

A model's own report is about texts like those that it was trained on; a kind that its sets hardly have is hardly seen
there. So few sentences show what is missed altogether, and no rate to the per cent. They are those of
`toxicity_kinds.txt`, scored as documents are.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.toxicity_worker import ScoringWorker, scoring_worker
from embedder.toxicity.choice import SHIPPED_MODEL
from embedder.toxicity.model_file import load_model

_SENTENCES = Path(__file__).with_name("toxicity_kinds.txt")


@dataclass(frozen=True, slots=True)
class Line:
    """Sentences of one kind, and what a model made of them."""

    kind: str
    sentences: int
    flagged: int
    named: int  # of the flagged, those whose category is the kind
    missed: Sequence[str]


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument("--model", type=Path, default=SHIPPED_MODEL, help="a toxicity model's file; default: shipped")
    arguments = parser.parse_args()
    model = load_model(arguments.model)
    with scoring_worker(model) as worker:
        lines = [await _line(worker, kind, sentences) for kind, sentences in _sentences_by_kind().items()]
    if arguments.json:
        print(json.dumps({"model": model.version, "lines": [asdict(line) for line in lines]}, indent=2))
    else:
        _print(model.version, lines)


def _sentences_by_kind() -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = {}
    for line in _SENTENCES.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            kind, _, sentence = line.partition(": ")
            found.setdefault(kind, []).append(sentence)
    return found


async def _line(worker: ScoringWorker, kind: str, sentences: Sequence[str]) -> Line:
    scored = list(zip(sentences, await worker.score(sentences), strict=True))
    named = sum(any(span.category == kind for span in toxicity.spans) for _, toxicity in scored)
    missed = [f"{toxicity.score_0_1:.2f} {sentence}" for sentence, toxicity in scored if not toxicity.spans]
    return Line(kind, len(sentences), flagged=len(sentences) - len(missed), named=named, missed=missed)


def _print(version: str, lines: Sequence[Line]) -> None:
    table = Table(title=f"{version}: sentences of each kind of abuse")
    table.add_column("kind")
    for heading in ("sentences", "flagged", "named so"):
        table.add_column(heading, justify="right")
    for line in lines:
        table.add_row(line.kind, str(line.sentences), str(line.flagged), str(line.named))
    console = Console(width=120)
    console.print(table)
    for line in lines:
        for sentence in line.missed:
            console.print(f"missed {line.kind}: {sentence}", markup=False, highlight=False)


if __name__ == "__main__":
    asyncio.run(main())
