"""What lanes spare: requests from the start of a sync until a revocation on one folder of many is obeyed.

    python -m benchmarks.lanes [--folders 10] [--per-folder 1000] [--json]

A simulated Alfresco with so many folders of documents; the one group that may read is taken from a folder. Each way of
hearing of it has a folder of its own, once one that had a list before, once one that inherited, whose documents have to
be put under another list. Counted are the requests until the reader's query finds none of the folder's documents, and
those of the whole sync; they hardly depend on how busy the machine is.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import SecretStr

from benchmarks.sync_rooms import Rooms, open_rooms
from connectors.alfresco.simulator import World, running_simulator
from connectors.alfresco.simulator.generator import flat_world
from connectors.alfresco.simulator.model import Node
from indexer.state.run_history import RunState
from vocabulary.ports import SyncMode

_READER = "reader@example.com"
_SECRET = "s3cret"  # noqa: S105 - of a simulator
_READERS = [("GROUP_readers", "Consumer")]
_POLL_S = 0.02

WAYS: tuple[tuple[SyncMode, tuple[str, ...]], ...] = (
    (SyncMode.CHANGES, ()),
    (SyncMode.PERMISSIONS, ()),
    (SyncMode.CHANGES, ("audit",)),
    (SyncMode.CHANGES, ("tracking",)),
    (SyncMode.PERMISSIONS, ("audit",)),
)


@dataclass(frozen=True, slots=True)
class Figures:
    """One revocation, heard of in one way."""

    mode: SyncMode
    lanes: tuple[str, ...]
    had_a_list: bool
    until_obeyed: int | None  # requests; None: the sync does not hear of it
    whole_sync: int


@dataclass
class _Clock:
    """The repository's clock, which passes an hour between syncs: no reading overlaps the one before."""

    now: datetime = dataclasses.field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.now


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folders", type=int, default=2 * len(WAYS))
    parser.add_argument("--per-folder", type=int, default=1_000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.folders < 2 * len(WAYS):
        parser.error(f"each way needs two folders: at least {2 * len(WAYS)}")
    found = asyncio.run(_measure(arguments.folders, arguments.per_folder))
    _print(found, folders=arguments.folders, per_folder=arguments.per_folder, as_json=arguments.json)


async def _measure(folders: int, per_folder: int) -> list[Figures]:
    clock = _Clock()
    world, top = flat_world(folders * per_folder, per_folder=per_folder, clock=clock)
    world.audit.records_changes, world.tracking.secret = True, _SECRET
    unused = iter([node for node in world.children(top) if node.content is None])
    cases = [(mode, lanes, had_a_list, next(unused)) for had_a_list in (True, False) for mode, lanes in WAYS]
    for _, _, had_a_list, folder in cases:
        if had_a_list:
            world.set_permissions(folder, inherit=False, entries=_READERS)
    world.tracking.transactions()  # an index has followed from the beginning
    with tempfile.TemporaryDirectory() as path:
        async with running_simulator(world) as url:
            trial = _Trial(world, clock, url, Path(path))
            await trial.sync(SyncMode.FULL, ())
            return [await trial.revocation(*case) for case in cases]


@dataclass
class _Trial:
    """A served world, and the folder of the index and the state that are synced with it."""

    world: World
    clock: _Clock
    url: str
    path: Path

    async def revocation(self, mode: SyncMode, lanes: tuple[str, ...], had_a_list: bool, folder: Node) -> Figures:
        await self.sync(SyncMode.CHANGES, lanes)  # from here on the lanes have a place to read from
        self.world.set_permissions(folder, inherit=False, entries=[])
        until_obeyed, whole_sync = await self.sync(mode, lanes)
        if until_obeyed is None:
            await self.sync(SyncMode.PERMISSIONS, ())
        return Figures(mode, lanes, had_a_list, until_obeyed, whole_sync)

    async def sync(self, mode: SyncMode, lanes: tuple[str, ...]) -> tuple[int | None, int]:
        """Sync; return the requests until the reader finds less, if they do, and all."""
        self.clock.now += timedelta(hours=1)
        async with open_rooms(self.url, self.path, lanes=lanes, tracking_secret=SecretStr(_SECRET)) as rooms:
            if mode is SyncMode.FULL:
                await rooms.refresh_people()
            before = await rooms.found_by(_READER)
            self.world.request_log.clear()
            watching = asyncio.create_task(self._when_less(rooms, before))
            report = await rooms.sync(mode)
            assert report.state is RunState.SUCCEEDED, report
            whole_sync = len(self.world.request_log)
            finds_less = await rooms.found_by(_READER) < before
            if not finds_less:
                watching.cancel()
            (seen,) = await asyncio.gather(watching, return_exceptions=True)
            return (seen if isinstance(seen, int) else None), whole_sync

    async def _when_less(self, rooms: Rooms, before: int) -> int:
        """Ask as readers do, again and again: nobody tells them."""
        found = before
        while found >= before:
            await asyncio.sleep(_POLL_S)
            found = await rooms.found_by(_READER)
        return len(self.world.request_log)


def _print(found: Sequence[Figures], *, folders: int, per_folder: int, as_json: bool) -> None:
    if as_json:
        print(json.dumps([dataclasses.asdict(each) for each in found], indent=2))
        return
    print(f"a revocation on one of {folders} folders of {per_folder} documents: requests until obeyed, and in all")
    for line in _lines(found):
        print(line)


def _lines(found: Sequence[Figures]) -> Iterator[str]:
    for each in found:
        way = f"{each.mode}{' with ' + ', '.join(each.lanes) if each.lanes else ''}"
        before = "had a list" if each.had_a_list else "inherited"
        obeyed = "not heard of" if each.until_obeyed is None else str(each.until_obeyed)
        yield f"{way:<26} {before:<10} {obeyed:>12} {each.whole_sync:>8}"


if __name__ == "__main__":
    main()
