"""What each mode promises, over a scripted source, the memory index and a real state store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import pytest

from acl import AccessControl, AclStore, create_tables
from indexer.retrying import MAX_FAILURES
from indexer.state.ledger import Ledger, MetRow
from indexer.state.run_history import RunState
from indexer.state.runs import RunStore
from indexer.state.tally import Tally
from indexer.walk import PipelineLimits
from tests.fakes.incremental_source import IncrementalSource, incremental
from tests.fakes.scripted_source import EVERYONE, SOURCE, numbered
from tests.fakes.sync_bench import Bench
from vocabulary.access import Acl, Principal
from vocabulary.documents import Change, Checkpoint, DocumentId, DocumentState, Notice, Removed, Upsert
from vocabulary.errors import ContentUnavailable, CredentialsRejected, IndexBusy, SettingInvalid, SourceUnavailable
from vocabulary.indexing import IndexOperation, Refusal
from vocabulary.ports import KnownDocuments, SyncMode

STAFF = Acl("node:staff", allow=frozenset({Principal.group(SOURCE, "staff")}))
HOUR_S = 3600.0


@pytest.fixture
async def synced(bench: Bench) -> tuple[Bench, IncrementalSource]:
    """A source of 25 documents that was walked once."""
    source = incremental(25)
    bench.source = source
    assert (await bench.sync()).state is RunState.SUCCEEDED
    source.opened.clear()
    source.crawled_from.clear()
    return bench, source


Synced = tuple[Bench, IncrementalSource]

# -- changes -----------------------------------------------------------------------------------------------------------


async def test_changes_bring_what_is_new_modified_or_gone_and_read_nothing_else(synced: Synced) -> None:
    bench, source = synced
    source.put("d003", "words about walruses")
    source.put("new", "words about okapis")
    source.remove("d007")
    report = await bench.sync(SyncMode.CHANGES)
    assert (report.mode, report.state) == (SyncMode.CHANGES, RunState.SUCCEEDED)
    assert (report.tally.scanned, report.tally.states, report.tally.deleted) == (2, {DocumentState.INDEXED: 2}, 1)
    assert source.opened == ["d003", "new"]
    assert source.crawled_from == []
    assert await bench.find("walruses") == {"d003"}
    assert await bench.stored() == sorted(source.texts)


async def test_changes_go_on_where_the_last_ones_ended(synced: Synced) -> None:
    bench, source = synced
    source.put("d003", "words about walruses")
    await bench.sync(SyncMode.CHANGES)
    source.put("d004", "words about okapis")
    assert (await bench.sync(SyncMode.CHANGES)).tally.scanned == 1
    assert (await bench.sync(SyncMode.CHANGES)).tally.scanned == 0


async def test_what_happened_during_a_full_walk_is_among_the_changes_behind_it(bench: Bench) -> None:
    source = incremental(25)
    bench.source = source
    source.faults = {1: [CredentialsRejected("no")]}
    assert (await bench.sync()).state is RunState.FAILED
    source.put("d001", "words about walruses")  # on the page that was read already
    assert (await bench.sync()).state is RunState.SUCCEEDED
    assert await bench.find("walruses") == set()
    await bench.sync(SyncMode.CHANGES)
    assert await bench.find("walruses") == {"d001"}


async def test_changes_of_a_source_that_was_never_walked_are_a_full_sync(bench: Bench) -> None:
    bench.source = incremental(5)
    assert (await bench.sync(SyncMode.CHANGES)).mode is SyncMode.FULL
    assert (await bench.sync(SyncMode.CHANGES)).mode is SyncMode.CHANGES


async def test_changes_met_while_a_full_walk_is_unfinished_are_not_taken_for_gone_by_it(synced: Synced) -> None:
    bench, source = synced
    source.faults = {2: [CredentialsRejected("no")]}
    assert (await bench.sync()).state is RunState.FAILED
    source.put("a new one on a page behind us", "words about okapis")
    await bench.sync(SyncMode.CHANGES)
    report = await bench.sync()
    assert (report.state, report.resumed, report.tally.deleted) == (RunState.SUCCEEDED, True, 0)
    assert await bench.find("okapis") == {"a new one on a page behind us"}


async def test_more_removals_than_the_brake_allows_are_hidden_and_kept(synced: Synced) -> None:
    bench, source = synced
    for native_id in sorted(source.texts)[:10]:
        source.remove(native_id)
    report = await bench.sync(SyncMode.CHANGES, brake=0.2)
    assert report.state is RunState.BRAKED
    assert (report.tally.deleted, report.tally.states) == (5, {DocumentState.HIDDEN: 5})
    assert len(await bench.stored()) == 20
    assert len(await bench.find("document")) == 15
    assert (await bench.sync(confirm_deletes=True)).tally.deleted == 5


async def test_what_is_told_twice_to_be_gone_is_deleted_and_counted_once(synced: Synced) -> None:
    bench, source = synced
    source.remove("d007")
    source.journal += ["d007"] * 5
    report = await bench.sync(SyncMode.CHANGES, brake=1 / 25)
    assert (report.state, report.tally.deleted) == (RunState.SUCCEEDED, 1)


async def test_a_removal_that_ends_while_the_next_page_is_looked_up_is_counted_once(
    synced: Synced, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench, source = synced
    bench.limits = PipelineLimits(page_documents=1)
    source.remove("d007")
    source.journal.append("d007")
    look_up, apply, looked_up_again = Ledger.look_up, bench.backend.apply, asyncio.Event()
    pages: list[Mapping[str, MetRow]] = []

    async def look_up_before_the_removal_ends(
        self: Ledger, of_source: str, native_ids: Sequence[str]
    ) -> Mapping[str, MetRow]:
        pages.append(await look_up(self, of_source, native_ids))
        if len(pages) == 2:
            looked_up_again.set()
            while await look_up(self, of_source, native_ids):
                await asyncio.sleep(0.001)
        return pages[-1]

    async def apply_late(
        operations: Sequence[IndexOperation], *, fence: int | None = None
    ) -> Mapping[DocumentId, Refusal]:
        await looked_up_again.wait()
        return await apply(operations, fence=fence)

    monkeypatch.setattr(Ledger, "look_up", look_up_before_the_removal_ends)
    monkeypatch.setattr(bench.backend, "apply", apply_late)
    report = await bench.sync(SyncMode.CHANGES, brake=1 / 25)
    assert [set(page) for page in pages] == [{"d007"}, {"d007"}]
    assert (report.state, report.tally.deleted, report.tally.states) == (RunState.SUCCEEDED, 1, {})


class Reversing(IncrementalSource):
    """Says one thing of a document and then the opposite."""

    first: Change
    then: Change
    between: list[Checkpoint]

    async def changes(self, checkpoint: Checkpoint, known: KnownDocuments) -> AsyncIterator[Change]:
        yield self.first
        for each in self.between:
            yield each
        yield self.then
        yield checkpoint


@pytest.mark.parametrize("between", [[], [Checkpoint('{"entry": 25}')]], ids=["on one page", "on two"])
async def test_what_is_back_after_it_was_gone_is_indexed_anew(synced: Synced, between: list[Checkpoint]) -> None:
    bench, synced_source = synced
    bench.source = source = Reversing(**vars(synced_source))
    source.first, source.then = Removed(DocumentId(SOURCE, "d007")), Upsert(source.document("d007"))
    source.between = between
    report = await bench.sync(SyncMode.CHANGES)
    assert (report.state, report.tally.deleted, report.tally.check()) == (RunState.SUCCEEDED, 1, "")
    assert "d007" in await bench.find("document")
    assert len(await bench.stored()) == 25


@pytest.mark.parametrize("between", [[], [Checkpoint('{"entry": 25}')]], ids=["on one page", "on two"])
@pytest.mark.parametrize("native_id", ["d007", "new"])
async def test_what_is_gone_after_it_was_met_does_not_stay(
    synced: Synced, between: list[Checkpoint], native_id: str
) -> None:
    """It is being read when the source says that it is gone, and comes to the index after that."""
    bench, synced_source = synced
    synced_source.put(native_id, "words about walruses")
    bench.source = source = Reversing(**vars(synced_source))
    source.first, source.then = Upsert(source.document(native_id)), Removed(DocumentId(SOURCE, native_id))
    source.between = between
    report = await bench.sync(SyncMode.CHANGES)
    assert (report.state, report.tally.deleted, report.tally.scanned) == (RunState.SUCCEEDED, 1, 1)
    assert native_id not in await bench.stored()


async def test_a_connector_without_changes_says_so(bench: Bench) -> None:
    bench.source = numbered(3)
    with pytest.raises(SettingInvalid, match="knows no changes sync"):
        await bench.sync(SyncMode.CHANGES)


# -- permissions -------------------------------------------------------------------------------------------------------


async def test_a_permissions_sweep_reads_and_embeds_nothing(synced: Synced) -> None:
    bench, source = synced
    embedded = bench.enricher.embedded
    report = await bench.sync(SyncMode.PERMISSIONS)
    assert (report.state, report.tally.states) == (RunState.SUCCEEDED, {DocumentState.UNCHANGED: 25})
    assert (source.opened, source.crawled_from, bench.enricher.embedded) == ([], [], embedded)


async def test_a_document_under_another_list_is_put_there_and_nothing_else_of_it_is_written(synced: Synced) -> None:
    bench, source = synced
    source.acls["d003"] = STAFF
    report = await bench.sync(SyncMode.PERMISSIONS)
    assert report.tally.states == {DocumentState.UNCHANGED: 24, DocumentState.METADATA_ONLY: 1}
    assert report.tally.reasons == {"metadata-only: access": 1}
    assert await bench.find("subject 3", acl=STAFF) == {"d003"}
    assert (await bench.sync()).tally.states == {DocumentState.UNCHANGED: 25}


async def test_unreadable_permissions_hide_and_readable_ones_show_again_without_a_reading(synced: Synced) -> None:
    bench, source = synced
    source.acls["d003"] = None
    report = await bench.sync(SyncMode.PERMISSIONS)
    assert report.tally.reasons == {"hidden: permissions-unreadable": 1}
    assert "d003" not in await bench.find("document")
    source.acls["d003"] = EVERYONE
    await bench.sync(SyncMode.PERMISSIONS)
    assert "d003" in await bench.find("document")
    assert source.opened == []


async def test_what_a_sweep_does_not_meet_is_hidden_until_a_full_sync_decides(synced: Synced) -> None:
    bench, source = synced
    source.unlisted = {"d003"}
    report = await bench.sync(SyncMode.PERMISSIONS)
    assert (report.state, report.tally.withheld) == (RunState.SUCCEEDED, 1)
    assert "d003" not in await bench.find("document")
    assert "d003" in await bench.stored()
    assert (await bench.sync(SyncMode.PERMISSIONS)).tally.withheld == 0  # hidden already
    source.unlisted = set()
    await bench.sync(SyncMode.PERMISSIONS)
    assert "d003" in await bench.find("document")


async def test_what_the_index_could_not_hide_is_hidden_by_the_next_sweep(
    synced: Synced, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench, source = synced
    source.unlisted = {"d003"}

    async def busy(operations: object, *, fence: int) -> object:
        raise IndexBusy("no writes now")

    with monkeypatch.context() as patch:
        patch.setattr(bench.backend, "apply", busy)
        assert (await bench.sync(SyncMode.PERMISSIONS)).state is RunState.FAILED
    assert "d003" in await bench.find("document")
    assert (await bench.sync(SyncMode.PERMISSIONS)).tally.withheld == 1
    assert "d003" not in await bench.find("document")


async def test_a_new_document_waits_for_a_sync_that_reads_it(synced: Synced) -> None:
    bench, source = synced
    source.put("new", "words about okapis")
    report = await bench.sync(SyncMode.PERMISSIONS)
    assert report.tally.reasons == {"filtered: not-in-index": 1}
    assert await bench.find("okapis") == set()
    await bench.sync(SyncMode.CHANGES)
    assert await bench.find("okapis") == {"new"}


async def test_an_interrupted_sweep_hides_nothing_and_is_gone_on_with(synced: Synced) -> None:
    bench, source = synced
    source.sweep_faults = {1: [CredentialsRejected("no")]}
    report = await bench.sync(SyncMode.PERMISSIONS)
    assert (report.state, report.tally.withheld) == (RunState.FAILED, 0)
    resumed = await bench.sync(SyncMode.PERMISSIONS)
    assert (resumed.state, resumed.resumed, resumed.tally.scanned) == (RunState.SUCCEEDED, True, 15)
    assert len(await bench.find("document")) == 25


async def test_permissions_that_a_resumed_walk_left_owed_are_read_behind_the_next_run(synced: Synced) -> None:
    """Its process died between its end and the begin of the run that was to follow."""
    bench, source = synced
    source.faults = {1: [CredentialsRejected("no")]}
    await bench.sync()
    runs = RunStore(bench.engine)
    resumed = await runs.begin(SOURCE, SyncMode.FULL, index_id=bench.backend.index_id)
    await runs.finish(resumed, RunState.SUCCEEDED, Tally(), "")
    await bench.sync(SyncMode.CHANGES)
    assert [run.mode for run in await runs.recent(limit=2)] == [SyncMode.PERMISSIONS, SyncMode.CHANGES]
    await bench.sync(SyncMode.CHANGES)
    assert (await runs.recent(limit=1))[0].mode is SyncMode.CHANGES, "once"


async def test_an_owed_sweep_that_fails_or_is_stopped_is_tried_again_after_an_hour(synced: Synced) -> None:
    """Each run of changes forgets how far it came: begun behind every one, it would never leave the source alone."""
    bench, source = synced
    bench.now = time.time()  # as the state store tells it
    source.faults = {1: [CredentialsRejected("no")]}
    await bench.sync()
    runs = RunStore(bench.engine)
    source.sweep_faults = {2: [CredentialsRejected("no")]}
    resumed = await runs.begin(SOURCE, SyncMode.FULL, index_id=bench.backend.index_id)
    await runs.finish(resumed, RunState.SUCCEEDED, Tally(), "")
    for _ in range(3):
        await bench.sync(SyncMode.CHANGES)
    tried = [(run.mode, run.state) for run in reversed(await runs.recent(limit=4))]
    assert tried[:2] == [(SyncMode.CHANGES, RunState.SUCCEEDED), (SyncMode.PERMISSIONS, RunState.FAILED)]
    assert {mode for mode, _ in tried[2:]} == {SyncMode.CHANGES}
    assert await runs.owes_a_look(SOURCE), "it is not forgotten"
    bench.now += 3_700
    await bench.sync(SyncMode.CHANGES)
    assert (await runs.recent(limit=1))[0].mode is SyncMode.PERMISSIONS
    assert not await runs.owes_a_look(SOURCE)


async def test_a_run_of_another_mode_ends_an_interrupted_sweep(synced: Synced) -> None:
    bench, source = synced
    source.sweep_faults = {1: [CredentialsRejected("no")]}
    await bench.sync(SyncMode.PERMISSIONS)
    source.put("d001", "words about walruses")
    await bench.sync(SyncMode.CHANGES)
    report = await bench.sync(SyncMode.PERMISSIONS)
    assert (report.resumed, report.tally.scanned, report.tally.withheld) == (False, 25, 0)


async def test_a_sweep_leaves_an_unfinished_full_walk_as_it_is(synced: Synced) -> None:
    bench, source = synced
    source.put("d020", "words about walruses")
    source.faults = {1: [CredentialsRejected("no")]}
    await bench.sync()
    await bench.sync(SyncMode.PERMISSIONS)
    report = await bench.sync()
    assert (report.state, report.resumed, report.tally.deleted) == (RunState.SUCCEEDED, True, 0)
    assert await bench.find("walruses") == {"d020"}


async def test_what_a_list_gives_after_a_fault_waits_for_a_sweep_without_one(bench: Bench) -> None:
    """It may have been read again after documents that have left its folder were met under it."""
    create_tables(bench.engine)
    store, source = AclStore(bench.engine), incremental(25)
    bench.source, bench.numbering = source, store
    source.acls |= dict.fromkeys(source.texts, Acl("node:f", allow=STAFF.allow))
    await bench.sync()

    def open_to_everyone() -> None:
        source.acls |= dict.fromkeys(source.texts, Acl("node:f", allow=EVERYONE.allow))

    source.sweep_faults = {1: [SourceUnavailable("503")]}
    source.on_fault = open_to_everyone
    assert (await bench.sync(SyncMode.PERMISSIONS)).state is RunState.SUCCEEDED
    access = AccessControl(bench.engine)
    assert len((await access.public_filter([SOURCE])).visible) == 0
    assert (await bench.sync(SyncMode.PERMISSIONS)).state is RunState.SUCCEEDED
    assert len((await access.public_filter([SOURCE])).visible) == 1


async def test_what_a_list_gave_before_a_fault_is_given(bench: Bench) -> None:
    create_tables(bench.engine)
    store, source = AclStore(bench.engine), incremental(25)
    bench.source, bench.numbering = source, store
    source.acls |= dict.fromkeys(source.texts, Acl("node:f", allow=STAFF.allow))
    await bench.sync()
    source.acls |= dict.fromkeys(source.texts, Acl("node:f", allow=EVERYONE.allow))
    source.sweep_faults = {1: [SourceUnavailable("503")]}
    assert (await bench.sync(SyncMode.PERMISSIONS)).state is RunState.SUCCEEDED
    assert len((await AccessControl(bench.engine).public_filter([SOURCE])).visible) == 1


class LateReader(IncrementalSource):
    """Something happens right before single documents are looked at again."""

    before_revisit: Callable[[], None]

    async def revisit(self, document_ids: Sequence[DocumentId]) -> AsyncIterator[Change]:
        self.before_revisit()
        async for change in super().revisit(document_ids):
            yield change


async def test_a_list_read_again_to_look_at_missing_documents_gives_nothing_yet(bench: Bench) -> None:
    """A document that was met under it may have left its folder before the list admitted anybody."""
    create_tables(bench.engine)
    source = LateReader()
    bench.source, bench.numbering = source, AclStore(bench.engine)
    for number in range(25):
        source.put(f"d{number:03}", f"Document number {number}.", acl=Acl("node:f", allow=STAFF.allow))
    await bench.sync()
    source.unlisted = {"d003"}
    source.before_revisit = lambda: source.acls.update(dict.fromkeys(source.texts, Acl("node:f", allow=EVERYONE.allow)))
    assert (await bench.sync()).state is RunState.SUCCEEDED
    access = AccessControl(bench.engine)
    assert len((await access.public_filter([SOURCE])).visible) == 0
    assert (await bench.sync(SyncMode.PERMISSIONS)).state is RunState.SUCCEEDED
    assert len((await access.public_filter([SOURCE])).visible) == 1


async def test_a_list_that_was_met_by_way_of_its_documents_gives_with_the_next_run(bench: Bench) -> None:
    """Where documents are searched for, one may have left its folder before the folder's list was asked for."""
    create_tables(bench.engine)
    source = incremental(5)
    source.proves_absence = False
    bench.source, bench.numbering = source, AclStore(bench.engine)
    source.acls |= dict.fromkeys(source.texts, Acl("node:f", allow=STAFF.allow))
    await bench.sync()
    source.acls |= dict.fromkeys(source.texts, Acl("node:f", allow=EVERYONE.allow))
    access = AccessControl(bench.engine)
    await bench.sync()
    assert len((await access.public_filter([SOURCE])).visible) == 0
    await bench.sync()
    assert len((await access.public_filter([SOURCE])).visible) == 1


