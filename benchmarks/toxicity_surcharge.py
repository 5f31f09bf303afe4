"""What scoring toxicity adds to embedding: the same texts with and without it, in turns.

`python -m benchmarks.toxicity_surcharge [--json] --model FILE [--tokens N] [--rounds N]`

Both sides run in this process on one thread, and what counts is processor time: on a busy machine, too, the median of
neighbours in time says what is added. Clean text only; a toxic passage costs its suspicious sentences once more.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from benchmarks.toxicity_worker import DATA, ScoringWorker, clean_texts, scoring_worker
from embedder.toxicity.model_file import load_model
from vocabulary.documents import ReadText, Tokens

LENGTHS = (40, 128, 200)
_MAX_TEXTS = 400  # some 60,000 tokens


@dataclass(frozen=True, slots=True)
class Line:
    """Passages of one length, in tokens; shares of the time, or tokens, that embedding alone takes."""

    tokens: int
    passages: int
    surcharge: float  # processor time, median over the rounds
    quartiles: tuple[float, float]
    computed_twice: float  # tokens of suspicious sentences
    flagged: float  # of the passages


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of lines")
    parser.add_argument("--model", type=Path, required=True, help="a toxicity model's file")
    parser.add_argument("--tokens", type=int, default=6_000, help="tokens per length and pass")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--data", type=Path, default=DATA, help="the folder that holds the sets' folders")
    arguments = parser.parse_args()

    model = load_model(arguments.model)
    with scoring_worker(model, threads=1) as scoring, scoring_worker(None, threads=1) as bare:
        text = "\n".join(islice(clean_texts(arguments.data), _MAX_TEXTS))
        if not arguments.json:
            print(f"{model.version}, one thread, {arguments.rounds} rounds", flush=True)
        lines = []
        for length in LENGTHS:
            passages = _passages(scoring, text, length, arguments.tokens)
            lines.append(await _line(scoring, bare, passages, length, arguments.rounds))
            if not arguments.json:
                print(_in_words(lines[-1]), flush=True)  # at once: on a busy machine a length may take an hour
    if arguments.json:
        print(json.dumps({"model": model.version, "lines": [asdict(line) for line in lines]}, indent=2))


def _in_words(line: Line) -> str:
    low, high = line.quartiles
    return (
        f"{line.passages:>4} passages of {line.tokens:>3} tokens: {line.surcharge:+.1%} of processor time "
        f"(quartiles {low:+.1%}..{high:+.1%}), {line.computed_twice:.1%} of tokens computed twice, "
        f"{line.flagged:.1%} flagged"
    )


def _passages(worker: ScoringWorker, text: str, length: int, tokens: int) -> list[ReadText]:
    """Cut clean text into passages of one length, without looking where."""
    all_tokens = worker.read_all(text)
    passages = []
    for start in range(0, min(tokens, len(all_tokens.ids) - length), length):
        offsets = all_tokens.offsets[start : start + length]
        first = int(offsets[0, 0])
        own = Tokens(all_tokens.ids[start : start + length], offsets - np.int32(first))
        passages.append(ReadText(text[first : int(offsets[-1, 1])], own))
    return passages


async def _line(
    scoring: ScoringWorker, bare: ScoringWorker, passages: Sequence[ReadText], length: int, rounds: int
) -> Line:
    ratios = []
    await _cpu_s(bare, passages)
    before = scoring.computed_tokens
    scores = (await scoring.enrich(passages)).toxicity
    once = sum(len(passage.tokens.ids) + 2 for passage in passages)
    for number in range(rounds):
        first, second = (scoring, bare) if number % 2 else (bare, scoring)
        times = {id(first): await _cpu_s(first, passages), id(second): await _cpu_s(second, passages)}
        ratios.append(times[id(scoring)] / times[id(bare)] - 1)
    low, middle, high = np.quantile(ratios, (0.25, 0.5, 0.75)).tolist()
    return Line(
        tokens=length,
        passages=len(passages),
        surcharge=middle,
        quartiles=(low, high),
        computed_twice=(scoring.computed_tokens - before) / (once * (rounds + 1)) - 1,
        flagged=sum(bool(score.spans) for score in scores) / len(passages),
    )


async def _cpu_s(worker: ScoringWorker, passages: Sequence[ReadText]) -> float:
    started = time.process_time()
    await worker.enrich(passages)
    return time.process_time() - started


if __name__ == "__main__":
    asyncio.run(main())
