"""Deletions by the trashcan: seen whatever the index knows, never believed without the server's own word."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.alfresco.simulator.faults import Fault, fail, proxy_page, refuse
from connectors.alfresco.simulator.search_index import FROZEN, NO_LAG
from indexer.state.run_history import RunState
from tests.integration.lane_system import EVERYTHING, LaneSystem, lane_system
from vocabulary.ports import SyncMode

TRASHCAN = "/deleted-nodes"


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[LaneSystem]:
    """A system that was synced once, and whose index knows nothing of what happens from now on."""
    async with lane_system(tmp_path, lanes=["deleted-nodes"]) as furnished:
        await furnished.furnish()
        furnished.world.search_lag = FROZEN
        yield furnished


def delete_a_file(system: LaneSystem) -> None:
    system.world.delete(system.named("one.txt"))


def delete_a_tree(system: LaneSystem) -> None:
    system.world.delete(system.named("plans"))


def delete_and_restore(system: LaneSystem) -> None:
    file = system.named("one.txt")
    system.world.delete(file)
    system.world.restore(file.id)


def delete_what_was_restored(system: LaneSystem) -> None:
    file, deep = system.named("three.txt"), system.named("deep")
    system.world.delete(deep)
    system.world.restore(deep.id)
    system.world.delete(file)


@pytest.mark.parametrize("lag", [FROZEN, NO_LAG], ids=["frozen index", "index in time"])
@pytest.mark.parametrize(
    ("change", "left"),
    [
        (delete_a_file, {"two.txt", "three.txt"}),
        (delete_a_tree, set()),
        (delete_and_restore, EVERYTHING),
        (delete_what_was_restored, {"one.txt", "two.txt"}),
    ],
)
async def test_what_was_put_into_the_trashcan_is_gone_with_the_next_changes(
    system: LaneSystem, change: Callable[[LaneSystem], None], left: set[str], lag: timedelta
) -> None:
    system.world.search_lag = lag
    change(system)
    report = await system.sync()
    assert (report.state, report.tally.warnings) == (RunState.SUCCEEDED, {})
    assert await system.find() == left == system.permitted()


@pytest.mark.parametrize("permanently", [True, False])
async def test_what_is_not_in_the_trashcan_any_more_is_left_to_the_others(
    system: LaneSystem, permanently: bool
) -> None:
    file = system.named("three.txt")
    system.world.delete(file, permanent=permanently)
    if not permanently:
        system.world.purge(file.id)
    await system.sync()
    assert await system.find() == EVERYTHING
    await system.sync(SyncMode.FULL)
    assert await system.find() == {"one.txt", "two.txt"}


async def test_a_proxys_404_deletes_nothing(system: LaneSystem) -> None:
    system.world.faults.add(proxy_page(404), path=f"/nodes/{system.named('one.txt').id}$")
    delete_a_file(system)
    assert (await system.sync()).state is RunState.FAILED
    assert await system.find() == EVERYTHING
    system.world.faults.clear()
    await system.sync()
    assert await system.find() == {"two.txt", "three.txt"}


async def test_without_the_lane_nothing_is_asked_of_it(system: LaneSystem) -> None:
    system.settings["lanes"] = []
    delete_a_file(system)
    for mode in (SyncMode.CHANGES, SyncMode.PERMISSIONS, SyncMode.FULL):
        await system.sync(mode)
        assert not system.requests(TRASHCAN)


@pytest.mark.parametrize(
    ("fault", "reason"), [(refuse(403), "refused"), (fail(500), "unavailable"), (fail(501), "disabled")]
)
async def test_a_lane_that_fails_is_left_out_aloud_and_read_later_from_where_it_stood(
    system: LaneSystem, fault: Fault, reason: str
) -> None:
    rule = system.world.faults.add(fault, path=f"{TRASHCAN}$")
    delete_a_file(system)
    added = system.world.add_file(system.world.shared, "new.txt", b"words")
    for _ in range(10):
        report = await system.sync()
        assert (report.state, report.tally.warnings) == (RunState.SUCCEEDED, {f"lane-deleted-nodes: {reason}": 1})
    assert await system.find() == {*EVERYTHING, added.name}
    system.world.faults.remove(rule)
    assert (await system.sync()).tally.warnings == {}
    assert await system.find() == {"two.txt", "three.txt", added.name}


async def test_an_account_that_sees_only_its_own_deletions_is_told_so(system: LaneSystem) -> None:
    assert (await system.check("lane deleted-nodes")).passed
    system.world.add_person("crawler", password="crawler")
    entries = [("crawler", "Coordinator"), ("GROUP_EVERYONE", "Consumer")]
    system.world.set_permissions(system.world.shared, entries=entries)
    system.account = "crawler"
    result = await system.check("lane deleted-nodes")
    assert not result.passed and "`auth`" in result.message and "`lanes`" in result.message
    delete_a_file(system)
    assert (await system.sync()).tally.warnings == {"lane-deleted-nodes: refused": 1}
    assert not system.requests(TRASHCAN)


async def test_a_listing_goes_back_to_the_last_one_and_a_little_further(system: LaneSystem) -> None:
    system.settings["page_size"] = 5
    await system.sync()
    last = system.clock.now
    for minutes in (90, 70, 50):
        system.clock.now = last - timedelta(minutes=minutes)
        for number in range(20):
            system.world.delete(system.world.add_file(system.world.shared, f"{minutes} {number}", b"words"))
    system.clock.now = last
    await system.sync()
    assert len(system.requests(TRASHCAN)) == 5  # the twenty of the last hour, and a page that shows older ones


async def test_a_deletion_that_was_long_under_way_is_seen_although_a_reading_has_passed_its_date(
    system: LaneSystem,
) -> None:
    await system.sync()
    last = system.clock.now
    system.clock.now -= timedelta(minutes=30)
    delete_a_tree(system)
    system.clock.now = last
    await system.sync()
    assert await system.find() == set()
