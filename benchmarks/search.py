"""Latency of the embedded index, with and without the permission filter, and what it costs to fill.

`python -m benchmarks.search [--passages 10000,200000] [--queries N] [--json]`

Texts are those of `../shared/data/scale-passages`, one document each, each title's words known to the queries. The
vectors are made up: real ones of 200,000 passages take an hour of this machine. They are 384 numbers around one centre
for each section of the texts, so that what lies near also belongs together, as in a real corpus, and one ACL belongs to
one section, which is the hard case for a filter. Text analysis, index, fetch and excerpts are the real thing.

In one run, all queries are asked by readers who see every ACL, half, a tenth and a hundredth of them, in turns, so
that a busy machine slows all alike; "everything" is the search as it would be without permissions.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import os
import platform
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from pyroaring import FrozenBitMap
from rich.console import Console
from rich.table import Table

from indexer.backends import EmbeddedBackend
from vocabulary.access import AccessFilter, AclId
from vocabulary.documents import DocumentId, EnrichedPassage, Passage, PassageKind, Vector
from vocabulary.search import Description, Equals, FacetRequest, Put, Query, SearchMode

TEXTS = Path(__file__).parents[2] / "shared" / "data" / "scale-passages"
FILES = ("debian-packages", "foldoc", "gcide", "wordnet")
DIMENSIONS = 384
ACLS = 2_000
BATCH = 500  # documents in one transaction
SEED = 11
NUMBERING = "benchmark"
VISIBLE_SHARES = {"everything": 1.0, "50 %": 0.5, "10 %": 0.1, "1 %": 0.01}
DEFAULT_PASSAGES = "2000"


@dataclass(frozen=True, slots=True)
class Text:
    title: str
    body: str
    source: str
    section: str


@dataclass(frozen=True, slots=True)
class Latency:
    """One kind of query as one kind of reader."""

    query: str
    reader: str
    p50_ms: float
    p95_ms: float
    p50_cpu_ms: float  # of all threads: what counts on a machine that others use too
    mean_total: float  # documents found


@dataclass(frozen=True, slots=True)
class Size:
    """One index: what it cost, and how fast it answers."""

    passages: int
    ingest_passages_per_s: float
    ingest_passages_per_cpu_s: float
    file_mb: float
    first_search_s: float  # takes the picture of the file into memory
    rss_growth_mb: float
    latencies: tuple[Latency, ...]


def texts(count: int) -> Iterator[Text]:
    """Yield `count` texts, from all files in equal turns, from the beginning again when they run out."""
    produced = 0
    while produced < count:
        readers = [_lines(TEXTS / f"{name}.jsonl.gz") for name in FILES]
        while readers and produced < count:
            for reader in list(readers):
                line = next(reader, None)
                if line is None:
                    readers.remove(reader)
                elif produced < count:
                    produced += 1
                    yield Text(line["title"], line["text"], line["source"], line.get("section") or "none")


def _lines(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


class World:
    """Texts to documents, readers and queries, all from one seed."""

    def __init__(self) -> None:
        self._numbers = np.random.default_rng(SEED)
        self._random = random.Random(SEED)
        self._centres: dict[str, Vector] = {}
        self._acls: dict[str, list[int]] = {}
        self._samples: list[tuple[str, str, Vector]] = []

    def put(self, number: int, text: Text) -> Put:
        """Return the operation that stores a text."""
        vector = self._near(self._centre(text.section))
        if self._random.random() < 0.02:
            self._samples.append((text.title, text.body, vector))
        passage = Passage(0, PassageKind.BODY, text.body, 0, len(text.body), len(text.body.split()))
        description = Description(
            document_id=DocumentId("scale", str(number)),
            title=text.title,
            uri=f"https://scale.example/{number}",
            path=f"/{text.source}",
            acl_id=AclId(self._random.choice(self._acls_of(text.section))),
            owner=None,
            attributes={"collection": text.source, "section": text.section, "size_bytes": len(text.body)},
        )
        return Put(description, (EnrichedPassage(passage, vector, 0.0),))

    def queries(self, count: int) -> list[tuple[str, Vector]]:
        """Return texts of one to four words that occur together, with a vector near their passage's."""
        asked = []
        for _ in range(count):
            title, body, vector = self._random.choice(self._samples)
            words = [word for word in f"{title} {body}".split() if len(word) > 3] or [title]
            asked.append((" ".join(self._random.sample(words, min(len(words), self._random.randint(1, 4)))), vector))
        return [(text, self._near(vector)) for text, vector in asked]

    def reader(self, share: float) -> AccessFilter:
        """Return a reader who sees this share of the ACLs."""
        visible = self._random.sample(range(1, ACLS + 1), round(ACLS * share))
        return AccessFilter(NUMBERING, FrozenBitMap(visible), FrozenBitMap(), frozenset())

    def _centre(self, section: str) -> Vector:
        if section not in self._centres:
            self._centres[section] = self._numbers.normal(size=DIMENSIONS).astype(np.float32)
        return self._centres[section]

    def _acls_of(self, section: str) -> list[int]:
        if section not in self._acls:
            self._acls[section] = self._random.sample(range(1, ACLS + 1), 40)
        return self._acls[section]

    def _near(self, centre: Vector) -> Vector:
        vector = centre / np.linalg.norm(centre) + self._numbers.normal(0, 0.7 / DIMENSIONS**0.5, DIMENSIONS)
        unit: Vector = (vector / np.linalg.norm(vector)).astype(np.float32)
        return unit


