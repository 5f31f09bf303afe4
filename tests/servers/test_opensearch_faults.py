"""An OpenSearch that is killed, full, overwhelmed or slow: runs end in a named state, readers are told when to come
back, and when it is well again the next run completes the index: nothing is lost, nothing is there twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from acl import AccessControl, AclStore
from acl import create_tables as create_acl_tables
from indexer.backends.opensearch.backend import OpenSearchBackend
from indexer.backends.opensearch.config import IndexOptions, OpenSearchConfig
from indexer.layers import RetryPolicy
from indexer.state.run_history import RunState
from indexer.state.tables import create_tables
from indexer.walk import PipelineLimits
from service.http.app import create_app
from service.reader import Readers
from service.search import SearchService, ServedIndex
from service.settings.indexes import IndexAccess
from tests.fakes.plain_rooms import DIMENSIONS, HashingEnricher
from tests.fakes.scripted_source import SOURCE, numbered
from tests.fakes.sync_bench import Bench
from tests.servers.mortal_opensearch import MortalOpenSearch
from tests.unit.service.http_world import rule, verifier
from vocabulary.documents import DocumentId
from vocabulary.errors import IndexBusy
from vocabulary.indexing import IndexStatistics
from vocabulary.ports import SearchBackend

pytestmark = [pytest.mark.opensearch, pytest.mark.timeout(900)]

DOCUMENTS = 120
PATIENT = RetryPolicy(attempts=1_000, first_wait_s=0.5, longest_wait_s=0.5, longest_asked_wait_s=0.5)
IMPATIENT = RetryPolicy(attempts=2, first_wait_s=0.1, longest_asked_wait_s=0.1)
SHORT_S = 6.0  # above what a busy machine needs for an answer


async def until_indexes_can_be_made(cluster: MortalOpenSearch) -> None:
    while cluster.server.call("GET", "/_cluster/state/blocks").json()["blocks"]:
        await asyncio.sleep(0.2)


def index_behind(cluster: MortalOpenSearch, alias: str, *, timeout_s: float = 30.0) -> OpenSearchBackend:
    config = OpenSearchConfig(
        (cluster.proxy.url,), alias, request_timeout_s=timeout_s, options=IndexOptions(replicas=0)
    )
    return OpenSearchBackend(config, dimensions=DIMENSIONS)


@pytest.fixture
async def bench(cluster: MortalOpenSearch, alias: str, tmp_path: Path) -> AsyncIterator[Bench]:
    """A sync of a scripted source into an index of the server; the state is in a file of this machine."""
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'state.db'}")
    create_tables(engine)
    create_acl_tables(engine)
    async with index_behind(cluster, alias) as backend:
        small_batches = PipelineLimits(page_documents=7, queued_items=4, written_items=10)
        yield Bench(engine, backend, numbered(DOCUMENTS), numbering=AclStore(engine), limits=small_batches)
    engine.dispose()


@asynccontextmanager
async def readers_of(bench: Bench) -> AsyncIterator[httpx.AsyncClient]:
    """The REST API over the index, which needs no token."""
    index = ServedIndex("open", IndexAccess.PUBLIC, bench.backend, (rule(SOURCE),))
    app = create_app(
        SearchService({"open": index}, HashingEnricher()),
        Readers(AccessControl(bench.engine), verifier()),
        probes={},
        people="",
    )
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def ask(client: httpx.AsyncClient) -> httpx.Response:
    return await client.post("/indexes/open/query", json={"query": "document"})


def is_told_when_to_come_back(answer: httpx.Response) -> bool:
    known = answer.json()["type"] == "urn:sightline:problem:busy"
    return answer.status_code == 503 and known and int(answer.headers["retry-after"]) >= 1


async def some_are_written(bench: Bench, seen_by: SearchBackend | None = None) -> None:
    while (await (seen_by or bench.backend).statistics()).documents < DOCUMENTS // 4:
        await asyncio.sleep(0.01)


async def index_equals_source(bench: Bench) -> None:
    """Each document is there once, whole, and a further sync finds nothing to do."""
    assert await bench.stored() == sorted(bench.source.texts)
    assert await bench.backend.statistics() == IndexStatistics(DOCUMENTS, DOCUMENTS)
    for native_id, text in bench.source.texts.items():
        [only] = await bench.backend.stored_passages(DocumentId(SOURCE, native_id))
        assert only.passage.text == text
    read = len(bench.source.opened)
    again = await bench.sync()
    assert (again.state, len(bench.source.opened)) == (RunState.SUCCEEDED, read)


async def test_a_sync_waits_for_a_server_that_is_killed_and_comes_back(cluster: MortalOpenSearch, bench: Bench) -> None:
    bench.policy = PATIENT
    running = asyncio.create_task(bench.sync())
    await some_are_written(bench)
    await asyncio.to_thread(cluster.kill)
    await asyncio.to_thread(cluster.start)
    report = await running
    assert (report.state, report.tally.scanned) == (RunState.SUCCEEDED, DOCUMENTS), report.message
    await index_equals_source(bench)


async def test_a_sync_that_cannot_wait_for_a_killed_server_fails_and_the_next_goes_on(
    cluster: MortalOpenSearch, bench: Bench
) -> None:
    bench.policy = IMPATIENT
    running = asyncio.create_task(bench.sync())
    await some_are_written(bench)
    await asyncio.to_thread(cluster.kill)
    report = await running
    assert report.state is RunState.FAILED
    assert "OpenSearch cannot be reached" in report.message
    async with readers_of(bench) as readers:
        assert is_told_when_to_come_back(await ask(readers))
        await asyncio.to_thread(cluster.start)
        bench.policy = PATIENT
        report = await bench.sync()
        assert (report.state, report.resumed) == (RunState.SUCCEEDED, True), report.message
        assert (await ask(readers)).json()["total"]["value"] == DOCUMENTS
    await index_equals_source(bench)


async def test_changes_and_deletions_survive_a_server_that_is_killed_meanwhile(
    cluster: MortalOpenSearch, bench: Bench
) -> None:
    await bench.sync()
    gone, changed = sorted(bench.source.texts)[:30], sorted(bench.source.texts)[30:90]
    for native_id in gone:
        bench.source.remove(native_id)
    for native_id in changed:
        bench.source.put(native_id, f"Another text of {native_id}.")
    bench.policy, read = PATIENT, len(bench.source.opened)
    running = asyncio.create_task(bench.sync())
    while len(bench.source.opened) < read + 20:
        await asyncio.sleep(0.01)
    await asyncio.to_thread(cluster.kill)
    await asyncio.to_thread(cluster.start)
    report = await running
    assert (report.state, report.tally.deleted) == (RunState.SUCCEEDED, len(gone)), report.message
    for native_id in gone:
        bench.source.put(native_id, f"Back again: {native_id}.")
    await bench.sync()
    await index_equals_source(bench)


_WATERMARKS = tuple(f"cluster.routing.allocation.disk.watermark.{level}" for level in ("low", "high", "flood_stage"))


@contextmanager
def full_disk(cluster: MortalOpenSearch) -> Iterator[None]:
    """Ask for more free space than any disk has; the server notices within ten seconds, in both directions."""
    often = {"cluster.info.update.interval": "10s"}
    cluster.server.call("PUT", "/_cluster/settings", {"persistent": dict.fromkeys(_WATERMARKS, "900000gb") | often})
    try:
        yield
    finally:
        cluster.server.call("PUT", "/_cluster/settings", {"persistent": dict.fromkeys(_WATERMARKS)})


async def blocked(cluster: MortalOpenSearch) -> None:
    """Wait until the server has put its block on the indexes."""
    while "12" not in cluster.server.call("GET", "/_cluster/state/blocks").text:  # read-only, deletions allowed
        await asyncio.sleep(0.2)


async def test_a_full_disk_stops_syncs_until_there_is_space_and_readers_go_on_reading(
    cluster: MortalOpenSearch, bench: Bench, alias: str
) -> None:
    """The server puts its block on every index, and takes it off when there is space: nobody has to do anything."""
    await bench.sync()
    bench.source.put("d000", "A text that finds no space.")
    bench.policy = IMPATIENT
    with full_disk(cluster):
        await blocked(cluster)
        with pytest.raises(IndexBusy, match="OpenSearch takes no writes now"):
            await bench.sync()
        async with readers_of(bench) as readers:
            assert (await ask(readers)).json()["total"]["value"] == DOCUMENTS
        with pytest.raises(IndexBusy, match="OpenSearch takes no writes now"):
            async with index_behind(cluster, f"{alias}-another"):
                pass
    bench.policy = PATIENT
    assert (await bench.sync()).state is RunState.SUCCEEDED
    await index_equals_source(bench)
    await until_indexes_can_be_made(cluster)


async def test_a_disk_that_becomes_full_fails_the_sync_and_the_next_goes_on(
    cluster: MortalOpenSearch, bench: Bench
) -> None:
    bench.policy = IMPATIENT
    running = asyncio.create_task(bench.sync())
    await some_are_written(bench)
    block = "index.blocks.read_only_allow_delete"
    cluster.server.call("PUT", "/test-*/_settings", {block: True})
    report = await running
    assert report.state is RunState.FAILED
    assert "OpenSearch takes no writes now" in report.message
    cluster.server.call("PUT", "/test-*/_settings", {block: None})
    report = await bench.sync()
    assert (report.state, report.resumed) == (RunState.SUCCEEDED, True), report.message
    await index_equals_source(bench)


async def test_writes_that_are_turned_away_go_through_in_smaller_requests(bench: Bench) -> None:
    """Each document alone is within what the server takes at once, a whole batch of them is not."""
    for native_id in bench.source.texts:
        bench.source.put(native_id, f"{native_id} " + "words " * 1_000)
    bench.limits = PipelineLimits(page_documents=50, queued_items=50, written_items=50)
    bench.policy = PATIENT
    report = await bench.sync()
    assert report.state is RunState.SUCCEEDED, report.message
    assert await bench.stored() == sorted(bench.source.texts)


async def test_a_slow_server_fails_the_sync_and_late_writes_harm_nothing(
    cluster: MortalOpenSearch, bench: Bench, alias: str
) -> None:
    """Requests arrive and are carried out; their answers come too late."""
    whole, bench.policy = bench.backend, IMPATIENT
    async with index_behind(cluster, alias, timeout_s=SHORT_S) as bench.backend:
        running = asyncio.create_task(bench.sync())
        await some_are_written(bench, whole)
        cluster.proxy.delay_s = 4 * SHORT_S
        try:
            report = await running
            assert report.state is RunState.FAILED
            assert f"did not answer within {SHORT_S:g} s" in report.message
            async with readers_of(bench) as readers:
                assert is_told_when_to_come_back(await ask(readers))
        finally:
            cluster.proxy.delay_s = 0.0
    bench.backend = whole
    report = await bench.sync()
    assert (report.state, report.resumed) == (RunState.SUCCEEDED, True), report.message
    await index_equals_source(bench)


async def test_a_server_that_is_merely_slow_is_waited_for(cluster: MortalOpenSearch, bench: Bench) -> None:
    cluster.proxy.delay_s = 0.2
    try:
        assert (await bench.sync()).state is RunState.SUCCEEDED
    finally:
        cluster.proxy.delay_s = 0.0
    await index_equals_source(bench)
