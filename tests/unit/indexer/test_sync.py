"""A full sync over a scripted source, the memory index and a real state store: each promise of the flow."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from indexer.backends.memory.backend import MemoryBackend
from indexer.state.run_history import RunState
from indexer.state.runs import RunStore
from indexer.walk import PipelineLimits
from tests.fakes.plain_rooms import DIMENSIONS, HashingEnricher, MemoryNumbering
from tests.fakes.scripted_source import EVERYONE, SOURCE, numbered
from tests.fakes.sync_bench import Bench
from vocabulary.access import Acl, Principal
from vocabulary.documents import Change, Checkpoint, Comment, DocumentId, DocumentState
from vocabulary.errors import (
    CheckpointInvalid,
    ContentGone,
    CredentialsRejected,
    NumberingMismatch,
    SourceUnavailable,
)

COMMENT = Comment("c1", "Ann", "remark about zebras", datetime(2026, 5, 1, tzinfo=UTC))


async def test_the_first_sync_indexes_every_document_once(bench: Bench) -> None:
    bench.source = numbered(25)
    report = await bench.sync()
    assert report.state is RunState.SUCCEEDED
    assert report.tally.states == {DocumentState.INDEXED: 25}
    assert await bench.stored() == sorted(bench.source.texts)
    assert await bench.find("subject 7") >= {"d007"}


async def test_an_unchanged_source_is_neither_read_nor_embedded_again(bench: Bench) -> None:
    bench.source = numbered(25)
    await bench.sync()
    bench.source.opened.clear()
    embedded = bench.enricher.embedded
    report = await bench.sync()
    assert report.tally.states == {DocumentState.UNCHANGED: 25}
    assert bench.source.opened == []
    assert bench.enricher.embedded == embedded


async def test_only_the_changed_document_is_read_and_only_its_new_text_embedded(bench: Bench) -> None:
    bench.source = numbered(10)
    bench.source.put("d003", "# first paragraph\nanother one")
    await bench.sync()
    bench.source.opened.clear()
    bench.source.put("d003", "words about walruses")
    report = await bench.sync()
    assert bench.source.opened == ["d003"]
    assert report.tally.states == {DocumentState.UNCHANGED: 9, DocumentState.INDEXED: 1}
    assert await bench.find("walruses") == {"d003"}
    assert await bench.find("paragraph") == set()


async def test_a_touched_document_with_the_same_bytes_keeps_its_passages(bench: Bench) -> None:
    bench.source = numbered(3)
    await bench.sync()
    embedded = bench.enricher.embedded
    bench.source.put("d001", bench.source.texts["d001"])
    report = await bench.sync()
    assert report.tally.reasons == {"metadata-only: same-content": 1}
    assert bench.enricher.embedded == embedded
    assert (await bench.sync()).tally.states == {DocumentState.UNCHANGED: 3}


async def test_a_renamed_document_is_found_by_its_new_title_without_being_read(bench: Bench) -> None:
    bench.source = numbered(3)
    await bench.sync()
    bench.source.opened.clear()
    bench.source.titles["d001"] = "Giraffes"
    report = await bench.sync()
    assert report.tally.states == {DocumentState.UNCHANGED: 2, DocumentState.METADATA_ONLY: 1}
    assert bench.source.opened == []
    assert await bench.find("giraffes") == {"d001"}
    assert await bench.find("subject 1") >= {"d001"}


async def test_what_a_document_lacks_is_counted_by_every_run_and_costs_no_document(bench: Bench) -> None:
    bench.source = numbered(3)
    bench.source.warnings = {"d000": ("field-type: due",), "d002": ("field-type: due", "field-type: case_no")}
    for state in (DocumentState.INDEXED, DocumentState.UNCHANGED):
        report = await bench.sync()
        assert (report.state, report.tally.states) == (RunState.SUCCEEDED, {state: 3})
        assert report.tally.warnings == {"field-type: due": 2, "field-type: case_no": 1}


async def test_half_a_letter_in_a_title_or_comment_stops_no_run(bench: Bench) -> None:
    bench.source = numbered(3)
    bench.source.titles["d001"] = "Giraffes \ud83e"
    bench.source.comments["d001"] = (replace(COMMENT, text="remark about zebras \ud83e"),)
    assert (await bench.sync()).state is RunState.SUCCEEDED
    assert await bench.find("giraffes") == await bench.find("zebras") == {"d001"}
    assert (await bench.sync()).tally.states == {DocumentState.UNCHANGED: 3}


async def test_comments_come_change_and_go_without_the_content_being_read(bench: Bench) -> None:
    bench.source = numbered(3)
    await bench.sync()
    bench.source.opened.clear()
    bench.source.comments["d001"] = (COMMENT,)
    await bench.sync()
    assert await bench.find("zebras") == {"d001"}
    bench.source.comments["d001"] = (replace(COMMENT, text="remark about okapis"),)
    await bench.sync()
    assert await bench.find("zebras") == set()
    assert await bench.find("okapis") == {"d001"}
    del bench.source.comments["d001"]
    report = await bench.sync()
    assert await bench.find("okapis") == set()
    assert await bench.find("subject 1") >= {"d001"}
    assert report.tally.reasons == {"metadata-only: comments": 1}
    assert bench.source.opened == []


async def test_what_a_complete_walk_did_not_meet_is_deleted(bench: Bench) -> None:
    bench.source = numbered(10)
    await bench.sync()
    bench.source.remove("d004")
    report = await bench.sync()
    assert report.state is RunState.SUCCEEDED
    assert report.tally.deleted == 1
    assert "d004" not in await bench.stored()
    assert await bench.listed(report, DocumentState.DELETED) == {"d004": ""}


async def test_the_brake_hides_and_keeps_what_a_person_has_not_confirmed(bench: Bench) -> None:
    bench.source = numbered(10)
    await bench.sync()
    texts = dict(bench.source.texts)
    for native_id in list(texts)[:6]:
        bench.source.remove(native_id)
    report = await bench.sync()
    assert report.state is RunState.BRAKED
    assert "6 of 10" in report.message
    assert len(await bench.stored()) == 10
    assert len(await bench.find("document")) == 4
    bench.source.texts = texts
    assert (await bench.sync()).state is RunState.SUCCEEDED
    assert len(await bench.find("document")) == 10


async def test_confirmed_deletions_pass_the_brake(bench: Bench) -> None:
    bench.source = numbered(10)
    await bench.sync()
    for native_id in list(bench.source.texts)[:6]:
        bench.source.remove(native_id)
    assert (await bench.sync()).state is RunState.BRAKED
    report = await bench.sync(confirm_deletes=True)
    assert report.state is RunState.SUCCEEDED
    assert len(await bench.stored()) == 4


async def test_a_walk_that_ended_early_deletes_nothing_and_is_resumed(bench: Bench) -> None:
    bench.source = numbered(40)
    await bench.sync()
    bench.source.faults = {2: [CredentialsRejected("the source refused the credentials")]}
    bench.source.crawled_from.clear()
    report = await bench.sync()
    assert report.state is RunState.FAILED
    assert report.message == "the source refused the credentials"
    assert len(await bench.stored()) == 40
    resumed = await bench.sync()
    assert resumed.resumed
    assert bench.source.crawled_from[:2] == [None, '{"page": 2}']
    assert resumed.state is RunState.SUCCEEDED
    assert report.tally.scanned + resumed.tally.scanned == 40
    assert len(await bench.stored()) == 40


async def test_a_resumed_walk_is_followed_by_one_from_the_beginning(bench: Bench) -> None:
    """The source tells no permissions by themselves; nothing that was read is read again."""
    bench.source = numbered(40)
    bench.source.faults = {2: [CredentialsRejected("the source refused the credentials")]}
    await bench.sync()
    bench.source.crawled_from.clear()
    report = await bench.sync()
    assert (report.resumed, report.tally.scanned) == (True, 20)
    assert bench.source.crawled_from == ['{"page": 2}', None]
    second, first, _ = await RunStore(bench.engine).recent()
    assert (first.id, second.state, second.tally.states) == (
        report.id,
        RunState.SUCCEEDED,
        {DocumentState.UNCHANGED: 40},
    )


async def test_passing_faults_are_retried_and_no_document_counts_twice(bench: Bench) -> None:
    bench.source = numbered(40)
    bench.source.faults = {1: [SourceUnavailable("503")] * 2, 3: [SourceUnavailable("503")] * 2}
    report = await bench.sync()
    assert report.state is RunState.SUCCEEDED
    assert report.tally.scanned == 40
    assert len(await bench.stored()) == 40


async def test_a_fault_that_outlasts_the_retries_ends_the_run_and_the_next_one_goes_on(bench: Bench) -> None:
    bench.source = numbered(40)
    bench.source.faults = {2: [SourceUnavailable("503 from the proxy")] * 3}
    report = await bench.sync()
    assert (report.state, report.message) == (RunState.FAILED, "503 from the proxy")
    assert (await bench.sync()).state is RunState.SUCCEEDED
    assert len(await bench.stored()) == 40


async def test_a_checkpoint_of_another_scope_starts_the_walk_over_at_once(bench: Bench) -> None:
    bench.source = numbered(40)
    bench.source.faults = {2: [CredentialsRejected("no")]}
    assert (await bench.sync()).state is RunState.FAILED
    bench.source.faults = {2: [CheckpointInvalid("another scope")]}
    bench.source.crawled_from.clear()
    report = await bench.sync()
    assert (report.state, report.resumed) == (RunState.SUCCEEDED, False)
    assert bench.source.crawled_from == ['{"page": 2}', None]


async def test_a_connector_that_takes_none_of_its_own_checkpoints_fails_once(bench: Bench) -> None:
    bench.source = numbered(40)
    bench.source.faults = {2: [CheckpointInvalid("another scope")] * 2}
    assert (await bench.sync()).state is RunState.FAILED
    assert bench.source.crawled_from == [None]


async def test_a_document_without_readable_permissions_is_hidden_until_they_can_be_read(bench: Bench) -> None:
    """An account that lost a right for an hour must not cost the whole index."""
    bench.source = numbered(5)
    await bench.sync()
    bench.source.acls["d002"] = None
    report = await bench.sync()
    assert await bench.listed(report, DocumentState.HIDDEN) == {"d002": "permissions-unreadable"}
    assert "d002" not in await bench.find("subject 2")
    bench.source.opened.clear()
    bench.source.acls["d002"] = EVERYONE
    await bench.sync()
    assert await bench.find("subject 2") >= {"d002"}
    assert bench.source.opened == []


async def test_a_new_document_without_readable_permissions_is_not_indexed(bench: Bench) -> None:
    bench.source = numbered(2)
    bench.source.acls["d001"] = None
    report = await bench.sync()
    assert await bench.listed(report, DocumentState.HIDDEN) == {"d001": "permissions-unreadable"}
    assert await bench.stored() == ["d000"]


async def test_a_public_index_takes_only_what_everyone_may_read(bench: Bench) -> None:
    bench.source = numbered(3)
    named = Principal.user(SOURCE, "ann")
    bench.source.acls["d000"] = Acl("own", allow=frozenset({named}))
    bench.source.acls["d001"] = Acl("denied", allow=EVERYONE.allow, deny=frozenset({named}))
    report = await bench.sync(public=True)
    assert await bench.listed(report, DocumentState.HIDDEN) == {"d000": "not-public", "d001": "not-public"}
    assert await bench.stored() == ["d002"]


async def test_a_document_that_the_source_could_not_show_is_hidden_until_it_does(bench: Bench) -> None:
    bench.source = numbered(5)
    await bench.sync()
    bench.source.skip("d003", DocumentState.FAILED, "no-answer")
    report = await bench.sync()
    assert report.state is RunState.INCOMPLETE
    assert await bench.listed(report, DocumentState.FAILED) == {"d003": "no-answer"}
    assert "d003" not in await bench.find("document")
    bench.source.skipped.clear()
    embedded = bench.enricher.embedded
    await bench.sync()
    assert "d003" in await bench.find("document")
    assert bench.enricher.embedded == embedded


async def test_a_document_that_left_the_rules_is_withdrawn_and_counted_as_filtered(bench: Bench) -> None:
    bench.source = numbered(5)
    await bench.sync()
    bench.source.skip("d003", DocumentState.FILTERED, "type")
    report = await bench.sync()
    assert report.tally.reasons == {"filtered: type": 1}
    assert "d003" not in await bench.stored()


async def test_an_unreadable_file_is_found_by_title_and_not_read_again_until_it_changes(bench: Bench) -> None:
    bench.source = numbered(2)
    bench.source.put("d001", "FAIL encrypted")
    report = await bench.sync()
    assert report.state is RunState.INCOMPLETE
    assert await bench.listed(report, DocumentState.FAILED) == {"d001": "encrypted"}
    assert await bench.find("title") == {"d000", "d001"}
    bench.source.opened.clear()
    again = await bench.sync()
    assert bench.source.opened == []
    assert await bench.listed(again, DocumentState.FAILED) == {"d001": "encrypted"}
    bench.source.put("d001", "now in clear words")
    assert (await bench.sync()).state is RunState.SUCCEEDED
    assert await bench.find("clear") == {"d001"}


async def test_new_bytes_that_cannot_be_read_take_the_old_text_with_them(bench: Bench) -> None:
    bench.source = numbered(1)
    await bench.sync()
    bench.source.put("d000", "FAIL damaged")
    await bench.sync()
    assert await bench.find("subject") == set()
    assert await bench.find("title") == {"d000"}


async def test_a_failure_that_may_pass_is_tried_again_by_the_next_run(bench: Bench) -> None:
    bench.source = numbered(2)
    bench.source.put("d001", "FAIL timeout")
    await bench.sync()
    bench.source.texts["d001"] = "it was only slow"
    assert (await bench.sync()).state is RunState.SUCCEEDED
    assert await bench.find("slow") == {"d001"}


async def test_bytes_that_cannot_be_had_now_keep_the_old_text_and_are_fetched_next_time(bench: Bench) -> None:
    bench.source = numbered(2)
    await bench.sync()
    bench.source.put("d001", "new words")
    bench.source.content_faults["d001"] = [SourceUnavailable("reset")] * 3
    report = await bench.sync()
    assert await bench.listed(report, DocumentState.FAILED) == {"d001": "content-unavailable"}
    assert await bench.find("subject 1") >= {"d001"}
    await bench.sync()
    assert await bench.find("new") == {"d001"}


async def test_bytes_that_could_not_be_had_and_prove_to_be_the_same_end_the_failure(bench: Bench) -> None:
    bench.source = numbered(2)
    await bench.sync()
    bench.source.put("d001", bench.source.texts["d001"])
    bench.source.content_faults["d001"] = [SourceUnavailable("reset")] * 3
    assert (await bench.sync()).state is RunState.INCOMPLETE
    report = await bench.sync()
    assert (report.state, report.tally.reasons) == (RunState.SUCCEEDED, {"metadata-only: same-content": 1})
    bench.source.opened.clear()
    assert (await bench.sync()).tally.states == {DocumentState.UNCHANGED: 2}
    assert bench.source.opened == []


async def test_content_that_the_source_lost_is_a_named_failure_and_looked_for_again(bench: Bench) -> None:
    """A content store can be away for an hour, and what was lost be put back without a trace at the document."""
    bench.source = numbered(2)
    bench.source.content_faults["d001"] = [ContentGone("lost")]
    report = await bench.sync()
    assert await bench.listed(report, DocumentState.FAILED) == {"d001": "content-gone"}
    assert (await bench.sync()).state is RunState.SUCCEEDED
    assert await bench.find("subject 1") >= {"d001"}


async def test_content_over_the_limit_fails_as_too_large(bench: Bench) -> None:
    bench.limits = replace(bench.limits, content_bytes=100)
    bench.source = numbered(2)
    bench.source.put("d001", "x" * 101)
    report = await bench.sync()
    assert await bench.listed(report, DocumentState.FAILED) == {"d001": "too-large"}


async def test_empty_and_truncated_texts_are_states_of_their_own(bench: Bench) -> None:
    bench.source = numbered(1)
    bench.source.put("empty", "")
    bench.source.put("long", "CUT here")
    bench.source.put("strange", "FAIL unsupported")
    report = await bench.sync()
    assert report.tally.states == {DocumentState.INDEXED: 1, DocumentState.NO_TEXT: 2, DocumentState.TRUNCATED: 1}
    assert report.tally.reasons == {"no-text: unsupported": 1}
    assert (await bench.sync()).tally.states == {DocumentState.UNCHANGED: 4}


async def test_another_model_has_every_document_read_and_embedded_again(bench: Bench) -> None:
    bench.source = numbered(3)
    await bench.sync()
    bench.enricher = HashingEnricher("hashing/2")
    report = await bench.sync()
    assert report.tally.states == {DocumentState.INDEXED: 3}
    assert bench.enricher.embedded == 3


async def test_a_new_empty_index_is_filled_again(bench: Bench) -> None:
    bench.source = numbered(3)
    await bench.sync()
    async with MemoryBackend(dimensions=DIMENSIONS) as empty:
        bench.backend = empty
        report = await bench.sync()
        assert report.tally.states == {DocumentState.INDEXED: 3}
        assert len(await bench.stored()) == 3


async def test_an_index_numbered_by_another_state_is_not_written(bench: Bench) -> None:
    bench.source = numbered(3)
    await bench.sync()
    bench.numbering = MemoryNumbering("state-2")
    with pytest.raises(NumberingMismatch):
        await bench.sync()
    [refused, _] = await RunStore(bench.engine).recent(SOURCE)
    assert refused.state is RunState.FAILED and "another state" in refused.message
    bench.numbering = MemoryNumbering()
    assert (await bench.sync()).tally.states == {DocumentState.UNCHANGED: 3}


async def test_a_changed_list_of_a_folder_rewrites_no_document(bench: Bench) -> None:
    bench.source, bench.numbering = numbered(30), (numbering := MemoryNumbering())
    await bench.sync()
    narrowed = replace(EVERYONE, allow=frozenset({Principal.group(SOURCE, "staff")}))
    bench.source.acls = dict.fromkeys(bench.source.texts, narrowed)
    report = await bench.sync()
    assert report.tally.states == {DocumentState.UNCHANGED: 30}
    assert [acl for _, acl in numbering.lists.values()] == [narrowed]


async def test_an_interrupted_run_keeps_what_was_acknowledged_and_says_so(bench: Bench) -> None:
    bench.source = numbered(60)
    running = asyncio.create_task(bench.sync())
    while len(await bench.stored()) < 10:
        await asyncio.sleep(0)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    last = (await RunStore(bench.engine).recent(SOURCE))[0]
    assert last.state is RunState.INTERRUPTED
    assert (await bench.sync()).state is RunState.SUCCEEDED
    assert await bench.stored() == sorted(bench.source.texts)


async def test_a_fault_of_the_index_fails_the_run_and_nothing_is_taken_for_written(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.source = numbered(30)
    apply: Callable[..., object] = bench.backend.apply

    async def broken(operations: object, *, fence: int) -> object:
        raise OSError("disk full")

    monkeypatch.setattr(bench.backend, "apply", broken)
    with pytest.raises(ExceptionGroup):
        await bench.sync()
    assert (await RunStore(bench.engine).recent(SOURCE))[0].message == "disk full"
    monkeypatch.setattr(bench.backend, "apply", apply)
    assert (await bench.sync()).state is RunState.SUCCEEDED
    assert len(await bench.stored()) == 30


async def test_ids_are_scoped_by_their_source(bench: Bench) -> None:
    bench.source = numbered(1)
    await bench.sync()
    assert [document_id async for document_id in bench.backend.document_ids(SOURCE)] == [DocumentId(SOURCE, "d000")]
    assert [document_id async for document_id in bench.backend.document_ids("other")] == []


async def test_a_document_that_stands_twice_on_a_page_counts_once(bench: Bench) -> None:
    """Even where the first meeting is settled while the rest of the page waits for its turn."""
    bench.source = numbered(40)
    await bench.sync()
    once = bench.source.crawl

    async def twice(checkpoint: Checkpoint | None) -> AsyncIterator[Change]:
        page: list[Change] = []
        async for change in once(checkpoint):
            if isinstance(change, Checkpoint):
                for each in page + page:
                    yield each
                page = []
                yield change
            else:
                page.append(change)
        for each in page + page:
            yield each

    bench.source.crawl = twice  # type: ignore[method-assign]  # the test's own source
    bench.source.titles = {name: f"another title of {name}" for name in bench.source.texts}
    bench.limits = PipelineLimits(queued_items=1, written_items=1)
    report = await bench.sync()
    assert report.tally.states == {DocumentState.METADATA_ONLY: 40}
    assert report.tally.scanned == 40
