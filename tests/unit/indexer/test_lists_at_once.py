"""A list takes effect once it is read, however much of the source is still to be read behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from itertools import count

import pytest

from acl import AccessControl, AclStore, create_tables
from indexer.stages.lists_at_once import ListsAtOnce
from indexer.state.run_history import RunState
from tests.fakes.incremental_source import IncrementalSource
from tests.fakes.scripted_source import EVERYONE, SOURCE
from tests.fakes.sync_bench import Bench
from vocabulary.access import Acl
from vocabulary.documents import AclRead, Change, Checkpoint
from vocabulary.errors import CredentialsRejected, SourceUnavailable
from vocabulary.ports import KnownDocuments, SyncMode

OPEN, CLOSED = Acl("node:f", allow=EVERYONE.allow), Acl("node:f", allow=frozenset())
_PATIENCE_S = 5.0  # a list that waits for the stream behind it waits for ever


class ClosedFolder(IncrementalSource):
    """Tells that its folder is closed, and nothing more until nobody is admitted any longer."""

    access: AccessControl
    told_behind = 0

    async def changes(self, checkpoint: Checkpoint, known: KnownDocuments) -> AsyncIterator[Change]:
        async for change in self._closed(super().changes(checkpoint, known)):
            yield change

    async def permissions(self, checkpoint: Checkpoint | None) -> AsyncIterator[Change]:
        async for change in self._closed(super().permissions(checkpoint)):
            yield change

    async def _closed(self, rest: AsyncIterator[Change]) -> AsyncIterator[Change]:
        yield AclRead(CLOSED, datetime.fromtimestamp(1_800_000_000, UTC))
        async with asyncio.timeout(_PATIENCE_S):
            while (await self.access.public_filter([SOURCE])).visible:
                await asyncio.sleep(0.01)
        async for change in rest:
            self.told_behind += 1
            yield change


@pytest.mark.parametrize("mode", [SyncMode.CHANGES, SyncMode.PERMISSIONS])
async def test_whom_a_list_shuts_out_is_shut_out_before_anything_else_is_read(bench: Bench, mode: SyncMode) -> None:
    create_tables(bench.engine)
    source = ClosedFolder()
    bench.source, bench.numbering = source, AclStore(bench.engine, clock=lambda: bench.now)
    source.access = AccessControl(bench.engine)
    for number in range(25):
        source.put(f"d{number:03}", f"Document number {number}.", acl=OPEN)
    await bench.sync()
    source.acls |= dict.fromkeys(source.texts, CLOSED)
    source.journal.append("d001")
    bench.now += 3
    report = await bench.sync(mode)
    assert (report.state, source.told_behind > 0) == (RunState.SUCCEEDED, True)
    assert (report.tally.revocation_latency_s, report.tally.lists_changed) == (3, 1)


class Transactions:
    """Numbers lists one transaction after the other; each takes a turn of the event loop."""

    def __init__(self) -> None:
        self.carried_out: list[list[str]] = []
        self.failures: dict[int, Exception] = {}

    async def number(self, lists: Sequence[AclRead]) -> None:
        await asyncio.sleep(0)
        if failure := self.failures.pop(len(self.carried_out), None):
            raise failure
        self.carried_out.append([read.acl.key for read in lists])


def read(key: str) -> AclRead:
    return AclRead(Acl(key, allow=frozenset()))


async def test_lists_that_come_in_a_row_share_transactions_and_keep_their_order() -> None:
    done = Transactions()
    async with ListsAtOnce(done.number) as lists:
        for number in range(200):
            await lists.add(read(str(number)))
        await lists.in_force()
        assert [key for some in done.carried_out for key in some] == [str(number) for number in range(200)]
    assert len(done.carried_out) <= 2


async def test_a_list_that_comes_alone_waits_for_no_other() -> None:
    done = Transactions()
    async with ListsAtOnce(done.number) as lists:
        for number in count():
            await lists.add(read(str(number)))
            await asyncio.sleep(0.001)
            assert len(done.carried_out) == number + 1
            if number == 3:
                break


async def test_a_list_that_cannot_be_numbered_ends_the_crawl() -> None:
    done = Transactions()
    done.failures[0] = SourceUnavailable("the state store is away")
    async with ListsAtOnce(done.number) as lists:
        await lists.add(read("a"))
        await asyncio.sleep(0.001)
        with pytest.raises(SourceUnavailable):
            await lists.add(read("b"))
    assert done.carried_out == []


async def test_what_was_read_takes_effect_although_the_crawl_fails_right_behind_it() -> None:
    done = Transactions()
    with pytest.raises(CredentialsRejected):
        async with ListsAtOnce(done.number) as lists:
            await lists.add(read("a"))
            raise CredentialsRejected("no")
    assert done.carried_out == [["a"]]


async def test_a_cancelled_crawl_leaves_nothing_under_way() -> None:
    begun, tasks = asyncio.Event(), asyncio.all_tasks()

    async def never(_: Sequence[AclRead]) -> None:
        begun.set()
        await asyncio.Event().wait()

    async def crawl() -> None:
        async with ListsAtOnce(never) as lists:
            await lists.add(read("a"))
            await asyncio.Event().wait()

    crawling = asyncio.create_task(crawl())
    await begun.wait()
    crawling.cancel()
    await asyncio.wait({crawling})
    assert crawling.cancelled()
    assert asyncio.all_tasks() == tasks
