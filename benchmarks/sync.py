"""What a sync costs beside reading and embedding: an unchanged walk, a permission change, a slow line.

    python -m benchmarks.sync [--documents 10000 100000] [--slow-documents 1000] [--latency-ms 50] [--json]

A simulated Alfresco runs in a process of its own and each sync in another, so that memory is that of the sync alone.
The rooms are the product's: connector, ledger, ACL store, embedded index. Only text and vectors come from a stand-in,
since the model's work is what `benchmarks.ingest` measures.

- unchanged: a full sync of what is indexed already, in a fresh process: documents/s, requests per document, peak memory
- permissions: the one group that may read is taken from the folder above all documents; seconds from that moment, and
  from the start of the permissions sync, to the first query filter without them; writes to the index
- slow line: a first sync at so many milliseconds an answer, beside its bound: requests x latency / requests at once
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from benchmarks.sync_rooms import Rooms, open_rooms
from benchmarks.sync_worlds import Repository, repository
from indexer.state.run_history import RunReport, RunState
from vocabulary.ports import SyncMode

_PER_FOLDER = 1_000
_READER = "reader@example.com"
_POLL_S = 0.01


@dataclasses.dataclass(frozen=True, slots=True)
class SyncFigures:
    """One sync in a process of its own."""

    what: str
    documents: int
    wall_s: float
    cpu_s: float
    requests: int
    content_requests: int
    peak_mib: float

    @property
    def documents_per_s(self) -> float:
        return self.documents / self.wall_s


@dataclasses.dataclass(frozen=True, slots=True)
class RevocationFigures:
    """A permissions sync after a change high above all documents."""

    documents: int
    obeyed_after_change_s: float
    obeyed_after_start_s: float
    sweep_s: float
    index_writes: int


def main() -> None:
    arguments = _arguments()
    found: list[SyncFigures | RevocationFigures] = []
    for documents in arguments.documents:
        with tempfile.TemporaryDirectory() as folder, repository(documents, per_folder=_PER_FOLDER) as source:
            _apart(_fill, source, folder)
            found.append(_apart(_sync_once, "unchanged", source, folder))
            found.append(_apart(_revoke, source, folder))
    latency_s = arguments.latency_ms / 1_000
    with tempfile.TemporaryDirectory() as folder:
        slow = repository(arguments.slow_documents, per_folder=_PER_FOLDER, latency_s=latency_s)
        with slow as source:
            found.append(_apart(_sync_once, f"first at {arguments.latency_ms} ms", source, folder))
    _print(found, latency_s=latency_s, as_json=arguments.json)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--slow-documents", type=int, default=1_000)
    parser.add_argument("--latency-ms", type=int, default=50)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _apart(work: Callable[..., Any], *arguments: Any) -> Any:
    """Do the work in a fresh process and return its result."""
    spawning = multiprocessing.get_context("spawn")
    here, there = spawning.Pipe(duplex=False)
    process = spawning.Process(target=_send, args=(there, work, arguments))
    process.start()
    result = here.recv()
    process.join()
    return result


def _send(answer: Any, work: Callable[..., Any], arguments: Sequence[Any]) -> None:
    answer.send(work(*arguments))


def _fill(source: Repository, folder: str) -> None:
    """Index everything, with contents that nobody is asked for."""

    async def run() -> RunReport:
        async with open_rooms(source.url, Path(folder)) as rooms:
            rooms.connector.fills = True
            await rooms.refresh_people()
            return await rooms.sync(SyncMode.FULL)

    report = asyncio.run(run())
    assert report.state is RunState.SUCCEEDED, report


def _sync_once(what: str, source: Repository, folder: str) -> SyncFigures:
    source.requests()

    async def run() -> tuple[RunReport, float, float, int]:
        async with AsyncExitStack() as stack:
            rooms = await stack.enter_async_context(open_rooms(source.url, Path(folder)))
            await rooms.refresh_people()
            started, started_cpu = time.perf_counter(), time.process_time()
            report = await rooms.sync(SyncMode.FULL)
            return report, time.perf_counter() - started, time.process_time() - started_cpu, rooms.opened

    report, wall_s, cpu_s, content_requests = asyncio.run(run())
    assert report.state is RunState.SUCCEEDED, report
    return SyncFigures(
        what=what,
        documents=report.tally.scanned,
        wall_s=wall_s,
        cpu_s=cpu_s,
        requests=source.requests(),
        content_requests=content_requests,
        peak_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


def _revoke(source: Repository, folder: str) -> RevocationFigures:
    async def run() -> RevocationFigures:
        async with open_rooms(source.url, Path(folder)) as rooms:
            assert await rooms.visible_to(_READER) > 0
            rooms.index_writes = 0
            changed = time.perf_counter()
            await asyncio.to_thread(source.shut_out_readers)
            started = time.perf_counter()
            obeyed, report = await asyncio.gather(_when_shut_out(rooms), rooms.sync(SyncMode.PERMISSIONS))
            assert report.state is RunState.SUCCEEDED, report
            return RevocationFigures(
                documents=report.tally.scanned,
                obeyed_after_change_s=obeyed - changed,
                obeyed_after_start_s=obeyed - started,
                sweep_s=time.perf_counter() - started,
                index_writes=rooms.index_writes,
            )

    return asyncio.run(run())


async def _when_shut_out(rooms: Rooms) -> float:
    """Ask as readers do, again and again: nobody tells them."""
    admitted = await rooms.visible_to(_READER)
    while admitted:
        await asyncio.sleep(_POLL_S)
        admitted = await rooms.visible_to(_READER)
    return time.perf_counter()


def _print(found: Sequence[SyncFigures | RevocationFigures], *, latency_s: float, as_json: bool) -> None:
    if as_json:
        print(json.dumps([dataclasses.asdict(each) for each in found], indent=2))
        return
    for each in found:
        if isinstance(each, RevocationFigures):
            print(
                f"permissions  {each.documents:>7} documents: obeyed {each.obeyed_after_start_s:.2f} s after the "
                f"start of the sync ({each.obeyed_after_change_s:.2f} s after the change), sweep {each.sweep_s:.1f} s, "
                f"{each.index_writes} index writes"
            )
            continue
        print(
            f"{each.what:<12} {each.documents:>7} documents: {each.documents_per_s:>6.0f}/s, {each.wall_s:.1f} s wall, "
            f"{each.cpu_s:.1f} s CPU, {each.requests / each.documents:.3f} requests/document "
            f"({each.content_requests} for content), peak {each.peak_mib:.0f} MiB"
        )
        if each.what.startswith("first at"):
            bound_s = each.requests * latency_s / Rooms.requests_at_once
            print(
                f"{'':<12} bound {bound_s:.1f} s for {each.requests} requests: efficiency {bound_s / each.wall_s:.0%}"
            )


if __name__ == "__main__":
    main()