class BreakingOff(IncrementalSource):
    """Breaks off in the middle of its first page, where asked to."""

    breaks_off = False

    async def crawl(self, checkpoint: Checkpoint | None) -> AsyncIterator[Change]:
        async for change in self._until_break(super().crawl(checkpoint)):
            yield change

    async def permissions(self, checkpoint: Checkpoint | None) -> AsyncIterator[Change]:
        async for change in self._until_break(super().permissions(checkpoint)):
            yield change

    async def _until_break(self, changes: AsyncIterator[Change]) -> AsyncIterator[Change]:
        passed = 0
        async for change in changes:
            if self.breaks_off and passed == 8:
                self.breaks_off = False
                raise CredentialsRejected("no")
            yield change
            passed += 1


@pytest.mark.parametrize("mode", [SyncMode.FULL, SyncMode.PERMISSIONS])
async def test_a_pass_that_reached_no_checkpoint_begins_anew(bench: Bench, mode: SyncMode) -> None:
    """What it met may have moved since: skipped as met, it would stay under a list that the new pass may widen."""
    source = BreakingOff()
    bench.source, bench.limits = source, replace(bench.limits, page_documents=3)
    for number in range(25):
        source.put(f"d{number:03}", f"Document number {number} speaks of subject {number}.")
    await bench.sync()
    source.breaks_off = True
    assert (await bench.sync(mode)).state is RunState.FAILED
    source.acls["d000"] = STAFF
    report = await bench.sync(mode)
    assert (report.state, report.resumed, report.tally.scanned) == (RunState.SUCCEEDED, False, 25)
    assert await bench.find("subject 0", acl=STAFF) == {"d000"}


