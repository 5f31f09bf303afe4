"""What this process holds of lists and filters: memory that grows with lists, and work that the cache saves."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from acl import AccessControl


class AccessCollector(Collector):
    """Reads what access control counts; nothing is computed for it."""

    def __init__(self, access_control: AccessControl) -> None:
        self._access_control = access_control

    def collect(self) -> Iterator[Metric]:
        held = self._access_control.held()
        filters = CounterMetricFamily(
            "sightline_access_filters", "Filters that queries ran under, by where they came from", labels=["origin"]
        )
        filters.add_metric(["cache"], held.filters_reused)
        filters.add_metric(["computed"], held.filters_computed)
        yield filters
        yield GaugeMetricFamily("sightline_access_filters_held", "Filters in the cache", value=held.filters)
        lists = GaugeMetricFamily(
            "sightline_acl_lists_held", "Lists whose entries are held in memory, by source", labels=["source"]
        )
        for source, count in held.lists.items():
            lists.add_metric([source], count)
        yield lists
