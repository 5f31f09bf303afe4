"""How long a query waits for its vector: with nothing else to do, and while passages are embedded all the time.

In comes an open enricher, out come latencies in milliseconds of wall time, as whoever searches feels them.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

from vocabulary.documents import ReadText
from vocabulary.enricher import Enricher

QUESTIONS = (
    "how do I keep costs and energy use down?",
    "parental leave",
    "who approves travel expenses above the limit, and by when",
    "error 0x80070005 when mounting a share",
)
_PAUSE_S = 0.01  # so that each query meets another moment of a batch


@dataclass(frozen=True, slots=True)
class Waits:
    """Latencies of queries in one situation."""

    what: str
    queries: int
    p50_ms: float
    p95_ms: float
    max_ms: float


async def measure_waits(enricher: Enricher, passages: Sequence[ReadText], *, queries: int) -> list[Waits]:
    """Ask so many queries, one after the other, without and then beside calls that embed the passages."""
    await enricher.embed_query("warm")
    idle = await _ask(enricher, queries)
    bulk = asyncio.create_task(_embed_for_ever(enricher, passages))
    try:
        await asyncio.sleep(0.2)  # every thread has begun a batch
        beside = await _ask(enricher, queries)
        assert not bulk.done()
    finally:
        bulk.cancel()
        await asyncio.wait({bulk})
    return [_waits("nothing else", idle), _waits("passages", beside)]


async def _ask(enricher: Enricher, queries: int) -> list[float]:
    found = []
    for number in range(queries):
        started = time.perf_counter()
        await enricher.embed_query(QUESTIONS[number % len(QUESTIONS)])
        found.append((time.perf_counter() - started) * 1000)
        await asyncio.sleep(_PAUSE_S)
    return found


async def _embed_for_ever(enricher: Enricher, passages: Sequence[ReadText]) -> None:
    while True:
        await asyncio.gather(enricher.enrich(passages), enricher.enrich(passages))  # never a moment without any


def _waits(what: str, found: Sequence[float]) -> Waits:
    percentiles = statistics.quantiles(found, n=20)
    return Waits(what, len(found), percentiles[9], percentiles[18], max(found))
