"""What a query costs, with and without the permission filter, what an index costs to fill, and what it finds.

    python -m benchmarks.search [--passages 10000,319000,1000000] [--queries 40] [--clients 1,8] [--keep DIR] [--json]
        [--opensearch URL --opensearch-passages 100000]     beside it, on the same documents and by the same readers

Keyword, semantic, hybrid and faceted queries are asked by readers who see all, half, a tenth, a hundredth and a
thousandth of 20,000 ACLs, and by one whom no filter stops (`without`: the engine's search with its access clause taken
out, which no setting can do). All take turns, some queries each, so that a busy machine slows all alike; no reader asks
twice, so that nothing is remembered of them, unless they are `--returning`. Embedding a query is not part of the
figures: see `benchmarks.embedding`.

The recall of the vector side is the share of the true ten nearest passages, of those that the reader may see, that are
among the first ten hits.

Each index is filled and asked in a process of its own. With `--keep` filled indexes stay in a folder; filling that was
interrupted goes on where it ended.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import TypeVar

from benchmarks.search_engines import Place
from benchmarks.search_measures import Asked, Filled, ask, fill
from benchmarks.search_report import hardware, show

T = TypeVar("T")

DEFAULT_PASSAGES = "2000"


def measure(place: Place, *, queries: int, clients: list[int]) -> tuple[Filled, Asked]:
    """Fill one index and ask it, each in a fresh process: what one leaves in memory is not the other's."""
    return _apart(_fill, place), _apart(_ask, place, queries, clients)


def _apart(work: Callable[..., T], *arguments: object) -> T:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(work, *arguments).result()


def _fill(place: Place) -> Filled:
    return asyncio.run(fill(place))


def _ask(place: Place, queries: int, clients: list[int]) -> Asked:
    return asyncio.run(ask(place, queries=queries, clients=clients))


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passages", default=DEFAULT_PASSAGES, help="sizes of embedded indexes, separated by commas")
    parser.add_argument("--opensearch", help="address of a cluster; the index `benchmark-<passages>` is kept there")
    parser.add_argument("--opensearch-passages", default="", help="sizes of indexes in the cluster, as above")
    parser.add_argument("--queries", type=int, default=40, help="queries of each kind for each reader and client")
    parser.add_argument("--clients", default="1,8", help="numbers of clients that ask at once")
    parser.add_argument(
        "--returning", action="store_true", help="one reader of each kind asks all queries, and a cluster may remember"
    )
    parser.add_argument("--keep", type=Path, help="folder for filled indexes; made if missing")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    arguments = parser.parse_args()
    clients = [int(each) for each in arguments.clients.split(",")]
    with tempfile.TemporaryDirectory() as passing:
        folder = arguments.keep or Path(passing)
        folder.mkdir(parents=True, exist_ok=True)
        places = [Place("embedded", int(each), folder) for each in arguments.passages.split(",") if each]
        in_cluster = arguments.opensearch_passages.split(",") if arguments.opensearch else []
        places += [Place("opensearch", int(each), folder, arguments.opensearch) for each in in_cluster if each]
        places = [replace(each, is_returning=arguments.returning) for each in places]
        measured = [(place, *measure(place, queries=arguments.queries, clients=clients)) for place in places]
    if arguments.json:
        sizes = [{**asdict(filled), **asdict(asked), "engine": place.engine} for place, filled, asked in measured]
        print(json.dumps({"hardware": hardware(), "sizes": sizes}, indent=2))
    else:
        show([(place.engine, filled, asked) for place, filled, asked in measured])


if __name__ == "__main__":
    main()
