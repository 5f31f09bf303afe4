"""Sources, runs and syncs over the admin API: scheduler and state store are real, what a job does is scripted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from indexer.state.ledger import LedgerRow
from indexer.state.run_history import RunReport, RunState
from indexer.state.runs import RunStore, RunTicket
from indexer.state.tally import Tally
from service.admin.acts import AdminActs
from service.routes.admin_runs import RunAnswer
from service.run_reports import report_json
from service.scheduling.scheduler import Scheduler
from service.scheduling.timetable import Job
from service.settings.schedule import SchedulerSettings
from service.wiring import State
from tests.fakes.scripted_clock import settle
from tests.unit.service.admin_world import KEYS, with_key
from tests.unit.service.http_world import HttpWorld, rule, served
from vocabulary.documents import DocumentState
from vocabulary.ports import SyncMode

PROBLEM = "urn:sightline:problem:"


@dataclass
class Work:
    """What jobs do: they begin, and go on until they are told to stop or to end."""

    began: list[Job] = field(default_factory=list)
    stopped: list[Job] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, job: Job, stop: asyncio.Event) -> bool:
        self.began.append(job)
        waiting = [asyncio.ensure_future(stop.wait()), asyncio.ensure_future(self.ended.wait())]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for each in waiting:
            each.cancel()
        if stop.is_set():
            self.stopped.append(job)
        return not stop.is_set()


@dataclass
class Desk:
    world: HttpWorld
    work: Work
    scheduler: Scheduler

    async def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        answer = await self.world.client.request(method, f"/admin/{path}", headers=with_key(), **options)
        await settle()
        return answer

    async def start(self, source: str = "hr", **body: Any) -> httpx.Response:
        return await self.call("POST", f"sources/{source}/sync", json=body)

    async def stop(self, source: str = "hr") -> httpx.Response:
        return await self.call("DELETE", f"sources/{source}/sync")

    async def acts(self) -> list[tuple[str, str, Any, str | None]]:
        listed = await AdminActs(self.world.engine).listed(limit=100)
        return [(act.act, act.subject, act.parameters, act.outcome) for act in reversed(listed)]


@asynccontextmanager
async def open_desk(engine: sa.Engine, **settings: Any) -> AsyncIterator[Desk]:
    work = Work()
    scheduler = Scheduler((), work.run, settings=SchedulerSettings(**settings))
    rules = {"private": [rule("hr"), rule("wiki")]}
    async with served(engine, rules, admin_keys=KEYS, scheduler=scheduler) as world:
        running = asyncio.create_task(scheduler.run())
        try:
            yield Desk(world, work, scheduler)
        finally:
            scheduler.stop()
            await running


@pytest.fixture
async def desk(engine: sa.Engine) -> AsyncIterator[Desk]:
    async with open_desk(engine, concurrent_sources=1) as opened:
        yield opened


def kind_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix(PROBLEM)


# -- starting and stopping ---------------------------------------------------------------------------------------------


async def test_a_sync_is_started_at_once_and_recorded(desk: Desk) -> None:
    answer = await desk.start(mode="full", confirm_deletes=True)
    assert (answer.status_code, answer.json()) == (202, {"source": "hr", "mode": "full"})
    assert desk.work.began == [Job("hr", SyncMode.FULL)]
    assert desk.work.began[0].confirm_deletes
    parameters = {"mode": "full", "confirm_deletes": True}
    assert await desk.acts() == [("start-sync", "hr", parameters, "started")]


async def test_without_a_body_a_full_sync_that_confirms_nothing_is_started(desk: Desk) -> None:
    answer = await desk.call("POST", "sources/hr/sync")
    assert answer.json() == {"source": "hr", "mode": "full"}
    assert [job.confirm_deletes for job in desk.work.began] == [False]


async def test_a_confirmation_is_for_one_sync(desk: Desk) -> None:
    await desk.start(confirm_deletes=True)
    desk.work.ended.set()
    await settle()
    await desk.start()
    assert [job.confirm_deletes for job in desk.work.began] == [True, False]


async def test_a_source_that_is_being_synced_is_409(desk: Desk) -> None:
    await desk.start()
    assert kind_of(await desk.start()) == (409, "sync-under-way")
    assert kind_of(await desk.start("hr")) == (409, "sync-under-way")
    assert len(desk.work.began) == 1
    assert [outcome for *_, outcome in await desk.acts()] == ["started"] + ["failed: SyncUnderWay"] * 2


async def test_a_source_that_another_program_syncs_is_409(desk: Desk) -> None:
    ticket = await RunStore(desk.world.engine).begin("hr", SyncMode.FULL, index_id="x")
    answer = await desk.start()
    assert kind_of(answer) == (409, "sync-under-way")
    assert answer.json()["detail"] == f"run {ticket.run_id} (full) is under way"
    assert desk.work.began == []
    await RunStore(desk.world.engine).finish(ticket, RunState.SUCCEEDED, Tally(), "")
    assert (await desk.start()).status_code == 202


async def test_the_lease_of_a_program_that_died_keeps_nobody_away(desk: Desk) -> None:
    await RunStore(desk.world.engine, clock=lambda: 1.0).begin("hr", SyncMode.FULL, index_id="x")
    assert (await desk.start()).status_code == 202


async def test_a_sync_waits_for_its_place_and_is_not_asked_for_twice(desk: Desk) -> None:
    await desk.start("hr")
    assert (await desk.start("wiki")).status_code == 202
    assert kind_of(await desk.start("wiki")) == (409, "sync-under-way")
    assert [job.source for job in desk.work.began] == ["hr"]
    desk.work.ended.set()
    await settle()
    assert [job.source for job in desk.work.began] == ["hr", "wiki"]


async def test_a_sync_is_stopped_in_order_and_does_not_go_on_by_itself(desk: Desk) -> None:
    await desk.start()
    answer = await desk.stop()
    assert (answer.status_code, answer.json()) == (202, {"source": "hr", "mode": "full"})
    assert desk.work.stopped == [Job("hr", SyncMode.FULL)]
    assert len(desk.work.began) == 1
    assert (await desk.acts())[-1] == ("stop-sync", "hr", {}, "asked to stop: full")
    assert (await desk.start()).status_code == 202


async def test_a_sync_that_waits_is_dropped(desk: Desk) -> None:
    await desk.start("hr")
    await desk.start("wiki")
    assert (await desk.stop("wiki")).status_code == 202
    desk.work.ended.set()
    await settle()
    assert [job.source for job in desk.work.began] == ["hr"]


async def test_a_sync_of_another_program_is_asked_to_stop(desk: Desk) -> None:
    runs = RunStore(desk.world.engine)
    ticket = await runs.begin("hr", SyncMode.CHANGES, index_id="x")
    answer = await desk.stop()
    assert (answer.status_code, answer.json()) == (202, {"source": "hr", "mode": "changes"})
    assert await runs.stop_requests.is_asked(ticket.run_id)
    assert await desk.acts() == [("stop-sync", "hr", {}, "asked to stop: changes")]
    await runs.finish(ticket, RunState.INTERRUPTED, Tally(), "")


async def test_a_sync_of_another_program_is_stopped_with_one_that_waits_here(desk: Desk) -> None:
    await desk.start("wiki")
    await desk.start("hr", mode="changes")
    runs = RunStore(desk.world.engine)
    ticket = await runs.begin("hr", SyncMode.FULL, index_id="x")
    assert (await desk.stop()).json() == {"source": "hr", "mode": "full"}
    assert await runs.stop_requests.is_asked(ticket.run_id)
    await runs.finish(ticket, RunState.INTERRUPTED, Tally(), "")
    desk.work.ended.set()
    await settle()
    assert [job.source for job in desk.work.began] == ["wiki"]


async def test_a_run_that_begins_when_the_one_that_was_meant_has_ended_goes_on(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = RunStore(desk.world.engine)
    meant = await runs.begin("hr", SyncMode.CHANGES, index_id="x")
    next_ones: list[RunTicket] = []
    look = RunStore.under_way

    async def then_the_next_begins(store: RunStore, source: str) -> RunReport | None:
        found = await look(store, source)
        await runs.finish(meant, RunState.SUCCEEDED, Tally(), "")
        next_ones.append(await runs.begin(source, SyncMode.CHANGES, index_id="x"))
        return found

    monkeypatch.setattr(RunStore, "under_way", then_the_next_begins)
    assert kind_of(await desk.stop()) == (409, "no-sync-under-way")
    for run_id in (meant.run_id, next_ones[0].run_id):
        assert not await runs.stop_requests.is_asked(run_id)
    await runs.finish(next_ones[0], RunState.SUCCEEDED, Tally(), "")


async def test_the_next_job_goes_on_where_the_one_that_was_meant_ends_meanwhile(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.start("hr", mode="full")
    look = RunStore.under_way

    async def and_the_next_job_begins(store: RunStore, source: str) -> RunReport | None:
        found = await look(store, source)
        if len(desk.work.began) == 1:
            desk.work.ended.set()
            await settle()
            desk.work.ended.clear()
            assert desk.scheduler.ask(Job("hr", SyncMode.PERMISSIONS))
            await settle()
        return found

    monkeypatch.setattr(RunStore, "under_way", and_the_next_job_begins)
    assert kind_of(await desk.stop()) == (409, "no-sync-under-way")
    assert [job.mode for job in desk.work.began] == [SyncMode.FULL, SyncMode.PERMISSIONS]
    assert desk.work.stopped == []


async def test_where_nothing_is_under_way_there_is_nothing_to_stop(desk: Desk) -> None:
    assert kind_of(await desk.stop()) == (409, "no-sync-under-way")
    assert await desk.acts() == [("stop-sync", "hr", {}, "failed: NoSyncUnderWay")]


@pytest.mark.parametrize("call", ["start", "stop"])
async def test_a_source_that_is_not_there_is_404_and_no_act(desk: Desk, call: str) -> None:
    answer = await getattr(desk, call)("nowhere")
    assert kind_of(answer) == (404, "source-unknown")
    assert await desk.acts() == []


@pytest.mark.parametrize("mode", ["changes", "permissions", "audit", "magic"])
async def test_a_mode_that_the_source_does_not_know_is_400(desk: Desk, mode: str) -> None:
    assert kind_of(await desk.start(mode=mode)) == (400, "request-invalid")
    assert desk.work.began == []


@pytest.mark.parametrize("path", ["start", "stop"])
async def test_what_cannot_be_recorded_neither_starts_nor_stops(desk: Desk, path: str) -> None:
    if path == "stop":
        await desk.start()
    with desk.world.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE admin_acts RENAME COLUMN subject TO about"))
    assert kind_of(await getattr(desk, path)()) == (503, "unavailable")
    assert len(desk.work.began) == (path == "stop")
    assert desk.work.stopped == []


async def test_people_are_read_beside_a_crawl_and_are_not_stopped(desk: Desk) -> None:
    await desk.start()
    assert (await desk.start(mode="identities")).status_code == 202
    assert kind_of(await desk.start(mode="identities")) == (409, "sync-under-way")
    assert (await desk.stop()).json()["mode"] == "full"
    assert kind_of(await desk.stop()) == (409, "no-sync-under-way")


async def test_without_a_key_that_starts_syncs_there_is_no_such_route(engine: sa.Engine) -> None:
    keys = [key for key in KEYS if key.name == "only-sources"]
    async with served(engine, {"private": [rule("hr")]}, admin_keys=keys) as world:
        answer = await world.client.post("/admin/sources/hr/sync", headers=with_key())
        assert answer.status_code == 404


# -- sources and runs --------------------------------------------------------------------------------------------------


async def run_of(desk: Desk, source: str, *names: str) -> int:
    """Leave a run behind in which these documents were indexed."""
    state = State.over(desk.world.engine)
    ticket: RunTicket = await state.runs.begin(source, SyncMode.FULL, index_id="x")
    rows = [LedgerRow(name, DocumentState.INDEXED, in_index=True) for name in names]
    await state.ledger.settle(ticket, rows, removed=[], checkpoint=None)
    tally = Tally(scanned=len(names))
    for _ in names:
        tally.settle(DocumentState.INDEXED, "")
    await state.runs.finish(ticket, RunState.SUCCEEDED, tally, "")
    return ticket.run_id


async def test_sources_are_answered_with_how_they_stand(desk: Desk) -> None:
    number = await run_of(desk, "hr", "plan", "menu")
    hr, wiki = (await desk.call("GET", "sources")).json()["sources"]
    assert (hr["source"], hr["index"], hr["documents"], hr["last_run"], hr["state"]) == (
        "hr",
        "private",
        2,
        number,
        "succeeded",
    )
    assert {mode["mode"]: mode["state"] for mode in hr["modes"]} == {
        "full": "succeeded",
        "identities": "never synced",
        "rescore": "never synced",
        "audit": "never synced",
    }
    assert (wiki["source"], wiki["documents"], wiki["last_run"], wiki["state"]) == ("wiki", 0, None, "never synced")
    assert (await desk.call("GET", "sources/wiki")).json() == wiki
    assert kind_of(await desk.call("GET", "sources/nowhere")) == (404, "source-unknown")


async def test_runs_are_answered_newest_first_page_by_page(desk: Desk) -> None:
    numbers = [await run_of(desk, source, "a") for source in ("hr", "wiki", "hr")]
    first = (await desk.call("GET", "runs", params={"limit": 2})).json()
    second = (await desk.call("GET", "runs", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [run["id"] for run in first["runs"] + second["runs"]] == numbers[::-1]
    assert second["next_cursor"] is None
    of_wiki = (await desk.call("GET", "runs", params={"source": "wiki", "mode": "full"})).json()
    assert [run["id"] for run in of_wiki["runs"]] == [numbers[1]]


async def test_a_run_is_answered_with_its_counts_as_the_command_line_tells_them(desk: Desk) -> None:
    number = await run_of(desk, "hr", "plan", "menu")
    told = (await desk.call("GET", f"runs/{number}")).json()
    report = await RunStore(desk.world.engine).show(number)
    assert set(told) == set(report_json(report))
    assert set(RunAnswer.model_fields) <= set(told)
    assert (told["states"], told["scanned"], told["state"]) == ({"indexed": 2}, 2, "succeeded")


async def test_a_runs_documents_are_answered_page_by_page(desk: Desk) -> None:
    number = await run_of(desk, "hr", "a", "b/c", "d")
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await desk.call("GET", f"runs/{number}/documents", params={"limit": 2, "cursor": cursor})).json()
        seen += [each["document_id"] for each in page["documents"]]
        cursor = page["next_cursor"]
    assert seen == ["hr/a", "hr/b/c", "hr/d"]
    failed = await desk.call("GET", f"runs/{number}/documents", params={"state": "failed"})
    assert failed.json() == {"documents": [], "next_cursor": None}


@pytest.mark.parametrize("path", ["runs/99", "runs/99/documents"])
async def test_a_run_that_is_not_there_is_404(desk: Desk, path: str) -> None:
    assert kind_of(await desk.call("GET", path)) == (404, "run-unknown")


@pytest.mark.parametrize("path", ["runs/x", "runs/0", f"runs/{2**31}", "runs?cursor=x", "runs?mode=magic"])
async def test_a_question_about_runs_that_cannot_be_understood_is_400(desk: Desk, path: str) -> None:
    assert kind_of(await desk.call("GET", path)) == (400, "request-invalid")
