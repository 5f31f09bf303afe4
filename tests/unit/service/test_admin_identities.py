"""Administrators say who is who; the next request of the reader obeys, and the log of acts knows it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from service.admin.acts import AdminActs
from tests.unit.service.admin_world import KEYS, with_key
from tests.unit.service.http_world import ISSUER, HttpWorld, bearer, furnish, rule, served

STRANGER = "A.Miller@example.com"
MAPPING = {"issuer": ISSUER, "user": STRANGER, "source": "hr", "person": "ann"}


@pytest.fixture
async def world(engine: sa.Engine) -> AsyncIterator[HttpWorld]:
    async with served(engine, {"private": [rule("hr")], "open": [rule("web")]}, admin_keys=KEYS) as running:
        await furnish(running)
        yield running


async def put(world: HttpWorld, **changes: Any) -> httpx.Response:
    return await world.client.put("/admin/identities", json=MAPPING | changes, headers=with_key())


async def found(world: HttpWorld, user: str = STRANGER) -> int:
    answer = await world.ask("private", headers=bearer(user), query="")
    total: int = answer.json()["total"]["value"]
    return total


async def test_a_mapped_user_finds_what_the_person_finds_from_the_next_request_on(world: HttpWorld) -> None:
    assert await found(world) == 0
    answer = await put(world)
    assert (answer.status_code, answer.json()) == (200, MAPPING | {"effect": "found"})
    assert await found(world) == await found(world, STRANGER.lower()) == 2
    assert (await put(world, person=None)).json()["effect"] == "unknown in this source"
    assert await found(world) == 0


async def test_a_mapping_to_somebody_who_is_not_there_says_so_and_hides_everything(world: HttpWorld) -> None:
    assert await found(world, "ann@example.com") == 2
    answer = await put(world, user="ann@example.com", person="nobody")
    assert answer.json()["effect"] == "mapped to a person whom this source does not have"
    assert await found(world, "ann@example.com") == 0


async def test_mappings_are_listed_with_their_maker(world: HttpWorld) -> None:
    await put(world)
    answer = (await world.client.get("/admin/identities", headers=with_key())).json()
    [mapping] = answer["mappings"]
    assert mapping.pop("made_at").endswith("Z")
    assert mapping == MAPPING | {"kept_in": "state", "made_by": "root"}
    assert answer["file_problems"] == []


async def test_every_change_is_an_act(world: HttpWorld, engine: sa.Engine) -> None:
    await put(world)
    await put(world, person=None)
    unmapped, mapped = await AdminActs(engine).listed(limit=10)
    assert (mapped.administrator, mapped.act, mapped.subject) == ("root", "map-identity", STRANGER)
    assert mapped.parameters == {"issuer": ISSUER, "source": "hr", "person": "ann"}
    assert (unmapped.act, unmapped.subject, unmapped.outcome) == (
        "unmap-identity",
        STRANGER,
        "unknown in this source",
    )


async def test_a_change_that_cannot_be_recorded_is_not_made(world: HttpWorld, engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE admin_acts"))
    assert (await put(world)).status_code == 503
    assert await found(world) == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": ISSUER + "/"},
        {"source": "sales"},
        {"issuer": ""},
        {"user": ""},
        {"person": ""},
        {"person": 7},
        {"user": "x" * 1_001},
        {"group": "x"},
    ],
)
async def test_a_mapping_that_cannot_be_meant_is_refused_and_no_act(
    world: HttpWorld, engine: sa.Engine, changes: dict[str, Any]
) -> None:
    assert (await put(world, **changes)).status_code == 400
    assert await AdminActs(engine).listed(limit=10) == []


@pytest.mark.parametrize("field", ["user", "person", "source", "issuer"])
@pytest.mark.parametrize("name", ["a\x00", "a\n", "", 7])
async def test_what_is_no_name_is_refused(world: HttpWorld, field: str, name: object, engine: sa.Engine) -> None:
    answer = await put(world, **{field: name})
    assert (answer.status_code, answer.json()["title"]) == (400, "The request cannot be understood")
    assert await AdminActs(engine).listed(limit=1) == []


@pytest.mark.parametrize("body", ['{"user": "a\\ud800"}', '{"a\\ud800": 1}'])
async def test_half_a_character_in_a_body_is_refused_and_fails_nothing(world: HttpWorld, body: str) -> None:
    headers = with_key() | {"Content-Type": "application/json"}
    answer = await world.client.put("/admin/identities", content=body, headers=headers)
    assert answer.status_code == 400
