"""Speed and fidelity of the bare embedder, beside sentence-transformers where it is installed.

`python -m benchmarks.embedding [--json] [--threads N] [--tokens N] [--rounds N]`

Both sides start from strings, run in this process on the same number of threads, and take turns, so that a busy
machine slows both. The ratio that counts is the one in processor time. Passages are cut from the packages' and the
dictionaries' texts in `../shared/data/scale-passages`, or made of invented words where that is missing.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import importlib.util
import json
import platform
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from embedder import EmbedderConfig, open_enricher
from embedder.batching import padded_share, plan_batches
from embedder.models import locate_model
from embedder.models.folder import SPECIAL_TOKENS
from embedder.runtimes.openvino import BATCHING, usable_cores
from embedder.toxicity.head import SHIPPED_HEAD, ToxicityHead
from vocabulary.documents import ReadText
from vocabulary.ports import Enricher

TEXTS = Path(__file__).parents[2] / "shared" / "data" / "scale-passages"
SHAPES = ("40", "128", "256", "mix")
SEED = 20


@dataclass(frozen=True, slots=True)
class Pass:
    """One timed encoding of all passages of one shape."""

    wall_s: float
    cpu_s: float
    vectors: np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True, slots=True)
class Line:
    """What is printed of one shape; rates count real tokens, special ones included, in the best of the rounds."""

    shape: str
    passages: int
    tokens_per_s: float
    tokens_per_cpu_s: float
    passages_per_s: float
    padded_share: float
    toxicity_share: float
    library_tokens_per_s: float | None = None
    library_tokens_per_cpu_s: float | None = None
    ratio_wall: float | None = None
    ratio_cpu: float | None = None
    cosine_min: float | None = None


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument("--threads", type=int, default=usable_cores())
    parser.add_argument("--tokens", type=int, default=24_000, help="tokens per shape and pass")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()

    config = EmbedderConfig(threads=arguments.threads)
    started = time.perf_counter()
    async with open_enricher(config) as enricher:
        start_up_s = time.perf_counter() - started
        encode = _library(arguments.threads)
        lines = [await _measure(shape, arguments, config, enricher, encode) for shape in SHAPES]
    report = {"machine": _machine(), "threads": arguments.threads, "start_up_s": round(start_up_s, 2)}
    if arguments.json:
        print(json.dumps(report | {"lines": [asdict(line) for line in lines]}, indent=2))
    else:
        _print(report, lines)


async def _measure(
    shape: str,
    arguments: argparse.Namespace,
    config: EmbedderConfig,
    enricher: Enricher,
    encode: Callable[[list[str]], np.ndarray[Any, np.dtype[np.float32]]] | None,
) -> Line:
    texts = list(_passages(shape, enricher, arguments.tokens))
    lengths = [min(len(enricher.tokenise(text).ids), enricher.max_tokens) + SPECIAL_TOKENS for text in texts]

    async def embed() -> np.ndarray[Any, np.dtype[np.float32]]:
        return (await enricher.enrich([ReadText(text, enricher.tokenise(text)) for text in texts])).vectors

    async def embed_by_library() -> np.ndarray[Any, np.dtype[np.float32]]:
        assert encode is not None
        return encode(texts)

    ours, library = [], []
    for _ in range(arguments.rounds):
        ours.append(await _timed(embed))
        if encode is not None:
            library.append(await _timed(embed_by_library))
    ahead = BATCHING.look_ahead
    windows = [lengths[start : start + ahead] for start in range(0, len(lengths), ahead)]
    padding = [padded_share(window, plan_batches(window, max_tokens=BATCHING.max_tokens)) for window in windows]
    wall_s, cpu_s = min(run.wall_s for run in ours), min(run.cpu_s for run in ours)
    line = Line(
        shape=shape,
        passages=len(texts),
        tokens_per_s=sum(lengths) / wall_s,
        tokens_per_cpu_s=sum(lengths) / cpu_s,
        passages_per_s=len(texts) / wall_s,
        padded_share=float(np.mean(padding)),
        toxicity_share=_toxicity_cpu_s(len(texts)) / cpu_s,
    )
    return _beside(line, ours, library, sum(lengths)) if library else line


def _beside(line: Line, ours: list[Pass], library: list[Pass], tokens: int) -> Line:
    """Add the library's rates; a ratio is the median over the rounds, each of two neighbours in time."""
    wall = [theirs.wall_s / mine.wall_s for mine, theirs in zip(ours, library, strict=True)]
    cpu = [theirs.cpu_s / mine.cpu_s for mine, theirs in zip(ours, library, strict=True)]
    reference = library[0].vectors / np.linalg.norm(library[0].vectors, axis=1, keepdims=True)
    return Line(**asdict(line) | {
        "library_tokens_per_s": tokens / min(run.wall_s for run in library),
        "library_tokens_per_cpu_s": tokens / min(run.cpu_s for run in library),
        "ratio_wall": float(np.median(wall)),
        "ratio_cpu": float(np.median(cpu)),
        "cosine_min": float(np.sum(ours[0].vectors * reference, axis=1).min()),
    })  # fmt: skip


