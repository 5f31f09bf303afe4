"""A run whose lease went to another writes nothing any more; one that cannot renew its lease ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

import pytest
import sqlalchemy as sa

from indexer import heartbeat
from indexer.state.leases import RunInProgress
from indexer.state.ledger import Ledger
from indexer.state.run_history import RunState
from indexer.state.runs import RunStore, RunTicket
from indexer.state.tables import source_state
from indexer.state.tally import Tally
from tests.fakes.scripted_source import SOURCE, numbered
from tests.fakes.sync_bench import Bench
from vocabulary.documents import DocumentId
from vocabulary.indexing import IndexOperation, Refusal
from vocabulary.ports import SyncMode


def take_over(bench: Bench) -> None:
    with bench.engine.begin() as connection:
        connection.execute(sa.update(source_state).values(runner="elsewhere:1:ab", lease_until=9e12))


async def test_a_run_that_slept_through_its_lease_writes_nothing(bench: Bench) -> None:
    """Its process was stopped for a while; another run has the source, and what this one knows is old."""
    bench.source = numbered(40)
    await bench.sync()
    bench.source.titles["d030"] = "Old words"
    document = bench.source.document

    def sleep_at(native_id: str) -> None:
        if native_id == "d010":
            take_over(bench)

    bench.source.document = lambda native_id: (sleep_at(native_id), document(native_id))[1]  # type: ignore[method-assign]  # the test's own source
    report = await bench.sync()
    assert report.state is RunState.FAILED
    assert "another run" in report.message
    assert await bench.find("old") == set()


async def test_a_run_that_slept_while_it_deleted_stops_there(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.source = numbered(10)
    await bench.sync()
    bench.source.remove("d001")
    count = Ledger.count

    async def sleep_and_count(self: Ledger, source: str) -> int:
        take_over(bench)
        return await count(self, source)

    monkeypatch.setattr(Ledger, "count", sleep_and_count)
    assert (await bench.sync()).state is RunState.FAILED
    assert "d001" in await bench.stored()


async def test_a_lease_that_cannot_be_renewed_ends_the_run(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.source = numbered(10)

    async def broken(self: RunStore, ticket: RunTicket, tally: Tally) -> None:
        raise OSError("the state store does not answer")

    async def for_ever(operations: list[IndexOperation], *, fence: int) -> Mapping[DocumentId, Refusal]:
        await asyncio.sleep(60)
        return {}

    monkeypatch.setattr(heartbeat, "HEARTBEAT_S", 0.05)
    monkeypatch.setattr(RunStore, "heartbeat", broken)
    monkeypatch.setattr(bench.backend, "apply", for_ever)
    began_at = time.monotonic()
    with pytest.raises(OSError, match="does not answer"):
        await bench.sync()
    assert time.monotonic() - began_at < 30
    assert (await RunStore(bench.engine).recent(SOURCE))[0].state is RunState.FAILED


async def test_the_ledger_of_a_lost_lease_is_refused(bench: Bench) -> None:
    ticket = await RunStore(bench.engine).begin(SOURCE, SyncMode.FULL, index_id="i")
    take_over(bench)
    with pytest.raises(RunInProgress, match="lost"):
        await Ledger(bench.engine).settle(ticket, [], removed=["d001"], checkpoint=None)


async def test_a_cancellation_while_the_heartbeat_ends_is_not_lost(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.source = numbered(10)
    renewing = asyncio.Event()

    async def slow_to_end(self: RunStore, ticket: RunTicket, tally: Tally) -> None:
        try:
            renewing.set()
            await asyncio.sleep(60)
        finally:
            running.cancel()  # arrives while the run waits for its heartbeat to end

    async def wait_for_renewal(operations: list[IndexOperation], *, fence: int) -> Mapping[DocumentId, Refusal]:
        await renewing.wait()
        return {}

    monkeypatch.setattr(heartbeat, "HEARTBEAT_S", 0.01)
    monkeypatch.setattr(RunStore, "heartbeat", slow_to_end)
    monkeypatch.setattr(bench.backend, "apply", wait_for_renewal)
    running = asyncio.create_task(bench.sync())
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (await RunStore(bench.engine).recent(SOURCE))[0].state is RunState.INTERRUPTED
