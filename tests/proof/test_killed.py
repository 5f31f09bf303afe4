"""kill -9 at random points of a sync of a thousand documents: after the next run the index equals the source."""

from __future__ import annotations

import multiprocessing
import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.alfresco.simulator import World, served_world
from connectors.alfresco.simulator.generator import flat_world
from indexer.backends.embedded import EmbeddedBackend
from indexer.state.run_history import RunState
from tests.fakes.plain_rooms import DIMENSIONS
from tests.proof.lone_sync import SOURCE, sync, synced

DOCUMENTS = 1_000
SEED = 20_261_125
IN_EVERY_RUN = 1  # point; the large suite tries fifty


@pytest.fixture(scope="module")
def repository() -> Iterator[tuple[World, str]]:
    world, _ = flat_world(DOCUMENTS, seed=1, per_folder=130)
    with served_world(world) as url:
        yield world, url


@pytest.fixture(scope="module")
def duration_s(repository: tuple[World, str], tmp_path_factory: pytest.TempPathFactory) -> float:
    """How long an undisturbed sync takes in a process of its own."""
    folder = tmp_path_factory.mktemp("undisturbed")
    begun = time.monotonic()
    process = _started(repository[1], folder)
    process.join()
    assert process.exitcode == 0
    return time.monotonic() - begun


@pytest.mark.parametrize(
    "point", [pytest.param(n, marks=[] if n < IN_EVERY_RUN else pytest.mark.large) for n in range(50)]
)
async def test_a_sync_that_is_killed_anywhere_is_completed_by_the_next(
    repository: tuple[World, str], duration_s: float, tmp_path: Path, point: int
) -> None:
    world, url = repository
    after_s = random.Random(SEED + point).uniform(0.0, duration_s)  # the seed is told by the parameter
    process = _started(url, tmp_path)
    process.join(after_s)
    process.kill()
    process.join()
    report = await synced(url, tmp_path)
    assert report.state is RunState.SUCCEEDED, report
    assert await _stored(tmp_path) == _files(world)
    world.request_log.clear()
    again = await synced(url, tmp_path)
    assert (again.state, again.tally.scanned, again.tally.deleted) == (RunState.SUCCEEDED, DOCUMENTS, 0)
    assert world.request_log.content_requests() == []
    shutil.rmtree(tmp_path)


def _started(url: str, folder: Path) -> multiprocessing.process.BaseProcess:
    process = multiprocessing.get_context("spawn").Process(target=sync, args=(url, folder))
    process.start()
    return process


def _files(world: World) -> list[str]:
    return sorted(node.id for node in world.nodes.values() if node.node_type == "cm:content")


async def _stored(folder: Path) -> list[str]:
    """Ids of all documents in the index; one that stood there twice would be named twice."""
    async with EmbeddedBackend(folder / "index", dimensions=DIMENSIONS) as backend:
        return [document_id.native_id async for document_id in backend.document_ids(SOURCE)]
