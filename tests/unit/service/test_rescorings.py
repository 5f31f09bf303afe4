"""Stored text is scored anew by the model that is approved now: without a restart, and without a person."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from indexer.state.judged_rows import JudgedRows
from indexer.state.run_history import RunState
from service.scheduling import rescorings as rescorings_room
from service.scheduling.jobs import Jobs, scheduling
from service.scheduling.rescorings import Rescorings
from service.scheduling.scheduler import Scheduler
from service.scheduling.timetable import Job, timetable
from service.settings.schedule import SchedulerSettings
from service.settings.settings import Settings
from service.wiring import State, Workshop
from tests.fakes.plain_rooms import HashingEnricher
from tests.integration.lean_programs import opened_lean
from tests.unit.service.cli_folder import SETTINGS, CliFolder
from vocabulary.documents import ReadText
from vocabulary.errors import IndexBusy
from vocabulary.ports import SyncMode

FULL, RESCORE = Job("handbook", SyncMode.FULL), Job("handbook", SyncMode.RESCORE)


@dataclass
class Asked:
    """A scheduler that carries nothing out: what it is asked for, and what seems to run."""

    running: Job | None = None
    refuses: bool = False
    jobs: list[Job] = field(default_factory=list)
    make_way: list[Job] = field(default_factory=list)

    def ask(self, job: Job) -> bool:
        if not self.refuses:
            self.jobs.append(job)
        return not self.refuses

    def ask_to_make_way(self, job: Job) -> None:
        self.make_way.append(job)

    def running_of(self, source: str) -> Any:
        return None if self.running is None else self

    @property
    def job(self) -> Job | None:
        return self.running


@dataclass
class Program:
    """A source whose text the model head/1 has scored, and what looks after it."""

    enricher: HashingEnricher
    asked: Asked
    rescorings: Rescorings
    jobs: Jobs
    now_s: float = 0.0


@pytest.fixture
def folder(tmp_path: Path) -> CliFolder:
    folder = CliFolder(tmp_path)
    folder.furnish()
    return folder


@asynccontextmanager
async def opened(folder: CliFolder) -> AsyncIterator[tuple[Settings, State, Workshop, HashingEnricher]]:
    async with opened_lean(folder.path / "sightline.toml") as (settings, state, workshop):
        enricher = await workshop.search.enricher_of("private")
        assert isinstance(enricher, HashingEnricher)
        enricher.toxicity_version = "head/1"
        assert await Jobs(settings, state, workshop).run(FULL, asyncio.Event())
        yield settings, state, workshop, enricher


@pytest.fixture
async def program(folder: CliFolder) -> AsyncIterator[Program]:
    async with opened(folder) as (settings, state, workshop, enricher):
        asked: Any = Asked()
        rescorings = Rescorings(settings, state, workshop.search, asked, clock=lambda: program.now_s)
        program = Program(enricher, asked, rescorings, Jobs(settings, state, workshop))
        yield program


async def test_what_the_approved_model_has_scored_is_left_alone(program: Program) -> None:
    await program.rescorings.look()
    assert program.asked.jobs == []


async def test_a_new_model_is_asked_for_once_and_scores_everything(program: Program) -> None:
    await program.rescorings.look()
    program.enricher.toxicity_version = "head/2"
    for _ in range(3):
        await program.rescorings.look()
    assert program.asked.jobs == [RESCORE]
    rows = JudgedRows(program.jobs.state.ledger)
    (before,) = (await rows.count_by_model("handbook")).items()
    assert await program.jobs.run(RESCORE, asyncio.Event())
    assert await rows.count_by_model("handbook") == {"head/2": before[1]}
    assert before[0] == "head/1"
    program.now_s = 3_601
    await program.rescorings.look()
    assert program.asked.jobs == [RESCORE]


async def test_what_was_asked_for_and_is_not_done_is_asked_for_again_after_an_hour(program: Program) -> None:
    program.enricher.toxicity_version = "head/2"
    for now_s in (0.0, 3_599.0, 3_601.0):
        program.now_s = now_s
        await program.rescorings.look()
    assert program.asked.jobs == [RESCORE] * 2


async def test_a_crawl_is_left_to_its_end_and_its_rows_are_looked_at_then(program: Program) -> None:
    program.asked.running = FULL
    program.enricher.toxicity_version = "head/2"
    await program.rescorings.look()
    assert (program.asked.jobs, program.asked.make_way) == ([], [])
    program.asked.running = None
    await program.rescorings.look()
    assert program.asked.jobs == [RESCORE]


async def test_a_rescoring_by_the_former_model_makes_way_once(program: Program) -> None:
    program.enricher.toxicity_version = "head/2"
    await program.rescorings.look()
    program.asked.running = RESCORE
    await program.rescorings.look()
    assert program.asked.make_way == []
    program.enricher.toxicity_version = "head/3"
    for _ in range(3):
        await program.rescorings.look()
    assert program.asked.make_way == [RESCORE]


async def test_a_rescoring_by_a_model_whose_approval_was_taken_back_ends_although_no_other_follows(
    program: Program,
) -> None:
    program.enricher.toxicity_version = "head/2"
    await program.rescorings.look()
    program.asked.running = RESCORE
    program.enricher.toxicity_version = ""
    for _ in range(3):
        await program.rescorings.look()
    assert program.asked.make_way == [RESCORE]
    assert await program.jobs.run(RESCORE, asyncio.Event()), "begun again, it has nothing to score by, and is done"


async def test_a_rescoring_of_which_nobody_knows_the_model_makes_way_to_the_present_one(program: Program) -> None:
    program.asked.running = RESCORE
    await program.rescorings.look()
    assert program.asked.make_way == [RESCORE]


async def test_where_nothing_scores_any_more_nothing_is_scored_anew(program: Program) -> None:
    program.enricher.toxicity_version = ""
    await program.rescorings.look()
    assert program.asked.jobs == []


async def test_a_source_of_an_index_that_is_not_open_here_is_anothers_affair(folder: CliFolder) -> None:
    other = '\n[indexes.other]\nengine = "embedded"\npath = "data/other"\n'
    source = '\n[sources.elsewhere]\nconnector = "filesystem"\nindex = "other"\nroot = "handbook"\n'
    folder.write_settings(f"{SETTINGS}{source}{other}")
    async with opened(folder) as (settings, state, workshop, enricher):
        asked: Any = Asked()
        enricher.toxicity_version = "head/2"
        await Rescorings(settings, state, workshop.search, asked).look()
    assert asked.jobs == [RESCORE]


class Unreachable(HashingEnricher):
    """One of whose index it cannot be told what scores, when it is asked for the first time in each look."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._failures = itertools.cycle((error, None))

    async def pinned(self) -> HashingEnricher:
        if error := next(self._failures):
            raise error
        return self