def shapes(text: str) -> dict[str, Query]:
    """Return the kinds of queries that are timed."""
    facets = (FacetRequest("collection"), FacetRequest("section"), FacetRequest("source"))
    return {
        "keyword": Query(text, mode=SearchMode.KEYWORD),
        "semantic": Query(text, mode=SearchMode.SEMANTIC),
        "hybrid": Query(text),
        "hybrid, 3 facets": Query(text, facets=facets),
        "hybrid, filtered": Query(text, filter=Equals("collection", "debian")),
        "browse, 3 facets": Query("", facets=facets),
    }


async def measure(passages: int, *, queries: int, path: Path) -> Size:
    """Fill an index and ask it."""
    process = psutil.Process()
    before = process.memory_info().rss
    world = World()
    async with EmbeddedBackend(path, dimensions=DIMENSIONS) as index:
        await index.adopt(NUMBERING)
        write_s, write_cpu_s = await _fill(index, world, passages)
        start = time.perf_counter()
        await index.search(Query("warm", mode=SearchMode.KEYWORD), None, world.reader(1.0))
        first_search_s = time.perf_counter() - start
        latencies = await _ask(index, world, queries)
        return Size(
            passages=passages,
            ingest_passages_per_s=passages / write_s,
            ingest_passages_per_cpu_s=passages / write_cpu_s,
            file_mb=sum(each.stat().st_size for each in path.parent.glob(f"{path.name}*")) / 1e6,
            first_search_s=first_search_s,
            rss_growth_mb=(process.memory_info().rss - before) / 1e6,
            latencies=latencies,
        )


async def _fill(index: EmbeddedBackend, world: World, passages: int) -> tuple[float, float]:
    """Write all documents; return wall and processor seconds of the index, without those of making them up."""
    spent, cpu_spent, batch = 0.0, 0.0, []
    for number, text in enumerate(texts(passages)):
        batch.append(world.put(number, text))
        if len(batch) == BATCH or number == passages - 1:
            start, cpu_start = time.perf_counter(), time.process_time()
            await index.apply(batch)
            spent += time.perf_counter() - start
            cpu_spent += time.process_time() - cpu_start
            batch = []
    return spent, cpu_spent


async def _ask(index: EmbeddedBackend, world: World, queries: int) -> tuple[Latency, ...]:
    readers = {name: world.reader(share) for name, share in VISIBLE_SHARES.items()}
    seconds: dict[tuple[str, str], list[tuple[float, float]]] = {}
    totals: dict[tuple[str, str], list[int]] = {}
    for warm_up, (text, vector) in enumerate(world.queries(queries + 1)):
        for shape, query in shapes(text).items():
            for name, access in readers.items():
                start, cpu_start = time.perf_counter(), time.process_time()
                page = await index.search(query, vector, access)
                spent = (time.perf_counter() - start, time.process_time() - cpu_start)
                if warm_up:  # the first round loads the columns
                    seconds.setdefault((shape, name), []).append(spent)
                    totals.setdefault((shape, name), []).append(page.total.value)
    return tuple(
        Latency(
            query=shape,
            reader=name,
            p50_ms=float(np.percentile([wall for wall, _ in spent], 50)) * 1e3,
            p95_ms=float(np.percentile([wall for wall, _ in spent], 95)) * 1e3,
            p50_cpu_ms=float(np.percentile([cpu for _, cpu in spent], 50)) * 1e3,
            mean_total=float(np.mean(totals[shape, name])),
        )
        for (shape, name), spent in seconds.items()
    )


def hardware() -> str:
    """Describe the machine that the figures belong to."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        named = [line for line in cpuinfo.read_text(encoding="utf-8").splitlines() if line.startswith("model name")]
        model = named[0].partition(":")[2].strip() if named else model
    return f"{model}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}"


def show(sizes: Sequence[Size]) -> None:
    """Print the tables."""
    console = Console()
    console.print(f"[bold]Embedded index[/bold] on {hardware()}")
    console.print(f"{DIMENSIONS} made-up numbers a vector, clustered by section; {ACLS} ACLs; one client")
    for size in sizes:
        console.print(f"\n[bold]{size.passages:,} passages[/bold]: file {size.file_mb:,.0f} MB, written at")
        console.print(
            f"{size.ingest_passages_per_s:,.0f}/s ({size.ingest_passages_per_cpu_s:,.0f} a processor second);"
            f" first search {size.first_search_s:.2f} s, memory + {size.rss_growth_mb:,.0f} MB"
        )
        table = Table("query", *(f"{name}\np50 / p95 ms, CPU" for name in VISIBLE_SHARES))
        cells: dict[str, list[str]] = {}
        for each in size.latencies:
            cell = f"{each.p50_ms:.1f} / {each.p95_ms:.1f}, {each.p50_cpu_ms:.1f}"
            cells.setdefault(each.query, []).append(cell)
        for query, row in cells.items():
            table.add_row(query, *row)
        console.print(table)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passages", default=DEFAULT_PASSAGES, help="sizes, separated by commas")
    parser.add_argument("--queries", type=int, default=60, help="queries of each kind for each reader")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    arguments = parser.parse_args()
    if not TEXTS.is_dir():
        parser.exit(1, f"the texts are missing: {TEXTS}\n")
    sizes = []
    for passages in map(int, arguments.passages.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "index.db"
            sizes.append(asyncio.run(measure(passages, queries=arguments.queries, path=path)))
    if arguments.json:
        report: dict[str, Any] = {"hardware": hardware(), "sizes": [asdict(size) for size in sizes]}
        print(json.dumps(report, indent=2))
    else:
        show(sizes)


if __name__ == "__main__":
    main()
