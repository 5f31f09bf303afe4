"""Passages per second of a whole sync, beside the bare embedder and beside sentence-transformers' own `encode`.

    python -m benchmarks.ingest [--documents 20] [--paragraphs 30] [--rounds 3] [--json]

A folder of plain text files (from `../shared/data/scale-passages`, or made-up sentences where that is missing) is
synced by the filesystem connector through extraction, embedding and the embedded index, as `sightline sync` does it.
Then the same passages are given to the bare embedder and, where it can be imported, to sentence-transformers' `encode`
with its defaults, in turns in this same process; each figure is the median of the rounds. Rates are passages per second
of wall time; CPU seconds of this process and its children stand beside them, since machines are shared.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import random
import resource
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import sqlalchemy as sa

from acl import AclStore
from acl import create_tables as create_acl_tables
from connectors.filesystem import FilesystemConfig, FilesystemConnector
from embedder import EmbedderConfig, open_enricher
from indexer.backends.embedded import EmbeddedBackend
from indexer.extract import ExtractionSettings, KreuzbergExtractor
from indexer.passages import CutPassage, cut_passages
from indexer.state.ledger import Ledger
from indexer.state.run_history import RunState
from indexer.state.runs import RunStore
from indexer.state.tables import create_tables
from indexer.sync import SyncSettings, run_sync
from indexer.walk import SyncPorts
from vocabulary.documents import Block, ExtractedText
from vocabulary.enricher import Enricher
from vocabulary.ports import SyncMode

SCALE_PASSAGES = Path(__file__).resolve().parents[1] / ".." / "shared" / "data" / "scale-passages"
SEED = 20_261_123


@dataclass(frozen=True, slots=True)
class Measure:
    """One way of making vectors of the same passages."""

    what: str
    passages: int
    wall_s: float
    cpu_s: float

    @property
    def passages_per_s(self) -> float:
        return self.passages / self.wall_s


def paragraphs() -> Iterator[str]:
    """Real dictionary and package texts, shuffled; made-up sentences where they are missing."""
    texts: list[str] = []
    for name in ("foldoc.jsonl.gz", "debian-packages.jsonl.gz"):
        path = SCALE_PASSAGES / name
        if path.exists():
            with gzip.open(path, "rt") as lines:
                texts += [f"{row['title']}. {row['text']}" for row in map(json.loads, lines)]
    if not texts:
        words = [f"{first}{last}" for first in ("re", "con", "trans", "sub") for last in ("port", "form", "fer", "mit")]
        chooser = random.Random(SEED)
        texts = [" ".join(chooser.choices(words, k=chooser.randint(10, 120))) + "." for _ in range(20_000)]
    random.Random(SEED).shuffle(texts)
    yield from texts


def write_documents(folder: Path, *, documents: int, paragraphs_each: int) -> list[str]:
    """Write the folder that is synced; returns the texts in the order of the files."""
    (folder / ".access.toml").write_text('allow = ["everyone"]\n')
    supply, texts = paragraphs(), []
    for number in range(documents):
        text = "\n\n".join(next(supply) for _ in range(paragraphs_each))
        (folder / f"document-{number:06}.txt").write_text(text)
        texts.append(text)
    return texts


async def timed(what: str, way: Callable[[], Awaitable[int]]) -> Measure:
    started, cpu_started = time.perf_counter(), cpu_s()
    passages = await way()
    return Measure(what, passages, time.perf_counter() - started, cpu_s() - cpu_started)


def cpu_s() -> float:
    """CPU seconds of this process and of its ended children."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