@pytest.mark.parametrize("error", [IndexBusy("being moved"), RuntimeError("a fault")])
async def test_a_source_that_cannot_be_looked_at_keeps_no_other_waiting(folder: CliFolder, error: Exception) -> None:
    folder.write_settings(f"{SETTINGS}{SETTINGS[SETTINGS.index('[sources.') :].replace('handbook]', 'second]')}")
    async with opened_lean(folder.path / "sightline.toml") as (settings, state, workshop):
        second = Job("second", SyncMode.FULL)
        for job in (FULL, second):
            assert await Jobs(settings, state, workshop).run(job, asyncio.Event())
    enricher, asked = Unreachable(error), Asked()
    enricher.toxicity_version = "head/1"
    async with opened_lean(folder.path / "sightline.toml", enricher) as (settings, state, workshop):
        scheduler: Any = asked
        await Rescorings(settings, state, workshop.search, scheduler).look()
    assert asked.jobs == [Job("second", SyncMode.RESCORE)]


class Approvable(HashingEnricher):
    """One that a run pins, as real ones: what is approved afterwards is another's."""

    async def pinned(self) -> HashingEnricher:
        return copy(self)


@pytest.mark.parametrize("job", [FULL, RESCORE], ids=["full", "rescore"])
async def test_a_run_never_mixes_two_models(folder: CliFolder, job: Job) -> None:
    folder.write_settings(f"{SETTINGS}page_size = 1\n")
    enricher = Approvable()
    async with opened_lean(folder.path / "sightline.toml", enricher) as (settings, state, workshop):
        if job is RESCORE:
            assert await Jobs(settings, state, workshop).run(FULL, asyncio.Event())
        enricher.toxicity_version = "head/1"
        score = HashingEnricher.score if job is RESCORE else HashingEnricher.enrich

        async def while_another_is_approved(self: HashingEnricher, texts: Sequence[ReadText]) -> Any:
            enricher.toxicity_version = "head/2"
            scored_by.add(self.toxicity_version)
            return await score(self, texts)

        scored_by: set[str] = set()
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(HashingEnricher, score.__name__, while_another_is_approved)
            assert await Jobs(settings, state, workshop).run(job, asyncio.Event())
        assert scored_by == {"head/1"}
        assert await JudgedRows(state.ledger).count_scored_otherwise("handbook", "head/1") == 0


async def test_a_program_that_serves_scores_anew_when_another_model_is_approved_meanwhile(
    folder: CliFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rescorings_room, "LOOK_S", 0.01)
    folder.write_settings(f'{SETTINGS}schedule = {{ identities = "0 0 1 1 *" }}\n')
    async with opened(folder) as (settings, state, workshop, enricher):
        scheduler = Scheduler(timetable(settings), Jobs(settings, state, workshop).run, settings=SchedulerSettings())
        async with scheduling(scheduler, settings, state, workshop.search):
            enricher.toxicity_version = "head/2"
            while await JudgedRows(state.ledger).count_scored_otherwise("handbook", "head/2"):
                await asyncio.sleep(0.01)
        [run] = await state.runs.recent("handbook", mode=SyncMode.RESCORE)
    assert (run.state, run.tally.rescored) == (RunState.SUCCEEDED, run.tally.scanned)
    assert run.tally.scanned > 4