async def _timed(encode: Callable[[], Awaitable[np.ndarray[Any, np.dtype[np.float32]]]]) -> Pass:
    wall, cpu = time.perf_counter(), time.process_time()
    vectors = await encode()
    return Pass(time.perf_counter() - wall, time.process_time() - cpu, vectors)


def _toxicity_cpu_s(passages: int) -> float:
    """Return what the head adds; its poolings are three of some sixty matrix products and too cheap to see."""
    head = ToxicityHead.load(SHIPPED_HEAD)
    features = np.random.default_rng(SEED).normal(size=(16, len(head.centre))).astype(np.float32)
    seconds = []
    for _ in range(50):
        started = time.process_time()
        head.score_0_1(features)
        seconds.append(time.process_time() - started)
    return min(seconds) * passages / len(features)


def _library(threads: int) -> Callable[[list[str]], np.ndarray[Any, np.dtype[np.float32]]] | None:
    if importlib.util.find_spec("sentence_transformers") is None:
        return None
    import torch  # noqa: PLC0415 - only where it is installed
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415

    torch.set_num_threads(threads)
    model = SentenceTransformer(str(locate_model("all-MiniLM-L6-v2").folder), device="cpu")
    return lambda texts: model.encode(texts, show_progress_bar=False)


def _passages(shape: str, enricher: Enricher, tokens: int) -> Iterator[str]:
    """Cut running text into passages of a shape: a number of tokens, or log-normal lengths of 8 to 256, mean 95."""
    random = np.random.default_rng(SEED)
    text = _running_text(characters=tokens * 8)
    offsets, position = enricher.tokenise(text).offsets, 0
    while tokens > 0:
        length = int(shape) if shape != "mix" else int(np.clip(random.lognormal(4.34, 0.67), 8, 256))
        piece = offsets[position : position + length - SPECIAL_TOKENS]
        assert len(piece), "not enough text"
        yield text[piece[0, 0] : piece[-1, 1]]
        position += len(piece)
        tokens -= length


def _running_text(characters: int) -> str:
    pieces: list[str] = []
    size = 0
    for piece in _sample_texts():
        pieces.append(piece)
        size += len(piece) + 1
        if size > characters:
            break
    return " ".join(pieces)


def _sample_texts() -> Iterator[str]:
    if not TEXTS.is_dir():
        random = np.random.default_rng(SEED)
        syllables = [first + second for first in "bdfgklmnprst" for second in "aeiou"]
        while True:
            yield " ".join("".join(random.choice(syllables, size=random.integers(1, 4))) for _ in range(60)) + "."
    for name in ("debian-packages", "foldoc"):
        with gzip.open(TEXTS / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            yield from (json.loads(line)["text"] for line in lines)


def _machine() -> str:
    cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    names = [line.partition(":")[2].strip() for line in cpuinfo.splitlines() if line.startswith("model name")]
    flags = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if f" {flag}" in cpuinfo]
    return f"{usable_cores()} cores, {names[0] if names else platform.processor()} ({' '.join(flags)})"


def _print(report: dict[str, Any], lines: list[Line]) -> None:
    versions = [f"openvino {version('openvino')}"]
    if lines[0].ratio_cpu is not None:
        versions += [f"{name} {version(name)}" for name in ("sentence-transformers", "torch")]
    table = Table(title=f"{report['machine']}; {report['threads']} threads; {', '.join(versions)}; "
                  f"start-up {report['start_up_s']} s")  # fmt: skip
    for heading in ("tokens", "tokens/s", "passages/s", "tokens/CPU s", "padding", "toxicity", "library tokens/CPU s",
                    "ratio wall", "ratio CPU", "cosine min"):  # fmt: skip
        table.add_column(heading, justify="right")
    for line in lines:
        table.add_row(
            line.shape,
            f"{line.tokens_per_s:,.0f}",
            f"{line.passages_per_s:,.1f}",
            f"{line.tokens_per_cpu_s:,.0f}",
            f"{line.padded_share:.1%}",
            f"{line.toxicity_share:.2%}",
            *(_optional(line.library_tokens_per_cpu_s, ",.0f"), _optional(line.ratio_wall, ".2f")),
            *(_optional(line.ratio_cpu, ".2f"), _optional(line.cosine_min, ".6f")),
        )
    Console(width=140).print(table)


def _optional(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


if __name__ == "__main__":
    asyncio.run(main())
