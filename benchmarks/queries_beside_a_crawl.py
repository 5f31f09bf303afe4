"""What a reader feels of a crawl: query latency over HTTP without one, with one inside `serve`, with one beside it.

    python -m benchmarks.queries_beside_a_crawl [--documents 20] [--paragraphs 30] [--json]

An index of as many documents as are then crawled is served by `sightline serve` as a process of its own; this program
asks it one hybrid query after the other: for a while with nothing else going on, then while the server's own scheduler
crawls new documents, then while `sightline sync` crawls as many in another process. Each crawl's duration stands
beside the latencies: whatever readers are spared, the crawl pays.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx

from benchmarks.ingest import SEED, write_documents

PROGRAM = [sys.executable, "-c", "from service.cli import main; main()"]
IDLE_S = 10.0
SETTINGS = """
[state]
url = "sqlite:///state.db"
[indexes.public]
engine = "embedded"
path = "index"
access = "public"
"""
SOURCE = """
[sources.{name}]
connector = "filesystem"
index = "public"
root = "{name}"
crawl_identities = false
{schedule}
"""
OWED = 'schedule = { content = "0 0 1 1 *" }'  # never crawled: owed at the start


@dataclass(frozen=True, slots=True)
class Felt:
    """Query latencies, in milliseconds, during one crawl or none."""

    what: str
    queries: int
    p50_ms: float
    p95_ms: float
    max_ms: float
    crawl_s: float | None


class Place:
    """A folder with settings, sources and what `sightline` makes of them."""

    def __init__(self, folder: Path, *, documents: int, paragraphs: int) -> None:
        self._folder = folder
        self._size = {"documents": documents, "paragraphs_each": paragraphs}
        self._sources: list[str] = []
        self.words: list[str] = []

    def add_source(self, name: str) -> None:
        (self._folder / name).mkdir()
        texts = write_documents(self._folder / name, **self._size)
        self.words = self.words or [word for text in texts for word in text.split() if word.isalpha() and len(word) > 4]
        self._sources.append(name)

    def write_settings(self, *, scheduled: str = "") -> None:
        sources = [SOURCE.format(name=name, schedule=OWED if name == scheduled else "") for name in self._sources]
        (self._folder / "sightline.toml").write_text(SETTINGS + "".join(sources))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "NO_COLOR": "1"}
        command = [*PROGRAM, "--config", str(self._folder / "sightline.toml"), *arguments]
        return subprocess.Popen(  # noqa: S603 - our own program
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
        )

    def crawl_s(self, source: str) -> float | None:
        """How long the source's crawl took; None until it has ended."""
        with sqlite3.connect(self._folder / "state.db", timeout=30) as state:
            row = state.execute("SELECT ended_at - started_at FROM runs WHERE source = ?", [source]).fetchone()
        return row[0] if row else None

    @contextmanager
    def serving(self, *arguments: str) -> Iterator[str]:
        process = self.start("serve", "--port", "0", *arguments)
        try:
            assert process.stdout is not None
            line = next(line for line in process.stdout if "Serving on" in line)
            yield line.split()[2].rstrip("/")
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def ask_while(address: str, words: list[str], *, goes_on: Callable[[], bool]) -> list[float]:
    """Ask one query after the other; the latencies in milliseconds."""
    chooser, latencies = random.Random(SEED), []
    with httpx.Client(base_url=address, timeout=60) as client:
        client.post("/indexes/public/query", json={"query": "warm"}).raise_for_status()
        while goes_on():
            text = " ".join(chooser.choices(words, k=3))
            started = time.perf_counter()
            client.post("/indexes/public/query", json={"query": text}).raise_for_status()
            latencies.append((time.perf_counter() - started) * 1000)
            time.sleep(0.02)  # a person, not a flood
    return latencies


def felt(what: str, latencies: list[float], crawl_s: float | None = None) -> Felt:
    percentiles = statistics.quantiles(latencies, n=20)
    return Felt(what, len(latencies), percentiles[9], percentiles[18], max(latencies), crawl_s)


def measure(folder: Path, *, documents: int, paragraphs: int) -> Iterator[Felt]:
    """Measure the three situations in turn, on one index that grows from one to the next."""
    place = Place(folder, documents=documents, paragraphs=paragraphs)
    place.add_source("base")
    place.write_settings()
    assert place.start("sync").wait() == 0
    with place.serving("--no-schedule") as address:
        until = time.monotonic() + IDLE_S
        yield felt("no crawl", ask_while(address, place.words, goes_on=lambda: time.monotonic() < until))
    place.add_source("inside")
    place.write_settings(scheduled="inside")
    with place.serving() as address:
        latencies = ask_while(address, place.words, goes_on=lambda: place.crawl_s("inside") is None)
    yield felt("crawl inside serve", latencies, place.crawl_s("inside"))
    place.add_source("beside")
    place.write_settings()
    with place.serving("--no-schedule") as address:
        crawl = place.start("sync", "beside")
        latencies = ask_while(address, place.words, goes_on=lambda: crawl.poll() is None)
        assert crawl.returncode == 0
    yield felt("crawl in another process", latencies, place.crawl_s("beside"))


def show(all_felt: list[Felt]) -> None:
    print(f"{'what':26}{'queries':>9}{'p50 ms':>9}{'p95 ms':>9}{'max ms':>9}{'crawl s':>9}")
    for one in all_felt:
        crawl = "" if one.crawl_s is None else f"{one.crawl_s:.1f}"
        print(f"{one.what:26}{one.queries:9}{one.p50_ms:9.1f}{one.p95_ms:9.1f}{one.max_ms:9.1f}{crawl:>9}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=20, help="in each of three sources")
    parser.add_argument("--paragraphs", type=int, default=30, help="paragraphs in each document")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        all_felt = list(measure(Path(name), documents=arguments.documents, paragraphs=arguments.paragraphs))
    if arguments.json:
        print(json.dumps([asdict(one) for one in all_felt]))
    else:
        show(all_felt)


if __name__ == "__main__":
    main()
