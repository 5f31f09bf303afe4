"""What documents are taken from by being put under another list is timed as a revocation, and nothing else is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from acl import AccessControl, AclStore, Realm, Revocation, RevocationRecords, create_tables
from tests.fakes.incremental_source import IncrementalSource
from tests.fakes.scripted_source import EVERYONE, SOURCE
from tests.fakes.sync_bench import Bench
from vocabulary.access import Acl, Principal
from vocabulary.documents import AccessRead, AclRead, Change, Checkpoint, Upsert
from vocabulary.ports import KnownDocuments, SyncMode

STAFF = Principal.group(SOURCE, "staff")
ANN, BOB = Principal.user(SOURCE, "ann"), Principal.user(SOURCE, "bob")
OPEN = Acl("node:open", allow=EVERYONE.allow | {STAFF})
NARROW = Acl("node:narrow", allow=frozenset({STAFF}))
DENYING = Acl("node:denying", allow=OPEN.allow, deny=frozenset({ANN}))
DOCUMENTS = [f"d{number:02}" for number in range(12)]


class TellingSource(IncrementalSource):
    """Tells when the list of a folder was changed, and who owns the documents."""

    changed_at: datetime | None = None
    told_again_at: datetime | None = (
        None  # tells of every list a second time, behind enough others to be numbered apart
    )
    owner: Principal | None = None

    async def changes(self, checkpoint: Checkpoint, known: KnownDocuments) -> AsyncIterator[Change]:
        if self.changed_at is not None:
            for acl in {acl.key: acl for acl in self.acls.values() if acl is not None}.values():
                yield AclRead(acl, self.changed_at)
                if self.told_again_at is not None:
                    for number in range(600):
                        yield AclRead(Acl(f"node:other-{number}", NARROW.allow))
                    yield AclRead(acl, self.told_again_at)
        async for change in super().changes(checkpoint, known):
            yield self._owned(change)

    async def permissions(self, checkpoint: Checkpoint | None) -> AsyncIterator[Change]:
        async for change in super().permissions(checkpoint):
            yield self._owned(change)

    async def crawl(self, checkpoint: Checkpoint | None) -> AsyncIterator[Change]:
        async for change in super().crawl(checkpoint):
            yield self._owned(change)

    def _owned(self, change: Change) -> Change:
        if isinstance(change, Upsert):
            return Upsert(replace(change.document, owner=self.owner))
        return replace(change, owner=self.owner) if isinstance(change, AccessRead) else change


@pytest.fixture
async def source(bench: Bench) -> TellingSource:
    """Twelve documents under the open list, indexed."""
    create_tables(bench.engine)
    source = TellingSource()
    bench.source, bench.numbering = source, AclStore(bench.engine, clock=lambda: bench.now)
    for native_id in DOCUMENTS:
        source.put(native_id, f"Words of {native_id}.", acl=OPEN)
    await bench.sync()
    return source


def put_under(source: TellingSource, acl: Acl) -> None:
    source.acls |= dict.fromkeys(DOCUMENTS[:8], acl)
    source.journal += DOCUMENTS[:8]


async def taken(bench: Bench) -> list[Revocation]:
    return await RevocationRecords(bench.engine).latest(SOURCE, limit=100)


@pytest.mark.parametrize("mode", [SyncMode.FULL, SyncMode.CHANGES, SyncMode.PERMISSIONS])
@pytest.mark.parametrize("acl", [NARROW, DENYING, Acl("node:hers", frozenset({ANN}))], ids=lambda acl: acl.key)
async def test_documents_under_a_list_that_takes_are_a_revocation(
    bench: Bench, source: TellingSource, mode: SyncMode, acl: Acl
) -> None:
    put_under(source, acl)
    bench.now += 60
    report = await bench.sync(mode)
    told = await taken(bench)
    assert {(one.realm, one.run, one.changed_at) for one in told} == {(Realm.DOCUMENTS, report.id, None)}
    assert {one.in_force_at.timestamp() for one in told} == {bench.now}


async def test_new_content_under_a_list_that_takes_is_one_too(bench: Bench, source: TellingSource) -> None:
    source.put("d03", "Other words.", acl=NARROW)
    await bench.sync(SyncMode.CHANGES)
    assert [one.realm for one in await taken(bench)] == [Realm.DOCUMENTS]


@pytest.mark.parametrize("mode", [SyncMode.FULL, SyncMode.CHANGES, SyncMode.PERMISSIONS])
async def test_documents_under_a_list_that_only_gives_are_none(
    bench: Bench, source: TellingSource, mode: SyncMode
) -> None:
    source.changed_at = datetime.fromtimestamp(bench.now, UTC)
    put_under(source, Acl("node:wide", OPEN.allow | {ANN}))
    source.put("new", "A new document under a new list.", acl=NARROW)
    report = await bench.sync(mode)
    assert await taken(bench) == []
    assert report.tally.revocation_latency_s is None, "nor does a new list take anything"


async def test_who_owns_a_document_no_longer_may_read_it_no_longer(bench: Bench, source: TellingSource) -> None:
    source.owner = ANN
    await bench.sync()
    assert await taken(bench) == []
    source.owner = BOB
    await bench.sync(SyncMode.PERMISSIONS)
    assert {one.realm for one in await taken(bench)} == {Realm.DOCUMENTS}


async def test_a_folder_that_gets_a_list_of_its_own_is_timed_from_its_change(
    bench: Bench, source: TellingSource
) -> None:
    source.changed_at = datetime.fromtimestamp(bench.now, UTC)
    put_under(source, NARROW)
    bench.now += 42
    report = await bench.sync(SyncMode.CHANGES)
    assert {one.in_force_at - (one.changed_at or one.in_force_at) for one in await taken(bench)} == {
        timedelta(seconds=42)
    }
    assert report.tally.revocation_latency_s == 42


def told_at(moment: float) -> datetime:
    return datetime.fromtimestamp(moment, UTC)


async def times_told(bench: Bench) -> set[datetime | None]:
    return {one.changed_at for one in await taken(bench) if one.realm is Realm.DOCUMENTS}


@pytest.mark.parametrize("acl", [OPEN, NARROW], ids=lambda acl: acl.key)
async def test_when_an_owner_changed_no_list_tells(bench: Bench, source: TellingSource, acl: Acl) -> None:
    source.owner = ANN
    await bench.sync()
    source.owner, source.changed_at = BOB, told_at(bench.now + 3600)
    put_under(source, acl)
    bench.now += 3605
    await bench.sync(SyncMode.CHANGES)
    assert await times_told(bench) == {None}


async def test_of_two_times_of_a_list_the_earlier_counts(bench: Bench, source: TellingSource) -> None:
    source.changed_at = told_at(bench.now)
    source.told_again_at = told_at(bench.now + 30)
    put_under(source, NARROW)
    bench.now += 42
    await bench.sync(SyncMode.CHANGES)
    assert await times_told(bench) == {source.changed_at}


async def test_documents_that_come_under_a_list_that_stands_are_not_timed_from_its_change(
    bench: Bench, source: TellingSource
) -> None:
    """They inherit again from a folder whose list was known before, and was changed and changed back."""
    source.put("d11", "Under the narrow list before.", acl=NARROW)
    await bench.sync(SyncMode.CHANGES)
    source.changed_at = told_at(bench.now)
    put_under(source, NARROW)
    bench.now += 42
    await bench.sync(SyncMode.CHANGES)
    assert await times_told(bench) == {None}


@pytest.mark.parametrize("mode", [SyncMode.FULL, SyncMode.CHANGES, SyncMode.PERMISSIONS])
async def test_what_a_public_index_may_not_hold_any_more_is_one_in_every_mode(
    bench: Bench, source: TellingSource, mode: SyncMode
) -> None:
    source.acls |= dict.fromkeys(DOCUMENTS, EVERYONE)
    await bench.sync(public=True)
    put_under(source, NARROW)
    before = await taken(bench)
    report = await bench.sync(mode, public=True)
    since = [one for one in await taken(bench) if one not in before]
    assert {(one.realm, one.run) for one in since} == {(Realm.DOCUMENTS, report.id)}


async def test_the_first_query_behind_the_write_obeys_and_no_filter_is_built_anew(
    bench: Bench, source: TellingSource
) -> None:
    source.owner = ANN
    await bench.sync()
    access = AccessControl(bench.engine)
    await access.public_filter([SOURCE])
    computed = access.held().filters_computed
    source.owner = BOB
    await bench.sync(SyncMode.PERMISSIONS)
    assert {one.obeyed_at for one in await taken(bench)} == {None}
    await access.public_filter([SOURCE])
    await access.first_uses.record()
    assert None not in {one.obeyed_at for one in await taken(bench)}
    assert access.held().filters_computed == computed, "under which list a document is, no filter says"
