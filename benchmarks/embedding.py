"""Speed and fidelity of the bare embedder, beside sentence-transformers where it is installed.

`python -m benchmarks.embedding [--json] [--threads N] [--tokens N] [--rounds N] [--queries N]`

Both sides start from strings, run in this process on the same number of threads, and take turns, so that a busy
machine slows both; the matrix products alone (`embedding_limits`) take turns with them, too. What counts is in
processor time, and so per core. `matrix share` is the part of the matrix rate that real tokens have of it: padding,
attention's own pace, Python and all else are missing from it. `--queries` measures besides how long a query waits.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import platform
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.embedding_limits import MatrixRate, cpu_s, flop_of_layers, peak_memory_mb
from benchmarks.embedding_queries import Waits, measure_waits
from benchmarks.embedding_texts import passages
from embedder import EmbedderConfig, open_enricher
from embedder.batching import padded_share, plan_batches
from embedder.models import BertShape, locate_model, read_model_folder
from embedder.models.folder import SPECIAL_TOKENS
from embedder.runtimes.processor import BATCHING, usable_cores
from vocabulary.documents import ReadText
from vocabulary.enricher import Enricher

SHAPES = ("40", "128", "256", "mix")

Vectors: TypeAlias = np.ndarray[Any, np.dtype[np.float32]]
Encode: TypeAlias = Callable[[list[str]], Vectors]


@dataclass(frozen=True, slots=True)
class Pass:
    """One timed encoding of all passages of one shape."""

    wall_s: float
    cpu_s: float
    vectors: Vectors


@dataclass(frozen=True, slots=True)
class Line:
    """What is printed of one shape; rates count real tokens, special ones included, in the best of the rounds."""

    shape: str
    passages: int
    tokens_per_s: float
    tokens_per_cpu_s: float
    passages_per_s: float
    padded_share: float
    matrix_share: float
    tokeniser_share: float
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
    parser.add_argument("--queries", type=int, default=0, help="queries in each of two situations")
    arguments = parser.parse_args()

    started = time.perf_counter()
    async with open_enricher(EmbedderConfig(threads=arguments.threads)) as enricher:
        report = _machine() | {"threads": arguments.threads, "start_up_s": time.perf_counter() - started}
        mixed = [_read(text, enricher) for text in passages("mix", enricher, arguments.tokens)]
        await enricher.enrich(mixed)
        report["peak_memory_mb"] = peak_memory_mb()  # before the library needs its own
        waits = await measure_waits(enricher, mixed, queries=arguments.queries) if arguments.queries else []
        rate = MatrixRate(_shape(), precision=enricher.runtime.split()[1].rstrip(","))
        encode = _library(arguments.threads)
        lines = [await _measure(shape, arguments, enricher, rate, encode) for shape in SHAPES]
        report["matrix_gflop_per_cpu_s"] = rate.flop_per_cpu_s() / 1e9
    if arguments.json:
        measured = {"lines": list(map(asdict, lines)), "queries": list(map(asdict, waits))}
        print(json.dumps(report | measured, indent=2))
    else:
        _print(report, lines)
        _print_waits(waits)


async def _measure(
    shape: str, arguments: argparse.Namespace, enricher: Enricher, rate: MatrixRate, encode: Encode | None
) -> Line:
    texts = list(passages(shape, enricher, arguments.tokens))
    lengths = [min(len(enricher.tokenise(text).ids), enricher.max_tokens) + SPECIAL_TOKENS for text in texts]
    flop = flop_of_layers(_shape(), lengths)

    async def embed() -> Vectors:
        return (await enricher.enrich([_read(text, enricher) for text in texts])).vectors

    async def embed_by_library() -> Vectors:
        assert encode is not None
        return encode(texts)

    ours, library, shares = [], [], []
    for _ in range(arguments.rounds):
        limit = rate.flop_per_cpu_s()
        ours.append(await _timed(embed))
        shares.append(flop / ours[-1].cpu_s / max(limit, rate.flop_per_cpu_s()))
        if encode is not None:
            library.append(await _timed(embed_by_library))
    wall_s, cpu_time_s = min(run.wall_s for run in ours), min(run.cpu_s for run in ours)
    line = Line(
        shape=shape,
        passages=len(texts),
        tokens_per_s=sum(lengths) / wall_s,
        tokens_per_cpu_s=sum(lengths) / cpu_time_s,
        passages_per_s=len(texts) / wall_s,
        padded_share=_padded_share(lengths),
        matrix_share=float(np.median(shares)),
        tokeniser_share=cpu_s(lambda: [enricher.tokenise(text) for text in texts]) / cpu_time_s,
    )
    return _beside(line, ours, library, sum(lengths)) if library else line


def _padded_share(lengths: list[int]) -> float:
    """Return the padding of the batches that the worker makes of one call with sequences of these lengths."""
    ahead = BATCHING.look_ahead
    windows = [lengths[start : start + ahead] for start in range(0, len(lengths), ahead)]
    return float(np.mean([padded_share(each, plan_batches(each, max_tokens=BATCHING.max_tokens)) for each in windows]))


def _read(text: str, enricher: Enricher) -> ReadText:
    return ReadText(text, enricher.tokenise(text))


def _shape() -> BertShape:
    return read_model_folder(locate_model(EmbedderConfig().model).folder).shape


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


async def _timed(encode: Callable[[], Awaitable[Vectors]]) -> Pass:
    wall, cpu = time.perf_counter(), time.process_time()
    vectors = await encode()
    return Pass(time.perf_counter() - wall, time.process_time() - cpu, vectors)


def _library(threads: int) -> Encode | None:
    if importlib.util.find_spec("sentence_transformers") is None:
        return None
    import torch  # noqa: PLC0415 - only where it is installed
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415

    torch.set_num_threads(threads)
    model = SentenceTransformer(str(locate_model("all-MiniLM-L6-v2").folder), device="cpu")
    return lambda texts: model.encode(texts, show_progress_bar=False)


def _machine() -> dict[str, Any]:
    cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    names = [line.partition(":")[2].strip() for line in cpuinfo.splitlines() if line.startswith("model name")]
    flags = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if f" {flag}" in cpuinfo]
    name = f"{usable_cores()} cores, {names[0] if names else platform.processor()} ({' '.join(flags)})"
    return {"machine": name}


def _print(report: dict[str, Any], lines: list[Line]) -> None:
    versions = [f"openvino {version('openvino')}"]
    if lines[0].ratio_cpu is not None:
        versions += [f"{name} {version(name)}" for name in ("sentence-transformers", "torch")]
    table = Table(title=f"{report['machine']}; {report['threads']} threads; {', '.join(versions)}; "
                  f"start-up {report['start_up_s']:.1f} s; peak memory {report['peak_memory_mb']:.0f} MB; "
                  f"matrix products {report['matrix_gflop_per_cpu_s']:.0f} GFLOP per CPU s")  # fmt: skip
    for heading in ("tokens", "tokens/s", "passages/s", "tokens/CPU s", "padding", "matrix share", "tokeniser",
                    "library tokens/CPU s", "ratio wall", "ratio CPU", "cosine min"):  # fmt: skip
        table.add_column(heading, justify="right")
    for line in lines:
        table.add_row(
            line.shape,
            f"{line.tokens_per_s:,.0f}",
            f"{line.passages_per_s:,.1f}",
            f"{line.tokens_per_cpu_s:,.0f}",
            f"{line.padded_share:.1%}",
            f"{line.matrix_share:.0%}",
            f"{line.tokeniser_share:.2%}",
            *(_optional(line.library_tokens_per_cpu_s, ",.0f"), _optional(line.ratio_wall, ".2f")),
            *(_optional(line.ratio_cpu, ".2f"), _optional(line.cosine_min, ".6f")),
        )
    Console(width=170).print(table)


def _print_waits(waits: Sequence[Waits]) -> None:
    for wait in waits:
        times = f"p50 {wait.p50_ms:.0f} ms, p95 {wait.p95_ms:.0f} ms, max {wait.max_ms:.0f} ms"
        print(f"a query beside {wait.what}: {times} ({wait.queries} queries)")


def _optional(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


if __name__ == "__main__":
    asyncio.run(main())
