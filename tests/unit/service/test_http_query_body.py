"""What the body of a query may say, and what it means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError

from service.routes.filter_request import MAX_FILTER_CLAUSES, MAX_FILTER_DEPTH
from service.routes.query_request import QueryBody
from vocabulary.search import (
    And,
    Bounds,
    DateFacet,
    DateInterval,
    Equals,
    Exists,
    Facet,
    FacetRequest,
    FilterClause,
    In,
    Not,
    Or,
    Query,
    Range,
    RangeFacet,
    SearchMode,
    Sort,
)


def query_of(**body: object) -> Query:
    return QueryBody.model_validate(body).as_query()


def filter_of(raw: object) -> FilterClause | None:
    return query_of(filter=raw).filter


def test_an_empty_body_browses_in_hybrid_mode() -> None:
    assert query_of() == Query(text="", mode=SearchMode.HYBRID, size=10, highlight=True)


def test_every_part_of_a_query_reaches_the_backend() -> None:
    query = query_of(
        query="  budget ",
        mode="keyword",
        facets=["type", {"field": "site", "size": 3, "name": "places"}],
        sort={"field": "modified_at", "order": "desc"},
        page={"size": 5, "cursor": "abc"},
        highlight=False,
        collapse=False,
        explain=True,
    )
    assert query == Query(
        text="budget",
        mode=SearchMode.KEYWORD,
        facets=(FacetRequest("type", 10), FacetRequest("site", 3, "places")),
        sort=Sort("modified_at", descending=True),
        size=5,
        cursor="abc",
        highlight=False,
        collapse=False,
        explain=True,
    )


@pytest.mark.parametrize(
    ("raw", "clause"),
    [
        ({"equals": {"field": "type", "value": "pdf"}}, Equals("type", "pdf")),
        ({"equals": {"field": "final", "value": True}}, Equals("final", True)),
        ({"in": {"field": "type", "values": ["pdf", 1, 1.5]}}, In("type", ("pdf", 1, 1.5))),
        ({"range": {"field": "size_bytes", "gte": 1, "lt": 5}}, Range("size_bytes", gte=1, lt=5)),
        ({"exists": {"field": "author"}}, Exists("author")),
        ({"not": {"exists": {"field": "author"}}}, Not(Exists("author"))),
        ({"and": []}, And(())),
        ({"or": [{"exists": {"field": "a"}}, {"exists": {"field": "b"}}]}, Or((Exists("a"), Exists("b")))),
    ],
)
def test_each_filter_object_is_one_clause(raw: dict[str, Any], clause: FilterClause) -> None:
    assert filter_of(raw) == clause


def test_true_and_one_stay_what_they_are() -> None:
    one, true = filter_of({"equals": {"field": "a", "value": 1}}), filter_of({"equals": {"field": "a", "value": True}})
    assert isinstance(one, Equals)
    assert isinstance(true, Equals)
    assert (type(one.value), type(true.value)) == (int, bool)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2025-03-01", datetime(2025, 3, 1, tzinfo=UTC)),
        ("2025-03-01T12:30:00Z", datetime(2025, 3, 1, 12, 30, tzinfo=UTC)),
        ("2025-03-01T12:30:00", datetime(2025, 3, 1, 12, 30, tzinfo=UTC)),
        ("2025-03-01T12:30:00.5+02:00", datetime(2025, 3, 1, 12, 30, 0, 500_000, timezone(timedelta(hours=2)))),
    ],
)
def test_an_iso_8601_text_also_means_its_moment(text: str, moment: datetime) -> None:
    assert filter_of({"equals": {"field": "a", "value": text}}) == Or((Equals("a", text), Equals("a", moment)))
    assert filter_of({"in": {"field": "a", "values": [text]}}) == In("a", (text, moment))
    assert filter_of({"range": {"field": "a", "gt": text}}) == Or((Range("a", gt=text), Range("a", gt=moment)))


@pytest.mark.parametrize("text", ["2025-13-01", "2025", "20250301", "1.2.2025", "2025-03-01 and more"])
def test_other_text_is_only_text(text: str) -> None:
    assert filter_of({"equals": {"field": "a", "value": text}}) == Equals("a", text)


@pytest.mark.parametrize(
    "body",
    [
        {"unknown": 1},
        {"mode": "magic"},
        {"page": {"size": 0}},
        {"page": {"size": 101}},
        {"query": "x" * 2001},
        {"filter": {}},
        {"filter": []},
        {"filter": {"like": {"field": "a", "value": "b"}}},
        {"filter": {"equals": {"field": "a", "value": None}}},
        {"filter": {"equals": {"field": "a", "value": float("nan")}}},
        {"filter": {"equals": {"field": "a", "value": 1}, "exists": {"field": "a"}}},
        {"filter": {"range": {"field": "a"}}},
        {"filter": {"range": {"field": "a", "gte": 1, "lt": "b"}}},
        {"filter": {"range": {"field": "a", "gte": True}}},
        {"filter": {"in": {"field": "a", "values": list(range(1001))}}},
        {"facets": ["a"] * 21},
        {"facets": [""]},
        {"facets": [7]},
        {"facets": [{"field": "a", "size": 0}]},
        {"facets": [{"field": "a", "ranges": []}]},
        {"facets": [{"field": "a", "ranges": [{"lt": 1}] * 51}]},
        {"facets": [{"field": "a", "ranges": [{"lt": "soon"}]}]},
        {"facets": [{"field": "a", "ranges": [{"lt": True}]}]},
        {"facets": [{"field": "a", "ranges": [{"lte": 1}]}]},
        {"facets": [{"field": "a", "ranges": [{"lt": 1}, {"gte": "2025-01-01"}]}]},
        {"facets": [{"field": "a", "ranges": [{"lt": 1}], "interval": "day"}]},
        {"facets": [{"field": "a", "interval": "hour"}]},
        {"facets": [{"field": "a", "interval": "day", "size": 201}]},
        {"sort": "modified_at"},
    ],
)
def test_what_is_not_in_the_contract_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        QueryBody.model_validate(body)


@pytest.mark.parametrize(
    ("raw", "facet"),
    [
        ({"field": "a"}, FacetRequest("a")),
        ({"field": "a", "name": "b", "size": 200}, FacetRequest("a", 200, "b")),
        (
            {"field": "n", "ranges": [{"lt": 1}, {"gte": 1, "lt": 2.5}, {}]},
            RangeFacet("n", (Bounds(lt=1), Bounds(gte=1, lt=2.5), Bounds())),
        ),
        (
            {"field": "d", "ranges": [{"gte": "2025-03-01", "lt": "2025-03-01T12:30:00+02:00"}], "name": "spring"},
            RangeFacet(
                "d",
                (
                    Bounds(
                        gte=datetime(2025, 3, 1, tzinfo=UTC),
                        lt=datetime(2025, 3, 1, 12, 30, tzinfo=timezone(timedelta(hours=2))),
                    ),
                ),
                "spring",
            ),
        ),
        ({"field": "d", "interval": "week"}, DateFacet("d", DateInterval.WEEK)),
        (
            {"field": "d", "interval": "day", "size": 31, "time_zone": "Asia/Tokyo", "name": "days"},
            DateFacet("d", DateInterval.DAY, 31, "Asia/Tokyo", "days"),
        ),
    ],
)
def test_each_facet_object_is_one_facet(raw: dict[str, Any], facet: Facet) -> None:
    assert query_of(facets=[raw]).facets == (facet,)


def nested(depth: int) -> dict[str, Any]:
    clause: dict[str, Any] = {"exists": {"field": "a"}}
    for _ in range(depth - 1):
        clause = {"not": clause}
    return clause


def test_a_filter_may_be_so_deep_and_no_deeper() -> None:
    assert filter_of(nested(MAX_FILTER_DEPTH)) is not None
    for depth in (MAX_FILTER_DEPTH + 1, 500):
        with pytest.raises(ValidationError, match="deep"):
            filter_of(nested(depth))


def test_a_filter_may_be_so_large_and_no_larger() -> None:
    clauses = [{"exists": {"field": "a"}}] * MAX_FILTER_CLAUSES
    assert filter_of({"or": clauses[:-1]}) is not None
    with pytest.raises(ValidationError, match="clauses"):
        filter_of({"or": clauses})
