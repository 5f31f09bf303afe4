"""Our permission filter beside OpenSearch's own document-level security, on the same data, in turns.

    python -m benchmarks.document_security [--passages 10000] [--queries 20] [--heap 2g] [--json]

An OpenSearch with its security plugin is started and filled with the documents of `benchmarks.search`. Readers who see
100, 10, 1 and 0.1 % of 20,000 lists ask the same questions in three ways, which take turns:

    ours   as the service asks: its own user, the reader's lists in every clause
    terms  as a user whose role has a document-level query that names the reader's lists; our clause is taken out
    none   as the service's user, our clause taken out: nothing is filtered

A role is for one reader, as document-level security has it; making it takes an administrator's request, which is timed
apart. Beside the times stands what each way finds: whether totals are the same, and what share of the ten nearest
passages among those that the reader may see.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path

import numpy as np
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from benchmarks.search_engines import PATIENCE_S, Place, without_access_clause
from benchmarks.search_measures import TOP, nearest, shapes, write
from benchmarks.search_report import hardware
from benchmarks.search_world import ACLS, DIMENSIONS, SHARES, Question, questions, reader
from indexer.backends.opensearch.access_clause import stored_acl_id
from indexer.backends.opensearch.backend import OpenSearchBackend
from indexer.backends.opensearch.config import IndexOptions, OpenSearchConfig, PasswordSignIn
from indexer.backends.opensearch.mapping import STATE_ID, Field
from tests.servers.secured_opensearch import SecuredOpenSearch, secured_opensearch
from vocabulary.access import AccessFilter
from vocabulary.ports import SearchBackend
from vocabulary.search import Query, SearchMode

ALIAS = "benchmark-security"
READERS = tuple(name for name in SHARES if name not in ("without", "50 %"))
_PASSWORD = "a-Long-enough-w0rd"  # noqa: S105 - of a server that lives as long as this program
_INDEXES = [ALIAS, f"{ALIAS}-*"]
_CLUSTER = ["cluster_composite_ops", "cluster_monitor"]


class Way(StrEnum):
    """How a reader's questions are filtered."""

    OURS = "ours"
    TERMS = "terms"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Cell:
    """One kind of query by one reader in one way."""

    reader: str
    way: Way
    query: str
    p50_ms: float
    p95_ms: float


@dataclass(frozen=True, slots=True)
class Found:
    """What one way found for one reader, beside what that reader may see."""

    reader: str
    way: Way
    same_totals: float  # share of the keyword queries whose total is that of our filter
    recall: float  # of the ten nearest passages that the reader may see


@dataclass(slots=True)
class Report:
    """Everything that was measured."""

    passages: int
    role_s: dict[str, float] = field(default_factory=dict)  # to make the role of a reader
    cells: list[Cell] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)


def rights(document_query: Mapping[str, object] | None = None) -> dict[str, object]:
    """Return what a user needs for the index, and what of it the user is shown."""
    permissions: dict[str, object] = {"index_patterns": _INDEXES, "allowed_actions": ["indices_all"]}
    if document_query is not None:
        permissions["dls"] = json.dumps(document_query)
    return {"cluster_permissions": _CLUSTER, "index_permissions": [permissions]}


def document_query(access: AccessFilter) -> dict[str, object]:
    """Return the document-level query of a reader's role. The engine reads its state document, which has no list."""
    listed = {"terms": {Field.ACL_ID.value: [stored_acl_id(each) for each in access.visible]}}
    return {"bool": {"should": [listed, {"ids": {"values": [STATE_ID]}}], "minimum_should_match": 1}}


def user_of(name: str) -> str:
    """Return the user of the reader who sees this share."""
    return f"reader-{READERS.index(name)}"


def config_of(server: SecuredOpenSearch) -> OpenSearchConfig:
    """Return how the service signs in."""
    return OpenSearchConfig(
        (server.url,),
        ALIAS,
        sign_in=PasswordSignIn("sightline", SecretStr(_PASSWORD)),
        ca_certificate=server.authority.certificate,
        request_timeout_s=PATIENCE_S,
        options=IndexOptions(replicas=0),
    )


@asynccontextmanager
async def opened(config: OpenSearchConfig, users: Sequence[str]) -> AsyncIterator[dict[str, SearchBackend]]:
    """Open the index once for each user."""
    async with AsyncExitStack() as stack:
        indexes: dict[str, SearchBackend] = {}
        for user in users:
            signed_in = replace(config, sign_in=PasswordSignIn(user, SecretStr(_PASSWORD)))
            indexes[user] = await stack.enter_async_context(OpenSearchBackend(signed_in, dimensions=DIMENSIONS))
        yield indexes


