"""Whole syncs into a real OpenSearch: what a run promises holds there, too."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from indexer.backends.opensearch.backend import OpenSearchBackend
from indexer.backends.opensearch.bulk import BulkSender, Outcome, Row
from indexer.backends.opensearch.config import IndexOptions, OpenSearchConfig
from indexer.state.run_history import RunState
from indexer.state.tables import create_tables
from tests.fakes.incremental_source import incremental
from tests.fakes.plain_rooms import DIMENSIONS
from tests.fakes.scripted_source import EVERYONE, SOURCE, numbered
from tests.fakes.sync_bench import Bench
from tests.servers.opensearch import OpenSearchServer
from vocabulary.documents import DocumentState
from vocabulary.ports import SyncMode

pytestmark = [pytest.mark.opensearch, pytest.mark.timeout(600)]

DOCUMENTS = 25
UNHOLDABLE = "x" * 40_000  # an id that is longer than any term that Lucene takes


class Killed(Exception):
    """The process is no more."""


@pytest.fixture
def config(opensearch: OpenSearchServer) -> Iterator[OpenSearchConfig]:
    alias = opensearch.new_alias()
    yield OpenSearchConfig(urls=(opensearch.url,), alias=alias, options=IndexOptions(replicas=0))
    opensearch.drop(alias)


@pytest.fixture
def opensearch_index(config: OpenSearchConfig) -> str:
    return config.index


@pytest.fixture
async def bench(config: OpenSearchConfig, tmp_path: Path) -> AsyncIterator[Bench]:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'state.db'}")
    create_tables(engine)
    async with OpenSearchBackend(config, dimensions=DIMENSIONS) as backend:
        yield Bench(engine, backend)
    engine.dispose()


async def test_a_source_is_brought_up_to_date_and_an_unchanged_one_left_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.source = numbered(DOCUMENTS)
    assert (await bench.sync()).state is RunState.SUCCEEDED
    assert len(await bench.find("document")) == DOCUMENTS
    bench.source.put("d001", "words about walruses")
    bench.source.remove("d002")
    assert (await bench.sync()).state is RunState.SUCCEEDED
    assert await bench.find("walruses") == {"d001"}
    assert await bench.stored() == sorted(bench.source.texts)

    async def nothing_to_send(_: BulkSender, rows: list[Row]) -> dict[str, Outcome]:
        raise AssertionError(f"{len(rows)} rows were written")

    monkeypatch.setattr(BulkSender, "send", nothing_to_send)
    assert (await bench.sync()).tally.states == {DocumentState.UNCHANGED: DOCUMENTS - 1}


async def test_a_permission_that_is_gone_or_back_is_obeyed_when_the_run_ends(bench: Bench) -> None:
    source = incremental(DOCUMENTS)
    bench.source = source
    await bench.sync()
    source.acls["d003"] = None
    await bench.sync(SyncMode.PERMISSIONS)
    assert await bench.find("document") == set(source.texts) - {"d003"}
    source.acls["d003"] = EVERYONE
    await bench.sync(SyncMode.PERMISSIONS)
    assert await bench.find("document") == set(source.texts)


@pytest.mark.parametrize("acknowledged", [False, True])
async def test_a_run_that_dies_while_it_writes_is_completed_by_the_next(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, acknowledged: bool
) -> None:
    bench.source = numbered(DOCUMENTS)
    send, batches = BulkSender.send, 0

    async def send_some_and_die(sender: BulkSender, rows: list[Row]) -> dict[str, Outcome]:
        nonlocal batches
        batches += 1
        outcomes = await send(sender, rows if acknowledged else rows[: len(rows) // 2])
        if batches == 2:
            raise Killed
        return outcomes if acknowledged else await send(sender, rows)

    with monkeypatch.context() as patch, pytest.raises(ExceptionGroup):
        patch.setattr(BulkSender, "send", send_some_and_die)
        await bench.sync()
    assert (await bench.sync()).state is RunState.SUCCEEDED
    assert await bench.find("document") == set(bench.source.texts)
    assert await bench.stored() == sorted(bench.source.texts)


async def test_an_index_that_is_shut_for_a_while_loses_nothing(
    bench: Bench, opensearch: OpenSearchServer, opensearch_index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.source = numbered(DOCUMENTS)
    settings = f"/{opensearch_index}/_settings"
    send, requests = BulkSender.send, 0

    async def shut_for_the_first_two(sender: BulkSender, rows: list[Row]) -> dict[str, Outcome]:
        nonlocal requests
        requests += 1
        shut = True if requests <= 2 else None
        opensearch.call("PUT", settings, {"index.blocks.read_only_allow_delete": shut})
        return await send(sender, rows)

    monkeypatch.setattr(BulkSender, "send", shut_for_the_first_two)
    assert (await bench.sync()).state is RunState.SUCCEEDED
    assert requests > 3
    assert await bench.find("document") == set(bench.source.texts)


async def test_an_index_put_back_from_a_backup_hides_all_until_it_was_read_again(bench: Bench) -> None:
    bench.source = numbered(DOCUMENTS)
    await bench.sync()
    await bench.backend.put_seal("of a backup", hide_all=False)
    assert (await bench.sync()).tally.states == {DocumentState.INDEXED: DOCUMENTS}
    assert await bench.find("document") == set(bench.source.texts)


async def test_a_document_that_the_index_cannot_hold_is_a_counted_failure_and_no_other_is(bench: Bench) -> None:
    bench.source = numbered(3)
    bench.source.put(UNHOLDABLE, "words about walruses")
    report = await bench.sync()
    assert report.tally.states == {DocumentState.INDEXED: 3, DocumentState.FAILED: 1}
    assert report.tally.reasons == {"failed: rejected-by-index": 1}
    assert await bench.find("document") == {"d000", "d001", "d002"}
    assert await _ids_read(bench) == [UNHOLDABLE]  # once more at once, then ever more rarely
    assert await _ids_read(bench) == []
    assert (await bench.sync()).tally.reasons == {"failed: rejected-by-index": 1}
    bench.now += 16 * 60
    assert await _ids_read(bench) == [UNHOLDABLE]
    assert await bench.find("document") == {"d000", "d001", "d002"}


async def _ids_read(bench: Bench) -> list[str]:
    """The documents whose content a further sync reads."""
    read = len(bench.source.opened)
    await bench.sync()
    return bench.source.opened[read:]


async def test_ids_are_those_of_the_source(bench: Bench) -> None:
    bench.source = numbered(2)
    await bench.sync()
    assert [str(each) async for each in bench.backend.document_ids(SOURCE)] == [f"{SOURCE}/d000", f"{SOURCE}/d001"]
