"""Queries as this process answers them: how many, in which mode, how they ended, and how long they took.

An outcome is the type of the problem that the caller is told, or `answered`. An index that is not configured is one
label, whatever name was asked for: what callers make up becomes no label.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram

from service.http.errors import problem_slug
from vocabulary.errors import NotAuthenticated

ANSWERED = "answered"
UNKNOWN_INDEX = "(unknown)"  # no index can be called so
UNREAD = "unread"  # the query was refused before its mode was known
SUGGESTING = "suggest"

# A warm keyword query takes milliseconds, a hybrid one some ten; beyond ten seconds callers have hung up.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(slots=True)
class ObservedQuery:
    """A query under way; whoever reads it says its mode."""

    mode: str = UNREAD


class QueryMetrics:
    """Counts the queries of one process."""

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        indexes: Iterable[str],
        monotonic_s: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._indexes = frozenset(indexes)
        self._monotonic_s = monotonic_s
        self._queries = Counter(
            "sightline_queries",
            "Queries and suggestions that this process was asked for, by how they ended",
            ["index", "mode", "outcome"],
            registry=registry,
        )
        self._seconds = Histogram(
            "sightline_query_seconds",
            "From the arrival of a query to its answer, refused ones included",
            ["index", "mode"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._refused = Counter(
            "sightline_tokens_refused",
            "Requests of readers that this process did not believe, by why",
            ["reason"],
            registry=registry,
        )

    @contextmanager
    def observed(self, index: str) -> Iterator[ObservedQuery]:
        """Count the query that is answered inside, however it ends, and its time."""
        query, began_s = ObservedQuery(), self._monotonic_s()
        outcome = ANSWERED
        try:
            yield query
        except BaseException as error:
            outcome = problem_slug(error)
            if isinstance(error, NotAuthenticated):
                self._refused.labels(error.reason).inc()
            raise
        finally:
            name = index if index in self._indexes else UNKNOWN_INDEX
            self._queries.labels(name, query.mode, outcome).inc()
            self._seconds.labels(name, query.mode).observe(self._monotonic_s() - began_s)
