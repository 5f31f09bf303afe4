"""`GET /admin/explain-access`: what the admin API says of a single decision, and that asking is an act."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from acl import IdentityMapping, IdentityStore, MappingStore
from service.admin.acts import Act, AdminActs
from tests.unit.service.admin_world import KEYS, with_key
from tests.unit.service.http_world import ISSUER, HttpWorld, furnish, listed, person_of, rule, served


@pytest.fixture
async def world(engine: sa.Engine) -> AsyncIterator[HttpWorld]:
    rules = {"private": [rule("hr")], "open": [rule("web")]}
    async with served(engine, rules, public=["open"], admin_keys=KEYS) as running:
        await furnish(running)
        yield running


async def explain(world: HttpWorld, **parameters: Any) -> httpx.Response:
    return await world.client.get("/admin/explain-access", params=parameters, headers=with_key())


@pytest.mark.parametrize(
    ("user", "document", "allowed", "ground"),
    [
        ("ann@example.com", "hr/plan", True, "allowed"),
        ("bob@example.com", "hr/plan", False, "nothing matched"),
        ("user:hr/ann", "hr/plan", True, "allowed"),
        ("zoe@example.com", "hr/menu", False, "unknown reader"),
        ("ada@example.com", "hr/plan", True, "administrator"),
        ("zoe@example.com", "web/menu", True, "allowed"),  # a public index asks nobody
    ],
)
async def test_a_decision_is_told_with_its_ground(
    world: HttpWorld, user: str, document: str, allowed: bool, ground: str
) -> None:
    answer = await explain(world, user=user, document=document)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["allowed"], told["ground"], told["document"]["presence"]) == (allowed, ground, "shown")
    assert told["remedies"]


async def test_whoever_asks_is_recorded_with_whom_and_what_it_was_about(world: HttpWorld) -> None:
    await explain(world, user="ann@example.com", document="hr/plan", group=["STAFF", "ALL"])
    (act,) = await AdminActs(world.engine).listed(limit=2)
    assert (act.administrator, act.act, act.subject) == ("root", Act.EXPLAIN_ACCESS, "ann@example.com")
    assert act.parameters == {"document": "hr/plan", "issuer": ISSUER, "groups": ["STAFF", "ALL"]}


async def test_that_a_source_lists_no_such_person_is_told_once_the_question_is_on_record(world: HttpWorld) -> None:
    answer = await explain(world, user="user:hr/mallory", document="hr/plan")
    assert (answer.status_code, answer.json()["detail"]) == (400, "source hr lists no person 'mallory'")
    (act,) = await AdminActs(world.engine).listed(limit=2)
    assert (act.subject, act.outcome) == ("user:hr/mallory", "failed: QueryInvalid")


@pytest.mark.parametrize("user", ["user:hr/ann", "user:hr/mallory"])
async def test_where_nothing_can_be_recorded_nobody_learns_who_exists(world: HttpWorld, user: str) -> None:
    with world.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE admin_acts RENAME COLUMN subject TO about"))
    answer = await explain(world, user=user, document="hr/plan")
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:sightline:problem:unavailable")


@pytest.mark.parametrize(
    ("document", "problem"),
    [("plan", "not a document id: 'plan' (expected <source>/<id>)"), ("x/y", "no such source: x (there are: hr, web)")],
)
async def test_a_document_that_cannot_be_named_is_400(world: HttpWorld, document: str, problem: str) -> None:
    answer = await explain(world, user="ann@example.com", document=document)
    assert (answer.status_code, answer.json()["detail"]) == (400, problem)


@pytest.mark.parametrize(
    ("user", "document", "words"),
    [
        (
            "zoe@example.com",
            "hr/menu",
            "zoe@example.com does not find it, nor anything else of hr: nobody there has this e-mail address",
        ),
        (
            "bob@example.com",
            "hr/plan",
            "bob@example.com does not find it: its list allows ann, which is neither them nor a group of theirs, and "
            "it has no owner",
        ),
        (
            "ann@example.com",
            "hr/lost",
            "nobody finds it: no run has met such a document; it is outside the source's scope, or gone, or its id is "
            "spelled differently",
        ),
    ],
)
async def test_the_answer_is_one_sentence_that_can_be_passed_on(
    world: HttpWorld, user: str, document: str, words: str
) -> None:
    told = (await explain(world, user=user, document=document)).json()
    assert told["words"] == words
    assert all(remedy["words"] for remedy in told["remedies"])


async def test_whom_an_operator_has_mapped_is_told_to_be_mapped(world: HttpWorld) -> None:
    await MappingStore(world.engine).put(IdentityMapping(ISSUER, "zoe@x", "hr", "ann"), made_by="root")
    told = (await explain(world, user="zoe@x", document="hr/plan")).json()
    assert (told["allowed"], told["reader"][0]["mapped"]) == (True, True)
    assert "mapped by an operator" in told["reader"][0]["words"]


async def test_a_name_with_half_a_character_is_told_and_fails_nothing(world: HttpWorld) -> None:
    odd = replace(person_of("hr", "zoe"), display_name="Zo\ud800")
    everybody = [person_of("hr", name) for name in ("ann", "bob")]
    await IdentityStore(world.engine).replace("hr", listed([*everybody, odd]))
    answer = await explain(world, user="zoe@example.com", document="hr/plan")
    assert answer.status_code == 200, answer.text
    assert answer.json()["reader"][0]["people"][0]["display_name"] == "Zo?"


async def test_a_document_that_no_source_can_have_is_no_question(world: HttpWorld) -> None:
    answer = await explain(world, user="ann@example.com", document="hr/pl\x00an")
    assert (answer.status_code, answer.json()["title"]) == (400, "The request cannot be understood")
