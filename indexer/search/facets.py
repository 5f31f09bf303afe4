"""What a facet counts: which values fall under which entry, and which entries are shown in which order.

Pure. Every engine counts readable, matching documents only, each once under an entry, and leaves the shape of the
answer to these functions. Moments are microseconds since 1970, as in `matching`.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from indexer.search.matching import Key, Kind, key_of, value_of
from vocabulary.errors import QueryInvalid
from vocabulary.search import (
    Bounds,
    BucketCount,
    DateFacet,
    DateInterval,
    Facet,
    FacetCount,
    FacetRequest,
    RangeFacet,
)

MAX_RANGES = 100  # of one facet; each costs a look at every matching value

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Bucket(NamedTuple):
    """A stretch of values: microseconds or numbers, from `start` up to, not including, `end`; None is open."""

    start: int | float | None
    end: int | float | None

    def holds(self, key: Key) -> bool:
        """Whether a value lies in the stretch; of numbers and moments, the caller knows which it is about."""
        if isinstance(key.value, str):
            return False
        return (self.start is None or key.value >= self.start) and (self.end is None or key.value < self.end)


def commonest(counts: Iterable[tuple[Key, int]], *, size: int) -> tuple[FacetCount, ...]:
    """Return the `size` values with the highest counts, as a facet shows them."""
    top = heapq.nsmallest(max(size, 0), counts, key=lambda pair: (-pair[1], pair[0]))
    return tuple(FacetCount(value_of(key), count) for key, count in top)


def refuse_impossible(facets: Iterable[Facet]) -> None:
    """Refuse facets that cannot be counted.

    Raises:
        QueryInvalid: two of one name, a negative size, an unknown time zone, or bounds that are not of one kind.
    """
    keys: set[str] = set()
    for facet in facets:
        if facet.key in keys:
            raise QueryInvalid(f"two facets are named {facet.key}: give one of them another name")
        keys.add(facet.key)
        match facet:
            case RangeFacet():
                _refuse_impossible_ranges(facet)
            case DateFacet():
                _refuse_negative(facet.size)
                zone_of(facet)
            case FacetRequest():
                _refuse_negative(facet.size)


def kind_of_ranges(facet: RangeFacet) -> Kind:
    """Return what the ranges are about; ranges without any bound hold numbers."""
    kinds = (key.kind for bounds in facet.ranges for key in _keys(bounds))
    return next(kinds, Kind.NUMBER)


def buckets_of(facet: RangeFacet) -> tuple[Bucket, ...]:
    """Return the ranges in comparable form, in their order."""
    return tuple(Bucket(_comparable(bounds.gte), _comparable(bounds.lt)) for bounds in facet.ranges)


def counted_ranges(facet: RangeFacet, counts: Iterable[int]) -> tuple[BucketCount, ...]:
    """Return the ranges as a facet shows them; `counts` are in their order."""
    return tuple(BucketCount(bounds.gte, bounds.lt, count) for bounds, count in zip(facet.ranges, counts, strict=True))


def latest(counts: Mapping[Bucket, int], *, size: int) -> tuple[BucketCount, ...]:
    """Return the `size` latest stretches of the calendar, latest first."""
    order = heapq.nlargest(
        max(size, 0), counts, key=lambda bucket: -float("inf") if bucket.start is None else bucket.start
    )
    return tuple(BucketCount(_moment(bucket.start), _moment(bucket.end), counts[bucket]) for bucket in order)


def zone_of(facet: DateFacet) -> ZoneInfo:
    """Find the time zone of a date facet.

    Raises:
        QueryInvalid: there is none of that name.
    """
    try:
        return _zone(facet.time_zone)
    except (KeyError, ValueError, OSError) as error:  # no such zone; a name that leads out of the folder of zones
        raise QueryInvalid(f"unknown time zone: {facet.time_zone}") from error


def stretch_of(microseconds: int, interval: DateInterval, zone: ZoneInfo) -> Bucket:
    """Return the stretch of the calendar that a moment lies in, as the clocks of the zone show it.

    At both ends of what a calendar can express (the years 1 and 9999) a stretch is open.
    """
    try:
        day = (_EPOCH + timedelta(microseconds=microseconds)).astimezone(zone).date()
    except OverflowError:
        day = date.min if microseconds < 0 else date.max
    first = _first_day(day, interval)
    return Bucket(_midnight(first, zone), _midnight(_next(first, interval), zone))


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _first_day(day: date, interval: DateInterval) -> date | None:
    match interval:
        case DateInterval.YEAR:
            return day.replace(month=1, day=1)
        case DateInterval.MONTH:
            return day.replace(day=1)
        case DateInterval.WEEK:
            return _days_later(day, -day.weekday())
        case DateInterval.DAY:
            return day


def _next(first: date | None, interval: DateInterval) -> date | None:
    """Return the first day of the stretch behind the one that begins with `first`."""
    if first is None:  # the week before the first Monday of the calendar
        return _days_later(date.min, 7 - date.min.weekday())
    match interval:
        case DateInterval.YEAR:
            return first.replace(year=first.year + 1) if first.year < date.max.year else None
        case DateInterval.MONTH:
            behind = _days_later(first, 31)
            return None if behind is None else behind.replace(day=1)
        case DateInterval.WEEK:
            return _days_later(first, 7)
        case DateInterval.DAY:
            return _days_later(first, 1)


def _days_later(day: date, days: int) -> date | None:
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return None


def _midnight(day: date | None, zone: ZoneInfo) -> int | None:
    """Return when a day begins in the zone; where the clock skips midnight, when it skips it."""
    if day is None:
        return None
    try:
        begins = datetime.combine(day, time.min, zone).astimezone(UTC)
    except OverflowError:
        return None
    return (begins - _EPOCH) // timedelta(microseconds=1)


def _moment(microseconds: int | float | None) -> datetime | None:
    return None if microseconds is None else _EPOCH + timedelta(microseconds=int(microseconds))


def _refuse_impossible_ranges(facet: RangeFacet) -> None:
    if not facet.ranges or len(facet.ranges) > MAX_RANGES:
        raise QueryInvalid(f"facet {facet.key} needs 1 to {MAX_RANGES} ranges")
    kinds = {key.kind for bounds in facet.ranges for key in _keys(bounds)}
    if not kinds <= {Kind.NUMBER} and not kinds <= {Kind.MOMENT}:
        raise QueryInvalid(f"facet {facet.key}: bounds are numbers or moments, and all of one kind")
    if any(bound is not None and key_of(bound) is None for each in facet.ranges for bound in (each.gte, each.lt)):
        raise QueryInvalid(f"facet {facet.key}: a bound is not a number")


def _refuse_negative(size: int) -> None:
    if size < 0:
        raise QueryInvalid("a facet's size is negative")


def _keys(bounds: Bounds) -> list[Key]:
    given = [key_of(bound) for bound in (bounds.gte, bounds.lt) if bound is not None]
    return [key for key in given if key is not None]


def _comparable(bound: int | float | datetime | None) -> int | float | None:
    key = None if bound is None else key_of(bound)
    return None if key is None or isinstance(key.value, str) else key.value
