"""How long a program waits for the toxicity of one text: `POST /v2/models/toxicity/infer` of a server of its own.

    python -m benchmarks.toxicity_infer [--requests 200] [--pause 0.05] [--json]

`sightline serve` runs as a process of its own with nothing else to do; this program sends it one text after the other
over one connection, clean sentences and toxic messages in turn. Milliseconds by the clock are what a caller waits for;
on a busy machine they are those of the machine, so the server's processor time stands beside them.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import chain, islice
from pathlib import Path

import httpx
import psutil

from benchmarks.queries_beside_a_crawl import PROGRAM
from benchmarks.toxicity_worker import DATA, clean_texts, held_out_messages

_KEY = "measured-" + "k" * 32
_WARM_UP = 20
SETTINGS = """
[state]
url = "sqlite:///state.db"
[indexes.public]
engine = "embedded"
path = "index"
access = "public"
[[models.keys]]
name = "benchmark"
key = { file = "key" }
"""


@dataclass(frozen=True, slots=True)
class Waited:
    """Of single texts, in milliseconds; `load` is the machine's, over the last minute."""

    requests: int
    flagged: int  # with a score of one half or more
    p50_ms: float
    p95_ms: float
    max_ms: float
    server_cpu_ms: float  # of each request, mean
    load: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--pause", type=float, default=0.05, help="seconds between two requests")
    parser.add_argument("--data", type=Path, default=DATA, help="the folder that holds the sets' folders")
    arguments = parser.parse_args()
    texts = _texts(arguments.data, arguments.requests)
    with tempfile.TemporaryDirectory() as name, _serving(Path(name)) as (address, process):
        found = _ask(address, process, texts, arguments.pause)
    if arguments.json:
        print(json.dumps(asdict(found)))
    else:
        print(
            f"{found.requests} single texts, {found.flagged} flagged: p50 {found.p50_ms:.1f} ms, "
            f"p95 {found.p95_ms:.1f} ms, worst {found.max_ms:.1f} ms; {found.server_cpu_ms:.1f} ms of the server's "
            f"processor time each; load {found.load:.1f}"
        )


def _texts(data: Path, count: int) -> list[str]:
    """Return sentences and messages in turn."""
    sentences = (text.split(". ")[0] for text in clean_texts(data))
    pairs = zip(sentences, held_out_messages(data), strict=False)
    return list(islice(chain.from_iterable(pairs), count))


@contextmanager
def _serving(folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    (folder / "sightline.toml").write_text(SETTINGS)
    (folder / "key").write_text(_KEY)
    command = [*PROGRAM, "--config", str(folder / "sightline.toml"), "serve", "--port", "0"]
    process = subprocess.Popen(  # noqa: S603 - our own program
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ, "NO_COLOR": "1"}
    )
    try:
        assert process.stdout is not None
        line = next(line for line in process.stdout if "Serving on" in line)
        yield line.split()[2].rstrip("/"), psutil.Process(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _ask(address: str, process: psutil.Process, texts: Sequence[str], pause_s: float) -> Waited:
    waited_ms, flagged = [], 0
    with httpx.Client(base_url=address, timeout=60, headers={"Authorization": f"Bearer {_KEY}"}) as client:
        for text in texts[:_WARM_UP]:
            _score(client, text)
        cpu_before = _cpu_s(process)
        for text in texts:
            started = time.perf_counter()
            score = _score(client, text)
            waited_ms.append((time.perf_counter() - started) * 1000)
            flagged += score >= 0.5
            time.sleep(pause_s)
        cpu_s = _cpu_s(process) - cpu_before
    percentiles = statistics.quantiles(waited_ms, n=20)
    return Waited(
        requests=len(texts),
        flagged=flagged,
        p50_ms=percentiles[9],
        p95_ms=percentiles[18],
        max_ms=max(waited_ms),
        server_cpu_ms=1000 * cpu_s / len(texts),
        load=os.getloadavg()[0],
    )


def _score(client: httpx.Client, text: str) -> float:
    tensor = {"name": "text", "shape": [1], "datatype": "BYTES", "data": [text]}
    answer = client.post("/v2/models/toxicity/infer", json={"inputs": [tensor], "outputs": [{"name": "score"}]})
    answer.raise_for_status()
    return float(answer.json()["outputs"][0]["data"][0])


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    main()
