"""How fast the simulated Alfresco lists nodes, so that a slow sync can be told from a slow server.

`python -m benchmarks.simulator [--nodes 20000] [--callers admin,reader] [--json]`

A child process serves a world; this process lists it over real sockets, one request after the other, as crawlers do:
a hundred per page, with permissions, path, aspects, properties and isLink, primary children only. A generated world,
folder by folder, and one folder that holds all documents. What counts on a shared machine is the server's own
processor time; the client's is not in it.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from multiprocessing.connection import Connection

import httpx
import psutil
from rich.console import Console
from rich.table import Table

from connectors.alfresco.simulator import World, served_world
from connectors.alfresco.simulator.generator import flat_world, generate_world

API = "/alfresco/api/-default-/public/alfresco/versions/1"
PAGE = 100
INCLUDE = "permissions,path,aspectNames,properties,isLink"


@dataclass(frozen=True, slots=True)
class Listing:
    """One world as one caller lists it."""

    world: str
    caller: str
    nodes: int
    build_s: float
    first_page_ms: float
    nodes_per_s: float
    nodes_per_server_cpu_s: float
    server_mb: float


def generated(nodes: int) -> tuple[World, str]:
    world = generate_world(nodes, seed=1)
    world.add_person("reader", password="reader")  # noqa: S106 - of this benchmark alone
    world.join_group("reader", "GROUP_company")
    return world, world.root.id


def flat(nodes: int) -> tuple[World, str]:
    world, folder = flat_world(nodes)
    return world, folder.id


SHAPES: dict[str, Callable[[int], tuple[World, str]]] = {"generated": generated, "one folder": flat}


def serve(shape: str, nodes: int, pipe: Connection) -> None:
    """Build and serve a world until the other side hangs up."""
    began_s = time.process_time()
    world, top = SHAPES[shape](nodes)
    build_s = time.process_time() - began_s
    with served_world(world) as base_url:
        pipe.send((base_url, top, build_s))
        pipe.poll(None)


@contextmanager
def server(shape: str, nodes: int) -> Iterator[tuple[psutil.Process, str, str, float]]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(shape, nodes, theirs), daemon=True)
    process.start()
    base_url, top, build_s = ours.recv()
    try:
        yield psutil.Process(process.pid), base_url, top, build_s
    finally:
        ours.send("end")
        process.join(10)


def walk(http: httpx.Client, top: str) -> Iterator[int]:
    """List a folder and all below it; yields how many entries each page had."""
    waiting = [top]
    while waiting:
        folder_id, skip, has_more = waiting.pop(), 0, True
        while has_more:
            query = {"include": INCLUDE, "where": "(isPrimary=true)", "maxItems": PAGE, "skipCount": skip}
            answer = http.get(f"/nodes/{folder_id}/children", params=query)
            answer.raise_for_status()
            listing = answer.json()["list"]
            found = [one["entry"] for one in listing["entries"]]
            waiting.extend(entry["id"] for entry in found if entry["isFolder"] and not entry["isLink"])
            skip, has_more = skip + PAGE, listing["pagination"]["hasMoreItems"]
            yield len(found)


def measure(shape: str, nodes: int, caller: str, *, pages: int | None) -> Listing:
    with server(shape, nodes) as (process, base_url, top, build_s):
        with httpx.Client(base_url=base_url + API, auth=(caller, caller), timeout=120) as http:
            http.get("/people/-me-").raise_for_status()
            cpu_before_s, began_s = sum(process.cpu_times()[:2]), time.perf_counter()
            listing = islice(walk(http, top), pages)
            listed = next(listing)
            first_page_s = time.perf_counter() - began_s
            listed += sum(listing)
            wall_s, cpu_s = time.perf_counter() - began_s, sum(process.cpu_times()[:2]) - cpu_before_s
        return Listing(
            world=f"{shape}, {nodes:,}",
            caller=caller,
            nodes=listed,
            build_s=round(build_s, 2),
            first_page_ms=round(first_page_s * 1000, 1),
            nodes_per_s=round(listed / wall_s),
            nodes_per_server_cpu_s=round(listed / cpu_s),
            server_mb=round(process.memory_info().rss / 1e6),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", default="2000", help="sizes of the worlds, comma-separated")
    parser.add_argument("--callers", default="admin,reader", help="who lists them")
    parser.add_argument("--pages", type=int, help="leave off after so many pages of each world")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    results = [
        measure(shape, int(nodes), caller, pages=options.pages)
        for nodes in options.nodes.split(",")
        for shape in SHAPES
        for caller in options.callers.split(",")
    ]
    if options.json:
        print(json.dumps([asdict(result) for result in results], indent=2))
        return
    columns = list(asdict(results[0]))
    table = Table(*columns)
    for result in results:
        table.add_row(*(f"{value:,}" if isinstance(value, int) else str(value) for value in asdict(result).values()))
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
