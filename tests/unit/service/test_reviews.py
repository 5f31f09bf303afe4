"""Reviews of held documents: over the admin API, with everything but the source's sync real."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from indexer.judging.rules import Handling
from indexer.search.toxicity import texts_sha256
from indexer.state.holds import Hold, HoldStore
from indexer.state.ledger import Ledger, LedgerRow
from indexer.state.run_history import RunState
from indexer.state.runs import RunStore
from indexer.state.tally import Tally
from service.admin.acts import AdminActs
from service.settings.toxicity import ToxicitySettings
from tests.fakes.documents import description, passage
from tests.unit.service.admin_world import KEYS, with_key
from tests.unit.service.http_world import HttpWorld, bearer, furnish, rule, served
from vocabulary.access import HIDDEN_ACL
from vocabulary.documents import DocumentId, DocumentState, Toxicity, ToxicSpan
from vocabulary.indexing import Put, Scoring
from vocabulary.ports import SyncMode

ANN, BOB = "ann@example.com", "bob@example.com"
TEXT = "A plan. You nincompoop!"
SPAN = ToxicSpan(8, 23, 0.95, "insult")
PLANS_LIST = 1
RULES = {"private": [rule("hr")], "open": [rule("web")]}
HIDE = ToxicitySettings(rule=Handling.HIDE)


@pytest.fixture
async def world(engine: sa.Engine) -> AsyncIterator[HttpWorld]:
    """A served index whose source hides toxic text, and one document that is held back."""
    async with served(engine, RULES, public=["open"], admin_keys=KEYS, toxicity=HIDE) as running:
        await furnish(running)
        await _hold(running)
        yield running


async def _hold(world: HttpWorld) -> None:
    backend = world.backends["private"]
    toxic = replace(passage(TEXT), toxicity=Toxicity(0.95, "insult", (SPAN,)))
    hidden = description("plan", source="hr", acl=HIDDEN_ACL)
    runs = RunStore(world.engine)
    ticket = await runs.begin("hr", SyncMode.FULL, index_id=backend.index_id)
    hold = Hold("plan", texts_sha256([TEXT]), "head/1", "insult", 0.95, ordinal=0, start=8, end=23, held_at=0.0)
    await HoldStore(world.engine).put(ticket, [hold])
    await backend.apply([Put(hidden, (toxic,), Scoring("head/1", ("insult",)))])
    row = LedgerRow(
        "plan",
        DocumentState.HELD,
        "insult",
        in_index=True,
        recipe="r",
        acl_id=PLANS_LIST,
        toxicity_rule="hide from 0.9",
    )
    await Ledger(world.engine).settle(ticket, [row], removed=[], checkpoint=None)
    await runs.finish(ticket, RunState.SUCCEEDED, Tally(), "")


async def call(world: HttpWorld, method: str, path: str, **options: Any) -> httpx.Response:
    return await world.client.request(method, f"/admin/{path}", headers=with_key(), **options)


async def decide(world: HttpWorld, decision: str, **body: str) -> httpx.Response:
    return await call(world, "POST", "reviews/hr/plan", json={"decision": decision, **body})


async def found(world: HttpWorld, reader: str) -> list[str]:
    answer = await world.ask("private", headers=bearer(reader), query="nincompoop", mode="keyword")
    return [result["document_id"] for result in answer.json()["results"]]


async def acts(world: HttpWorld) -> list[tuple[str, str, str | None]]:
    return [(each.act, each.subject, each.outcome) for each in await AdminActs(world.engine).listed(limit=10)]


async def test_what_waits_is_listed_without_a_word_of_it(world: HttpWorld) -> None:
    answer = await call(world, "GET", "reviews", params={"source": "hr"})
    (held,) = answer.json()["documents"]
    assert (held["document_id"], held["category"], held["toxicity"], held["model"], held["decision"]) == (
        "hr/plan",
        "insult",
        0.95,
        "head/1",
        None,
    )
    assert "nincompoop" not in answer.text
    assert (await call(world, "GET", "reviews", params={"source": "nowhere"})).status_code == 404


async def test_what_is_held_back_is_filtered_and_counted_by_category(world: HttpWorld) -> None:
    insult = (await HoldStore(world.engine).look_up("hr", ["plan"]))["plan"]
    runs = RunStore(world.engine)
    ticket = await runs.begin("hr", SyncMode.FULL, index_id=world.backends["private"].index_id)
    others = [replace(insult, native_id=name, category="threat") for name in ("memo", "note")]
    await HoldStore(world.engine).put(ticket, others)
    await runs.finish(ticket, RunState.SUCCEEDED, Tally(), "")

    async def listed(**parameters: object) -> tuple[list[str], dict[str, int], str | None]:
        answer = (await call(world, "GET", "reviews", params={"source": "hr", **parameters})).json()
        counted = {each["value"]: each["count"] for each in answer["categories"]}
        return [each["document_id"] for each in answer["documents"]], counted, answer["next_cursor"]

    all_counted = {"threat": 2, "insult": 1}
    assert await listed() == (["hr/memo", "hr/note", "hr/plan"], all_counted, None)
    assert await listed(category="threat") == (["hr/memo", "hr/note"], all_counted, None)
    assert await listed(category="threat", size=1) == (["hr/memo"], all_counted, "memo")
    assert await listed(category="threat", cursor="memo") == (["hr/note"], all_counted, None)
    assert await listed(category="obscene") == ([], all_counted, None)
    assert (await decide(world, "kept")).status_code == 200
    assert await listed() == (["hr/memo", "hr/note"], {"threat": 2}, None)
    assert await listed(category="insult", decided=True) == (["hr/plan"], all_counted, None)


async def test_the_sentence_is_shown_to_who_reviews_and_to_no_record(world: HttpWorld) -> None:
    held = (await call(world, "GET", "reviews/hr/plan")).json()
    assert held["text"][held["start"] : held["end"]] == "You nincompoop!"
    assert await acts(world) == [("show-review", "hr/plan", "done")]
    assert (await call(world, "GET", "reviews/hr/menu")).status_code == 404


async def test_a_release_shows_the_document_at_once_to_its_own_readers_alone(world: HttpWorld) -> None:
    assert (await found(world, ANN), await found(world, BOB)) == ([], [])
    seen = (await call(world, "GET", "reviews/hr/plan")).json()["seen"]
    answer = await decide(world, "released", seen=seen)
    assert answer.json() == {"document_id": "hr/plan", "decision": "released", "effect": "shown"}
    assert (await found(world, ANN), await found(world, BOB)) == (["hr/plan"], [])
    assert (await acts(world))[0] == ("release", "hr/plan", "shown")
    assert (await call(world, "GET", "reviews", params={"source": "hr"})).json()["documents"] == []


async def test_while_a_run_is_under_way_a_release_waits_for_the_next(world: HttpWorld) -> None:
    runs = RunStore(world.engine)
    ticket = await runs.begin("hr", SyncMode.FULL, index_id=world.backends["private"].index_id)
    assert (await decide(world, "released")).json()["effect"] == "waits-for-the-next-run"
    assert await found(world, ANN) == []
    await runs.finish(ticket, RunState.SUCCEEDED, Tally(), "")
    assert (await decide(world, "released")).json()["effect"] == "shown"


async def test_what_is_kept_stays_hidden_and_waits_no_longer(world: HttpWorld) -> None:
    assert (await decide(world, "kept")).json()["effect"] == "hidden"
    assert await found(world, ANN) == []
    assert (await call(world, "GET", "reviews", params={"source": "hr"})).json()["documents"] == []
    everything = await call(world, "GET", "reviews", params={"source": "hr", "decided": True})
    assert [(each["decision"], each["decided_by"]) for each in everything.json()["documents"]] == [("kept", "root")]


async def test_a_decision_about_text_that_has_changed_is_refused(world: HttpWorld) -> None:
    answer = await decide(world, "released", seen="0" * 64)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:sightline:problem:review-outdated")
    assert await found(world, ANN) == []


async def test_a_decision_that_cannot_be_recorded_is_not_made(world: HttpWorld) -> None:
    with world.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE admin_act_outcomes")
        connection.exec_driver_sql("ALTER TABLE admin_acts RENAME TO elsewhere")
    assert (await decide(world, "released")).status_code == 503
    assert await found(world, ANN) == []


async def test_explaining_says_that_it_waits_for_a_review(world: HttpWorld) -> None:
    asked = {"user": ANN, "document": "hr/plan"}
    told = (await call(world, "GET", "explain-access", params=asked)).json()
    assert not told["allowed"]
    assert "insult" in told["words"]
    assert "waits for a review" in told["words"]
    assert [each["words"] for each in told["remedies"]] == [
        "review it: sightline review show hr/plan, then release or keep it"
    ]
    assert DocumentId.parse("hr/plan").native_id in told["document"]["document_id"]
