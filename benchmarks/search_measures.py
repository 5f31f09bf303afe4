"""Filling an index and asking it: what `benchmarks.search` measures of one engine at one size."""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

import numpy as np
import psutil

from benchmarks.search_engines import Place, without_access_clause
from benchmarks.search_world import NUMBERING, SHARES, Question, puts, questions, reader
from indexer.search.ranking import SIMILARITY_FLOOR
from vocabulary.access import AccessFilter
from vocabulary.indexing import Put
from vocabulary.ports import SearchBackend
from vocabulary.search import FacetRequest, Query, SearchMode

BATCH = 2_000  # documents in one transaction: a first crawl is written in bulk
RECALL_QUESTIONS = 20
TOP = 10
_MANY = 1_000  # readers who see as much as each other, and not the same: none asks twice
FACETS = (FacetRequest("collection"), FacetRequest("section"), FacetRequest("source"))


@dataclass(frozen=True, slots=True)
class Filled:
    """What it took to fill an index, without making up the documents."""

    passages: int
    seconds: float
    cpu_seconds: float  # of this process
    size_mb: float


@dataclass(frozen=True, slots=True)
class Latency:
    """One kind of query by one kind of reader."""

    query: str
    reader: str
    clients: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    mean_total: float  # documents found


@dataclass(frozen=True, slots=True)
class Rate:
    """Queries of all kinds in turns by one kind of reader."""

    reader: str
    clients: int
    queries_per_s: float


@dataclass(frozen=True, slots=True)
class Asked:
    """What an open index takes, how fast it answers, and what share of the nearest passages it finds, by reader."""

    first_answer_s: float
    rss_mb: float
    rss_growth_mb: float  # since before the first of two openings: what the first leaves in the process is in it
    latencies: tuple[Latency, ...]
    rates: tuple[Rate, ...]
    recall: dict[str, float]


def shapes(text: str) -> dict[str, Query]:
    """Return the kinds of queries that are timed."""
    return {
        "keyword": Query(text, mode=SearchMode.KEYWORD),
        "semantic": Query(text, mode=SearchMode.SEMANTIC),
        "hybrid": Query(text),
        "hybrid, 3 facets": Query(text, facets=FACETS),
    }


async def fill(place: Place) -> Filled:
    """Bring an index to its size, from wherever an earlier run left it."""
    known = json.loads(place.notes.read_text()) if place.notes.exists() else {"seconds": 0.0, "cpu_seconds": 0.0}
    async with place.open() as index:
        await write(index, place, known)
    return Filled(place.passages, known["seconds"], known["cpu_seconds"], place.size_mb())


async def write(index: SearchBackend, place: Place, known: dict[str, float]) -> None:
    """Write what is missing, and note what it took."""
    await index.adopt(NUMBERING)
    stored = (await index.statistics()).documents
    for batch in _batches(puts(place.passages, first=stored, acls=place.acls), BATCH):
        start, cpu_start = time.perf_counter(), time.process_time()
        await index.apply(batch)
        known["seconds"] += time.perf_counter() - start
        known["cpu_seconds"] += time.process_time() - cpu_start
        place.notes.write_text(json.dumps(known))


def _batches(operations: Iterator[Put], size: int) -> Iterator[list[Put]]:
    while batch := list(islice(operations, size)):
        yield batch


async def ask(place: Place, *, queries: int, clients: Sequence[int]) -> Asked:
    """Open a filled index and ask it."""
    process = psutil.Process()
    asked = questions(queries, among=place.passages)
    before = process.memory_info().rss
    first_answer_s = await _first_answer(place)
    async with place.open() as index:
        if place.is_forgetful:
            await write(index, place, {"seconds": 0.0, "cpu_seconds": 0.0})
        await index.search(Query("warm", mode=SearchMode.KEYWORD), None, reader(1.0, 0, acls=place.acls))
        clock = _Clock(index, acls=place.acls, readers=1 if place.is_returning else _MANY)
        for count in clients:
            await clock.run(asked, clients=count)
        memory = process.memory_info().rss
        return Asked(
            first_answer_s=first_answer_s,
            rss_mb=memory / 1e6,
            rss_growth_mb=(memory - before) / 1e6,
            latencies=tuple(clock.latencies()),
            rates=tuple(clock.rates()),
            recall=await _recall(index, asked[:RECALL_QUESTIONS], place),
        )


async def _first_answer(place: Place) -> float:
    """Return how many seconds an index takes from being opened to its first answer.

    It is closed again: what an engine keeps beside an index behind the first search is then written, and costs none of
    the queries that are timed.
    """
    start = time.perf_counter()
    async with place.open() as index:
        if place.is_forgetful:
            await write(index, place, {"seconds": 0.0, "cpu_seconds": 0.0})
        await index.search(Query("warm", mode=SearchMode.KEYWORD), None, reader(1.0, 0, acls=place.acls))
        return time.perf_counter() - start


