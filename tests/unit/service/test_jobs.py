"""What a job's run means to the scheduler."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from indexer import heartbeat
from indexer.layers import RetryPolicy
from indexer.state.audits import AuditHistory, FindingKind
from indexer.state.leases import LEASE_S
from indexer.state.run_history import RunState
from indexer.state.runs import RunStore
from indexer.state.tables import runs
from indexer.state.tally import Tally
from service.audit.sampling import Sampling
from service.scheduling import jobs as jobs_room
from service.scheduling.jobs import Jobs, owed_jobs
from service.scheduling.timetable import Job, timetable
from service.syncing import SyncOptions
from service.wiring import Workshop
from tests.fakes.outage import away
from tests.fakes.plain_rooms import HashingEnricher
from tests.fakes.sync_bench import no_wait
from tests.integration.lean_programs import opened_lean
from tests.unit.service.cli_folder import SETTINGS, CliFolder
from vocabulary.documents import Checkpoint
from vocabulary.ports import SyncMode

PAGES = 200


@pytest.fixture
def folder(tmp_path: Path) -> CliFolder:
    folder = CliFolder(tmp_path)
    folder.furnish()
    return folder


async def test_an_audit_draws_what_was_asked_for(folder: CliFolder) -> None:
    async with opened_lean(folder.path / "sightline.toml") as (settings, state, workshop):
        jobs = Jobs(settings, state, workshop)
        assert await jobs.run(Job("handbook", SyncMode.FULL), asyncio.Event())
        assert await jobs.run(Job("handbook", SyncMode.AUDIT, sampling=Sampling(60, 7)), asyncio.Event())
        record = await AuditHistory(state.engine).last("handbook")
    assert record is not None
    assert (record.counts.seed, record.counts.agreed) == (7, record.counts.asked)


@pytest.mark.parametrize("mode", [SyncMode.IDENTITIES, SyncMode.AUDIT])
async def test_a_run_beside_the_documents_is_not_taken_for_dead_while_it_works(
    folder: CliFolder, monkeypatch: pytest.MonkeyPatch, mode: SyncMode
) -> None:
    async with opened_lean(folder.path / "sightline.toml") as (settings, state, workshop):
        jobs = Jobs(settings, state, workshop)
        assert await jobs.run(Job("handbook", SyncMode.FULL), asyncio.Event())
        monkeypatch.setattr(heartbeat, "HEARTBEAT_S", 0.0)
        assert await jobs.run(Job("handbook", mode), asyncio.Event())
        [run] = await state.runs.recent("handbook", mode=mode)
        with state.engine.connect() as connection:
            row = connection.execute(sa.select(runs).where(runs.c.id == run.id)).one()
    assert run.state is RunState.SUCCEEDED
    assert row.lease_until > row.started_at + LEASE_S


async def test_an_audit_counts_what_is_held_back_as_that_and_not_as_lost(folder: CliFolder) -> None:
    folder.write_settings(f'{SETTINGS}toxicity = {{ rule = "hide" }}\n')
    async with opened_lean(folder.path / "sightline.toml") as (settings, state, workshop):
        jobs, enricher = Jobs(settings, state, workshop), await _scored_by(workshop, "head/1")
        enricher.toxic_words = {"canteen": 0.99}
        assert await jobs.run(Job("handbook", SyncMode.FULL), asyncio.Event())
        assert await jobs.run(Job("handbook", SyncMode.AUDIT, sampling=Sampling(60, 7)), asyncio.Event())
        record = await AuditHistory(state.engine).last("handbook")
        [run] = await state.runs.recent("handbook", mode=SyncMode.AUDIT)
    assert record is not None
    assert {finding.question.document_id.native_id for finding in record.findings} == {"canteen.txt"}
    assert record.number_of(FindingKind.HELD) == len(record.findings) > 0
    assert (run.state, record.counts.even_wrong) == (RunState.SUCCEEDED, 0)


async def test_an_audit_that_another_program_carries_out_is_not_owed(folder: CliFolder) -> None:
    folder.write_settings(f'{SETTINGS}schedule = {{ audit = "0 0 1 1 *", identities = "0 0 1 1 *" }}\n')
    async with opened_lean(folder.path / "sightline.toml") as (settings, state, _):
        begun = [await state.runs.begin_beside("handbook", mode) for mode in (SyncMode.AUDIT, SyncMode.IDENTITIES)]
        assert await owed_jobs(settings, timetable(settings), state, now=datetime.now(UTC)) == []
        for run_id in begun:
            await state.runs.finish_beside(run_id, RunState.INTERRUPTED, "")
        owed = await owed_jobs(settings, timetable(settings), state, now=datetime.now(UTC))
    assert {job.mode for job in owed} == {SyncMode.AUDIT, SyncMode.IDENTITIES}


async def test_a_look_that_a_killed_program_left_owed_behind_a_resumed_run_is_owed_at_the_start(
    folder: CliFolder,
) -> None:
    """Whatever is due when, and whatever becomes of missed times: nobody missed this one."""
    folder.write_settings(f'{SETTINGS}schedule = {{ identities = "0 0 1 1 *", missed = "skip" }}\n')
    async with opened_lean(folder.path / "sightline.toml") as (settings, state, _):
        for ending in (RunState.INTERRUPTED, RunState.SUCCEEDED):
            assert await owed_jobs(settings, timetable(settings), state, now=datetime.now(UTC)) == []
            ticket = await state.runs.begin("handbook", SyncMode.FULL, index_id="i")
            await state.ledger.settle(ticket, [], removed=[], checkpoint=Checkpoint("page 1"))
            await state.runs.finish(ticket, ending, Tally(), "")
        owed = await owed_jobs(settings, timetable(settings), state, now=datetime.now(UTC))
    assert owed == [Job("handbook", SyncMode.FULL)], "of a source that tells no permissions by themselves"


async def _scored_by(workshop: Workshop, model: str) -> HashingEnricher:
    enricher = await workshop.search.enricher_of("private")
    assert isinstance(enricher, HashingEnricher)
    enricher.toxicity_version = model
    return enricher


async def test_what_another_program_has_stopped_waits_for_its_next_time(
    folder: CliFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "_STOP_POLL_S", 0.01)
    folder.write_settings(f"{SETTINGS}page_size = 1\n")
    for number in range(PAGES):
        (folder.path / "handbook" / f"page-{number}.txt").write_text("A page of its own.")
    async with opened_lean(folder.path / "sightline.toml") as (settings, state, workshop):
        stop = asyncio.Event()
        running = asyncio.create_task(Jobs(settings, state, workshop).run(Job("handbook", SyncMode.FULL), stop))
        elsewhere = RunStore(state.engine)
        while (begun := await elsewhere.under_way("handbook")) is None:
            await asyncio.sleep(0.001)
        assert await elsewhere.ask_to_stop(begun.id)
        assert await running, "whoever stopped it does not want it to go on at once"
        [run] = await state.runs.recent("handbook")
    assert run.state is RunState.INTERRUPTED


async def test_a_run_whose_end_the_state_store_does_not_take_is_not_called_running_for_ever(
    folder: CliFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs_room, "_STATE_RETRY_S", 0.001)
    impatient = RetryPolicy(attempts=2, sleep=no_wait)
    monkeypatch.setattr(jobs_room, "SyncOptions", partial(SyncOptions, policy=impatient))
    async with opened_lean(folder.path / "sightline.toml") as (settings, state, workshop):
        outage = ExitStack()

        @sa.event.listens_for(state.engine, "after_cursor_execute")
        def begin(connection: object, cursor: object, statement: str, *_: object) -> None:
            if statement.startswith("INSERT INTO ledger"):
                sa.event.remove(state.engine, "after_cursor_execute", begin)
                outage.enter_context(away(state.engine))

        async def then_it_answers(runs: RunStore) -> bool:
            recorded = await record_endings(runs)
            outage.close()
            return recorded

        record_endings = RunStore.record_endings
        monkeypatch.setattr(RunStore, "record_endings", then_it_answers)
        assert await Jobs(settings, state, workshop).run(Job("handbook", SyncMode.FULL), asyncio.Event())
        [run] = await state.runs.recent("handbook")
    assert (run.state, run.message) == (RunState.FAILED, "the state store does not answer")
