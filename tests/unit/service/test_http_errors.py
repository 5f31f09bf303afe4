"""Every failure is a problem document that says what the caller needs and nothing that they must not know."""

from __future__ import annotations

import logging

import httpx
import pytest
from fastapi import FastAPI
from starlette.exceptions import HTTPException

from service.http.errors import MEDIA_TYPE, handle_errors
from service.routes.query_request import QueryBody
from vocabulary.errors import (
    ContentGone,
    IndexBusy,
    IndexUnknown,
    NotAllowed,
    NotAuthenticated,
    NumberingMismatch,
    QueryInvalid,
    SourceUnavailable,
)

SECRET = "/srv/index.db: SELECT token"


def app_that_raises(error: Exception) -> httpx.AsyncClient:
    app = FastAPI()
    handle_errors(app)

    @app.get("/fails")
    async def fails() -> None:
        raise error

    @app.post("/query")
    async def query(body: QueryBody) -> None:
        return None

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://test")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (QueryInvalid("bad cursor"), 400),
        (NotAuthenticated("the token has expired"), 401),
        (NotAllowed(SECRET), 403),
        (IndexUnknown(SECRET), 404),
        (IndexBusy(SECRET), 503),
        (SourceUnavailable(SECRET), 503),
        (NumberingMismatch(SECRET), 503),
        (ContentGone(SECRET), 500),
        (ValueError(SECRET), 500),
        (HTTPException(418, SECRET), 418),
    ],
)
async def test_each_error_is_a_problem_document_without_internals(error: Exception, status: int) -> None:
    async with app_that_raises(error) as client:
        answer = await client.get("/fails")
    problem = answer.json()
    assert answer.status_code == problem["status"] == status
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert problem["type"].startswith("urn:sightline:problem:")
    assert problem["title"]
    assert SECRET not in answer.text


async def test_the_callers_own_mistake_is_told_to_them() -> None:
    async with app_that_raises(QueryInvalid("bad cursor")) as client:
        assert (await client.get("/fails")).json()["detail"] == "bad cursor"


@pytest.mark.parametrize(
    ("reason", "challenge"),
    [
        *((each, "Bearer") for each in ("missing", "several", "caller", "keys-unavailable")),
        *((each, 'Bearer error="invalid_token"') for each in ("expired", "signature", "unproven")),
    ],
)
async def test_who_is_not_authenticated_is_told_how_to_be(reason: str, challenge: str) -> None:
    async with app_that_raises(NotAuthenticated("no", reason=reason)) as client:
        assert (await client.get("/fails")).headers["www-authenticate"] == challenge


@pytest.mark.parametrize(("asked_s", "told"), [(2.6, "3"), (0.1, "1"), (None, "5")])
async def test_who_may_try_again_is_told_when(asked_s: float | None, told: str) -> None:
    async with app_that_raises(IndexBusy("busy", retry_after_s=asked_s)) as client:
        assert (await client.get("/fails")).headers["retry-after"] == told


async def test_an_unexpected_error_is_found_in_the_log_by_the_name_in_the_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR, logger="service.http.errors"):
        async with app_that_raises(ValueError(SECRET)) as client:
            answer = await client.get("/fails")
    problem = answer.json()
    assert answer.headers["cache-control"] == "no-store"
    assert problem["instance"] in caplog.text
    assert SECRET in caplog.text


async def test_a_wrong_path_and_a_wrong_method_are_problem_documents() -> None:
    async with app_that_raises(ValueError()) as client:
        missing, wrong = await client.get("/nowhere"), await client.get("/query")
    assert (missing.status_code, missing.headers["content-type"]) == (404, MEDIA_TYPE)
    assert (wrong.status_code, wrong.headers["content-type"], wrong.headers["allow"]) == (405, MEDIA_TYPE, "POST")


async def test_a_body_that_cannot_be_understood_is_400_and_points_to_each_wrong_part() -> None:
    body = {"page": {"size": 1000}, "filter": {"and": [{"equals": {"field": "a", "value": [SECRET]}}]}, SECRET: 1}
    async with app_that_raises(ValueError()) as client:
        answer = await client.post("/query", json=body)
    assert answer.status_code == 400
    told = {part["pointer"]: part["detail"] for part in answer.json()["errors"]}
    assert told["#/page/size"] == "should be less than or equal to 100"
    assert told["#/filter/and/0/equals/value"].startswith("should be a valid boolean, or should be")
    assert told["#/~1srv~1index.db: SELECT token"] == "unknown key"
    assert len(told) == 3


@pytest.mark.parametrize("body", [b"{", b"[" * 100_000, b"\xff", b"null", b"[]", b'"text"', b""])
async def test_a_body_that_is_no_json_object_is_400(body: bytes) -> None:
    async with app_that_raises(ValueError()) as client:
        answer = await client.post("/query", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (400, MEDIA_TYPE)


async def test_json_that_does_not_say_so_is_told_how_to() -> None:
    async with app_that_raises(ValueError()) as client:
        answer = await client.post(
            "/query", content=b"{}", headers={"Content-Type": "application/x-www-form-urlencoded"}
        )
    (part,) = answer.json()["errors"]
    assert (part["pointer"], "Content-Type: application/json" in part["detail"]) == ("#", True)


async def test_a_list_instead_of_an_object_is_told_in_plain_words() -> None:
    async with app_that_raises(ValueError()) as client:
        answer = await client.post("/query", json=[1])
    assert answer.json()["errors"] == [{"pointer": "#", "detail": "should be an object"}]