async def sync_folder(folder: Path, work: Path, enricher: Enricher) -> int:
    """Sync a folder into a fresh index; returns the number of passages embedded."""
    engine = sa.create_engine(f"sqlite:///{work / 'state.db'}")
    create_tables(engine)
    create_acl_tables(engine)
    connector = FilesystemConnector("folder", FilesystemConfig(root=folder))
    backend = EmbeddedBackend(work / "index", dimensions=enricher.dimensions)
    async with connector, backend, KreuzbergExtractor(ExtractionSettings()) as extractor:
        ports = SyncPorts(connector, extractor, enricher, backend, AclStore(engine))
        report = await run_sync(
            SyncMode.FULL, ports, SyncSettings("folder"), ledger=Ledger(engine), runs=RunStore(engine)
        )
    engine.dispose()
    assert report.state is RunState.SUCCEEDED, report
    return report.tally.passages_embedded


def cut(texts: list[str], enricher: Enricher) -> list[CutPassage]:
    """The same passages as the sync embeds."""
    documents = (ExtractedText(tuple(Block(part) for part in text.split("\n\n"))) for text in texts)
    return [
        piece
        for document in documents
        for piece in cut_passages(document, (), tokenise=enricher.tokenise, max_tokens=enricher.max_tokens)
    ]


async def measure(documents: int, paragraphs_each: int, rounds: int) -> list[Measure]:
    """Measure each way in turn, `rounds` times; the medians, the whole sync first."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "documents"
        folder.mkdir()
        texts = write_documents(folder, documents=documents, paragraphs_each=paragraphs_each)
        async with open_enricher(EmbedderConfig()) as enricher:
            ways = ways_to_measure(folder, Path(name), enricher, cut(texts, enricher))
            measured: dict[str, list[Measure]] = {what: [] for what in ways}
            for _ in range(rounds):
                for what, way in ways.items():
                    measured[what].append(await timed(what, way))
    return [median(of_one_way) for of_one_way in measured.values()]


def ways_to_measure(
    folder: Path, work: Path, enricher: Enricher, pieces: list[CutPassage]
) -> dict[str, Callable[[], Awaitable[int]]]:
    """Each way by its name; awaited, it returns the number of passages it made vectors of."""

    async def whole_sync() -> int:
        return await sync_folder(folder, Path(tempfile.mkdtemp(dir=work)), enricher)

    async def bare_embedder() -> int:
        return len((await enricher.enrich([piece.read_text for piece in pieces])).vectors)

    ways: dict[str, Callable[[], Awaitable[int]]] = {"whole sync": whole_sync, "bare embedder": bare_embedder}
    encode = sentence_transformers_encode()
    if encode is not None:
        passages = [piece.passage.text for piece in pieces]

        async def baseline() -> int:
            encode(passages)
            return len(passages)

        ways["sentence-transformers encode"] = baseline
    return ways


def median(measures: list[Measure]) -> Measure:
    return sorted(measures, key=lambda one: one.wall_s)[len(measures) // 2]


def sentence_transformers_encode() -> Callable[[list[str]], object] | None:
    """The library's own encoder with its defaults, on the same weights; None where it is not installed."""
    try:
        from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - optional, and slow to import
    except ImportError:
        return None
    from embedder.models import locate_model  # noqa: PLC0415 - needed only here

    model = SentenceTransformer(str(locate_model("all-MiniLM-L6-v2").folder), device="cpu")
    return lambda texts: model.encode(texts, show_progress_bar=False)


def show(measures: list[Measure]) -> None:
    whole = measures[0]
    print(f"{'what':32}{'passages':>10}{'wall s':>10}{'cpu s':>10}{'passages/s':>12}{'whole sync is':>16}")
    for one in measures:
        ratio = f"{whole.passages_per_s / one.passages_per_s:.2f} ×"
        print(f"{one.what:32}{one.passages:10}{one.wall_s:10.1f}{one.cpu_s:10.1f}{one.passages_per_s:12.1f}{ratio:>16}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=20)
    parser.add_argument("--paragraphs", type=int, default=30, help="paragraphs in each document")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    measures = asyncio.run(measure(arguments.documents, arguments.paragraphs, arguments.rounds))
    if arguments.json:
        print(json.dumps([asdict(one) | {"passages_per_s": one.passages_per_s} for one in measures]))
    else:
        show(measures)


if __name__ == "__main__":
    main()
