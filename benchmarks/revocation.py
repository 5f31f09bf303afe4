"""How soon a revocation is obeyed while many people ask, and whether any answer mixes old and new.

    python -m benchmarks.revocation [--documents 10000] [--clients 8] [--flips 30] [--mode changes] [--every 0]
                                    [--engine embedded | memory | opensearch --url URL] [--json]

A simulated Alfresco with one folder of so many documents, in a process of its own; the product's service answers over
HTTP and syncs beside it, in one process as `sightline serve` does; people in a third process ask without a pause. Again
and again the one group that may read is taken from the folder, a sync runs, and the folder is given back. Told are the
parts of the time from the change at the source to the first answer that obeys:

    change → sync begins    the wait for the schedule (--every: at random up to so many seconds)
    → the list is read      the sync has the new list in its hands
    → in force              from here on no query that arrives can be answered otherwise
    → first answer          somebody has asked, and was answered under the new rights

Every answer must be that of one state as a whole (`revocation_clients`), and every query that was sent once the new
rights were in force must be answered under them: where one is not, the program ends with 1. Syncs in the mode `changes`
hear of the change through the lane `audit`. Only what reads and embeds text is a stand-in.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.revocation_clients import State, crowd, questions
from benchmarks.revocation_trial import Flip, Moments, Trial, WatchedAcls, served, token_for, watched
from benchmarks.sync_rooms import DIMENSIONS, Rooms, open_rooms
from benchmarks.sync_worlds import repository
from indexer.backends.embedded import EmbeddedBackend
from indexer.backends.memory import MemoryBackend
from indexer.state.run_history import RunState
from vocabulary.ports import SyncMode

_PER_FOLDER = 1_000
_OTHERS = 100  # documents whose readers keep their rights: an answer after the change is not empty
_READER = "reader@example.com"
_WORDS = ("document", "report", "budget")  # of the documents' texts and titles

_PARTS: dict[str, Callable[[Flip], float]] = {
    "change → sync begins": lambda flip: flip.began_at - flip.changed_at,
    "→ the list is read": lambda flip: flip.read_at - flip.began_at,
    "→ in force": lambda flip: flip.in_force_at - flip.read_at,
    "→ first answer": lambda flip: flip.first_answer_at - flip.in_force_at,
    "in all": lambda flip: flip.first_answer_at - flip.changed_at,
}


@dataclass(frozen=True, slots=True)
class Figures:
    """What the flips of one kind showed; seconds at the 50th and 99th percentile and at most."""

    what: str
    flips: int
    answers: int
    answer_p50_s: float
    answer_p99_s: float
    parts: dict[str, tuple[float, float, float]]
    mixed: int  # answers of neither state as a whole
    disobeying: int  # answers under the old rights to queries that were sent once the new ones were in force


def main() -> None:
    arguments = _arguments()
    found = asyncio.run(_measure(arguments))
    if arguments.json:
        print(json.dumps([dataclasses.asdict(each) for each in found], indent=2))
    else:
        _print(found, arguments)
    sys.exit(any(each.mixed or each.disobeying for each in found))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=10_000, help="in the folder")
    parser.add_argument("--clients", type=int, default=8, help="people who ask at the same time")
    parser.add_argument("--flips", type=int, default=30)
    parser.add_argument("--mode", type=SyncMode, choices=[SyncMode.CHANGES, SyncMode.PERMISSIONS], default="changes")
    parser.add_argument("--every", type=float, default=0.0, help="the sync begins up to so many seconds after a change")
    parser.add_argument("--engine", choices=["embedded", "memory", "opensearch"], default="embedded")
    parser.add_argument("--url", default="", help="of the OpenSearch cluster; its index is sightline-revocation")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if (arguments.engine == "opensearch") != bool(arguments.url):
        parser.error("--engine opensearch and --url go together")
    return arguments


async def _measure(arguments: argparse.Namespace) -> list[Figures]:
    moments = Moments()

    def acls(engine: Any) -> WatchedAcls:
        store = WatchedAcls(engine)
        store.moments = moments
        return store

    world = repository(arguments.documents, per_folder=_PER_FOLDER, others=_OTHERS, records_changes=True)
    with tempfile.TemporaryDirectory() as folder, world as source:
        backend = watched(_engine(arguments, Path(folder)), moments)
        async with open_rooms(source.url, Path(folder), backend=backend, acls=acls, lanes=["audit"]) as rooms:
            await _fill(rooms)
            async with served(rooms) as address:
                people = crowd(address, token_for(_READER), questions(_WORDS), clients=arguments.clients)
                with people as asking:
                    trial = Trial(source, rooms, asking, moments, arguments.mode, arguments.every)
                    return await _flip(trial, arguments.flips)


def _engine(arguments: argparse.Namespace, folder: Path) -> AbstractAsyncContextManager[Any]:
    if arguments.engine == "memory":
        return MemoryBackend(dimensions=DIMENSIONS)
    if arguments.engine == "opensearch":
        from indexer.backends.opensearch.backend import OpenSearchBackend  # noqa: PLC0415 - an extra of the product
        from indexer.backends.opensearch.config import IndexOptions, OpenSearchConfig  # noqa: PLC0415

        options = IndexOptions(replicas=0)
        config = OpenSearchConfig(urls=(arguments.url,), alias="sightline-revocation", options=options)
        return OpenSearchBackend(config, dimensions=DIMENSIONS)
    return EmbeddedBackend(folder / "index", dimensions=DIMENSIONS)


async def _fill(rooms: Rooms) -> None:
    rooms.connector.fills = True
    await rooms.refresh_people()
    report = await rooms.sync(SyncMode.FULL)
    assert report.state is RunState.SUCCEEDED, report


async def _flip(trial: Trial, flips: int) -> list[Figures]:
    telling = await trial.learn()
    assert telling, "no question tells the two states apart"
    taken, given = [], []
    for _ in range(flips):
        taken.append(await trial.take())
        given.append(await trial.give_back())
    return [_figures("taken", taken), _figures("given back", given)]


def _figures(what: str, flips: Sequence[Flip]) -> Figures:
    answers = [one.received_at - one.sent_at for flip in flips for one in flip.answered]
    p50, p99 = np.percentile(answers, [50, 99])
    return Figures(
        what=what,
        flips=len(flips),
        answers=len(answers),
        answer_p50_s=float(p50),
        answer_p99_s=float(p99),
        parts={name: _spread([part(flip) for flip in flips]) for name, part in _PARTS.items()},
        mixed=sum(flip.count(state) for flip in flips for state in (State.BETWEEN, State.TORN)),
        disobeying=sum(flip.disobeying for flip in flips),
    )


def _spread(seconds: Sequence[float]) -> tuple[float, float, float]:
    p50, p99 = np.percentile(seconds, [50, 99])
    return float(p50), float(p99), max(seconds)


def _print(found: Sequence[Figures], arguments: argparse.Namespace) -> None:
    print(
        f"{arguments.documents} documents in the folder, {arguments.engine} engine, {arguments.clients} people asking, "
        f"a {arguments.mode} sync (given back: permissions) up to {arguments.every:g} s after each change"
    )
    for each in found:
        print(
            f"\n{each.what} {each.flips} times; {each.answers} answers, p50 {each.answer_p50_s * 1e3:.0f} ms, "
            f"p99 {each.answer_p99_s * 1e3:.0f} ms; {each.mixed} mixed, {each.disobeying} disobeying"
        )
        print(f"{'seconds':<24}{'p50':>9}{'p99':>9}{'max':>9}")
        for name, spread in each.parts.items():
            print(f"{name:<24}" + "".join(f"{seconds:>9.3f}" for seconds in spread))


if __name__ == "__main__":
    main()
