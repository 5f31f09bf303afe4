"""Runs, documents and requests of every source, as the state store has them: whichever process did them.

Every process that is asked tells the same of these, so they are compared and never added up. Counters begin at zero
when the process starts; a run that ends after that is counted once, when somebody next asks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from indexer.state.ledger import Ledger
from indexer.state.run_history import RunHistory, RunReport, RunState
from vocabulary.documents import DocumentState
from vocabulary.ports import SyncMode

# A look at a hundred changed nodes takes a second, a first crawl of a million documents days.
_RUN_SECONDS = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 86_400.0)
_RECOUNT_S = 60.0  # documents are counted row by row, and a million of them take longer than a scrape should


class SourceMetrics:
    """Follows the configured sources; `modes` are those that each one's connector knows."""

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        modes: Mapping[str, Sequence[SyncMode]],
        runs: RunHistory,
        ledger: Ledger,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._modes = modes
        self._runs = runs
        self._ledger = ledger
        self._monotonic_s = monotonic_s
        self._newest_seen: int | None = None
        self._open: frozenset[int] = frozenset()  # runs that were seen, and under way then
        self._counted_at_s: float | None = None
        self._ended = _EndedRuns(registry, self._labels())
        self._under_way = Gauge(
            "sightline_runs_under_way", "Runs that are under way", ["source", "mode"], registry=registry
        )
        self._complete = Gauge(
            "sightline_last_complete_run_timestamp_seconds",
            "When the last run ended that came to its end, whatever single documents did; 0: none has yet",
            ["source", "mode"],
            registry=registry,
        )
        self._documents = Gauge(
            "sightline_documents",
            "Documents that were met in a source and are not gone, by how they last ended; counted once a minute",
            ["source", "state"],
            registry=registry,
        )

    async def refresh(self) -> None:
        """Look at what has happened since the last time; the first time only notes how things stand."""
        await self._follow_runs()
        await self._date_runs()
        now_s = self._monotonic_s()
        if self._counted_at_s is None or now_s - self._counted_at_s >= _RECOUNT_S:
            await self._count_documents()
            self._counted_at_s = now_s

    async def _follow_runs(self) -> None:
        if self._newest_seen is None:
            seen = list((await self._runs.latest()).values())
        else:
            seen = await self._runs.since(self._newest_seen, among=self._open)
            for run in seen:
                if run.ended_at is not None and run.source in self._modes:
                    self._ended.count(run)
        self._newest_seen = max([self._newest_seen or 0, *(run.id for run in seen)])
        under_way = [run for run in seen if run.state is RunState.RUNNING]
        self._open = frozenset(run.id for run in under_way)
        for source, mode in self._labels():
            count = sum(run.source == source and run.mode is mode for run in under_way)
            self._under_way.labels(source, mode).set(count)

    async def _date_runs(self) -> None:
        ended_at = await self._runs.last_complete()
        for source, mode in self._labels():
            moment = ended_at.get((source, mode))
            self._complete.labels(source, mode).set(0 if moment is None else moment.timestamp())

    async def _count_documents(self) -> None:
        counts = await self._ledger.count_by_state()
        self._documents.clear()
        for (source, state), count in counts.items():
            if source in self._modes:
                self._documents.labels(source, state).set(count)

    def _labels(self) -> list[tuple[str, SyncMode]]:
        return [(source, mode) for source, modes in self._modes.items() for mode in modes]


class _EndedRuns:
    """What runs have done by their end."""

    def __init__(self, registry: CollectorRegistry, sources: Sequence[tuple[str, SyncMode]]) -> None:
        self._runs = Counter("sightline_runs", "Runs that have ended", ["source", "mode", "state"], registry=registry)
        self._seconds = Histogram(
            "sightline_run_seconds",
            "From the begin of a run to its end",
            ["source", "mode"],
            buckets=_RUN_SECONDS,
            registry=registry,
        )
        self._documents = Counter(
            "sightline_run_documents",
            "Documents that ended runs met or deleted, by how they ended",
            ["source", "state"],
            registry=registry,
        )
        self._requests = Counter(
            "sightline_source_requests",
            "Requests that ended runs sent to the source, by what for",
            ["source", "kind"],
            registry=registry,
        )
        self._bytes = Counter(
            "sightline_content_read_bytes", "Content that ended runs read", ["source"], registry=registry
        )
        for source, mode in sources:  # a first failure is a rise from 0, which an alert can see
            for state in RunState:
                if state is not RunState.RUNNING:
                    self._runs.labels(source, mode, state)

    def count(self, run: RunReport) -> None:
        """Count a run that has ended, once."""
        self._runs.labels(run.source, run.mode, run.state).inc()
        if run.took_s is not None:
            self._seconds.labels(run.source, run.mode).observe(run.took_s)
        for state, count in run.tally.states.items():
            self._documents.labels(run.source, state).inc(count)
        if run.tally.deleted:
            self._documents.labels(run.source, DocumentState.DELETED).inc(run.tally.deleted)
        for kind, count in run.tally.requests.items():
            self._requests.labels(run.source, kind).inc(count)
        self._bytes.labels(run.source).inc(run.tally.bytes_read)
