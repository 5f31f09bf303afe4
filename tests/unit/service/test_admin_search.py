"""Search as somebody: their answer and no other, on record before it is looked up."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from acl import AclStore
from service.admin.acts import AdminActs, RecordedAct
from tests.fakes.documents import document
from tests.unit.service.admin_world import EVERYTHING, KEYS, with_key
from tests.unit.service.http_world import ISSUER, HttpWorld, bearer, furnish, rule, served
from vocabulary.access import Acl, Principal

ANN, BOB = "ann@example.com", "bob@example.com"


@pytest.fixture
async def world(engine: sa.Engine) -> AsyncIterator[HttpWorld]:
    rules = {"private": [rule("hr")], "open": [rule("web")]}
    async with served(engine, rules, public=["open"], admin_keys=KEYS) as running:
        await furnish(running)
        yield running


async def search_as(
    world: HttpWorld, user: str, *, index: str = "private", who: dict[str, Any] | None = None, **question: Any
) -> httpx.Response:
    body = {"as": {"user": user, **(who or {})}, **question}
    return await world.client.post(f"/admin/indexes/{index}/query", json=body, headers=with_key())


async def acts_of(world: HttpWorld) -> Sequence[RecordedAct]:
    return await AdminActs(world.engine).listed(limit=100)


@pytest.mark.parametrize("user", [ANN, BOB, "eve@example.com"])
async def test_the_answer_is_the_one_that_the_person_gets(world: HttpWorld, user: str) -> None:
    question = {"query": "plan", "facets": ["site"], "mode": "hybrid"}
    own = (await world.ask("private", headers=bearer(user), **question)).json()
    seen = (await search_as(world, user, **question)).json()
    assert seen.pop("people") == {"hr": "found" if user in (ANN, BOB) else "unknown in this source"}
    assert seen.pop("query_id") != own.pop("query_id")
    assert seen == own


async def test_groups_count_with_the_issuer_that_names_them_alone(world: HttpWorld) -> None:
    numbers = await AclStore(world.engine).number("hr", [Acl("staff", frozenset({Principal.group(ISSUER, "staff")}))])
    await world.backends["private"].apply([document("manual", "staff only", source="hr", acl=numbers["staff"])])
    found = {}
    for name, who in {
        "none": {},
        "issuer": {"issuer": ISSUER},
        "staff": {"issuer": ISSUER, "groups": ["staff"]},
    }.items():
        answer = (await search_as(world, BOB, who=who, query="staff", mode="keyword")).json()
        found[name] = [result["document_id"] for result in answer["results"]]
    assert found == {"none": [], "issuer": [], "staff": ["hr/manual"]}


@pytest.mark.parametrize(
    ("who", "told"),
    [
        ({"groups": ["staff"]}, "#/as"),
        ({"user": ""}, "#/as/user"),
        ({"user": "ann\x00"}, "#/as/user"),
        ({"user": "ann\nbob"}, "#/as/user"),
        ({"is_administrator": True}, "#/as/is_administrator"),
    ],
)
async def test_somebody_who_cannot_be_is_400(world: HttpWorld, who: dict[str, Any], told: str) -> None:
    answer = await search_as(world, ANN, who=who)
    assert answer.status_code == 400
    assert [part["pointer"] for part in answer.json()["errors"]] == [told]
    assert await acts_of(world) == []


async def test_an_issuer_that_nobody_configured_is_400(world: HttpWorld) -> None:
    answer = await search_as(world, ANN, who={"issuer": "https://others.example.com"})
    assert (answer.status_code, answer.json()["detail"]) == (400, "issuer: no [[tokens]] entry has it")


async def test_nobody_is_not_a_person(world: HttpWorld) -> None:
    answer = await world.client.post("/admin/indexes/private/query", json={"query": "plan"}, headers=with_key())
    assert (answer.status_code, answer.json()["errors"]) == (400, [{"pointer": "#/as", "detail": "is required"}])


async def test_who_asked_as_whom_and_for_what_is_recorded(world: HttpWorld) -> None:
    clause = {"equals": {"field": "site", "value": "board"}}
    await search_as(world, ANN, query="merger", filter=clause, who={"issuer": ISSUER, "groups": ["staff"]})
    (act,) = await acts_of(world)
    assert (act.administrator, act.act, act.subject, act.outcome) == ("root", "search-as", ANN, "done")
    assert act.parameters == {
        "index": "private",
        "as": {"user": ANN, "issuer": ISSUER, "groups": ["staff"]},
        "query": "merger",
        "filter": clause,
    }


async def test_it_is_recorded_before_anything_is_looked_up(world: HttpWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded: list[list[str | None]] = []
    backend = world.backends["private"]
    search = backend.search

    async def watched(*arguments: Any) -> Any:
        recorded.append([act.outcome for act in await acts_of(world)])
        return await search(*arguments)

    monkeypatch.setattr(backend, "search", watched)
    await search_as(world, ANN, query="merger")
    assert recorded == [[None]]


async def test_what_cannot_be_recorded_is_not_answered(world: HttpWorld) -> None:
    with world.engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE admin_acts"))
    answer = await search_as(world, ANN, query="merger")
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:sightline:problem:unavailable")
    assert "merger" not in answer.text


async def test_a_search_that_fails_is_recorded_as_failed(world: HttpWorld) -> None:
    answer = await search_as(world, ANN, page={"cursor": "nonsense"})
    assert answer.status_code == 400
    assert [act.outcome for act in await acts_of(world)] == ["failed: QueryInvalid"]


async def test_a_public_index_answers_as_to_everybody(world: HttpWorld) -> None:
    answer = (await search_as(world, ANN, index="open", query="menu")).json()
    assert ([result["title"] for result in answer["results"]], answer["people"]) == (["menu"], {})
    assert [act.subject for act in await acts_of(world)] == [ANN]


async def test_an_index_that_is_not_there_is_404_to_who_has_the_key(world: HttpWorld) -> None:
    answer = await search_as(world, ANN, index="nowhere")
    assert (answer.status_code, await acts_of(world)) == (404, [])


async def test_neither_key_nor_person_nor_question_is_logged(
    world: HttpWorld, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        await search_as(world, ANN, query="merger")
        await search_as(world, ANN, query="merger", page={"cursor": "x"})
    for secret in (EVERYTHING, ANN, "merger"):
        assert secret not in caplog.text
    assert EVERYTHING not in str(await acts_of(world))
