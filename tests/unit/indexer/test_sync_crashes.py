"""Killed between the index and the ledger: the next sync trusts neither to agree with the other, and loses nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

import pytest

from indexer.backends.memory.backend import MemoryBackend
from indexer.state.ledger import Ledger, LedgerRow
from indexer.state.run_history import RunState
from indexer.state.runs import RunTicket
from indexer.walk import PipelineLimits
from tests.fakes.plain_rooms import DIMENSIONS
from tests.fakes.scripted_source import SOURCE, numbered
from tests.fakes.sync_bench import Bench
from vocabulary.documents import Checkpoint, DocumentId, DocumentState
from vocabulary.indexing import Delete, IndexOperation


class Killed(Exception):
    """The process is no more."""


@contextmanager
def killed_before_the_ledger_knows(native_id: str) -> Iterator[None]:
    """Let a run write a document to the index, and end before it records that."""
    settle = Ledger.settle

    async def settle_or_die(
        self: Ledger,
        ticket: RunTicket,
        rows: Sequence[LedgerRow],
        *,
        unchanged: Sequence[str] = (),
        removed: Sequence[str],
        checkpoint: Checkpoint | None,
    ) -> None:
        if native_id in {*removed, *(row.native_id for row in rows)}:
            raise Killed
        await settle(self, ticket, rows, unchanged=unchanged, removed=removed, checkpoint=checkpoint)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Ledger, "settle", settle_or_die)
        with pytest.raises((Killed, ExceptionGroup)):
            yield


async def test_a_document_that_goes_while_the_sync_is_down_does_not_stay_in_the_index(bench: Bench) -> None:
    bench.source = numbered(3)
    with killed_before_the_ledger_knows("d001"):
        await bench.sync()
    assert "d001" in await bench.stored()
    bench.source.remove("d001")
    assert (await bench.sync(confirm_deletes=True)).state is RunState.SUCCEEDED
    assert await bench.stored() == ["d000", "d002"]


async def test_a_description_that_was_taken_back_meanwhile_is_written_again(bench: Bench) -> None:
    bench.source = numbered(3)
    await bench.sync()
    bench.source.titles["d001"] = "Giraffes"
    with killed_before_the_ledger_knows("d001"):
        await bench.sync()
    assert await bench.find("giraffes") == {"d001"}
    del bench.source.titles["d001"]
    assert (await bench.sync()).state is RunState.SUCCEEDED
    assert await bench.find("giraffes") == set()


async def test_bytes_that_were_taken_back_meanwhile_are_read_again(bench: Bench) -> None:
    bench.source = numbered(3)
    await bench.sync()
    text, version = bench.source.texts["d001"], bench.source.versions["d001"]
    bench.source.put("d001", "words about walruses")
    with killed_before_the_ledger_knows("d001"):
        await bench.sync()
    assert await bench.find("walruses") == {"d001"}
    bench.source.texts["d001"], bench.source.versions["d001"] = text, version
    assert (await bench.sync()).state is RunState.SUCCEEDED
    assert await bench.find("walruses") == set()


async def test_a_document_withdrawn_and_shown_again_meanwhile_comes_back(bench: Bench) -> None:
    bench.source = numbered(3)
    await bench.sync()
    bench.source.skip("d001", DocumentState.FILTERED, "type")
    with killed_before_the_ledger_knows("d001"):
        await bench.sync()
    assert "d001" not in await bench.stored()
    bench.source.skipped.clear()
    assert (await bench.sync()).state is RunState.SUCCEEDED
    assert "d001" in await bench.find("document")


async def test_a_document_hidden_and_readable_again_meanwhile_comes_back(bench: Bench) -> None:
    bench.source = numbered(3)
    await bench.sync()
    bench.source.skip("d001", DocumentState.FAILED, "no-answer")
    with killed_before_the_ledger_knows("d001"):
        await bench.sync()
    bench.source.skipped.clear()
    assert (await bench.sync()).state is RunState.SUCCEEDED
    assert "d001" in await bench.find("document")


async def test_what_the_brake_had_begun_to_hide_comes_back(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.source = numbered(3)
    await bench.sync()
    texts = dict(bench.source.texts)
    bench.source.remove("d001")
    bench.source.remove("d002")
    apply = bench.backend.apply

    async def hide_and_die(operations: Sequence[IndexOperation], *, fence: int) -> NoReturn:
        await apply(operations, fence=fence)
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(bench.backend, "apply", hide_and_die)
        await bench.sync()
    assert await bench.find("document") == {"d000"}
    bench.source.texts = texts
    assert (await bench.sync()).resumed
    assert (await bench.sync()).state is RunState.SUCCEEDED
    assert len(await bench.find("document")) == 3


async def test_a_deletion_that_was_under_way_is_undone_when_the_document_is_there_again(bench: Bench) -> None:
    bench.source = numbered(3)
    await bench.sync()
    texts = dict(bench.source.texts)
    bench.source.remove("d001")
    with killed_before_the_ledger_knows("d001"):
        await bench.sync()
    assert "d001" not in await bench.stored()
    bench.source.texts = texts
    assert (await bench.sync()).resumed
    assert (await bench.sync()).state is RunState.SUCCEEDED
    assert "d001" in await bench.find("document")


async def test_an_index_that_the_source_comes_back_to_forgets_what_went_meanwhile(bench: Bench) -> None:
    bench.source = numbered(5)
    await bench.sync()
    former = bench.backend
    async with MemoryBackend(dimensions=DIMENSIONS) as other:
        bench.backend = other
        await bench.sync()
    bench.source.remove("d001")
    bench.backend = former
    assert (await bench.sync()).state is RunState.SUCCEEDED
    assert await bench.stored() == ["d000", "d002", "d003", "d004"]


async def test_documents_that_an_index_lost_are_read_again(bench: Bench) -> None:
    """As after a restore of the index file from an older backup: its name is the same, and some rows are not there."""
    bench.source = numbered(5)
    await bench.sync()
    await bench.backend.apply([Delete(DocumentId(SOURCE, "d003"))])
    report = await bench.sync()
    assert report.state is RunState.SUCCEEDED
    assert report.tally.states == {DocumentState.INDEXED: 5}
    assert "d003" in await bench.find("document")
    assert (await bench.sync()).tally.states == {DocumentState.UNCHANGED: 5}


async def test_what_was_met_before_the_first_checkpoint_is_met_again(bench: Bench) -> None:
    bench.source = numbered(7)
    bench.limits = PipelineLimits(page_documents=2, written_items=1)
    await bench.sync()
    bench.source.titles = dict.fromkeys(bench.source.texts, "Giraffes")
    with killed_before_the_ledger_knows("d006"):
        await bench.sync()
    bench.source.titles = dict.fromkeys(bench.source.texts, "Walruses")
    report = await bench.sync()
    assert (report.resumed, report.tally.scanned) == (False, 7)
    assert await bench.find("giraffes") == set()
