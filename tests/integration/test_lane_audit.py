"""Changes by the audit log: each kind that it records is seen whatever the index knows, and takes effect at once.

After every run people find what the repository lets them find, or, where a list gives anew, no more than that.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.alfresco.simulator.faults import Fault, fail, refuse
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
    write,
)
from tests.integration.lane_system import ALICE, BOB, EVERYTHING, LaneSystem, lane_system
from vocabulary.access import Acl, AclId
from vocabulary.numbering import AclNumbering
from vocabulary.ports import SyncMode

_MANY = 40  # far more than the requests before a list is read: scope, log, the folder and those above it
AUDIT = ("/audit-applications/CMISChangeLog", "/audit-entries")


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[LaneSystem]:
    """A system that was synced once, and whose index knows nothing of what happens from now on."""
    async with lane_system(tmp_path, lanes=["audit"]) as furnished:
        furnished.world.audit.records_changes = True
        await furnished.furnish()
        furnished.world.search_lag = FROZEN
        yield furnished


@pytest.mark.parametrize("lag", [FROZEN, NO_LAG], ids=["frozen index", "index in time"])
@pytest.mark.parametrize("change", SEEN_BY_ALL, ids=lambda change: change.__name__)
async def test_what_the_log_records_is_seen_by_the_next_changes(
    system: LaneSystem, change: Callable[[LaneSystem], None], lag: timedelta
) -> None:
    system.world.search_lag = lag
    change(system)
    report = await system.sync()
    assert (report.state, report.tally.warnings) == (RunState.SUCCEEDED, {})
    for person in (ALICE, BOB):
        assert await system.find(person) == system.permitted(person)


async def test_new_content_is_read(system: LaneSystem) -> None:
    write(system)
    await system.sync()
    assert await system.bench.find("walruses") == {system.named("one.txt").id}


async def test_a_list_that_is_narrowed_again_takes_effect_although_nothing_shows_it_but_the_log(
    system: LaneSystem,
) -> None:
    for name in ("plans", "one.txt"):
        only(system, name, ALICE, BOB)
    await system.sync()
    dates = {name: system.named(name).modified_at for name in ("plans", "one.txt")}
    for name in ("plans", "one.txt"):
        only(system, name, BOB)
    assert dates == {name: system.named(name).modified_at for name in dates}
    system.bench.now = system.world.now().timestamp() + 5
    report = await system.sync()
    assert report.tally.revocation_latency_s == pytest.approx(5, abs=0.1)
    assert await system.find(ALICE) == system.permitted(ALICE) == set()
    assert await system.find(BOB) == EVERYTHING


@dataclass
class RequestsBefore:
    """How many requests the source has answered when its lists change; lists are kept by `store`."""

    store: AclNumbering
    system: LaneSystem
    counted: list[int] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    async def number(self, source: str, acls: Iterable[Acl], **told: Any) -> Mapping[str, AclId]:
        answered, version = len(self.system.requests()), await self.store.version(source)
        numbers = await self.store.number(source, acls, **told)
        if await self.store.version(source) != version:
            self.counted.append(answered)
        return numbers


async def test_a_narrowed_list_takes_effect_after_as_many_requests_whatever_lies_below_its_folder(
    system: LaneSystem,
) -> None:
    watched = system.bench.numbering = RequestsBefore(system.bench.numbering, system)
    for number in range(_MANY):
        folder = system.world.add_folder(system.named("plans"), f"folder {number}")
        system.world.add_file(folder, f"file {number}.txt", b"words")
    only(system, "plans", ALICE, BOB)
    await system.sync(SyncMode.FULL)
    assert await system.find(ALICE) == system.permitted(ALICE)
    watched.counted.clear()
    only(system, "plans", BOB)
    await system.sync()
    assert await system.find(ALICE) == system.permitted(ALICE) == set()
    assert len(system.requests()) > _MANY, "all folders below were looked at"
    [requests] = watched.counted
    assert requests < _MANY / 2


async def test_a_list_that_is_dropped_puts_its_documents_under_the_one_above(system: LaneSystem) -> None:
    only(system, "plans", BOB)
    await system.sync(SyncMode.FULL)
    assert await system.find(ALICE) == set()
    system.world.set_permissions(system.named("plans"), entries=[])
    await system.sync()
    assert await system.find(ALICE) == await system.find(BOB) == EVERYTHING


async def test_a_change_above_the_scope_reaches_it(system: LaneSystem) -> None:
    system.settings["folders"] = ["Shared/plans/deep"]
    await system.sync(SyncMode.FULL)
    only(system, "plans", BOB)
    await system.sync()
    assert (await system.find(ALICE), await system.find(BOB)) == (set(), {"three.txt"})


async def test_a_folder_that_is_closed_to_the_crawler_itself_is_hidden(system: LaneSystem) -> None:
    world = system.world
    world.add_person("auditor", password="auditor", is_admin=True)
    system.account = "auditor"
    plans = world.add_folder(world.shared, "more")
    world.add_file(plans, "four.txt", b"words")
    await system.sync()
    assert "four.txt" in await system.find()
    world.faults.add(refuse(403), path=f"/nodes/{plans.id}")
    world.faults.add(refuse(403), path=f"/nodes/{system.named('four.txt').id}")
    only(system, "more", BOB)
    report = await system.sync()
    assert (report.state, report.tally.reasons) == (RunState.INCOMPLETE, {"failed: access-refused": 1})
    assert await system.find(BOB) == EVERYTHING


@pytest.mark.parametrize("outside", [True, False])
async def test_nothing_is_told_of_what_lies_outside_the_scope_and_never_lay_in_it(
    system: LaneSystem, outside: bool
) -> None:
    world = system.world
    folder = world.add_folder(world.root if outside else world.shared, "elsewhere")
    world.add_file(folder, "four.txt", b"words")
    world.set_permissions(folder, inherit=False, entries=[])
    report = await system.sync()
    assert report.tally.scanned == (0 if outside else 1)


async def test_what_left_the_scope_is_withdrawn(system: LaneSystem) -> None:
    for name in ("one.txt", "deep"):
        node = system.named(name)
        system.world.move(node, system.world.root)
        system.world.set_properties(node, {"cm:title": "moved"})
    await system.sync()
    assert await system.find() == {"two.txt"}


async def test_moves_and_restorations_leave_no_entry_and_are_left_to_the_others(system: LaneSystem) -> None:
    file = system.named("three.txt")
    system.world.delete(file)
    await system.sync()
    assert "three.txt" not in await system.find()
    system.world.restore(file.id)
    await system.sync()
    assert "three.txt" not in await system.find()
    await system.sync(SyncMode.FULL)
    assert await system.find() == EVERYTHING


# -- where it stands ---------------------------------------------------------------------------------------------------


async def test_entries_are_read_once_they_are_a_minute_old_and_no_second_time(system: LaneSystem) -> None:
    system.settings["page_size"] = 2
    for number in range(5):
        system.world.add_file(system.named("deep"), f"{number}.txt", b"words")
    report = await system.sync()
    assert (report.tally.scanned, len(system.requests("/audit-entries"))) == (5, 1 + 3)  # one finds the beginning
    report = await system.sync()
    assert (report.tally.scanned, len(system.requests("/audit-entries"))) == (0, 1)


async def test_young_entries_are_read_again_because_older_ones_may_still_be_committed(system: LaneSystem) -> None:
    await system.sync()
    system.clock.now += timedelta(minutes=10)  # as far as the next sync
    add_a_file(system)
    system.clock.now -= timedelta(minutes=10)
    assert [(await system.sync()).tally.scanned for _ in range(3)] == [1, 1, 0]


async def test_an_interrupted_reading_goes_on_behind_its_last_page(system: LaneSystem) -> None:
    system.settings["page_size"] = 2
    for number in range(6):
        system.world.add_file(system.named("deep"), f"{number}.txt", b"words")
    rule = system.world.faults.add(refuse(401), path="/audit-entries$", first=4)
    assert (await system.sync()).state is RunState.FAILED
    system.world.faults.remove(rule)
    report = await system.sync()
    assert (report.state, report.tally.scanned) == (RunState.SUCCEEDED, 2)
    assert await system.find() == system.permitted()


async def test_without_the_lane_nothing_is_asked_of_it(system: LaneSystem) -> None:
    system.settings["lanes"] = []
    close_a_folder(system)
    for mode in (SyncMode.CHANGES, SyncMode.PERMISSIONS, SyncMode.FULL):
        await system.sync(mode)
        assert not system.requests(*AUDIT)


# -- where it fails ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [refuse(403), fail(500), fail(501), fail(404)], ids=lambda fault: fault.name)
@pytest.mark.parametrize("mode", [SyncMode.CHANGES, SyncMode.PERMISSIONS])
async def test_a_log_that_cannot_be_read_is_a_warning_and_the_run_does_without(
    system: LaneSystem, fault: Fault, mode: SyncMode
) -> None:
    system.world.search_lag = NO_LAG
    rule = system.world.faults.add(fault, path="/audit-applications")
    delete_a_file(system)
    only(system, "one.txt", BOB)
    report = await system.sync(mode)
    assert report.state is RunState.SUCCEEDED
    assert [words.partition(":")[0] for words in report.tally.warnings] == ["lane-audit"]
    assert await system.find(ALICE) == {"two.txt"}
    system.world.faults.remove(rule)
    assert (await system.sync(mode)).tally.warnings == {}


async def test_what_was_recorded_before_the_log_was_switched_off_is_read_and_the_rest_when_it_is_on_again(
    system: LaneSystem,
) -> None:
    world = system.world
    delete_a_file(system)
    world.audit.records_changes = False
    only(system, "one.txt", BOB)  # no entry
    report = await system.sync()
    assert report.tally.warnings == {"lane-audit: disabled": 1}
    assert await system.find(ALICE) == {"one.txt", "two.txt"}
    world.audit.records_changes = True
    only(system, "two.txt", BOB)
    assert (await system.sync()).tally.warnings == {}
    assert await system.find(ALICE) == {"one.txt"}
    await system.sync(SyncMode.PERMISSIONS)
    assert await system.find(ALICE) == set()


async def test_a_log_that_vanishes_between_runs_keeps_its_place(system: LaneSystem) -> None:
    add_a_file(system)
    await system.sync()
    system.world.audit_enabled = False
    only(system, "plans", BOB)
    assert (await system.sync()).tally.warnings == {"lane-audit: disabled": 1}
    assert await system.find(ALICE) == {*EVERYTHING, "four.txt"}
    system.world.audit_enabled = True
    assert (await system.sync()).tally.warnings == {}
    assert await system.find(ALICE) == set()


@pytest.mark.parametrize(
    ("switch", "words"),
    [("audit_enabled", "audit.enabled"), ("records_changes", "CMISChangeLog"), ("rights", "`auth`")],
)
async def test_the_check_says_whether_the_lane_can_be_used_and_what_to_change(
    system: LaneSystem, switch: str, words: str
) -> None:
    assert (await system.check("lane audit")).passed
    match switch:
        case "audit_enabled":
            system.world.audit_enabled = False
        case "records_changes":
            system.world.audit.records_changes = False
        case _:
            system.world.add_person("crawler", password="crawler")
            system.account = "crawler"
    result = await system.check("lane audit")
    assert not result.passed and words in result.message and "`lanes`" in result.message


# -- permissions first where they changed ------------------------------------------------------------------------------


async def test_a_permissions_sweep_begins_where_rights_were_changed(system: LaneSystem) -> None:
    world = system.world
    for number in range(5):
        world.add_file(world.add_folder(world.shared, f"a {number}"), f"{number}.txt", b"words")
    await system.sync(SyncMode.FULL)
    only(system, "plans", BOB)
    await system.sync(SyncMode.PERMISSIONS)
    listed = [request.path.split("/")[-2] for request in system.requests("/children")]
    plans, deep = system.named("plans").id, system.named("deep").id
    assert {*listed[:4]} == {plans, deep}  # its folders, then its documents, and neither a second time
    assert listed.count(plans) == listed.count(deep) == 2
    assert await system.find(ALICE) == {f"{number}.txt" for number in range(5)}
    assert await system.find(BOB) == system.permitted(BOB)


@pytest.mark.parametrize("change", [close_a_folder, close_a_file, close_a_folder_with_lists_below, deny_above])
async def test_a_sweep_ends_as_it_would_without_the_lane(
    system: LaneSystem, change: Callable[[LaneSystem], None]
) -> None:
    change(system)
    report = await system.sync(SyncMode.PERMISSIONS)
    assert (report.state, report.tally.withheld) == (RunState.SUCCEEDED, 0)
    for person in (ALICE, BOB):
        assert await system.find(person) == system.permitted(person)


async def test_a_sweep_that_breaks_off_among_the_changed_folders_is_gone_on_with(system: LaneSystem) -> None:
    system.settings["page_size"] = 1
    only(system, "plans", BOB)
    only(system, "deep", BOB)
    rule = system.world.faults.add(refuse(401), path=f"/nodes/{system.named('plans').id}/children$", first=4)
    assert (await system.sync(SyncMode.PERMISSIONS)).state is RunState.FAILED
    system.world.faults.remove(rule)
    report = await system.sync(SyncMode.PERMISSIONS)
    assert (report.state, report.resumed, report.tally.withheld) == (RunState.SUCCEEDED, True, 0)
    for person in (ALICE, BOB):
        assert await system.find(person) == system.permitted(person)


# -- what a revocation costs -------------------------------------------------------------------------------------------


async def test_a_revocation_on_a_folder_costs_a_few_requests_however_many_documents_are_below(
    system: LaneSystem,
) -> None:
    world = system.world
    only(system, "plans", ALICE, BOB)
    for number in range(300):
        world.add_file(system.named("plans"), f"{number:03}.txt", b"words")
    await system.sync(SyncMode.FULL)
    only(system, "plans", BOB)
    report = await system.sync()
    assert await system.find(ALICE) == set()
    assert len(await system.find(BOB)) == 303
    assert report.tally.scanned == 0
    assert len(system.requests()) <= 16
