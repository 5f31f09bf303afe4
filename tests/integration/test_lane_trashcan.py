"""Deletions by the trashcan: seen whatever the index knows, never believed without the server's own word."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.alfresco.simulator.faults import fail, proxy_page, refuse
from connectors.alfresco.simulator.model import Node
from connectors.alfresco.simulator.search_index import FROZEN
from indexer.run_history import RunState
from tests.integration.lane_system import LaneSystem, lane_system
from vocabulary.ports import SyncMode

TRASHCAN = "/deleted-nodes"
EVERYTHING = {"one.txt", "two.txt", "three.txt"}


@dataclass
class Synced:
    """A system that was synced once, and its folders."""

    system: LaneSystem
    plans: Node
    deep: Node

    def named(self, name: str) -> Node:
        world = self.system.world
        return next(node for node in world.subtree(world.shared) if node.name == name)


@pytest.fixture
async def synced(tmp_path: Path) -> AsyncIterator[Synced]:
    async with lane_system(tmp_path, lanes=["deleted-nodes"]) as system:
        plans = system.furnish()
        await system.sync(SyncMode.FULL)
        assert await system.find() == EVERYTHING
        system.world.search_lag = FROZEN
        yield Synced(system, plans, next(iter(n for n in system.world.subtree(plans) if n.name == "deep")))


def delete_a_file(synced: Synced) -> None:
    synced.system.world.delete(synced.named("one.txt"))


def delete_a_tree(synced: Synced) -> None:
    synced.system.world.delete(synced.plans)


def delete_and_restore(synced: Synced) -> None:
    file = synced.named("one.txt")
    synced.system.world.delete(file)
    synced.system.world.restore(file.id)


def delete_move_out_of_the_trash(synced: Synced) -> None:
    file = synced.named("three.txt")
    synced.system.world.delete(synced.deep)
    synced.system.world.restore(synced.deep.id)
    synced.system.world.delete(file)


@pytest.mark.parametrize("lag", [FROZEN, timedelta(0)], ids=["frozen index", "index in time"])
@pytest.mark.parametrize(
    ("change", "left"),
    [
        (delete_a_file, {"two.txt", "three.txt"}),
        (delete_a_tree, set()),
        (delete_and_restore, EVERYTHING),
        (delete_move_out_of_the_trash, {"one.txt", "two.txt"}),
    ],
)
async def test_what_was_put_into_the_trashcan_is_gone_with_the_next_changes(
    synced: Synced, change: Callable[[Synced], None], left: set[str], lag: timedelta
) -> None:
    synced.system.world.search_lag = lag
    change(synced)
    report = await synced.system.sync()
    assert (report.state, report.tally.warnings) == (RunState.SUCCEEDED, {})
    assert await synced.system.find() == left == synced.system.permitted()


@pytest.mark.parametrize("permanently", [True, False])
async def test_what_is_not_in_the_trashcan_any_more_is_left_to_the_others(synced: Synced, permanently: bool) -> None:
    system, file = synced.system, synced.named("three.txt")
    system.world.delete(file, permanent=permanently)
    if not permanently:
        system.world.purge(file.id)
    await system.sync()
    assert await system.find() == EVERYTHING
    await system.sync(SyncMode.FULL)
    assert await system.find() == {"one.txt", "two.txt"}


async def test_a_proxys_404_deletes_nothing(synced: Synced) -> None:
    file = synced.named("one.txt")
    delete_a_file(synced)
    synced.system.world.faults.add(proxy_page(404), path=f"/nodes/{file.id}$")
    assert (await synced.system.sync()).state is RunState.FAILED
    assert await synced.system.find() == EVERYTHING
    synced.system.world.faults.clear()
    await synced.system.sync()
    assert await synced.system.find() == {"two.txt", "three.txt"}


async def test_without_the_lane_nothing_is_asked_of_it(synced: Synced) -> None:
    synced.system.settings["lanes"] = []
    delete_a_file(synced)
    for mode in (SyncMode.CHANGES, SyncMode.PERMISSIONS, SyncMode.FULL):
        await synced.system.sync(mode)
        assert not synced.system.requests(TRASHCAN)


@pytest.mark.parametrize(
    ("fault", "words"), [(refuse(403), "refused"), (fail(500), "unavailable"), (fail(501), "unavailable")]
)
async def test_a_lane_that_fails_is_left_out_aloud_and_read_later_from_where_it_stood(
    synced: Synced, fault: object, words: str
) -> None:
    system = synced.system
    rule = system.world.faults.add(fault, path=f"{TRASHCAN}$")  # type: ignore[arg-type]
    delete_a_file(synced)
    added = system.world.add_file(system.world.shared, "new.txt", b"words")
    for _ in range(2):
        report = await system.sync()
        assert (report.state, report.tally.warnings) == (RunState.SUCCEEDED, {f"lane-deleted-nodes: {words}": 1})
    assert await system.find() == {*EVERYTHING, added.name}
    system.world.faults.remove(rule)
    assert (await system.sync()).tally.warnings == {}
    assert await system.find() == {"two.txt", "three.txt", added.name}


async def test_an_account_that_sees_only_its_own_deletions_is_told_so(synced: Synced) -> None:
    system = synced.system
    assert (await system.check("lane deleted-nodes")).passed
    system.world.add_person("crawler", password="crawler")
    system.world.set_permissions(
        system.world.shared, entries=[("crawler", "Coordinator"), ("GROUP_EVERYONE", "Consumer")]
    )
    system.account = "crawler"
    result = await system.check("lane deleted-nodes")
    assert not result.passed and "`auth`" in result.message and "`lanes`" in result.message
    delete_a_file(synced)
    assert (await system.sync()).tally.warnings == {"lane-deleted-nodes: refused": 1}
    assert not system.requests(TRASHCAN)


async def test_a_listing_ends_where_the_last_one_began_or_a_little_before(synced: Synced) -> None:
    system = synced.system
    system.settings["page_size"] = 5
    now = system.world.now()
    for minutes in (50, 70, 90):
        with system.world.at(now - timedelta(minutes=minutes)):
            for number in range(20):
                system.world.delete(system.world.add_file(system.world.shared, f"{minutes} {number}", b"words"))
    await system.sync()
    assert len(system.requests(TRASHCAN)) == 5  # the twenty of the last hour, and a page that shows older ones


async def test_a_deletion_that_was_long_under_way_is_seen_although_a_reading_has_passed_its_date(
    synced: Synced,
) -> None:
    system = synced.system
    begun = system.world.now() - timedelta(minutes=30)
    await system.sync()
    with system.world.at(begun):
        delete_a_tree(synced)
    await system.sync()
    assert await system.find() == set()
