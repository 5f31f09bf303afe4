"""How soon revocations are obeyed, per source, as the state store has it: whichever process made or obeyed them.

As of `source_metrics`, every process tells the same, from its start on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from prometheus_client import CollectorRegistry, Histogram

from acl import Realm
from service.revocation_times import RevocationTimes, TimedRevocation

# With a lane and a sync every minute it takes seconds, without one as long as permissions are not read: hours or a day.
_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3_600.0, 14_400.0, 86_400.0)
# A step is dated before its transaction has ended, and the clocks of machines differ: this far back is looked again.
_OVERLAP = timedelta(minutes=5)


class RevocationMetrics:
    """Follows the revocations of the configured sources."""

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        sources: Iterable[str],
        times: RevocationTimes,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._sources = frozenset(sources)
        self._times = times
        self._clock = clock
        self._began_at: datetime | None = None
        self._looked_at = datetime.min
        labels = ["source", "realm", "since"]
        self._in_force = _Once(
            Histogram(
                "sightline_revocation_in_force_seconds",
                "Until no query could be answered any more as before, exact since the change or at most",
                labels,
                buckets=_SECONDS,
                registry=registry,
            )
        )
        self._obeyed = _Once(
            Histogram(
                "sightline_revocation_latency_seconds",
                "Until the first query was answered under it, exact since the change or at most",
                labels,
                buckets=_SECONDS,
                registry=registry,
            )
        )

    async def refresh(self) -> None:
        """Count what has been revoked or obeyed since the last time; the first time only sets the begin."""
        now = self._clock()
        if self._began_at is None:
            self._began_at = self._looked_at = now
            return
        look_from = max(self._began_at, self._looked_at - _OVERLAP)
        for timed in await self._times.since(look_from):
            one = timed.revocation
            if one.source not in self._sources:
                continue
            if one.in_force_at >= self._began_at:
                self._in_force.count(timed, timed.in_force_s, at=one.in_force_at)
            if one.obeyed_at is not None and timed.obeyed_s is not None and one.obeyed_at >= self._began_at:
                self._obeyed.count(timed, timed.obeyed_s, at=one.obeyed_at)
        self._looked_at = now
        for counted in (self._in_force, self._obeyed):
            counted.forget(before=look_from)


class _Once:
    """A histogram of what is seen several times and counted once."""

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram
        self._counted: dict[tuple[Realm, str, int], datetime] = {}

    def count(self, timed: TimedRevocation, seconds: float, *, at: datetime) -> None:
        one = timed.revocation
        key = one.realm, one.source, one.version
        if key not in self._counted:
            self._counted[key] = at
            self._histogram.labels(one.source, one.realm, timed.since).observe(seconds)

    def forget(self, *, before: datetime) -> None:
        """Forget what lies too far back to be seen again."""
        self._counted = {key: at for key, at in self._counted.items() if at >= before}
