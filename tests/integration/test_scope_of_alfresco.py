"""What enters and leaves a scope enters and leaves the index: by its settings, and by what happens at the source.

Real runs in every mode over the simulated server; after each, the index holds exactly what the scope takes in.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from connectors.alfresco import AlfrescoConfig, AlfrescoConnector
from connectors.alfresco.simulator import World, served_world
from connectors.alfresco.simulator.model import Node
from indexer.backends.memory.backend import MemoryBackend
from indexer.state.run_history import RunReport, RunState
from indexer.state.tables import create_tables
from tests.fakes.plain_rooms import DIMENSIONS
from tests.fakes.scripted_source import SOURCE
from tests.fakes.sync_bench import Bench
from vocabulary.ports import SyncMode

FULL, CHANGES, PERMISSIONS = SyncMode.FULL, SyncMode.CHANGES, SyncMode.PERMISSIONS


@dataclass
class Furnished:
    """A world, and the nodes that the tests move about."""

    world: World
    plan: Node  # published, in a public site
    note: Node  # a draft beside it
    other: Node  # published, in the shared folder


@pytest.fixture
def furnished() -> Furnished:
    world = World(name="scopes")
    world.add_site("pub", visibility="PUBLIC")
    library = world.document_library("pub")
    plan, note = (
        world.add_file(library, f"{name}.txt", b"words", aspects=["acme:doc"], properties={"acme:state": state})
        for name, state in (("plan", "published"), ("note", "draft"))
    )
    other = world.add_file(world.shared, "other.txt", b"words", aspects=["acme:doc"])
    world.set_properties(other, {"acme:state": "published"})
    return Furnished(world, plan, note, other)


@pytest.fixture
def url(furnished: Furnished) -> Iterator[str]:
    with served_world(furnished.world) as base_url:
        yield base_url


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'state.db'}")
    create_tables(engine)
    async with MemoryBackend(dimensions=DIMENSIONS) as backend:
        yield Bench(engine, backend)
    engine.dispose()


@asynccontextmanager
async def connected(url: str, settings: dict[str, Any]) -> AsyncIterator[AlfrescoConnector]:
    auth = {"kind": "basic", "username": "admin", "password": SecretStr("admin")}
    async with AlfrescoConnector(SOURCE, AlfrescoConfig.model_validate({"url": url, "auth": auth} | settings)) as one:
        yield one


async def sync(bench: Bench, url: str, settings: dict[str, Any], mode: SyncMode = FULL) -> RunReport:
    async with connected(url, settings) as connector:
        bench.source = connector  # type: ignore[assignment]  # any connector will do
        report = await bench.sync(mode, confirm_deletes=True)
    assert report.state is RunState.SUCCEEDED
    return report


async def found(bench: Bench, furnished: Furnished) -> set[str]:
    names = {node.id: node.name for node in (furnished.plan, furnished.note, furnished.other)}
    ids = await bench.find("words")
    return {names[native_id].removesuffix(".txt") for native_id in ids}


EVERYWHERE = {"folders": ["/Company Home"]}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (EVERYWHERE, {"plan", "note", "other"}),
        (EVERYWHERE | {"exclude": ["/Company Home/Sites/**"]}, {"other"}),
        (EVERYWHERE | {"include": [{"property": "acme:state", "equals": "published"}]}, {"plan", "other"}),
        (EVERYWHERE | {"include": ["*.txt"], "exclude": [{"name": "NOTE.*"}]}, {"plan", "other"}),
        ({"sites": "all", "site_visibility": ["PRIVATE"]}, set()),
        ({"aspects": [{"name": "acme:doc", "property": "acme:state", "equals": "draft"}]}, {"note"}),
        (
            {"scopes": [{"sites": ["pub"], "exclude_aspects": ["acme:doc"]}, {"folders": ["Shared"]}]},
            {"other"},
        ),
    ],
)
async def test_changed_settings_take_out_and_bring_back(
    bench: Bench, url: str, furnished: Furnished, settings: dict[str, Any], expected: set[str]
) -> None:
    await sync(bench, url, EVERYWHERE)
    report = await sync(bench, url, settings)
    assert await found(bench, furnished) == expected
    assert report.tally.check() == ""
    await sync(bench, url, EVERYWHERE)
    assert await found(bench, furnished) == {"plan", "note", "other"}


PUBLISHED = {
    "folders": ["/Company Home"],
    "aspects": [{"name": "acme:doc", "property": "acme:state", "equals": "published"}],
}


class Case(NamedTuple):
    """Under these settings something happens at the source, and then these are found."""

    settings: dict[str, Any]
    happens: Callable[[Furnished], object]
    found: set[str]


CASES = [
    Case(*case)
    for case in (
        (
            PUBLISHED,
            lambda it: it.world.set_properties(it.note, {"acme:state": "published"}),
            {"plan", "note", "other"},
        ),
        (PUBLISHED, lambda it: it.world.set_properties(it.plan, {"acme:state": "withdrawn"}), {"other"}),
        (PUBLISHED, lambda it: it.world.remove_aspect(it.other, "acme:doc"), {"plan"}),
        (
            EVERYWHERE | {"exclude_aspects": ["acme:hold"]},
            lambda it: it.world.add_aspect(it.plan, "acme:hold"),
            {"note", "other"},
        ),
        (
            EVERYWHERE | {"exclude": ["/Company Home/Shared/**"]},
            lambda it: it.world.move(it.plan, it.world.shared),
            {"note"},
        ),
        (EVERYWHERE | {"exclude": ["*.bak"]}, lambda it: it.world.rename(it.plan, "plan.bak"), {"note", "other"}),
        ({"folders": ["Shared"]}, lambda it: it.world.move(it.plan, it.world.shared), {"plan", "other"}),
        ({"folders": ["Shared"]}, lambda it: it.world.move(it.other, it.world.document_library("pub")), set()),
        (EVERYWHERE, lambda it: it.world.add_aspect(it.plan, "rma:record"), {"note", "other"}),
    )
]


@pytest.mark.parametrize("case", CASES, ids=map(str, range(len(CASES))))
@pytest.mark.parametrize("mode", [FULL, CHANGES])
async def test_what_happens_at_the_source_moves_documents_in_and_out(
    bench: Bench, url: str, furnished: Furnished, case: Case, mode: SyncMode
) -> None:
    await sync(bench, url, case.settings)
    case.happens(furnished)
    await sync(bench, url, case.settings, mode)
    assert await found(bench, furnished) == case.found


@pytest.mark.parametrize("mode", [FULL, PERMISSIONS])
@pytest.mark.parametrize("place", [{"sites": "all"}, {"folders": ["/Company Home"]}, {"aspects": ["acme:doc"]}])
async def test_a_site_that_turns_private_is_hidden_by_the_next_run_that_looks(
    bench: Bench, url: str, furnished: Furnished, place: dict[str, Any], mode: SyncMode
) -> None:
    settings = place | {"site_visibility": ["PUBLIC"]}
    await sync(bench, url, settings)
    assert {"plan", "note"} <= await found(bench, furnished)
    furnished.world.set_site_visibility("pub", "PRIVATE")
    await sync(bench, url, settings, mode)
    assert not {"plan", "note"} & await found(bench, furnished)
    furnished.world.set_site_visibility("pub", "PUBLIC")
    await sync(bench, url, settings)
    assert {"plan", "note"} <= await found(bench, furnished)