class Trial:
    """Asks every question in every way, and keeps the times and what was found."""

    def __init__(self, indexes: Mapping[str, SearchBackend], access: Mapping[str, AccessFilter]) -> None:
        self._indexes = indexes
        self._access = access
        self._seconds: dict[tuple[str, Way, str], list[float]] = defaultdict(list)
        self._totals: dict[tuple[str, Way], list[int]] = defaultdict(list)
        self._hits: dict[tuple[str, Way], list[set[int]]] = defaultdict(list)

    async def run(self, asked: Sequence[Question]) -> None:
        """Ask; the first question warms up every way and is not counted."""
        for turn, question in enumerate((asked[0], *asked)):
            for name in self._access:
                for way in Way:
                    await self._ask(name, way, question, is_warm=turn > 0)

    async def _ask(self, name: str, way: Way, question: Question, *, is_warm: bool) -> None:
        index = self._indexes[user_of(name) if way is Way.TERMS else "sightline"]
        with nullcontext() if way is Way.OURS else without_access_clause():
            for shape, query in shapes(question.text).items():
                start = time.perf_counter()
                page = await index.search(query, question.vector, self._access[name])
                if not is_warm:
                    continue
                self._seconds[name, way, shape].append(time.perf_counter() - start)
                if query.mode is SearchMode.KEYWORD:
                    self._totals[name, way].append(page.total.value)
            if is_warm:
                near = Query(question.text, mode=SearchMode.SEMANTIC, size=TOP)
                hits = (await index.search(near, question.vector, self._access[name])).hits
                self._hits[name, way].append({int(each.document_id.native_id) for each in hits})

    def cells(self) -> Iterator[Cell]:
        for (name, way, shape), seconds in self._seconds.items():
            p50, p95 = (float(each) * 1e3 for each in np.percentile(seconds, [50, 95]))
            yield Cell(name, way, shape, p50, p95)

    def found(self, wanted: Mapping[str, Sequence[set[int]]]) -> Iterator[Found]:
        """Compare; `wanted` are each reader's nearest documents, question by question."""
        for (name, way), hits in self._hits.items():
            pairs = zip(self._totals[name, way], self._totals[name, Way.OURS], strict=True)
            same = float(np.mean([one == other for one, other in pairs]))
            near = sum(len(found & truly) for found, truly in zip(hits, wanted[name], strict=True))
            yield Found(name, way, same, near / max(1, sum(len(truly) for truly in wanted[name])))


async def measure(server: SecuredOpenSearch, place: Place, *, queries: int) -> Report:
    """Fill the index, make the roles, and ask."""
    report = Report(place.passages)
    server.add_user("sightline", _PASSWORD, rights())
    config, access = config_of(server), {name: reader(SHARES[name], 0) for name in READERS}
    async with opened(config, ["sightline"]) as indexes:
        await write(indexes["sightline"], place, {"seconds": 0.0, "cpu_seconds": 0.0})
    server.call("PUT", f"/{ALIAS}-*/_settings", {"index": {"requests": {"cache": {"enable": False}}}})
    for name in READERS:
        start = time.perf_counter()
        server.add_user(user_of(name), _PASSWORD, rights(document_query(access[name])))
        report.role_s[name] = time.perf_counter() - start
    asked = questions(queries, among=place.passages)
    async with opened(config, ["sightline", *map(user_of, READERS)]) as indexes:
        trial = Trial(indexes, access)
        await trial.run(asked)
    report.cells = list(trial.cells())
    report.found = list(trial.found(nearest(asked, access, place)))
    return report


def show(report: Report) -> None:
    """Print the tables."""
    console = Console(width=150)
    console.print(f"[bold]Document-level security[/bold], {report.passages:,} passages, {ACLS:,} lists, {hardware()}")
    cells = {(each.query, each.reader, each.way): each for each in report.cells}
    for query in dict.fromkeys(each.query for each in report.cells):
        table = Table(f"{query}, p50 / p95 ms", *(way.value for way in Way))
        for name in READERS:
            row = [cells[query, name, way] for way in Way]
            table.add_row(name, *(f"{each.p50_ms:.1f} / {each.p95_ms:.0f}" for each in row))
        console.print(table)
    found = {(each.reader, each.way): each for each in report.found}
    table = Table("totals as ours, recall@10", *(way.value for way in Way), "role made in s")
    for name in READERS:
        row = [found[name, way] for way in Way]
        cost = f"{report.role_s[name]:.2f}"
        table.add_row(name, *(f"{each.same_totals:.0%}, {each.recall:.3f}" for each in row), cost)
    console.print(table)


@contextmanager
def running(heap: str) -> Iterator[tuple[SecuredOpenSearch, Path]]:
    """Start the server in a folder that is gone at the end."""
    with ExitStack() as opened_here:
        folder = Path(opened_here.enter_context(tempfile.TemporaryDirectory(prefix="opensearch-")))
        yield opened_here.enter_context(secured_opensearch(folder, heap=heap, is_measured=True)), folder


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passages", type=int, default=10_000)
    parser.add_argument("--queries", type=int, default=20, help="questions, each asked by each reader in each way")
    parser.add_argument("--heap", default="2g", help="of the server's Java")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    arguments = parser.parse_args()
    with running(arguments.heap) as (server, folder):
        place = Place("opensearch", arguments.passages, folder, server.url)
        report = asyncio.run(measure(server, place, queries=arguments.queries))
    if arguments.json:
        print(json.dumps({"hardware": hardware(), **asdict(report)}, indent=2))
    else:
        show(report)


if __name__ == "__main__":
    main()