# -- absence that proves nothing ---------------------------------------------------------------------------------------


async def test_where_absence_is_no_proof_each_missing_document_is_looked_at(synced: Synced) -> None:
    bench, source = synced
    source.proves_absence = False
    source.unlisted = set(source.texts)
    source.remove("d003")
    report = await bench.sync()
    assert (report.state, report.tally.deleted) == (RunState.SUCCEEDED, 1)
    assert len(await bench.find("document")) == 24
    assert sorted(source.revisited) == [f"d{number:03}" for number in range(25)]


async def test_a_document_that_a_walk_missed_is_looked_at_before_it_is_deleted(synced: Synced) -> None:
    bench, source = synced
    source.unlisted = {"d003", "d004"}
    source.remove("d004")
    report = await bench.sync()
    assert (report.tally.scanned, report.tally.deleted, sorted(source.revisited)) == (24, 1, ["d003", "d004"])
    assert "d003" in await bench.find("document")


async def test_more_missing_documents_than_the_brake_allows_are_left_to_the_brake(synced: Synced) -> None:
    bench, source = synced
    source.unlisted = {f"d{number:03}" for number in range(20)}
    assert (await bench.sync()).state is RunState.BRAKED
    assert source.revisited == []


async def test_documents_that_are_gone_by_the_sources_word_are_braked_in_a_full_sync_too(synced: Synced) -> None:
    bench, source = synced
    source.proves_absence = False
    for native_id in sorted(source.texts)[:10]:
        source.remove(native_id)
    report = await bench.sync(brake=0.2)
    assert (report.state, report.tally.deleted) == (RunState.BRAKED, 5)
    assert "--confirm-deletes" in report.message


