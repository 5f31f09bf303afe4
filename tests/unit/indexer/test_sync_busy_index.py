"""An index that is busy for a moment, wherever a run asks it: the run waits, and the index equals the source."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import wraps
from typing import Any

from indexer.backends.memory.backend import MemoryBackend
from indexer.layers import RetryPolicy
from indexer.state.run_history import RunState
from tests.fakes.plain_rooms import DIMENSIONS
from tests.fakes.scripted_source import numbered
from tests.fakes.sync_bench import Bench, no_wait
from vocabulary.documents import DocumentId
from vocabulary.errors import IndexBusy


def busy_every_other_time(method: Callable[..., Any]) -> Callable[..., Any]:
    asked = 0

    @wraps(method)
    async def ask(*args: Any, **options: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked % 2:
            raise IndexBusy("as the test asks")
        return await method(*args, **options)

    return ask


class BusyBackend(MemoryBackend):
    """An index that turns every other request away, and breaks off every other listing in its middle."""

    def __init__(self) -> None:
        super().__init__(dimensions=DIMENSIONS)
        for name in ("adopt", "seal", "put_seal", "apply", "stored_passages"):
            setattr(self, name, busy_every_other_time(getattr(self, name)))
        self.listed = 0

    async def document_ids(self, source: str) -> AsyncIterator[DocumentId]:
        self.listed += 1
        is_busy, number = self.listed % 2 == 1, 0
        async for document_id in super().document_ids(source):
            if is_busy and number == 2:
                raise IndexBusy("as the test asks")
            yield document_id
            number += 1


async def test_a_run_waits_wherever_the_index_is_busy(bench: Bench) -> None:
    bench.backend, bench.source = BusyBackend(), numbered(12)
    bench.policy = RetryPolicy(attempts=4, sleep=no_wait)
    assert (await bench.sync()).state is RunState.SUCCEEDED
    for native_id in list(bench.source.texts)[:4]:
        bench.source.put(native_id, f"{bench.source.texts[native_id]} And more.")
    bench.source.remove("d011")
    report = await bench.sync()
    assert (report.state, report.tally.deleted) == (RunState.SUCCEEDED, 1), report.message
    assert (await bench.backend.statistics()).documents == len(bench.source.texts)
