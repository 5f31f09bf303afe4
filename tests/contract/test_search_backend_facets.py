"""The contract of `SearchBackend`: facets over ranges and dates, and fields that the index itself adds."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.contract.search_backends import HYBRID, KEYWORD, SEMANTIC, ask
from tests.fakes.documents import description, document, names, passage, reader
from vocabulary.errors import QueryInvalid
from vocabulary.indexing import Describe, Put
from vocabulary.ports import SearchBackend
from vocabulary.search import (
    Bounds,
    BucketCount,
    DateFacet,
    DateInterval,
    Equals,
    Facet,
    FacetCount,
    FacetRequest,
    Range,
    RangeFacet,
    Sort,
)

SIZES = RangeFacet("size", (Bounds(lt=10), Bounds(gte=10, lt=1000), Bounds(gte=1000), Bounds()))


def at(day: str, clock: str = "12:00") -> datetime:
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=UTC)


def midnight(day: str) -> datetime:
    return at(day, "00:00")


async def counted(index: SearchBackend, facet: Facet, text: str = "", **options: object) -> list[tuple[object, ...]]:
    counts = (await ask(index, text, facets=(facet,), **options)).facets[facet.key]
    assert all(isinstance(each, BucketCount) for each in counts)
    return [(each.gte, each.lt, each.count) for each in counts if isinstance(each, BucketCount)]


# --- ranges ---


async def test_ranges_are_counted_in_their_order_from_below_up_to_the_bound(index: SearchBackend) -> None:
    sizes = {"a": 9.99, "b": 10, "c": 999, "d": 1000, "e": -5, "f": "10", "g": True}
    await index.apply([document(name, attributes={"size": size}) for name, size in sizes.items()])
    assert await counted(index, SIZES) == [(None, 10, 2), (10, 1000, 2), (1000, None, 1), (None, None, 5)]


async def test_numbers_too_large_for_a_float_are_kept_apart(index: SearchBackend) -> None:
    await index.apply([document("a", attributes={"n": 2**60}), document("b", attributes={"n": 2**60 + 1})])
    facet = RangeFacet("n", (Bounds(lt=2**60 + 1), Bounds(gte=2**60 + 1)))
    assert [count for *_, count in await counted(index, facet)] == [1, 1]


async def test_a_document_counts_once_in_every_range_that_one_of_its_values_lies_in(index: SearchBackend) -> None:
    await index.apply([document("a", attributes={"n": (1, 2, 30)}), document("b", attributes={"n": 2})])
    facet = RangeFacet("n", (Bounds(gte=0, lt=10), Bounds(gte=2, lt=100), Bounds(gte=31)))
    assert [count for *_, count in await counted(index, facet)] == [2, 2, 0]


async def test_ranges_of_moments_hold_moments_only(index: SearchBackend) -> None:
    moments = {"a": at("2025-12-31"), "b": midnight("2026-01-01"), "c": at("2026-06-01")}
    await index.apply([document(name, attributes={"at": moment}) for name, moment in moments.items()])
    await index.apply([document("d", attributes={"at": 1e15}), document("e", attributes={"at": "2026-02-02"})])
    new_year = midnight("2026-01-01")
    facet = RangeFacet("at", (Bounds(lt=new_year), Bounds(gte=new_year)))
    assert await counted(index, facet) == [(None, new_year, 1), (new_year, None, 2)]


# --- dates ---


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        (DateInterval.YEAR, [("2026-01-01", "2027-01-01", 3), ("2024-01-01", "2025-01-01", 1)]),
        (
            DateInterval.MONTH,
            [("2026-03-01", "2026-04-01", 2), ("2026-02-01", "2026-03-01", 1), ("2024-12-01", "2025-01-01", 1)],
        ),
        (
            DateInterval.WEEK,
            [("2026-03-02", "2026-03-09", 1), ("2026-02-23", "2026-03-02", 2), ("2024-12-30", "2025-01-06", 1)],
        ),
        (
            DateInterval.DAY,
            [
                ("2026-03-02", "2026-03-03", 1),
                ("2026-03-01", "2026-03-02", 1),
                ("2026-02-28", "2026-03-01", 1),
                ("2024-12-31", "2025-01-01", 1),
            ],
        ),
    ],
)
async def test_stretches_of_the_calendar_are_counted_latest_first_and_none_without_documents(
    index: SearchBackend, interval: DateInterval, expected: list[tuple[str, str, int]]
) -> None:
    days = {"a": "2026-03-02", "b": "2026-03-01", "c": "2026-02-28", "d": "2024-12-31"}
    await index.apply([document(name, attributes={"at": at(day)}) for name, day in days.items()])
    await index.apply([document("e", attributes={"at": "2026-03-02"}), document("f")])
    assert await counted(index, DateFacet("at", interval)) == [
        (midnight(first), midnight(behind), count) for first, behind, count in expected
    ]


async def test_a_date_facet_shows_the_latest_stretches_up_to_its_size(index: SearchBackend) -> None:
    await index.apply([document(str(day), attributes={"at": at(f"2026-03-{day:02}")}) for day in range(1, 29)])
    shown = await counted(index, DateFacet("at", DateInterval.DAY, size=3))
    assert [first for first, *_ in shown] == [midnight("2026-03-28"), midnight("2026-03-27"), midnight("2026-03-26")]
    assert await counted(index, DateFacet("at", DateInterval.DAY, size=0)) == []


async def test_days_begin_when_they_begin_in_the_time_zone(index: SearchBackend) -> None:
    moments = {"a": at("2026-03-28", "23:30"), "b": at("2026-03-29", "21:59"), "c": at("2026-03-29", "22:00")}
    await index.apply([document(name, attributes={"at": moment}) for name, moment in moments.items()])
    # The day on which clocks in Berlin go forward has 23 hours.
    assert await counted(index, DateFacet("at", DateInterval.DAY, time_zone="Europe/Berlin")) == [
        (at("2026-03-29", "22:00"), at("2026-03-30", "22:00"), 1),
        (at("2026-03-28", "23:00"), at("2026-03-29", "22:00"), 2),
    ]


async def test_a_document_counts_once_in_a_stretch_whatever_moments_it_has_there(index: SearchBackend) -> None:
    moments = (at("2026-03-01"), at("2026-03-02"), at("2026-05-01"))
    await index.apply([document("a", attributes={"at": moments}), document("b", attributes={"at": at("2026-03-03")})])
    shown = await counted(index, DateFacet("at", DateInterval.MONTH))
    assert [count for *_, count in shown] == [1, 2]


async def test_the_first_and_the_last_day_of_the_calendar_are_counted(index: SearchBackend) -> None:
    """A sentinel such as 9999-12-31 for "never" is common, and must not cost the facet."""
    await index.apply(
        [document("never", attributes={"at": at("9999-12-31")}), document("ever", attributes={"at": at("0001-01-01")})]
    )
    for interval in DateInterval:
        for zone in ("UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"):
            assert [count for *_, count in await counted(index, DateFacet("at", interval, time_zone=zone))] == [1, 1]


# --- every kind ---


async def test_every_facet_counts_after_the_filter_and_what_the_reader_may_see(index: SearchBackend) -> None:
    world = [
        document(
            str(n), "apple" if n % 2 else "pear", acl=1 + n // 6, attributes={"n": n, "at": at(f"2026-01-{n + 1:02}")}
        )
        for n in range(12)
    ]
    await index.apply(world)
    month, ranges = DateFacet("at", DateInterval.MONTH), RangeFacet("n", (Bounds(lt=4), Bounds(gte=4)))
    for mode, expected in ((KEYWORD, 3), (SEMANTIC, None), (HYBRID, None)):
        options = {"mode": mode, "filter": Range("n", gte=1), "access": reader(1)}
        total = (await ask(index, "apple", **options)).total.value
        assert total == (expected or total)
        assert [count for *_, count in await counted(index, month, "apple", **options)] == [total]
        assert sum(count for *_, count in await counted(index, ranges, "apple", **options)) == total


async def test_facets_follow_what_is_written_and_withdrawn(index: SearchBackend) -> None:
    await index.apply([document("a", attributes={"n": 1, "at": at("2026-01-01")})])
    assert [count for *_, count in await counted(index, SIZES)] == [0, 0, 0, 0]
    await index.apply([document("b", attributes={"size": 20, "at": at("2027-01-01")})])
    assert [count for *_, count in await counted(index, SIZES)] == [0, 1, 0, 1]
    await index.apply([document("b", attributes={"size": 2})])
    assert [count for *_, count in await counted(index, SIZES)] == [1, 0, 0, 1]
    assert len(await counted(index, DateFacet("at", DateInterval.YEAR))) == 1


async def test_one_field_is_counted_in_two_ways_under_two_names(index: SearchBackend) -> None:
    await index.apply([document("a", attributes={"n": 1}), document("b", attributes={"n": 20})])
    ranges = RangeFacet("n", (Bounds(lt=10),), name="small")
    page = await ask(index, facets=(FacetRequest("n"), ranges, FacetRequest("n", size=1, name="commonest")))
    assert page.facets == {
        "n": (FacetCount(1, 1), FacetCount(20, 1)),
        "small": (BucketCount(None, 10, 1),),
        "commonest": (FacetCount(1, 1),),
    }


@pytest.mark.parametrize(
    "facets",
    [
        (FacetRequest("n"), FacetRequest("n")),
        (FacetRequest("n"), RangeFacet("m", (Bounds(),), name="n")),
        (RangeFacet("n", ()),),
        (RangeFacet("n", (Bounds(gte=1), Bounds(lt=at("2026-01-01")))),),
        (RangeFacet("n", (Bounds(gte=float("nan")),)),),
        (RangeFacet("n", (Bounds(gte="a"),)),),  # type: ignore[arg-type]  # what a caller without types may send
        (RangeFacet("n", (Bounds(gte=True),)),),
        (RangeFacet("n", (Bounds(),) * 101),),
        (DateFacet("n", DateInterval.DAY, size=-1),),
        (DateFacet("n", DateInterval.DAY, time_zone="Mars/Olympus"),),
        (DateFacet("n", DateInterval.DAY, time_zone="../../etc/passwd"),),
        (DateFacet("n", DateInterval.DAY, time_zone=""),),
    ],
)
async def test_a_facet_that_cannot_be_counted_is_the_callers_mistake(
    index: SearchBackend, facets: tuple[Facet, ...]
) -> None:
    with pytest.raises(QueryInvalid):
        await ask(index, facets=facets)


# --- toxicity, a field that the index adds ---


async def test_toxicity_is_a_field_for_filter_facet_and_sort(index: SearchBackend) -> None:
    await index.apply([Put(description(name), (passage("words", toxicity=toxicity),)) for name, toxicity in TOXICITIES])
    assert set(names(await ask(index, filter=Range("toxicity", gte=0.5)))) == {"worst", "bad"}
    assert names(await ask(index, sort=Sort("toxicity", descending=True))) == ["worst", "bad", "mild", "clean"]
    bands = RangeFacet("toxicity", (Bounds(lt=0.2), Bounds(gte=0.2, lt=0.5), Bounds(gte=0.5)))
    assert [count for *_, count in await counted(index, bands)] == [1, 1, 2]


TOXICITIES = [("clean", 0.0), ("bad", 0.5), ("mild", 0.25), ("worst", 0.91234567)]


async def test_a_documents_toxicity_is_that_of_its_worst_passage_through_every_change(index: SearchBackend) -> None:
    stored = description("a", attributes={"toxicity": 0.0})
    await index.apply([Put(stored, (passage("x", toxicity=0.1), passage("y", ordinal=1, toxicity=0.91234567)))])
    await index.apply([Describe(description("a", title="renamed", attributes={"toxicity": 0.0}))])
    (hit,) = (await ask(index, filter=Equals("toxicity", 0.9123))).hits
    assert (hit.toxicity_0_1, hit.attributes["toxicity"]) == (0.9123, 0.0)
    await index.apply([Put(stored, (passage("x", toxicity=0.1),))])
    assert names(await ask(index, filter=Range("toxicity", gte=0.2))) == []


async def test_documents_without_passages_are_not_toxic(index: SearchBackend) -> None:
    await index.apply([document("a")])
    assert names(await ask(index, filter=Equals("toxicity", 0))) == ["a"]