# -- stopping and trying again -----------------------------------------------------------------------------------------


async def test_a_stopped_run_settles_what_it_met_and_the_next_goes_on(bench: Bench) -> None:
    bench.source = incremental(25)
    bench.stop.set()
    stopped = await bench.sync()
    assert (stopped.state, stopped.tally.states) == (RunState.INTERRUPTED, {DocumentState.INDEXED: 10})
    bench.stop.clear()
    report = await bench.sync()
    assert (report.state, report.resumed, report.tally.scanned) == (RunState.SUCCEEDED, True, 15)


async def test_a_failed_document_is_tried_with_the_next_run_then_ever_more_rarely_then_given_up(synced: Synced) -> None:
    bench, source = synced
    source.put("d003", "words about walruses")
    source.content_faults["d003"] = [ContentUnavailable("busy")] * 100
    tries = []
    for hour in range(24 * 10):
        source.opened.clear()
        report = await bench.sync(SyncMode.CHANGES)
        if source.opened:
            tries.append(hour)
        assert report.tally.states in ({DocumentState.FAILED: 1}, {}), hour
        bench.now += HOUR_S
    assert len(tries) == MAX_FAILURES
    assert tries[:4] == [0, 1, 2, 3]
    assert all(later - sooner == 24 for sooner, later in pairwise(tries[5:]))
    assert (await bench.sync()).tally.reasons == {"failed: content-unavailable": 1}  # counted, and not read
    source.content_faults.clear()
    source.put("d003", "words about walruses")
    await bench.sync(SyncMode.CHANGES)
    assert await bench.find("walruses") == {"d003"}


