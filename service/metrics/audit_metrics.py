"""What audits found last, as the state store has it, and what late checks of this process found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from indexer.state.audits import AuditHistory, FindingKind
from service.late_check import LateCheck

_ALIKE = "alike"


class AuditMetrics:
    """Follows the last audit of each configured source."""

    def __init__(self, registry: CollectorRegistry, *, sources: Iterable[str], history: AuditHistory) -> None:
        self._sources = tuple(sources)
        self._history = history
        self._answers = Gauge(
            "sightline_audit_questions",
            "Questions of the last audit that came to its end, by what was found",
            ["source", "found"],
            registry=registry,
        )

    async def refresh(self) -> None:
        """Look at the last audits; a source without one has no figures."""
        for source in self._sources:
            last = await self._history.last(source)
            if last is None:
                continue
            self._answers.labels(source, _ALIKE).set(last.counts.agreed)
            for kind in FindingKind:
                self._answers.labels(source, kind).set(last.number_of(kind))


class LateCheckCollector(Collector):
    """Reads what the late checks of this process counted, index by index."""

    def __init__(self, late_checks: dict[str, LateCheck]) -> None:
        self._late_checks = late_checks

    def collect(self) -> Iterator[Metric]:
        hits = CounterMetricFamily(
            "sightline_late_checks",
            "Hits that were asked about at their source before they were returned, by what it said",
            labels=["index", "source", "verdict"],
        )
        for index, late_check in self._late_checks.items():
            for (source, verdict), count in sorted(late_check.found.items()):
                hits.add_metric([index, source, verdict], count)
        yield hits
