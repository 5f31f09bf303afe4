"""A state store or an index that was put back from a backup: it may hide, and never reveals what it should not."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from connectors.alfresco.simulator import World, running_simulator
from tests.proof import promises
from tests.proof.repository_bench import Clock, RepositoryBench, bench_at
from vocabulary.ports import SyncMode


def furnished(clock: Clock) -> World:
    """An open folder with six documents, and one for the director."""
    world = World(name="restored", clock=clock)
    for person in ("clerk", "director"):
        world.add_person(person, password=person)
    archive = world.add_folder(world.root, "Archive")
    world.set_permissions(archive, inherit=False, entries=[])
    for name, reader in (("open", "clerk"), ("closed", "director")):
        folder = world.add_folder(archive, name)
        world.set_permissions(folder, inherit=False, entries=[(reader, "Consumer")])
        for number in range(6):
            world.add_file(folder, f"{name} {number}.txt", f"text {name} {number}".encode())
    return world


def named(world: World, name: str) -> str:
    return next(node.id for node in world.nodes.values() if node.name == name)


@dataclass
class Office:
    """A served repository, and the folder with what was synced of it."""

    world: World
    clock: Clock
    url: str
    path: Path

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[RepositoryBench]:
        async with bench_at(self.url, self.world, self.clock, self.path, folders=["Archive"]) as bench:
            yield bench

    async def sync(self) -> None:
        self.clock.pass_time()
        async with self.opened() as bench:
            promises.succeeded(await bench.sync(brake=1.0))

    def restore(self, part: str, backup: Path) -> None:
        for file in self.path.glob(f"{part}*"):
            file.unlink()
        for file in backup.glob(f"{part}*"):
            shutil.copy(file, self.path)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    clock = Clock()
    world = furnished(clock)
    (folder := tmp_path / "data").mkdir()
    async with running_simulator(world) as url:
        yield Office(world, clock, url, folder)


@pytest.mark.parametrize("part", ["state.db", "index"])
@pytest.mark.parametrize("mode", [SyncMode.PERMISSIONS, SyncMode.CHANGES, SyncMode.FULL])
async def test_after_a_restore_no_mode_reveals_anything(
    office: Office, tmp_path: Path, part: str, mode: SyncMode
) -> None:
    """Between backup and restore two documents were closed, one by moving it and one by a list of its own."""
    world = office.world
    await office.sync()
    shutil.copytree(office.path, backup := tmp_path / "backup")
    moved, closed = (named(world, f"open {number}.txt") for number in (0, 1))
    world.move(moved, named(world, "closed"))
    world.set_permissions(closed, inherit=False, entries=[("director", "Consumer")])
    await office.sync()
    office.restore(part, backup)
    world.set_permissions(named(world, "closed 0.txt"), inherit=False, entries=[("clerk", "Consumer")])
    async with office.opened() as bench:
        office.clock.pass_time()
        await bench.sync(mode, brake=1.0)
        assert {moved, closed}.isdisjoint(await bench.found("clerk"))
        office.clock.pass_time()
        promises.succeeded(await bench.sync(brake=1.0))
        await promises.exactly_the_permitted_is_found(bench, among=bench.in_scope())


@pytest.mark.parametrize("mode", [SyncMode.PERMISSIONS, SyncMode.CHANGES, SyncMode.FULL])
async def test_a_number_that_a_restored_state_gives_again_reveals_nothing(
    office: Office, tmp_path: Path, mode: SyncMode
) -> None:
    """A document had a list of its own only after the backup; the number goes to another list after the restore."""
    world = office.world
    await office.sync()
    shutil.copytree(office.path, backup := tmp_path / "backup")
    secret, shown = (named(world, f"closed {number}.txt") for number in (0, 1))
    world.set_permissions(secret, inherit=False, entries=[])
    await office.sync()
    office.restore("state.db", backup)
    world.set_permissions(secret, inherit=True, entries=[])
    world.set_permissions(shown, inherit=False, entries=[("clerk", "Consumer")])
    async with office.opened() as bench:
        for each in dict.fromkeys([mode, SyncMode.FULL]):
            office.clock.pass_time()
            await bench.sync(each, brake=1.0)
            await promises.exactly_the_permitted_is_found(bench, among=bench.in_scope())


async def test_a_restore_costs_one_reading_and_nothing_afterwards(office: Office, tmp_path: Path) -> None:
    await office.sync()
    shutil.copytree(office.path, backup := tmp_path / "backup")
    await office.sync()
    office.restore("index", backup)
    await office.sync()
    office.world.request_log.clear()
    await office.sync()
    assert office.world.request_log.content_requests() == []