# -- preview -----------------------------------------------------------------------------------------------------------


async def test_a_preview_says_what_the_next_sync_then_does_and_writes_nothing(synced: Synced) -> None:
    bench, source = synced
    source.put("d003", "words about walruses")
    source.put("new", "words about okapis")
    source.titles["d004"] = "Giraffes"
    source.acls["d005"] = STAFF
    source.acls["d006"] = None
    source.remove("d007")
    source.skip("d008", DocumentState.FILTERED, "link")
    before = await bench.stored()
    preview = await bench.preview()
    expected = {"add": 1, "update": 1, "describe": 1, "access": 1, "hide": 1, "delete": 1, "filter": 1, "nothing": 19}
    assert {str(act): count for act, count in preview.counts.items()} == expected
    assert {each.document_id.native_id: str(each.act) for each in preview.documents} == {
        "d003": "update",
        "new": "add",
        "d004": "describe",
        "d005": "access",
        "d006": "hide",
        "d007": "delete",
        "d008": "filter",
    }
    assert (source.opened, await bench.stored(), await bench.find("okapis")) == ([], before, set())
    report = await bench.sync()
    assert report.tally.states == {
        DocumentState.INDEXED: 2,
        DocumentState.METADATA_ONLY: 2,
        DocumentState.HIDDEN: 1,
        DocumentState.FILTERED: 1,
        DocumentState.UNCHANGED: 19,
    }
    assert report.tally.deleted == 1
    assert (await bench.preview()).counts.keys() <= {"nothing", "filter", "hide"}


