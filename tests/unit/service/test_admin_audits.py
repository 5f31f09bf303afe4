"""Audits over the admin API: they become jobs of the scheduler, and their findings can be read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from acl import IdentityStore
from indexer.state.audits import AuditCounts, AuditHistory, AuditRecord, Finding, FindingKind
from indexer.state.run_history import RunState
from indexer.state.runs import RunStore
from service.audit.sampling import Sampling
from tests.unit.service.http_world import listed, person_of
from tests.unit.service.test_admin_syncs import Desk, kind_of, open_desk
from vocabulary.access import Principal
from vocabulary.documents import DocumentId
from vocabulary.ports import SyncMode
from vocabulary.statements import Question, Standpoint, Statement, Verdict


@pytest.fixture
async def desk(engine: sa.Engine) -> AsyncIterator[Desk]:
    async with open_desk(engine) as opened:
        await IdentityStore(engine).replace("hr", listed([person_of("hr", "ann")]))
        yield opened


async def start(desk: Desk, **body: Any) -> Any:
    return await desk.call("POST", "audits", json={"source": "hr"} | body)


async def test_an_audit_is_started_with_what_was_asked_and_recorded(desk: Desk) -> None:
    asked = {"sample": 60, "person": "ann@example.com", "seed": 7}
    answer = await start(desk, **asked)
    assert (answer.status_code, answer.json()) == (202, {"source": "hr", "seed": 7})
    [job] = desk.work.began
    assert (job.source, job.mode) == ("hr", SyncMode.AUDIT)
    assert job.sampling == Sampling(60, 7, user="ann@example.com")
    [(act, subject, parameters, outcome)] = await desk.acts()
    assert (act, subject, outcome) == ("audit", "hr", "started")
    told = {"questions": 60, "seed": 7, "person": "ann@example.com", "issuer": None, "document": None}
    assert parameters == told


async def test_without_a_seed_each_audit_has_one_of_its_own(desk: Desk) -> None:
    answer = await start(desk)
    [job] = desk.work.began
    assert job.sampling is not None
    assert answer.json()["seed"] == job.sampling.seed


async def test_a_person_and_a_document_make_one_question(desk: Desk) -> None:
    await start(desk, person="ann@example.com", document="hr/plan")
    [job] = desk.work.began
    assert job.sampling is not None
    assert (job.sampling.questions, job.sampling.document) == (1, DocumentId("hr", "plan"))


async def test_a_source_is_audited_once_at_a_time(desk: Desk) -> None:
    await start(desk)
    assert kind_of(await start(desk)) == (409, "audit-under-way")
    assert [outcome for *_, outcome in await desk.acts()] == ["started", "failed: AuditUnderWay"]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"source": "nowhere"}, (404, "source-unknown")),
        ({"issuer": "https://nobody.example.com"}, (400, "request-invalid")),
        ({"document": "wiki/plan"}, (400, "request-invalid")),
        ({"document": "plan"}, (400, "request-invalid")),
        ({"sample": 0}, (400, "request-invalid")),
        ({"person": "ann\x00"}, (400, "request-invalid")),
    ],
)
async def test_what_cannot_be_asked_is_refused_before_it_is_an_act(desk: Desk, changes: Any, problem: Any) -> None:
    assert kind_of(await start(desk, **changes)) == problem
    assert (desk.work.began, await desk.acts()) == ([], [])


async def test_that_nobody_is_meant_is_told_once_the_question_is_on_record(desk: Desk) -> None:
    assert kind_of(await start(desk, person="mallory@example.com")) == (400, "request-invalid")
    assert desk.work.began == []
    [(act, subject, parameters, outcome)] = await desk.acts()
    assert (act, subject, parameters["person"], outcome) == (
        "audit",
        "hr",
        "mallory@example.com",
        "failed: QueryInvalid",
    )


@pytest.mark.parametrize("person", ["ann@example.com", "mallory@example.com"])
async def test_where_nothing_can_be_recorded_nobody_learns_who_exists(desk: Desk, person: str) -> None:
    with desk.world.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE admin_acts RENAME COLUMN subject TO about"))
    assert kind_of(await start(desk, person=person)) == (503, "unavailable")
    assert desk.work.began == []


async def test_what_an_audit_found_is_told_once_it_has_ended(desk: Desk) -> None:
    engine = desk.world.engine
    run_id = await RunStore(engine).begin_beside("hr", SyncMode.AUDIT)
    under_way = (await desk.call("GET", f"audits/{run_id}")).json()
    assert (under_way["run"]["state"], under_way["audit"]) == ("running", None)
    question = Question(DocumentId("hr", "plan"), Principal.user("hr", "bob"))
    denied = Statement(Verdict.DENIED, Standpoint.RULES)
    finding = Finding(question, FindingKind.LEAK, True, denied, datetime(2026, 1, 2, tzinfo=UTC))
    await AuditHistory(engine).add(AuditRecord(run_id, "hr", AuditCounts(7, 10, 9, 0, 5, 1), (finding,)))
    await RunStore(engine).finish_beside(run_id, RunState.FAILED, "1 leak")
    told = (await desk.call("GET", f"audits/{run_id}")).json()
    assert (told["run"]["state"], told["audit"]["seed"], told["audit"]["leak"]) == ("failed", 7, 1)
    [leak] = told["audit"]["findings"]
    assert (leak["document_id"], leak["reader"], leak["index"], leak["source"]) == ("hr/plan", "bob", "shows", "denied")
    listed = (await desk.call("GET", "audits?source=hr")).json()["runs"]
    assert [run["id"] for run in listed] == [run_id]


async def test_a_run_that_is_no_audit_is_none_here(desk: Desk) -> None:
    run_id = await RunStore(desk.world.engine).begin_beside("hr", SyncMode.IDENTITIES)
    for number in (run_id, 999):
        assert kind_of(await desk.call("GET", f"audits/{number}")) == (404, "run-unknown")
