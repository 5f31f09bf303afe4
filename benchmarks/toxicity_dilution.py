"""How often one toxic sentence in a clean passage is found, and clean passages are not.

`python -m benchmarks.toxicity_dilution [--json] --model FILE [--passages N] [--data DIR]`

Held-out ParaDetox messages stand among the sentences of descriptions of software packages, as a line of their own and
as a sentence of a paragraph; everything goes through the enricher's worker as it does in a sync. Beside it stand
the same messages alone, which nothing that dilutes them can do better than, and the passages without them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.toxicity_worker import DATA, ScoringWorker, clean_texts, held_out_messages, scoring_worker
from embedder.toxicity.model_file import load_model
from embedder.toxicity.sentences import MAX_TOKENS, sentences_of
from vocabulary.documents import Toxicity

SEED = 20
_PASSAGE_TOKENS = range(90, 201)  # shorter ones dilute little; the indexer cuts no longer ones


@dataclass(frozen=True, slots=True)
class Line:
    """How many of some texts were flagged, and by a span that lies on the message."""

    texts: str
    count: int
    flagged: float
    placed: float | None  # None: there is no message to lie on
    computed_twice: float  # of their tokens


@dataclass(frozen=True, slots=True)
class Hidden:
    """A message in a passage: its characters [start, end)."""

    text: str
    start: int
    end: int


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument("--model", type=Path, required=True, help="a toxicity model's file")
    parser.add_argument("--passages", type=int, default=300, help="messages, and passages around them")
    parser.add_argument("--data", type=Path, default=DATA, help="the folder that holds the sets' folders")
    arguments = parser.parse_args()

    model = load_model(arguments.model)
    with scoring_worker(model) as worker:
        messages, passages = _held_out(arguments.data, worker, arguments.passages)
        lines = [
            await _line("messages alone", worker, [Hidden(text, 0, len(text)) for text in messages]),
            await _line("as a line of clean passages", worker, _hidden(messages, passages, worker, "\n")),
            await _line("as a sentence of clean passages", worker, _hidden(messages, passages, worker, " ")),
            await _line("clean passages", worker, [Hidden(text, 0, 0) for text in passages]),
        ]
    if arguments.json:
        print(json.dumps({"model": model.version, "lines": [asdict(line) for line in lines]}, indent=2))
    else:
        _print(model.version, lines)


def _held_out(data: Path, worker: ScoringWorker, count: int) -> tuple[list[str], list[str]]:
    """Return messages of one sentence, and passages of several, that no model was trained on."""
    messages = random.Random(SEED).sample(held_out_messages(data), 2 * count)
    short = (text for text in messages if len(worker.read(text).tokens.ids) <= MAX_TOKENS)
    long = (text for text in clean_texts(data) if len(worker.read(text).tokens.ids) in _PASSAGE_TOKENS)
    pairs = list(islice(zip(short, long, strict=False), count))
    return [message for message, _ in pairs], [passage for _, passage in pairs]


def _hidden(messages: Sequence[str], passages: Sequence[str], worker: ScoringWorker, around: str) -> list[Hidden]:
    """Put each message between two sentences of a passage, or at one of its ends."""
    places = random.Random(SEED)
    hidden = []
    for message, passage in zip(messages, passages, strict=True):
        start = places.choice([0, *(sentence.end for sentence in sentences_of(worker.read(passage)))])
        ended = message if around == "\n" or message[-1] in ".!?" else f"{message}."
        before = passage[:start] + around if start else ""
        text = before + ended + around + passage[start:].lstrip()
        hidden.append(Hidden(text, len(before), len(before) + len(message)))
    return hidden


async def _line(name: str, worker: ScoringWorker, hidden: Sequence[Hidden]) -> Line:
    before = worker.computed_tokens
    scores = await worker.score([each.text for each in hidden])
    twice = (worker.computed_tokens - before) / worker.sequence_tokens([each.text for each in hidden]) - 1
    placed = [_lies_on(score, each) for score, each in zip(scores, hidden, strict=True) if each.end]
    return Line(
        texts=name,
        count=len(hidden),
        flagged=sum(bool(score.spans) for score in scores) / len(hidden),
        placed=sum(placed) / len(placed) if placed else None,
        computed_twice=twice,
    )


def _lies_on(score: Toxicity, hidden: Hidden) -> bool:
    return any(span.start < hidden.end and span.end > hidden.start for span in score.spans)


def _print(version: str, lines: Sequence[Line]) -> None:
    table = Table(title=f"{version}: flagged at the model's own threshold")
    table.add_column("held-out texts")
    for heading in ("texts", "flagged", "with a span on the message", "tokens computed twice"):
        table.add_column(heading, justify="right")
    for line in lines:
        placed = "-" if line.placed is None else f"{line.placed:.3f}"
        table.add_row(line.texts, str(line.count), f"{line.flagged:.3f}", placed, f"{line.computed_twice:.1%}")
    Console(width=120).print(table)


if __name__ == "__main__":
    asyncio.run(main())