async def test_a_preview_of_changes_and_of_permissions_is_of_those(synced: Synced) -> None:
    bench, source = synced
    source.put("d003", "words about walruses")
    source.acls["d005"] = STAFF
    assert {str(act): n for act, n in (await bench.preview(SyncMode.CHANGES)).counts.items()} == {"update": 1}
    permissions = await bench.preview(SyncMode.PERMISSIONS)
    assert {str(act): n for act, n in permissions.counts.items()} == {"access": 1, "nothing": 24}


async def test_a_preview_tells_of_the_brake_and_of_lists_that_changed(synced: Synced) -> None:
    bench, source = synced
    for native_id in sorted(source.texts)[:20]:
        source.remove(native_id)
    source.acls |= dict.fromkeys(source.texts, Acl(EVERYONE.key, allow=STAFF.allow))
    preview = await bench.preview()
    assert (preview.would_brake, preview.lists_changed, preview.counts["nothing"]) == (True, 1, 5)


async def test_a_preview_of_permissions_tells_what_would_be_hidden(synced: Synced) -> None:
    bench, source = synced
    source.acls["d003"] = None
    source.unlisted = {"d004"}
    preview = await bench.preview(SyncMode.PERMISSIONS)
    assert {each.document_id.native_id: (str(each.act), each.reason) for each in preview.documents} == {
        "d003": ("hide", "permissions-unreadable"),
        "d004": ("hide", "not-met"),
    }
    await bench.sync(SyncMode.PERMISSIONS)
    assert len(await bench.find("document")) == 23


