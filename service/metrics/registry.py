"""One registry with everything that is measured, brought up to date when somebody asks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector
from prometheus_client.exposition import choose_encoder
from sqlalchemy.exc import SQLAlchemyError

from service.metrics.query_metrics import QueryMetrics
from vocabulary.errors import StateUnavailable

_PATIENCE_S = 5.0  # Prometheus gives up after ten seconds, unless told otherwise

_log = logging.getLogger(__name__)


class FollowedMetrics(Protocol):
    """Metrics of what the state store tells."""

    async def refresh(self) -> None:
        """Bring them up to date; the first time sets the begin of all that is counted."""
        ...


class Metrics:
    """The metrics of one process; nothing of them is global."""

    def __init__(
        self, registry: CollectorRegistry, *, queries: QueryMetrics, followed: Sequence[FollowedMetrics] = ()
    ) -> None:
        ProcessCollector(registry=registry)
        self._registry = registry
        self.queries = queries
        self._followed = followed
        self._asking = asyncio.Lock()
        self._answers = Gauge(
            "sightline_state_store_up",
            "1: the state store told what is told of sources; 0: it did not, and those figures are old",
            registry=registry,
        )

    async def refresh(self) -> None:
        """Read what others have done; a state store that does not answer is a metric, too."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                for each in self._followed:
                    await each.refresh()
        except (SQLAlchemyError, StateUnavailable, TimeoutError):
            _log.warning("metrics: the state store does not answer")
            self._answers.set(0)
        else:
            self._answers.set(1)

    async def exposition(self, accept: str) -> tuple[bytes, str]:
        """Everything as it is now, in the format that the `Accept` header prefers, and that format's media type.

        Source: Prometheus exposition formats (text 0.0.4, OpenMetrics 1.0.0).
        """
        encode, media_type = choose_encoder(accept)
        async with self._asking:
            await self.refresh()
            return await asyncio.to_thread(encode, self._registry), media_type