class _Clock:
    """Asks every kind of query as every kind of reader, in turns, and keeps the times."""

    def __init__(self, index: SearchBackend, *, acls: int, readers: int) -> None:
        self._index = index
        self._acls = acls
        self._readers = readers
        self._seconds: dict[tuple[str, str, int], list[float]] = defaultdict(list)
        self._totals: dict[tuple[str, str, int], list[int]] = defaultdict(list)
        self._spans: dict[tuple[str, int], list[tuple[int, float]]] = defaultdict(list)

    async def run(self, asked: Sequence[Question], *, clients: int) -> None:
        readers = cycle(range(self._readers))
        for turn, questions_of_turn in enumerate(_turns(asked, clients)):
            for name, share in SHARES.items():
                jobs = [
                    (shape, query, question, reader(share, next(readers), acls=self._acls))
                    for question in questions_of_turn
                    for shape, query in shapes(question.text).items()
                ]
                with without_access_clause() if name == "without" else nullcontext():
                    await self._turn(jobs, name, clients, is_warm=turn > 0)

    async def _turn(
        self, jobs: list[tuple[str, Query, Question, AccessFilter]], name: str, clients: int, *, is_warm: bool
    ) -> None:
        waiting = iter(jobs)

        async def client() -> None:
            for shape, query, question, access in waiting:
                start = time.perf_counter()
                page = await self._index.search(query, question.vector, access)
                if is_warm:  # the first turn loads the columns
                    self._seconds[shape, name, clients].append(time.perf_counter() - start)
                    self._totals[shape, name, clients].append(page.total.value)

        start = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(clients):
                group.create_task(client())
        if is_warm:
            self._spans[name, clients].append((len(jobs), time.perf_counter() - start))

    def latencies(self) -> Iterator[Latency]:
        for (shape, name, clients), seconds in self._seconds.items():
            p50, p95, p99 = (float(each) * 1e3 for each in np.percentile(seconds, [50, 95, 99]))
            yield Latency(shape, name, clients, p50, p95, p99, float(np.mean(self._totals[shape, name, clients])))

    def rates(self) -> Iterator[Rate]:
        for (name, clients), spans in self._spans.items():
            yield Rate(name, clients, sum(jobs for jobs, _ in spans) / sum(seconds for _, seconds in spans))


def _turns(asked: Sequence[Question], clients: int) -> Iterable[Sequence[Question]]:
    """Cut the questions so that a turn keeps every client busy, the first one a warm-up."""
    yield asked[: max(1, clients // 4)]
    size = max(1, clients)
    for first in range(0, len(asked), size):
        yield asked[first : first + size]


async def _recall(index: SearchBackend, asked: Sequence[Question], place: Place) -> dict[str, float]:
    readers = {name: reader(share, 0, acls=place.acls) for name, share in SHARES.items() if name != "without"}
    closest = nearest(asked, readers, place)
    shares = {}
    for name, access in readers.items():
        found, wanted = 0, 0
        for question, near in zip(asked, closest[name], strict=True):
            query = Query(question.text, mode=SearchMode.SEMANTIC, size=TOP)
            page = await index.search(query, question.vector, access)
            found += len(near & {int(hit.document_id.native_id) for hit in page.hits})
            wanted += len(near)
        shares[name] = found / wanted if wanted else 1.0
    return shares


def nearest(asked: Sequence[Question], readers: Mapping[str, AccessFilter], place: Place) -> dict[str, list[set[int]]]:
    """Return the documents nearest to each question that each reader may see, by looking at every one."""
    vectors = np.stack([question.vector for question in asked])
    best: dict[str, list[list[tuple[float, int]]]] = {name: [[] for _ in asked] for name in readers}
    for numbers, block, acls in _blocks(place):
        similarities = block @ vectors.T
        for name, access in readers.items():
            visible = np.flatnonzero([acl in access.visible for acl in acls])
            for at, column in enumerate(similarities[visible].T):
                order = np.argsort(-column)[:TOP]
                near = [(float(column[each]), numbers[visible[each]]) for each in order]
                best[name][at] = sorted([*best[name][at], *near], reverse=True)[:TOP]
    return {
        name: [{number for similarity, number in near if similarity >= SIMILARITY_FLOOR} for near in of_reader]
        for name, of_reader in best.items()
    }


def _blocks(place: Place) -> Iterator[tuple[list[int], Any, list[int]]]:
    """Yield every document's number, vector as an index stores it, and ACL, some thousand at a time."""
    for block in _batches(puts(place.passages, acls=place.acls), 5 * BATCH):
        numbers = [int(each.description.document_id.native_id) for each in block]
        vectors = np.stack([each.passages[0].vector for each in block]).astype(np.float16).astype(np.float32)
        yield numbers, vectors, [each.description.acl_id for each in block]