async def test_a_preview_of_changes_tells_of_the_brake_and_of_what_is_tried_again(synced: Synced) -> None:
    bench, source = synced
    source.content_faults["d020"] = [ContentUnavailable("no", reason="content-unavailable")]
    source.put("d020", "words about walruses")
    assert (await bench.sync(SyncMode.CHANGES)).state is RunState.INCOMPLETE
    assert {str(act): n for act, n in (await bench.preview(SyncMode.CHANGES)).counts.items()} == {"update": 1}
    for native_id in sorted(source.texts)[:15]:
        source.remove(native_id)
    assert (await bench.preview(SyncMode.CHANGES)).would_brake


async def test_a_preview_looks_at_what_was_not_met_as_a_sync_does(synced: Synced) -> None:
    bench, source = synced
    source.proves_absence = False
    source.unlisted = set(source.texts)
    source.remove("d003")
    preview = await bench.preview()
    assert {str(act): n for act, n in preview.counts.items()} == {"nothing": 24, "delete": 1}
    assert not preview.would_brake


# -- notices -----------------------------------------------------------------------------------------------------------


class NoticingSource(IncrementalSource):
    """Says in each stream what it could not do as it was set up to; the first stream breaks off."""

    async def changes(self, checkpoint: Checkpoint, known: KnownDocuments) -> AsyncIterator[Change]:
        self.streams = getattr(self, "streams", 0) + 1
        yield Notice("lane-audit: disabled")
        async for change in super().changes(checkpoint, known):
            yield change
        if self.streams == 1:
            raise SourceUnavailable("busy")


