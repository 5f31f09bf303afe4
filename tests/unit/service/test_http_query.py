"""Who may ask an index over HTTP, and what the answer says."""

from __future__ import annotations

import json
import logging
import time

import pytest

from service.http.errors import MEDIA_TYPE
from service.routes.query import MAX_BODY_BYTES
from service.routes.query_request import QueryBody
from tests.unit.service.http_world import MENU_TEXT, PLAN_TEXT, HttpWorld, bearer, token_for

ANN = "ann@example.com"
BOB = "bob@example.com"


def titles(answer: object) -> list[str]:
    assert isinstance(answer, dict)
    return [result["title"] for result in answer["results"]]


# -- who may ask -------------------------------------------------------------------------------------------------------


async def test_a_token_index_without_a_token_is_401_and_never_an_empty_answer(world: HttpWorld) -> None:
    answer = await world.ask("private", query="plan")
    assert (answer.status_code, answer.headers["content-type"]) == (401, MEDIA_TYPE)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "results" not in answer.json()


@pytest.mark.parametrize(
    "authorization", ["Bearer", "Bearer ", "Basic YW5uOmFubg==", token_for(ANN), f"Basic {token_for(ANN)}"]
)
async def test_without_a_token_it_is_401(world: HttpWorld, authorization: str) -> None:
    answer = await world.ask("private", query="plan", headers={"Authorization": authorization})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize(
    "token",
    [
        "nonsense",
        f"{token_for(ANN)}x",
        token_for(ANN, exp=int(time.time()) - 3600),
        token_for(ANN, aud="others"),
        token_for(ANN, iss="https://others.example.com"),
        token_for(ANN, email=None),
        f"{token_for(ANN)} {token_for(ANN)}",
    ],
)
async def test_a_bad_token_is_401_and_called_invalid(world: HttpWorld, token: str) -> None:
    answer = await world.ask("private", query="plan", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer error="invalid_token"')


async def test_two_tokens_are_401(world: HttpWorld) -> None:
    twice = [("Authorization", f"Bearer {token_for(user)}") for user in (ANN, BOB)]
    answer = await world.client.post("/indexes/private/query", json={}, headers=twice)
    assert answer.status_code == 401


@pytest.mark.parametrize("body", [b"{", b'{"mode": "magic"}', b"x" * (MAX_BODY_BYTES + 1)])
async def test_who_may_not_ask_learns_nothing_of_what_a_body_should_be(world: HttpWorld, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await world.client.post("/indexes/private/query", content=body, headers=headers)
    assert (answer.status_code, "errors" in answer.json()) == (401, False)


async def test_the_word_bearer_may_be_written_in_any_case(world: HttpWorld) -> None:
    answer = await world.ask("private", headers={"Authorization": f"bearer {token_for(ANN)}"})
    assert answer.status_code == 200


async def test_a_public_index_answers_anybody_alike(world: HttpWorld) -> None:
    answers = [
        await world.ask("open", query="menu", headers=headers)
        for headers in (None, bearer(ANN), {"Authorization": "Bearer nonsense"})
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert [titles(answer.json()) for answer in answers] == [["menu"]] * 3


async def test_an_unknown_index_is_404(world: HttpWorld) -> None:
    for headers in (None, bearer(ANN)):
        answer = await world.ask("nowhere", headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (404, MEDIA_TYPE)


# -- what the answer says ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["hybrid", "keyword", "semantic"])
@pytest.mark.parametrize(("user", "readable"), [(ANN, {"plan", "menu"}), (BOB, {"menu"}), ("eve@example.com", set())])
async def test_hits_totals_and_facets_hold_only_what_the_reader_may_see(
    world: HttpWorld, mode: str, user: str, readable: set[str]
) -> None:
    answer = await world.ask("private", query="plan", mode=mode, facets=["site"], headers=bearer(user))
    body = answer.json()
    assert set(titles(body)) == readable
    assert body["total"] == {"value": len(readable), "relation": "eq"}
    assert sum(count["count"] for count in body["facets"]["site"]) == len(readable)
    assert ("merger" in answer.text) == ("plan" in readable)


async def test_an_answer_has_every_part_of_the_contract(world: HttpWorld) -> None:
    answer = await world.ask("private", query="merger", mode="keyword", facets=["site"], headers=bearer(ANN))
    body = answer.json()
    assert body.keys() == {"query_id", "total", "results", "facets", "spelling", "next_cursor"}
    assert body["facets"] == {"site": [{"value": "board", "count": 1}]}
    assert (body["spelling"], body["next_cursor"]) == (None, None)
    (result,) = body["results"]
    assert result.pop("score") > 0
    excerpt = result.pop("excerpt")
    assert result == {
        "document_id": "hr/plan",
        "source": "hr",
        "title": "plan",
        "uri": "https://hr.example/plan",
        "attributes": {
            "modified_at": "2025-03-01T12:30:00Z",
            "n": [1, 2.5],
            "site": "board",
            "tags": ["a", "b"],
        },
        "toxicity": 0.0,
        "toxicity_categories": [],
        "copies": 0,
        "comments": [],
        "score_parts": None,
    }
    assert excerpt.keys() == {"text", "highlights", "kind", "page", "heading", "author", "written_at"}
    assert excerpt["text"] in PLAN_TEXT
    assert [excerpt["text"][h["start"] : h["end"]] for h in excerpt["highlights"]] == ["merger"]


async def test_two_answers_have_two_ids(world: HttpWorld) -> None:
    ids = {(await world.ask("open")).json()["query_id"] for _ in range(2)}
    assert len(ids) == 2


async def test_an_empty_query_browses(world: HttpWorld) -> None:
    body = (await world.ask("private", sort={"field": "site", "order": "desc"}, headers=bearer(ANN))).json()
    assert titles(body) == ["menu", "plan"]
    assert all(not (result["excerpt"] or {}).get("highlights") for result in body["results"])


@pytest.mark.parametrize(
    ("clause", "found"),
    [
        ({"equals": {"field": "site", "value": "board"}}, {"plan"}),
        ({"not": {"equals": {"field": "site", "value": "board"}}}, {"menu"}),
        ({"equals": {"field": "modified_at", "value": "2025-03-01T12:30:00Z"}}, {"plan", "menu"}),
        ({"range": {"field": "modified_at", "gte": "2025-03-01", "lt": "2025-03-02"}}, {"plan", "menu"}),
        ({"range": {"field": "modified_at", "gte": "2025-03-02"}}, set()),
        ({"equals": {"field": "tags", "value": "b"}}, {"plan", "menu"}),
    ],
)
async def test_filters_narrow_the_answer(world: HttpWorld, clause: object, found: set[str]) -> None:
    body = (await world.ask("private", filter=clause, headers=bearer(ANN))).json()
    assert set(titles(body)) == found


async def test_a_cursor_leads_through_every_document_once(world: HttpWorld) -> None:
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = {"size": 1} if cursor is None else {"size": 1, "cursor": cursor}
        body = (await world.ask("private", query="plan", page=page, headers=bearer(ANN))).json()
        seen += titles(body)
        cursor = body["next_cursor"]
        if cursor is None:
            break
    assert sorted(seen) == ["menu", "plan"]


@pytest.mark.parametrize("cursor", ["", "nonsense", "bm9uc2Vuc2U="])
async def test_a_made_up_cursor_is_400(world: HttpWorld, cursor: str) -> None:
    answer = await world.ask("private", page={"cursor": cursor}, headers=bearer(ANN))
    assert (answer.status_code, answer.headers["content-type"]) == (400, MEDIA_TYPE)


async def test_a_body_that_is_too_large_is_413(world: HttpWorld) -> None:
    body = json.dumps({"query": "x" * MAX_BODY_BYTES})
    answer = await world.client.post(
        "/indexes/private/query", content=body, headers={"Content-Type": "application/json", **bearer(ANN)}
    )
    assert (answer.status_code, answer.headers["content-type"]) == (413, MEDIA_TYPE)


async def test_a_body_of_another_type_is_400(world: HttpWorld) -> None:
    headers = {"Content-Type": "text/plain", **bearer(ANN)}
    answer = await world.client.post("/indexes/private/query", content=b'{"query": "x"}', headers=headers)
    assert answer.status_code == 400


async def test_an_index_of_another_state_does_not_answer(world: HttpWorld) -> None:
    backend = world.backends["private"]
    backend._numbering = "another state"  # as after a restored backup of the state store
    answer = await world.ask("private", query="plan", headers=bearer(ANN))
    assert (answer.status_code, answer.headers["content-type"]) == (503, MEDIA_TYPE)
    assert "plan" not in answer.text


# -- what stays private ------------------------------------------------------------------------------------------------


async def test_answers_are_kept_from_caches_frames_and_foreign_scripts(world: HttpWorld) -> None:
    for answer in (await world.ask("private", headers=bearer(ANN)), await world.ask("private")):
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_neither_tokens_nor_queries_are_logged(world: HttpWorld, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        good = bearer(ANN)
        await world.ask("private", query="merger", headers=good)
        await world.ask("private", query="merger", headers={"Authorization": good["Authorization"] + "x"})
        await world.ask("private", query="merger", page={"cursor": "x"}, headers=good)
    assert token_for(ANN)[:40] not in caplog.text
    assert "merger" not in caplog.text
    assert MENU_TEXT not in caplog.text


# -- what the description says -----------------------------------------------------------------------------------------


async def test_the_openapi_document_describes_queries_with_examples_that_are_valid(world: HttpWorld) -> None:
    api = (await world.client.get("/openapi.json")).json()
    operation = api["paths"]["/indexes/{index}/query"]["post"]
    examples = operation["requestBody"]["content"]["application/json"]["examples"]
    assert len(examples) >= 3
    for example in examples.values():
        QueryBody.model_validate(example["value"]).as_query()
    assert operation["responses"].keys() == {"200", "400", "401", "403", "404", "413", "503", "default"}
    assert api["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"
    of_readers = [
        route for path, routes in api["paths"].items() if path.startswith("/indexes/") for route in routes.values()
    ]
    assert len(of_readers) == 3
    assert [route["security"] for route in of_readers] == [[{"HTTPBearer": []}, {"TrustedCaller": []}]] * 3
