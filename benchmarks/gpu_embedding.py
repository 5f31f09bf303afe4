"""Is the embedder on torch right on this device, and how near the device's limit? Equality first, then speed.

`python -m benchmarks.gpu_embedding [--device cuda|cuda:N|cpu] [--tokens N] [--rounds N] [--json]`

Vectors are compared with sentence-transformers' in float32: a cosine below 0.999 ends the run with 1, before anything
is timed. Then come tokens and passages per second with the ids ready and from strings on, the share of the rate that
the model's matrix products alone reach on the same device in the same run, the share of time in which the device had
nothing to do, and the ratio to `SentenceTransformer.encode` at the best of its arithmetics and batch sizes. Without a
GPU, or without torch, it says so and ends with 2; `--device cpu` runs all of it on a processor, with fewer tokens.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.embedding_limits import flop_of_layers
from benchmarks.embedding_texts import passages
from embedder.calls import Call, Work
from embedder.finishing import finish
from embedder.models import ModelFolder, locate_model, read_model_folder, read_weights
from embedder.models.folder import SPECIAL_TOKENS
from embedder.runtimes.port import Runtime
from embedder.runtimes.torch import TorchSettings, open_torch_runtime
from embedder.tokeniser import Tokeniser
from embedder.worker import Worker
from vocabulary.documents import ReadText, Tokens
from vocabulary.errors import ConfigurationError

MODEL = "all-MiniLM-L6-v2"
SHAPES = ("40", "128", "256", "mix")
LEAST_COSINE, LEAST_SHARED = 0.999, 0.99
OK, DIFFERENT, CANNOT_RUN = 0, 1, 2
_TOKENS = {"cpu": 6_000, "gpu": 4_000_000}  # about a second of each


@dataclass(frozen=True, slots=True)
class Line:
    """Of one shape of passages; rates are of real tokens, special ones included."""

    shape: str
    passages: int
    tokens_per_s: float  # ids ready
    tokens_per_s_from_strings: float
    passages_per_s: float
    matrix_share: float
    idle_share: float
    library: str  # its best arithmetic and batch size
    ratio: float  # from strings, both
    cosine_min: float
    shared_neighbours: float


class Bench:
    """One opened model, its worker, and the library's folder."""

    def __init__(self, device: str, rounds: int) -> None:
        location = locate_model(MODEL)
        self.path = str(location.folder)
        self.folder: ModelFolder = read_model_folder(location.folder)
        self.tokeniser = Tokeniser(self.folder.tokenizer_file, vocabulary=self.folder.vocabulary)
        weights = read_weights(self.folder, expected_sha256=location.sha256)
        settings = TorchSettings(device=device)
        self.runtime: Runtime = open_torch_runtime(
            self.folder, weights, special_ids=self.tokeniser.special_ids, settings=settings
        )
        self.device = device
        self.rounds = rounds
        self._worker: Worker[Work] = Worker(self.runtime, finish=finish)

    def read(self, texts: Sequence[str]) -> list[ReadText]:
        limit = self.folder.max_tokens
        read = ((text, self.tokeniser.tokenise(text)) for text in texts)
        return [ReadText(text, Tokens(tokens.ids[:limit], tokens.offsets[:limit])) for text, tokens in read]

    def embed(self, texts: Sequence[ReadText]) -> Any:
        call = Call(texts, dimensions=self.folder.dimensions)
        self._worker.submit(call.works)
        return call.future.result().vectors

    def close(self) -> None:
        self._worker.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tokens", type=int, default=0, help="tokens per shape; 0: about a second's worth")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    given = parser.parse_args(arguments)
    if importlib.util.find_spec("torch") is None:
        sys.stderr.write('torch is not installed here: `pip install "sightline[gpu]"`\n')
        return CANNOT_RUN
    try:
        bench = Bench(given.device, given.rounds)
    except ConfigurationError as error:
        sys.stderr.write(f"nothing was measured: {error}\n")
        return CANNOT_RUN
    try:
        return _run(bench, given)
    finally:
        bench.close()


