"""What access control costs: the set of lists that a reader sees, and the filter in the engines' queries.

    python -m benchmarks.access [--people 1000 --groups 50000 --lists 100000] [--repeats 50]
        [--memory 2000] [--embedded 1000000] [--opensearch URL --opensearch-documents 1000000]
        [--queries 40] [--keep DIR] [--json]

The company's state is stored as syncs store it, and its people ask through the access control of the service: the
first request of a process, readers of whom nothing is remembered (cold), the same again (warm), and after a list has
changed. One person is in every group.

The engines hold documents of as many lists, and are asked as in `benchmarks.search`, by readers who see 100, 50, 10, 1
and 0.1 % of the lists and by one whom no filter stops. Documents are rows with made-up vectors: no model is run.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.access_sets import Sets, run
from benchmarks.access_world import Company
from benchmarks.search import measure
from benchmarks.search_engines import Place
from benchmarks.search_report import hardware, show


def show_sets(sets: Sets) -> None:
    """Print what a reader's set takes."""
    company = sets.company
    console = Console(width=150)
    console.print(f"[bold]Visible sets[/bold] on {hardware()}")
    console.print(
        f"{company.people:,} people, {company.groups:,} groups, {company.lists:,} lists; stored in "
        f"{sets.store_identities_s:.1f} s and {sets.store_lists_s:.1f} s; in memory {sets.rss_growth_mb:,.0f} MB; "
        f"whoever is in every group sees {sets.busiest_sees:,} lists"
    )
    table = Table("request", "reader", "p50 ms", "p95 ms", "requests")
    for each in sets.requests:
        table.add_row(each.request, each.reader, f"{each.p50_ms:.2f}", f"{each.p95_ms:.2f}", str(each.count))
    console.print(table)


def places(arguments: argparse.Namespace, folder: Path) -> list[Place]:
    """The indexes that are to be filled and asked."""
    wanted = [
        ("memory", arguments.memory, ""),
        ("embedded", arguments.embedded, ""),
        ("opensearch", arguments.opensearch_documents if arguments.opensearch else 0, arguments.opensearch or ""),
    ]
    return [Place(engine, count, folder, url, acls=arguments.lists) for engine, count, url in wanted if count]


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=1_000)
    parser.add_argument("--groups", type=int, default=50_000)
    parser.add_argument("--lists", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=50, help="requests of each kind for each kind of reader")
    parser.add_argument("--memory", type=int, default=1_000, help="documents of the engine in memory; 0: not measured")
    parser.add_argument("--embedded", type=int, default=2_000, help="documents of the embedded engine")
    parser.add_argument("--opensearch", help="address of a cluster; the index is kept there")
    parser.add_argument("--opensearch-documents", type=int, default=2_000)
    parser.add_argument("--queries", type=int, default=40, help="queries of each kind for each reader")
    parser.add_argument("--keep", type=Path, help="folder for filled indexes; made if missing")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as passing:
        company = Company(arguments.people, arguments.groups, arguments.lists)
        sets = run(company, Path(passing), repeats=arguments.repeats)
        folder = arguments.keep or Path(passing)
        folder.mkdir(parents=True, exist_ok=True)
        measured = [
            (place, *measure(place, queries=arguments.queries, clients=[1])) for place in places(arguments, folder)
        ]
    if arguments.json:
        engines = [{**asdict(filled), **asdict(asked), "engine": place.engine} for place, filled, asked in measured]
        print(json.dumps({"hardware": hardware(), "sets": asdict(sets), "engines": engines}, indent=2))
        return
    show_sets(sets)
    show([(place.engine, filled, asked) for place, filled, asked in measured], acls=arguments.lists)


if __name__ == "__main__":
    main()