async def test_a_notice_is_counted_once_a_run_however_often_the_stream_begins(bench: Bench) -> None:
    source = NoticingSource()
    bench.source = source
    source.put("d001", "words about walruses")
    await bench.sync()
    source.put("d002", "words about okapis")
    report = await bench.sync(SyncMode.CHANGES)
    assert (source.streams, report.tally.warnings) == (2, {"lane-audit: disabled": 1})
    assert (report.state, report.tally.scanned) == (RunState.SUCCEEDED, 1)
    assert {str(act): n for act, n in (await bench.preview(SyncMode.CHANGES)).counts.items()} == {}


# -- reports -----------------------------------------------------------------------------------------------------------


async def test_a_report_tells_changed_lists_requests_and_how_soon_a_revocation_is_obeyed(bench: Bench) -> None:
    bench.source = incremental(25)
    first = await bench.sync()
    assert (first.tally.lists_changed, first.tally.requests, first.tally.revoked_within_s) == (1, {"content": 25}, None)
    bench.source.acls["d003"] = STAFF
    second = await bench.sync(SyncMode.PERMISSIONS)
    assert second.tally.lists_changed == 1
    assert second.tally.revoked_within_s is not None
    assert (await bench.sync(SyncMode.CHANGES)).tally.revoked_within_s is None  # it looks at no list for certain
