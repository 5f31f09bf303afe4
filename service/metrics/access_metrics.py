"""What this process holds of lists and filters: memory that grows with lists, and work that the cache saves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

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


class PlainFilterCollector(Collector):
    """Reads how many filters went to a cluster id by id, as one older than OpenSearch 2.17 wants them."""

    def __init__(self, indexes: Sequence[str], sent: Mapping[str, int]) -> None:
        self._indexes = indexes
        self._sent = sent

    def collect(self) -> Iterator[Metric]:
        plain = CounterMetricFamily(
            "sightline_plain_filters", "Filters that were sent id by id, for want of bitmaps", labels=["index"]
        )
        for index in self._indexes:
            plain.add_metric([index], self._sent.get(index, 0))
        yield plain
