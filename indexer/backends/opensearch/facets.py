"""Facets as aggregations on the field of attribute keywords, and what they counted.

An aggregation counts documents, each once for every distinct keyword, under the query it is sent with, and so under the
reader's filter. What an entry is, and which are shown, is said in `indexer.search.facets`. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from indexer.backends.opensearch.attribute_keys import field_prefix, key_of_keyword, kind_range
from indexer.backends.opensearch.filters import Bounds, holds_within
from indexer.backends.opensearch.mapping import Field
from indexer.search import facets
from indexer.search.analysis import storable
from indexer.search.facets import Bucket
from indexer.search.matching import Key, Kind
from vocabulary.search import (
    BucketCount,
    DateFacet,
    Facet,
    FacetCount,
    FacetRequest,
    RangeFacet,
)

_KEYS = Field.ATTRIBUTE_KEYS.value

# With several shards each names its commonest values, and a value that is common in none of them may be missed: up to
# this many distinct values counts are exact whatever the number of shards.
_VALUES_OF_A_SHARD = 1_000

# What has a meaning in Lucene's regular expressions.
_OPERATORS = re.compile(r'[.?+*|{}\[\]()"\\#@&<>~^$-]')

# The first day of the stretch of each moment of a document, as the clocks of a zone show it.
_STRETCHES = """
def days = [];
for (def keyword : doc[params.keys]) {
  if (!keyword.startsWith(params.prefix)) continue;
  long micros = Long.parseUnsignedLong(keyword.substring(params.prefix.length()), 16) ^ Long.MIN_VALUE;
  Instant moment = Instant.EPOCH.plus(micros, ChronoUnit.MICROS);
  LocalDate day = moment.atZone(ZoneId.of(params.zone)).toLocalDate();
  if (day.getYear() < 1) day = LocalDate.of(1, 1, 1);
  if (day.getYear() > 9999) day = LocalDate.of(9999, 12, 31);
  if (params.interval == 'year') day = day.withDayOfYear(1);
  else if (params.interval == 'month') day = day.withDayOfMonth(1);
  else if (params.interval == 'week') day = day.minusDays(day.getDayOfWeek().getValue() - 1);
  days.add(day.toString());
}
return days;
"""


def aggregations(asked: Sequence[Facet]) -> Mapping[str, Any]:
    """Return what counts the facets, each under its place in the list."""
    counted = {str(place): _aggregation(facet) for place, facet in enumerate(asked)}
    return {place: each for place, each in counted.items() if each is not None}


def counted(asked: Sequence[Facet], answered: Mapping[str, Any]) -> dict[str, tuple[FacetCount | BucketCount, ...]]:
    """Return the facets as they are shown, by their keys."""
    return {facet.key: _counted(facet, answered.get(str(place))) for place, facet in enumerate(asked)}


def _aggregation(facet: Facet) -> Mapping[str, Any] | None:
    match facet:
        case RangeFacet():
            kind = facets.kind_of_ranges(facet)
            ranges = [_within(storable(facet.field), kind, bucket) for bucket in facets.buckets_of(facet)]
            return {"filters": {"filters": ranges}}
        case FacetRequest(size=0) | DateFacet(size=0):
            return None
        case DateFacet():
            return {"terms": {"script": _stretches(facet), "size": facet.size, "order": {"_key": "desc"}}}
        case FacetRequest():
            return {
                "terms": {
                    "field": _KEYS,
                    "include": f"{_literally(field_prefix(storable(facet.field)))}.*",
                    "size": facet.size,
                    "shard_size": max(facet.size, _VALUES_OF_A_SHARD),
                    "order": [{"_count": "desc"}, {"_key": "asc"}],
                }
            }


def _counted(facet: Facet, answered: Mapping[str, Any] | None) -> tuple[FacetCount | BucketCount, ...]:
    if answered is None:
        return ()
    buckets = answered["buckets"]
    match facet:
        case RangeFacet():
            return facets.counted_ranges(facet, [bucket["doc_count"] for bucket in buckets])
        case DateFacet():
            return facets.latest({_stretch(facet, each["key"]): each["doc_count"] for each in buckets}, size=facet.size)
        case FacetRequest():
            counts = [(key_of_keyword(bucket["key"]), bucket["doc_count"]) for bucket in buckets]
            return facets.commonest(counts, size=facet.size)


def _within(field: str, kind: Kind, bucket: Bucket) -> Mapping[str, Any]:
    lower = () if bucket.start is None else ((Key(kind, bucket.start), False),)
    upper = () if bucket.end is None else ((Key(kind, bucket.end), True),)
    return holds_within(field, kind, Bounds(lower, upper))


def _stretches(facet: DateFacet) -> Mapping[str, Any]:
    prefix = kind_range(storable(facet.field), Kind.MOMENT).first
    zone = facets.zone_of(facet).key
    parameters = {"keys": _KEYS, "prefix": prefix, "zone": zone, "interval": facet.interval.value}
    return {"source": _STRETCHES, "params": parameters}


def _stretch(facet: DateFacet, first_day: str) -> Bucket:
    zone = facets.zone_of(facet)
    noon = datetime.combine(date.fromisoformat(first_day), time(12), zone)
    microseconds = (noon - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    return facets.stretch_of(microseconds, facet.interval, zone)


def _literally(text: str) -> str:
    return _OPERATORS.sub(lambda operator: f"\\{operator[0]}", text)
