"""The figures of `benchmarks.search` as tables, and the machine that they belong to."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.search_measures import Asked, Filled
from benchmarks.search_world import ACLS, DIMENSIONS, SHARES, TEXTS


def show(measured: Iterable[tuple[str, Filled, Asked]], *, acls: int = ACLS) -> None:
    """Print the tables."""
    console = Console(width=150)
    console.print(f"[bold]Search[/bold] on {hardware()}")
    given = "given texts" if TEXTS.is_dir() else "made-up texts"
    console.print(f"{given}; {DIMENSIONS} made-up numbers a vector, clustered by section; {acls:,} ACLs")
    for engine, filled, asked in measured:
        rate = filled.passages / max(filled.seconds, 1e-9)
        console.print(f"\n[bold]{engine}, {filled.passages:,} passages[/bold]: written at {rate:,.0f}/s", end="")
        console.print(f" ({filled.passages / max(filled.cpu_seconds, 1e-9):,.0f} a processor second),", end="")
        console.print(f" {filled.size_mb:,.0f} MB; first answer {asked.first_answer_s:.2f} s;", end="")
        console.print(f" memory {asked.rss_mb:,.0f} MB, {asked.rss_growth_mb:,.0f} MB more than before two openings")
        for clients in sorted({each.clients for each in asked.latencies}):
            console.print(_latencies(asked, clients))
        shares = ", ".join(f"{name}: {share:.4f}" for name, share in asked.recall.items())
        console.print(f"recall@10 of the vector side: {shares}")


def _latencies(asked: Asked, clients: int) -> Table:
    table = Table(f"clients: {clients}", *(f"{name}\np50 / p95 / p99 ms" for name in SHARES))
    rows: dict[str, dict[str, str]] = {}
    for each in asked.latencies:
        if each.clients == clients:
            rows.setdefault(each.query, {})[each.reader] = f"{each.p50_ms:.1f} / {each.p95_ms:.0f} / {each.p99_ms:.0f}"
    for query, cells in rows.items():
        table.add_row(query, *(cells[name] for name in SHARES))
    rates = {each.reader: each.queries_per_s for each in asked.rates if each.clients == clients}
    table.add_row("queries a second", *(f"{rates[name]:.1f}" for name in SHARES), end_section=True)
    table.add_row("of the rate without", *(f"{rates[name] / rates['without']:.0%}" for name in SHARES))
    return table


def hardware() -> str:
    """Describe the machine that the figures belong to."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        named = [line for line in cpuinfo.read_text(encoding="utf-8").splitlines() if line.startswith("model name")]
        model = named[0].partition(":")[2].strip() if named else model
    return f"{model}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}"
