"""People and groups that change between and during their readings: nobody acts as another, and a denial holds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from acl import MatchUserBy
from connectors.alfresco.simulator import World
from connectors.alfresco.simulator.faults import break_off, call, cut_short, fail, refuse, shift_pages
from connectors.alfresco.simulator.faults.kinds import Fault
from tests.proof import promises
from tests.proof.oracle import Oracle
from tests.proof.repository_bench import Clock, RepositoryBench, bench_on
from vocabulary.errors import SightlineError
from vocabulary.ports import SyncMode

ADDRESS = "desk@example.com"
MEMBERS = [f"member{number:02}" for number in range(20)]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[RepositoryBench]:
    """Two people with documents of their own; a document that twenty people are denied, by one group."""
    clock = Clock()
    world = World(name="identities", clock=clock)
    for person in ("first", "second"):
        world.add_person(person, password=person, email=f"{person}@example.com")
    archive = world.add_folder(world.root, "Archive")
    for person in ("first", "second"):
        file = world.add_file(archive, f"of the {person}.txt", b"text", creator=person)
        world.set_permissions(file, inherit=False, entries=[(person, "Consumer")])
    for member in MEMBERS:
        world.add_person(member, password=member)
    world.add_group("GROUP_kept_out", members=MEMBERS)
    for number in range(6):
        world.add_group(f"GROUP_other{number}")
    entries = [("GROUP_EVERYONE", "Consumer"), ("GROUP_kept_out", "Consumer", "DENIED")]
    world.set_permissions(world.add_file(archive, "kept.txt", b"text"), inherit=False, entries=entries)
    async with bench_on(world, clock, tmp_path, folders=["Archive"], page_size=4) as running:
        promises.succeeded(await running.sync())
        yield running


async def found_by_address(bench: RepositoryBench, address: str) -> set[str]:
    return set(await bench.found(address, by=MatchUserBy.EMAIL))


def permitted_by_address(bench: RepositoryBench, address: str) -> set[str]:
    oracle = Oracle(bench.world)
    user = oracle.user_of(address)
    return oracle.findable(user, bench.in_scope()) if user else set()


@pytest.mark.parametrize("mode", [SyncMode.FULL, SyncMode.CHANGES, SyncMode.PERMISSIONS])
async def test_an_address_that_goes_to_another_person_shows_what_that_one_may_find(
    bench: RepositoryBench, mode: SyncMode
) -> None:
    """Passed on between the reading of people and that of documents, and again with everything read."""
    bench.world.set_email("first", ADDRESS)
    await bench.refresh_identities()
    assert await found_by_address(bench, ADDRESS) == permitted_by_address(bench, ADDRESS)
    bench.world.set_email("first", "")
    bench.world.set_email("second", ADDRESS)
    bench.clock.pass_time()
    await bench.sync_documents(mode)
    of_first = Oracle(bench.world).findable("first", bench.in_scope())
    assert await found_by_address(bench, ADDRESS) == of_first, "as it was when people were read last"
    await bench.refresh_identities()
    assert await found_by_address(bench, ADDRESS) == permitted_by_address(bench, ADDRESS) != of_first


async def test_an_address_that_two_people_have_for_a_while_is_nobodys(bench: RepositoryBench) -> None:
    bench.world.set_email("first", ADDRESS)
    bench.world.set_email("second", ADDRESS.upper())
    await bench.refresh_identities()
    assert await found_by_address(bench, ADDRESS) == set()
    bench.world.disable_person("first")
    await bench.refresh_identities()
    assert await found_by_address(bench, ADDRESS) == set(), "whoever shares an address with a leaver is not known"
    bench.world.set_email("first", "")
    await bench.refresh_identities()
    assert await found_by_address(bench, ADDRESS) == permitted_by_address(bench, ADDRESS) != set()


async def test_members_that_come_and_go_between_pages_are_all_kept_out(bench: RepositoryBench) -> None:
    """One of the first page leaves and another joins: the list is as long as before, and its pages have shifted."""

    def happen() -> None:
        bench.world.leave_group(MEMBERS[0], "GROUP_kept_out")
        bench.world.join_group("second", "GROUP_kept_out")

    bench.world.faults.add(call(happen), path="GROUP_kept_out/members", query="skipCount=[^0]", times=1)
    await bench.refresh_identities()
    assert bench.world.request_log.struck()
    await promises.nothing_more_than_permitted_is_found(bench)
    await bench.refresh_identities()
    await promises.exactly_the_permitted_is_found(bench, among=bench.in_scope())


@pytest.mark.parametrize(
    "fault", [fail(500), refuse(403), cut_short(0.6), break_off(0.6), shift_pages(1)], ids=lambda fault: fault.name
)
@pytest.mark.parametrize("path", ["/people$", "/groups$", "GROUP_kept_out/members$"])
async def test_a_list_that_cannot_be_read_whole_changes_nobodys_rights(
    bench: RepositoryBench, fault: Fault, path: str
) -> None:
    bench.world.join_group("second", "GROUP_kept_out")
    bench.world.faults.add(fault, path=path, query="skipCount=[^0]")
    found = {person: await bench.found(person) for person in bench.people()}
    with pytest.raises(SightlineError):
        await bench.refresh_identities()
    assert {person: await bench.found(person) for person in bench.people()} == found
    bench.world.faults.clear()
    await bench.refresh_identities()
    await promises.exactly_the_permitted_is_found(bench, among=bench.in_scope())
