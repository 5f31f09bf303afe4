"""What an answer over HTTP holds beyond its hits: facets, copies, comments, explanations, suggestions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from acl import AclStore
from indexer.search.collapsing import MIN_WORDS
from service.http.errors import MEDIA_TYPE
from tests.fakes.documents import description, document, passage
from tests.unit.service.http_world import ADMINISTRATOR, HttpWorld, bearer
from vocabulary.access import Acl, Principal
from vocabulary.documents import PassageKind
from vocabulary.indexing import Put

ANN, BOB = "ann@example.com", "bob@example.com"
ADA = f"{ADMINISTRATOR}@example.com"
TEXT = "harbour " + " ".join(f"sentence{n}" for n in range(MIN_WORDS))


async def acl_of(world: HttpWorld, name: str) -> int:
    ann = Acl("plan", frozenset({Principal.user("hr", "ann")}))
    return (await AclStore(world.engine).number("hr", [ann]))[name]


# -- facets ------------------------------------------------------------------------------------------------------------


async def test_ranges_and_dates_are_counted_under_their_names(world: HttpWorld) -> None:
    facets = [
        {"field": "modified_at", "interval": "month", "name": "month"},
        {"field": "modified_at", "ranges": [{"lt": "2025-03-01"}, {"gte": "2025-03-01"}]},
        {"field": "n", "ranges": [{"gte": 2, "lt": 3}], "name": "two"},
    ]
    body = (await world.ask("private", facets=facets, headers=bearer(ANN))).json()
    assert body["facets"] == {
        "month": [{"gte": "2025-03-01T00:00:00Z", "lt": "2025-04-01T00:00:00Z", "count": 2}],
        "modified_at": [
            {"gte": None, "lt": "2025-03-01T00:00:00Z", "count": 0},
            {"gte": "2025-03-01T00:00:00Z", "lt": None, "count": 2},
        ],
        "two": [{"gte": 2, "lt": 3, "count": 2}],
    }


async def test_the_bounds_of_a_counted_range_make_a_filter_for_what_it_counted(world: HttpWorld) -> None:
    facet = {"field": "modified_at", "interval": "day", "time_zone": "America/New_York"}
    (day,) = (await world.ask("private", facets=[facet], headers=bearer(ANN))).json()["facets"]["modified_at"]
    count = day.pop("count")
    clause = {"range": {"field": "modified_at", **day}}
    assert (await world.ask("private", filter=clause, headers=bearer(ANN))).json()["total"]["value"] == count == 2


@pytest.mark.parametrize(
    ("facets", "pointer"),
    [
        ([{"field": "a", "ranges": [{"lt": "soon"}]}], "#/facets/0/ranges/0"),
        (["a", {"field": "a", "interval": "hour"}], "#/facets/1/interval"),
        ([{"ranges": [{"lt": 1}]}], "#/facets/0/field"),
    ],
)
async def test_an_impossible_facet_is_pointed_at(world: HttpWorld, facets: object, pointer: str) -> None:
    answer = await world.ask("private", facets=facets, headers=bearer(ANN))
    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_two_facets_of_one_name_and_unknown_time_zones_are_told(world: HttpWorld) -> None:
    zone = {"field": "modified_at", "interval": "day", "time_zone": "Mars/Olympus"}
    for facets, words in ((["site", "site"], "two facets are named site"), ([zone], "unknown time zone: Mars/Olympus")):
        answer = await world.ask("private", facets=facets, headers=bearer(ANN))
        assert answer.status_code == 400
        assert words in answer.json()["detail"]


# -- copies and comments -----------------------------------------------------------------------------------------------


async def test_copies_are_one_result_unless_asked_for_and_none_that_the_reader_may_not_see(world: HttpWorld) -> None:
    plan, menu = await acl_of(world, "plan"), world.backends["private"]
    await menu.apply([document(name, TEXT, source="hr", acl=plan) for name in ("one", "two")])
    body = (await world.ask("private", query="harbour", mode="keyword", headers=bearer(ANN))).json()
    assert [result["copies"] for result in body["results"]] == [1]
    assert body["total"]["value"] == 2
    body = (await world.ask("private", query="harbour", mode="keyword", collapse=False, headers=bearer(ANN))).json()
    assert [result["copies"] for result in body["results"]] == [0, 0]
    assert (await world.ask("private", query="harbour", mode="keyword", headers=bearer(BOB))).json()["results"] == []


async def test_comments_that_match_stand_under_their_document(world: HttpWorld) -> None:
    written = passage("When is the harbour built?", ordinal=1, kind=PassageKind.COMMENT, comment_id="1")
    moment = datetime(2025, 4, 1, 8, tzinfo=UTC)
    written = replace(written, passage=replace(written.passage, author="Ann Example", written_at=moment))
    described = description("port", source="hr", acl=await acl_of(world, "plan"))
    await world.backends["private"].apply([Put(described, (passage("harbour harbour harbour"), written))])
    body = (await world.ask("private", query="harbour", mode="keyword", headers=bearer(ANN))).json()
    (result,) = body["results"]
    assert result["excerpt"]["kind"] == "body"
    assert result["comments"] == [
        {
            "text": "When is the harbour built?",
            "highlights": [{"start": 12, "end": 19}],
            "author": "Ann Example",
            "written_at": "2025-04-01T08:00:00Z",
        }
    ]


# -- explain -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("index", "user"), [("private", ANN), ("private", "eve@example.com"), ("open", ADA)])
async def test_scores_are_explained_to_administrators_of_a_source_only(world: HttpWorld, index: str, user: str) -> None:
    answer = await world.ask(index, query="plan", explain=True, headers=bearer(user))
    assert (answer.status_code, answer.headers["content-type"]) == (403, MEDIA_TYPE)
    assert "results" not in answer.json()


async def test_an_administrator_may_have_scores_explained(world: HttpWorld) -> None:
    answer = await world.ask("private", query="plan", explain=True, headers=bearer(ADA))
    assert answer.status_code == 200
    assert len(answer.json()["results"]) == 2


# -- suggestions -------------------------------------------------------------------------------------------------------


async def test_suggestions_come_from_what_the_reader_may_see(world: HttpWorld) -> None:
    for user, expected in ((ANN, ["merger plan"]), (BOB, []), ("eve@example.com", [])):
        answer = await world.suggest("private", q="merger ", headers=bearer(user))
        assert answer.status_code == 200
        assert [each["text"] for each in answer.json()["suggestions"]] == expected
    assert (await world.suggest("private", q="menu ", headers=bearer(BOB))).json() == {
        "suggestions": [{"text": "menu", "kind": "title"}]
    }


async def test_who_may_have_suggestions_is_settled_as_for_a_query(world: HttpWorld) -> None:
    assert (await world.suggest("private", q="men")).status_code == 401
    assert (await world.suggest("private", q="men", headers={"Authorization": "Bearer x"})).status_code == 401
    assert (await world.suggest("nowhere", q="men", headers=bearer(ANN))).status_code == 404
    for headers in (None, {"Authorization": "Bearer x"}):
        assert (await world.suggest("open", q="menu ", headers=headers)).json()["suggestions"][0]["text"] == "menu"


@pytest.mark.parametrize("parameters", [{}, {"q": "x" * 2001}, {"q": "a", "size": 0}, {"q": "a", "size": 21}])
async def test_impossible_requests_for_suggestions_are_400(world: HttpWorld, parameters: dict[str, object]) -> None:
    answer = await world.suggest("private", headers=bearer(ANN), **parameters)
    assert (answer.status_code, answer.headers["content-type"]) == (400, MEDIA_TYPE)
    assert answer.json()["errors"][0]["pointer"] in {"#/q", "#/size"}


async def test_neither_tokens_nor_what_is_typed_is_logged(world: HttpWorld, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG", logger="service"):
        await world.suggest("private", q="merg", headers=bearer(ANN))
    assert "merg" not in caplog.text
