"""Changes as a search index is told them: every node, and every list, whatever that index itself knows by now."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from connectors.alfresco.simulator.faults import Fault, fail, proxy_page, refuse
from connectors.alfresco.simulator.search_index import FROZEN, NO_LAG
from indexer.state.run_history import RunState
from tests.integration.lane_changes import (
    SEEN_BY_ALL,
    add_a_file,
    close_a_file,
    close_a_folder,
    close_a_folder_with_lists_below,
    delete_a_file,
    deny_above,
    only,
)
from tests.integration.lane_system import ALICE, BOB, EVERYTHING, LaneSystem, lane_system
from vocabulary.ports import SyncMode

SOLR = "/alfresco/service/api/solr/"


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[LaneSystem]:
    """A system that was synced once, and whose index knows nothing of what happens from now on."""
    async with lane_system(tmp_path, lanes=["tracking"], tracking_secret=SecretStr("s3cret")) as furnished:
        furnished.world.tracking.secret = "s3cret"
        await furnished.furnish()
        furnished.world.tracking.transactions()  # an index has followed from the beginning
        furnished.world.search_lag = FROZEN
        yield furnished


def asked(system: LaneSystem, resource: str = "") -> int:
    """How often a tracking resource was asked for in the last sync."""
    return sum(request.path.startswith(SOLR + resource) for request in system.requests())


def move_a_file(system: LaneSystem) -> None:
    closed = system.world.add_folder(system.world.shared, "closed")
    only(system, "closed", BOB)
    system.world.move(system.named("one.txt"), closed)


def move_a_tree(system: LaneSystem) -> None:
    closed = system.world.add_folder(system.world.shared, "closed")
    only(system, "closed", BOB)
    system.world.move(system.named("deep"), closed)


def move_a_file_out_of_the_scope(system: LaneSystem) -> None:
    system.world.move(system.named("one.txt"), system.world.root)


def purge(system: LaneSystem) -> None:
    deep = system.named("deep")
    system.world.delete(deep)
    system.world.purge(deep.id)


def close_and_reopen(system: LaneSystem) -> None:
    only(system, "plans")
    system.world.set_permissions(system.named("plans"), entries=[])


ALL = [*SEEN_BY_ALL, move_a_file, move_a_tree, move_a_file_out_of_the_scope, purge, close_and_reopen]


@pytest.mark.parametrize("lag", [FROZEN, NO_LAG], ids=["frozen index", "index in time"])
@pytest.mark.parametrize("change", ALL, ids=lambda change: change.__name__)
async def test_what_an_index_is_told_is_seen_by_the_next_changes(
    system: LaneSystem, change: Callable[[LaneSystem], None], lag: timedelta
) -> None:
    system.world.search_lag = lag
    change(system)
    report = await system.sync()
    assert (report.state, report.tally.warnings) == (RunState.SUCCEEDED, {})
    for person in (ALICE, BOB):
        assert await system.find(person) == system.permitted(person)


async def test_a_restoration_is_seen(system: LaneSystem) -> None:
    deep = system.named("deep")
    system.world.delete(deep)
    await system.sync()
    assert await system.find() == {"one.txt", "two.txt"}
    system.world.restore(deep.id)
    await system.sync()
    assert await system.find() == EVERYTHING


@pytest.mark.parametrize("edited", ["plans", "one.txt"])
async def test_an_edited_list_is_seen_although_no_node_was_touched(system: LaneSystem, edited: str) -> None:
    for name in ("plans", "one.txt"):
        only(system, name, ALICE, BOB)
    system.world.set_permissions(system.named("deep"), entries=[(ALICE, "Consumer")])
    await system.sync()
    only(system, edited, BOB)
    report = await system.sync()
    assert asked(system, "nodes") == 0
    assert report.tally.warnings == {}
    for person in (ALICE, BOB):
        assert await system.find(person) == system.permitted(person)


async def test_an_edited_list_is_found_by_a_document_that_was_touched_under_it(system: LaneSystem) -> None:
    only(system, "plans", ALICE, BOB)
    await system.sync()
    system.world.set_content(system.named("three.txt"), b"walruses")
    only(system, "plans", BOB)
    await system.sync()
    assert asked(system, "aclsReaders") == 1
    assert await system.find(ALICE) == set()
    assert await system.bench.find("walruses") == {system.named("three.txt").id}


async def test_a_list_above_the_scope_is_found(system: LaneSystem) -> None:
    system.settings["folders"] = ["Shared/plans/deep"]
    only(system, "plans", ALICE, BOB)
    await system.sync(SyncMode.FULL)
    only(system, "plans", BOB)
    await system.sync()
    assert (await system.find(ALICE), await system.find(BOB)) == (set(), {"three.txt"})


async def test_comments_are_seen_when_their_number_changes_and_edited_ones_are_left_to_the_full_sync(
    system: LaneSystem,
) -> None:
    comment = system.world.add_comment(system.named("one.txt"), BOB, "<p>walruses</p>")
    await system.sync()
    assert await system.bench.find("walruses") == {system.named("one.txt").id}
    system.world.edit_comment(comment, "<p>okapis</p>")
    await system.sync()
    assert await system.bench.find("okapis") == set()
    await system.sync(SyncMode.FULL)
    assert await system.bench.find("okapis") == {system.named("one.txt").id}


async def test_a_list_that_is_more_open_than_the_servers_own_is_pointed_out(system: LaneSystem) -> None:
    system.settings["extra_read_permissions"] = ["AddChildren"]  # which does not grant reading at all
    system.world.set_permissions(
        system.named("plans"), inherit=False, entries=[(BOB, "Consumer"), (ALICE, "AddChildren")]
    )
    report = await system.sync()
    assert report.tally.warnings == {"lane-tracking: list-more-open": 1}


async def test_a_list_that_denies_more_than_the_servers_own_is_not_pointed_out(system: LaneSystem) -> None:
    system.world.define_role("Acme", [])
    system.world.set_permissions(system.named("plans"), entries=[(BOB, "Acme", "DENIED")])
    assert (await system.sync()).tally.warnings == {}


# -- where it stands ---------------------------------------------------------------------------------------------------


async def test_what_was_read_is_not_read_again_once_it_is_a_minute_old(system: LaneSystem) -> None:
    add_a_file(system)
    close_a_folder(system)
    assert (await system.sync()).tally.scanned == 4
    assert (await system.sync()).tally.scanned == 0
    assert (asked(system), asked(system, "nodes")) == (2, 0)


async def test_an_interrupted_reading_goes_on_and_loses_no_list(system: LaneSystem) -> None:
    only(system, "plans", ALICE, BOB)
    await system.sync()
    only(system, "plans", BOB)
    add_a_file(system)
    rule = system.world.faults.add(refuse(401), path=f"/nodes/{system.named('plans').id}$")
    assert (await system.sync()).state is RunState.FAILED
    system.world.faults.remove(rule)
    assert (await system.sync()).state is RunState.SUCCEEDED
    for person in (ALICE, BOB):
        assert await system.find(person) == system.permitted(person)


async def test_without_the_lane_nothing_is_asked_of_it_and_no_secret_travels(system: LaneSystem) -> None:
    system.settings["lanes"] = []
    close_a_folder(system)
    for mode in (SyncMode.CHANGES, SyncMode.PERMISSIONS, SyncMode.FULL):
        await system.sync(mode)
        assert not asked(system)


# -- where it fails ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (proxy_page(403), "refused"),
        (refuse(401), "refused"),
        (fail(404), "disabled"),
        (fail(500), "unavailable"),
        (proxy_page(502), "unavailable"),
    ],
)
@pytest.mark.parametrize("mode", [SyncMode.CHANGES, SyncMode.PERMISSIONS])
async def test_an_index_interface_that_fails_is_a_warning_and_the_run_does_without(
    system: LaneSystem, fault: Fault, reason: str, mode: SyncMode
) -> None:
    system.world.search_lag = NO_LAG
    rule = system.world.faults.add(fault, path=SOLR)
    delete_a_file(system)
    close_a_file(system)
    report = await system.sync(mode)
    assert (report.state, report.tally.warnings) == (RunState.SUCCEEDED, {f"lane-tracking: {reason}": 1})
    assert await system.find(ALICE) == {"two.txt"}
    system.world.faults.remove(rule)
    assert (await system.sync(mode)).tally.warnings == {}


async def test_an_interface_that_vanishes_between_runs_keeps_its_place(system: LaneSystem) -> None:
    only(system, "plans", ALICE, BOB)
    await system.sync()
    system.world.tracking.secret = None
    only(system, "plans", BOB)
    for _ in range(3):
        assert (await system.sync()).tally.warnings == {"lane-tracking: refused": 1}
    assert await system.find(ALICE) == EVERYTHING
    system.world.tracking.secret = "s3cret"
    assert (await system.sync()).tally.warnings == {}
    assert await system.find(ALICE) == set()


async def test_the_check_says_whether_the_lane_can_be_used_and_what_to_change(system: LaneSystem) -> None:
    assert (await system.check("lane tracking")).passed
    system.settings["tracking_secret"] = SecretStr("another")
    result = await system.check("lane tracking")
    assert not result.passed and "`tracking_secret`" in result.message and "`lanes`" in result.message
    assert "another" not in result.message


# -- permissions first where they changed ------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [close_a_folder, close_a_file, close_a_folder_with_lists_below, deny_above])
async def test_a_sweep_ends_as_it_would_without_the_lane(
    system: LaneSystem, change: Callable[[LaneSystem], None]
) -> None:
    change(system)
    report = await system.sync(SyncMode.PERMISSIONS)
    assert (report.state, report.tally.withheld) == (RunState.SUCCEEDED, 0)
    for person in (ALICE, BOB):
        assert await system.find(person) == system.permitted(person)


# -- what a revocation costs -------------------------------------------------------------------------------------------


async def test_a_revocation_on_a_folder_costs_a_few_requests_however_many_documents_are_below(
    system: LaneSystem,
) -> None:
    only(system, "plans", ALICE, BOB)
    for number in range(300):
        system.world.add_file(system.named("plans"), f"{number:03}.txt", b"words")
    await system.sync(SyncMode.FULL)
    await system.sync()  # which lists the folder again: it was touched after the mark
    only(system, "plans", BOB)
    report = await system.sync()
    assert await system.find(ALICE) == set()
    assert len(await system.find(BOB)) == 303
    assert report.tally.scanned == 0
    assert len(system.requests()) <= 16