def _run(bench: Bench, given: argparse.Namespace) -> int:
    from benchmarks import gpu_measures as measures  # noqa: PLC0415 - imports torch

    tokens = given.tokens or _TOKENS["cpu" if bench.device == "cpu" else "gpu"]
    different = _unlike(bench, measures, tokens=min(tokens, 200_000))
    if different:
        sys.stderr.write(f"not equal to sentence-transformers: {different}\n")
        return DIFFERENT
    rate = measures.matrix_flop_per_s(
        bench.folder.shape, tokens=bench.runtime.batching.max_tokens, device=bench.device, dtype=_dtype(bench),
        rounds=bench.rounds,
    )  # fmt: skip
    lines = [_measure(bench, measures, shape, tokens=tokens, rate=rate) for shape in SHAPES]
    report = {"runtime": bench.runtime.name, "matrix_tflop_per_s": rate / 1e12, "device": _device_name(bench.device)}
    if given.json:
        print(json.dumps(report | {"lines": [asdict(line) for line in lines]}, indent=2))
    else:
        _print(report, lines)
    return OK


def _unlike(bench: Bench, measures: Any, *, tokens: int) -> str:
    """Compare before anything is timed; returns what differs, empty if nothing does."""
    texts = list(passages("mix", bench.tokeniser, tokens))
    cosine, shared = _compare(bench, measures, texts)
    return "" if cosine >= LEAST_COSINE else f"cosine {cosine:.6f}, shared neighbours {shared:.3f}"


def _compare(bench: Bench, measures: Any, texts: Sequence[str]) -> tuple[float, float]:
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - takes seconds

    library = SentenceTransformer(bench.path, device=bench.device, local_files_only=True)
    wanted = library.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
    found = bench.embed(bench.read(texts))
    return measures.cosine_min(found, wanted), measures.shared_neighbours(found, wanted)


def _measure(bench: Bench, measures: Any, shape: str, *, tokens: int, rate: float) -> Line:
    texts = list(passages(shape, bench.tokeniser, tokens))
    read = bench.read(texts)
    lengths = [len(each.tokens.ids) + SPECIAL_TOKENS for each in read]
    seconds = measures.wall_s(bench.device, lambda: bench.embed(read), rounds=bench.rounds)
    from_strings = measures.wall_s(bench.device, lambda: bench.embed(bench.read(texts)), rounds=bench.rounds)
    arithmetic, size, library = max(
        measures.library_rates(bench.path, texts, tokens=sum(lengths), device=bench.device, rounds=bench.rounds),
        key=lambda found: found[2],
    )
    cosine, shared = _compare(bench, measures, texts[:2000])
    return Line(
        shape=shape,
        passages=len(texts),
        tokens_per_s=sum(lengths) / seconds,
        tokens_per_s_from_strings=sum(lengths) / from_strings,
        passages_per_s=len(texts) / seconds,
        matrix_share=flop_of_layers(bench.folder.shape, lengths) / seconds / rate,
        idle_share=measures.idle_share(bench.device, lambda: bench.embed(read)),
        library=f"{arithmetic}, {size}",
        ratio=sum(lengths) / from_strings / library,
        cosine_min=cosine,
        shared_neighbours=shared,
    )


def _dtype(bench: Bench) -> Any:
    import torch  # noqa: PLC0415 - only where it is installed

    return getattr(torch, bench.runtime.name.split()[1])


def _device_name(device: str) -> str:
    import torch  # noqa: PLC0415 - only where it is installed

    return f"torch {torch.__version__}, {device if device == 'cpu' else torch.cuda.get_device_name(device)}"


def _print(report: dict[str, Any], lines: Sequence[Line]) -> None:
    title = f"{report['device']}; {report['runtime']}; matrix products alone {report['matrix_tflop_per_s']:.2f} TFLOP/s"
    table = Table(title=title)
    for heading in ("tokens", "tokens/s", "from strings", "passages/s", "of the matrix rate", "idle", "library's best",
                    "ratio", "cosine min", "neighbours"):  # fmt: skip
        table.add_column(heading, justify="right")
    for line in lines:
        table.add_row(
            line.shape,
            *(f"{rate:,.0f}" for rate in (line.tokens_per_s, line.tokens_per_s_from_strings, line.passages_per_s)),
            *(f"{line.matrix_share:.1%}", f"{line.idle_share:.1%}", line.library, f"{line.ratio:.2f}"),
            *(f"{line.cosine_min:.6f}", f"{line.shared_neighbours:.3f}"),
        )
    Console(width=150).print(table)


if __name__ == "__main__":
    sys.exit(main())
