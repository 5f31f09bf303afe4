"""Bulk requests: cut by bytes, smaller when the cluster cannot keep up, and no row sinks the others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from indexer.backends.opensearch.bulk import BulkSender, Outcome, Row, Verdict, delete_row, index_row
from indexer.backends.opensearch.client import Connection
from indexer.backends.opensearch.config import OpenSearchConfig
from tests.fakes.scripted_cluster import BLOCKED, FULL, STORED, UNREADABLE, ScriptedCluster
from vocabulary.errors import ConfigurationError, IndexBusy

DONE = Outcome(Verdict.DONE)


def rows(count: int, *, size: int = 10) -> list[Row]:
    return [index_row(f"r{number}", 1, {"text": "x" * size}) for number in range(count)]


@asynccontextmanager
async def sending(cluster: ScriptedCluster, waits: list[float] | None = None) -> AsyncIterator[BulkSender]:
    async def sleep(seconds: float) -> None:
        if waits is not None:
            waits.append(seconds)

    async with cluster.running(), Connection(OpenSearchConfig((cluster.url,), "alias")) as connection:
        yield BulkSender(connection, sleep=sleep)


async def test_requests_are_cut_by_bytes_and_grow_while_all_goes_well() -> None:
    cluster = ScriptedCluster()
    async with sending(cluster) as sender:
        before = sender.request_bytes
        outcomes = await sender.send(rows(12, size=1 << 20))
        assert outcomes == {f"r{number}": DONE for number in range(12)}
        assert max(cluster.sizes) <= sender.request_bytes
        assert sender.request_bytes > before
    assert [each for ids in cluster.requests for each in ids] == [f"r{number}" for number in range(12)]
    assert len(cluster.requests) > 2


async def test_a_row_larger_than_a_request_travels_alone() -> None:
    cluster = ScriptedCluster()
    async with sending(cluster) as sender:
        assert len(await sender.send(rows(2, size=20 << 20))) == 2
    assert cluster.requests == [["r0"], ["r1"]]


async def test_rows_that_were_turned_away_are_sent_again_and_no_others() -> None:
    cluster = ScriptedCluster(answer=lambda number, row: FULL if number == 0 and row in {"r1", "r3"} else STORED)
    waits: list[float] = []
    async with sending(cluster, waits) as sender:
        before = sender.request_bytes
        assert await sender.send(rows(5)) == {f"r{number}": DONE for number in range(5)}
        assert sender.request_bytes == before // 2
    assert cluster.requests == [["r0", "r1", "r2", "r3", "r4"], ["r1", "r3"]]
    assert len(waits) == 1


async def test_a_cluster_that_takes_little_is_met_at_its_limit_rarely() -> None:
    cluster, waits = ScriptedCluster(most_bytes=300 << 10, too_much=429), list[float]()
    async with sending(cluster, waits) as sender:
        sender.request_bytes = 256 << 10
        assert len(await sender.send(rows(200, size=20 << 10))) == 200
    assert len(waits) <= len(cluster.requests) / 5


async def test_a_cluster_that_turns_everything_away_is_busy() -> None:
    waits: list[float] = []
    async with sending(ScriptedCluster(answer=lambda *_: FULL), waits) as sender:
        with pytest.raises(IndexBusy) as busy:
            await sender.send(rows(5))
    assert busy.value.retry_after_s
    assert waits == sorted(waits)


async def test_a_whole_request_that_was_turned_away_is_sent_again() -> None:
    cluster = ScriptedCluster(refused={0: 429})
    async with sending(cluster) as sender:
        assert await sender.send(rows(2)) == {"r0": DONE, "r1": DONE}
    assert cluster.requests == [["r0", "r1"]] * 2


async def test_a_request_that_is_too_large_is_cut_until_it_fits() -> None:
    cluster = ScriptedCluster(most_bytes=300_000)
    async with sending(cluster) as sender:
        outcomes = await sender.send(rows(8, size=100_000))
    assert outcomes == {f"r{number}": DONE for number in range(8)}


async def test_one_row_that_is_too_large_for_any_request_is_rejected_alone() -> None:
    cluster = ScriptedCluster(most_bytes=300_000)
    async with sending(cluster) as sender:
        outcomes = await sender.send([*rows(2), index_row("huge", 1, {"text": "x" * 400_000})])
    assert {row: outcome.verdict for row, outcome in outcomes.items()} == {
        "r0": Verdict.DONE,
        "r1": Verdict.DONE,
        "huge": Verdict.REJECTED,
    }


async def test_a_row_that_the_cluster_cannot_read_is_rejected_alone_and_says_why() -> None:
    cluster = ScriptedCluster(answer=lambda _, row: UNREADABLE if row == "r1" else STORED)
    async with sending(cluster) as sender:
        outcomes = await sender.send(rows(3))
    assert outcomes == {"r0": DONE, "r1": Outcome(Verdict.REJECTED, "mapper_parsing_exception: no number"), "r2": DONE}


async def test_a_newer_version_is_a_conflict_and_what_is_not_there_needs_no_deleting() -> None:
    def answer(_: int, row: str) -> dict[str, object]:
        error = {"type": "version_conflict_engine_exception", "reason": "newer"}
        return {"status": 409, "error": error} if row == "old" else {"status": 404, "result": "not_found"}

    async with sending(ScriptedCluster(answer=answer)) as sender:
        outcomes = await sender.send([delete_row("old", 1), delete_row("gone", 1)])
    assert outcomes == {"old": Outcome(Verdict.CONFLICT), "gone": DONE}


async def test_an_index_that_is_blocked_is_busy_at_once_and_says_why() -> None:
    waits: list[float] = []
    async with sending(ScriptedCluster(answer=lambda *_: BLOCKED), waits) as sender:
        with pytest.raises(IndexBusy, match="flood-stage"):
            await sender.send(rows(2))
    assert waits == []


@pytest.mark.parametrize(("status", "kind"), [(403, "security_exception"), (404, "index_not_found_exception")])
async def test_rows_without_rights_or_without_an_index_are_no_rejected_documents(status: int, kind: str) -> None:
    refused = {"status": status, "error": {"type": kind, "reason": "no"}}
    async with sending(ScriptedCluster(answer=lambda *_: refused)) as sender:
        with pytest.raises(ConfigurationError):
            await sender.send(rows(2))


async def test_an_unanswered_request_makes_the_next_one_smaller() -> None:
    async with sending(ScriptedCluster(refused={0: 504})) as sender:
        before = sender.request_bytes
        with pytest.raises(IndexBusy):
            await sender.send(rows(2))
        assert sender.request_bytes == before // 2
