"""An index built anew, its copier and its syncs killed -9 at random points: nothing is lost, nothing opens."""

from __future__ import annotations

import asyncio
import multiprocessing
import random
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from pyroaring import FrozenBitMap

from indexer.backends.embedded import EmbeddedBackend
from indexer.reindexing import LiveIndex, Place, next_generation
from indexer.state.run_history import RunState
from tests.fakes.plain_rooms import DIMENSIONS
from tests.fakes.scripted_source import SOURCE, ScriptedSource
from tests.proof.lone_reindex import LISTS, House, keep_syncing, library, once, opened, switch_to_and_fro
from vocabulary.access import AccessFilter
from vocabulary.search import Query, SearchMode

SEED = 20_261_126
IN_EVERY_RUN = 2  # seeds; the large suite tries twenty
KILLS = 6  # of each process
LONGEST_S = 2.5  # between two kills: a build takes about a second
LAST_SEED = 999_999_999

_Rows = dict[str, tuple[int, str]]


@pytest.mark.parametrize(
    "seed", [pytest.param(n, marks=[] if n < IN_EVERY_RUN else pytest.mark.large) for n in range(20)]
)
async def test_whoever_is_killed_wherever_index_and_source_are_equal_in_the_end(tmp_path: Path, seed: int) -> None:
    choice = random.Random(SEED + seed)
    async with opened(tmp_path) as house, house.index() as live:
        await live.adopt(house.acls.numbering)
        await house.sync(library(1), live)
    await asyncio.to_thread(_kill_all_the_time, tmp_path, choice)
    truth = library(LAST_SEED)
    async with opened(tmp_path) as house, house.index() as live:
        await live.adopt(house.acls.numbering)
        report = await house.sync(truth, live)
        assert report.state is RunState.SUCCEEDED, report
        before = await _rows(house, (await house.standing()).place)
        assert before == await _expected(house, truth)
        place = await once(house)
        assert await _rows(house, place) == before
        again = await house.sync(truth, live)
        assert (again.state, again.tally.deleted) == (RunState.SUCCEEDED, 0)
        assert not truth.opened[len(truth.texts) :], "no document is read a second time"


def _kill_all_the_time(folder: Path, choice: random.Random) -> None:
    programs: list[Callable[[], BaseProcess]] = [
        lambda: _started(switch_to_and_fro, folder),
        lambda: _started(keep_syncing, folder, choice.randrange(2, 1_000) * 1_000),
    ]
    running = [start() for start in programs]
    try:
        for _ in range(KILLS):
            for number, start in enumerate(programs):
                running[number].join(choice.uniform(0.3, LONGEST_S))
                assert running[number].exitcode is None, "it ended by itself"
                running[number].kill()
                running[number].join()
                running[number] = start()
    finally:
        for process in running:
            process.kill()
            process.join()


def _started(program: Callable[..., None], *arguments: object) -> BaseProcess:
    process = multiprocessing.get_context("spawn").Process(target=program, args=arguments)
    process.start()
    return process


async def _rows(house: House, place: Place) -> _Rows:
    async with EmbeddedBackend(house.keeper.file(place), dimensions=DIMENSIONS) as backend:
        stored = await backend.stored_documents(limit=10_000)
    return {
        each.put.description.document_id.native_id: (
            int(each.put.description.acl_id),
            " ".join(passage.passage.text for passage in each.put.passages),
        )
        for each in stored
    }


async def _expected(house: House, source: ScriptedSource) -> _Rows:
    numbers = await house.acls.number(SOURCE, LISTS)
    acls = {name: acl for name, acl in source.acls.items() if acl is not None}
    return {name: (int(numbers[acls[name].key]), text) for name, text in source.texts.items()}


async def _found(live: LiveIndex, house: House, reader: int) -> set[str]:
    """What the only reader of a list finds by browsing."""
    acl_id = (await house.acls.number(SOURCE, [LISTS[reader]]))[LISTS[reader].key]
    access = AccessFilter(house.acls.numbering, FrozenBitMap([acl_id]), FrozenBitMap(), frozenset())
    page = await live.search(Query("", mode=SearchMode.KEYWORD, size=1_000), None, access)
    return {hit.document_id.native_id for hit in page.hits}


async def test_who_lost_a_permission_while_rows_were_copied_never_finds_the_document_again(tmp_path: Path) -> None:
    """Asked all the time, while it is copied, switched to, gone back from and dropped, beside a sync that takes it."""
    source = library(1)
    mine = sorted(name for name, acl in source.acls.items() if acl is LISTS[0])
    being_taken: set[str] = set()
    taken: set[str] = set()
    done = asyncio.Event()
    questions = 0

    async with opened(tmp_path) as house, house.index() as live, house.index() as readers:
        await live.adopt(house.acls.numbering)
        await house.sync(source, live)
        assert await _found(readers, house, 0) == set(mine)

        async def ask() -> None:
            nonlocal questions
            while not done.is_set():
                gone = set(taken)
                found = await _found(readers, house, 0)
                assert not found & gone
                assert found >= set(mine) - being_taken, "and what is left is always found"
                questions += 1

        async def take() -> None:
            for start in range(0, len(mine), 8):
                some = mine[start : start + 8]
                source.acls |= dict.fromkeys(some, LISTS[1])
                being_taken.update(some)
                while (await house.sync(source, live)).state is not RunState.SUCCEEDED:
                    """Going back ends the runs that are under way: nobody has promised anything yet."""
                taken.update(some)

        async def rebuild() -> None:
            while not done.is_set():
                await once(house)
                await house.reindexing().drop()

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(ask())
            rebuilding = tasks.create_task(rebuild())
            await take()
            done.set()
        assert rebuilding.done()
        assert questions > 20
        assert await _found(readers, house, 0) == set()
        assert await _found(readers, house, 1) >= set(mine)
        assert next_generation(await house.standing()).generation > 3, "it was built anew again and again"
