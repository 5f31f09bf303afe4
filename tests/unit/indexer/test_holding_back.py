"""What a source's rule for toxic text makes of its documents; nothing but a review shows what it holds back."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
import sqlalchemy as sa

from indexer.backends.memory.backend import MemoryBackend
from indexer.judging.guard import ConfiguredRule
from indexer.judging.rejudging import Rejudging
from indexer.judging.rules import Handling
from indexer.state import tables
from indexer.state.holds import Decision, Hold, HoldStore
from indexer.state.ledger import Ledger
from indexer.state.run_history import RunState
from indexer.state.runs import RunTicket
from tests.fakes.incremental_source import IncrementalSource, incremental
from tests.fakes.outage import away
from tests.fakes.scripted_source import SOURCE
from tests.fakes.sync_bench import Bench
from vocabulary.access import HIDDEN_ACL, Acl, Principal
from vocabulary.documents import DocumentId, DocumentState
from vocabulary.errors import ContentUnavailable, SettingInvalid
from vocabulary.indexing import IndexOperation, Put, Refusal
from vocabulary.ports import SyncMode
from vocabulary.search import Equals, Query, SearchMode

STAFF = Acl("node:staff", allow=frozenset({Principal.group(SOURCE, "staff")}))
HIDE, FLAG, INDEX = (ConfiguredRule(handling) for handling in (Handling.HIDE, Handling.FLAG, Handling.INDEX))
RUDE = "words about walruses, you nincompoop"
WALRUSES = {"d001", "rude"}


@pytest.fixture
async def world(bench: Bench) -> tuple[Bench, IncrementalSource]:
    """A source of three documents and a rude one, and a model that knows one rude word; nothing is synced yet."""
    source = incremental(3)
    source.put("d001", "words about walruses")
    source.put("rude", RUDE)
    bench.source = source
    bench.enricher.toxicity_version = "head/1"
    bench.enricher.toxic_words = {"nincompoop": 0.95}
    return bench, source


World = tuple[Bench, IncrementalSource]


async def hold(bench: Bench, native_id: str = "rude") -> Hold:
    return (await HoldStore(bench.engine).look_up(SOURCE, [native_id]))[native_id]


async def holds(bench: Bench) -> list[str]:
    return [each.native_id for each in await HoldStore(bench.engine).listed(SOURCE, undecided=False, limit=100)]


async def decide(bench: Bench, decision: Decision) -> None:
    assert await HoldStore(bench.engine).decide(SOURCE, await hold(bench), decision, by="ann", at=bench.now)


async def put_of(bench: Bench, native_id: str = "rude") -> Put:
    (stored,) = await bench.backend.look_up([DocumentId(SOURCE, native_id)])
    return stored.put


async def marked(bench: Bench) -> set[str]:
    found = set()
    for native_id in await bench.stored():
        if (await put_of(bench, native_id)).scoring.categories:
            found.add(native_id)
    return found


# -- the three rules ---------------------------------------------------------------------------------------------------


async def test_index_stores_scores_and_flag_marks_what_is_over_the_threshold(world: World) -> None:
    bench, _ = world
    await bench.sync()
    assert (await bench.find("walruses"), await marked(bench)) == (WALRUSES, set())
    stored = await put_of(bench)
    assert (stored.scoring.version, [each.toxicity.score_0_1 for each in stored.passages]) == ("head/1", [0.95])
    bench.toxicity = FLAG
    await bench.sync()
    assert (await bench.find("walruses"), await marked(bench)) == (WALRUSES, {"rude"})
    bench.toxicity = replace(FLAG, threshold_0_1=0.96)
    await bench.sync()
    assert await marked(bench) == set()


async def test_hide_holds_back_in_a_counted_state_and_says_for_which_sentence(world: World) -> None:
    bench, _ = world
    bench.toxicity = HIDE
    report = await bench.sync()
    assert report.state is RunState.SUCCEEDED
    assert report.tally.states == {DocumentState.INDEXED: 3, DocumentState.HELD: 1}
    assert report.tally.reasons["held-back: rude"] == 1
    assert await bench.listed(report, DocumentState.HELD) == {"rude": "rude"}
    assert (await bench.find("walruses"), await bench.stored()) == ({"d001"}, ["d000", "d001", "d002", "rude"])
    held = await hold(bench)
    assert RUDE[held.start : held.end] == "nincompoop"
    assert (held.model, held.category, held.score_0_1, held.decision) == ("head/1", "rude", 0.95, None)
    assert (await put_of(bench)).description.acl_id == HIDDEN_ACL


async def test_a_held_document_met_unchanged_stays_a_counted_held_one(world: World) -> None:
    bench, _ = world
    bench.toxicity = HIDE
    await bench.sync()
    report = await bench.sync()
    assert report.tally.states == {DocumentState.UNCHANGED: 3, DocumentState.HELD: 1}


# -- what does not show it ---------------------------------------------------------------------------------------------


async def test_neither_readers_nor_title_nor_a_permissions_sweep_show_what_is_held_back(world: World) -> None:
    bench, source = world
    bench.toxicity = HIDE
    await bench.sync()
    source.acls["rude"] = STAFF
    for mode in (SyncMode.PERMISSIONS, SyncMode.FULL):
        assert (await bench.sync(mode)).tally.states[DocumentState.HELD] == 1
        assert await bench.find("walruses") == {"d001"}
    source.titles["rude"] = "Walruses, renamed"
    report = await bench.sync()
    assert report.tally.states[DocumentState.HELD] == 1
    assert (await put_of(bench)).description.title == "Walruses, renamed"
    assert await bench.find("walruses") == {"d001"}


async def test_permissions_that_were_unreadable_meanwhile_do_not_show_it(world: World) -> None:
    bench, source = world
    bench.toxicity = HIDE
    await bench.sync()
    source.acls["rude"] = None
    await bench.sync()
    source.acls["rude"] = STAFF
    assert (await bench.sync()).tally.states[DocumentState.HELD] == 1
    assert await bench.find("walruses") == {"d001"}


async def test_new_content_is_judged_anew(world: World) -> None:
    bench, source = world
    bench.toxicity = HIDE
    await bench.sync()
    source.put("rude", "kind words about walruses")
    await bench.sync()
    assert (await bench.find("walruses"), await holds(bench)) == (WALRUSES, [])
    source.put("d001", "walruses! nincompoop!")
    await bench.sync()
    assert (await bench.find("walruses"), await holds(bench)) == ({"rude"}, ["d001"])


async def test_a_held_document_that_is_gone_waits_for_nobody(world: World) -> None:
    bench, source = world
    bench.toxicity = HIDE
    await bench.sync()
    source.remove("rude")
    await bench.sync()
    assert await holds(bench) == []


class _Killed(Exception):
    """The process is no more."""


class _MortalBackend(MemoryBackend):
    """An index whose process is killed before or behind a write."""

    def __init__(self, *, dimensions: int) -> None:
        super().__init__(dimensions=dimensions)
        self.dies: str = ""

    async def apply(
        self, operations: Sequence[IndexOperation], *, fence: int | None = None
    ) -> Mapping[DocumentId, Refusal]:
        if self.dies == "before":
            raise _Killed
        refused = await super().apply(operations, fence=fence)
        if self.dies == "behind":
            raise _Killed
        return refused


@pytest.mark.parametrize("moment", ["before", "behind"])
@pytest.mark.parametrize("was_shown", [False, True])
async def test_killed_around_a_write_a_run_never_shows_it_first(world: World, moment: str, was_shown: bool) -> None:
    bench, source = world
    bench.backend = mortal = _MortalBackend(dimensions=bench.enricher.dimensions)
    if was_shown:
        await bench.sync()
    bench.toxicity = HIDE
    mortal.dies = moment
    for _ in range(2):
        with pytest.raises((_Killed, ExceptionGroup)):
            await bench.sync()
        assert "rude" not in await bench.find("walruses") or (was_shown and moment == "before")
    mortal.dies = ""
    source.titles["rude"] = "renamed"
    assert (await bench.sync(SyncMode.PERMISSIONS if was_shown else SyncMode.FULL)).state is not RunState.FAILED
    assert "rude" not in await bench.find("walruses")
    await bench.sync()
    assert (await bench.find("walruses"), await holds(bench)) == ({"d001"}, ["rude"])


@pytest.mark.parametrize("moment", ["before", "behind"])
async def test_killed_while_clean_content_replaces_it_the_toxic_one_is_not_shown(world: World, moment: str) -> None:
    bench, source = world
    bench.backend = mortal = _MortalBackend(dimensions=bench.enricher.dimensions)
    bench.toxicity = HIDE
    await bench.sync()
    source.put("rude", "kind words")
    mortal.dies = moment
    with pytest.raises((_Killed, ExceptionGroup)):
        await bench.sync()
    mortal.dies = ""
    await bench.sync(SyncMode.PERMISSIONS)
    assert "rude" not in await bench.find("nincompoop")
    await bench.sync()
    assert (await bench.find("kind"), await holds(bench)) == ({"rude"}, [])


async def _forget(bench: Bench) -> None:
    """As after a restore of the state store from before the documents were held back, or known at all."""
    with bench.engine.begin() as connection:
        connection.execute(sa.delete(tables.holds))
    await Ledger(bench.engine).doubt_all(SOURCE)
    await bench.backend.put_seal("of another time", hide_all=True)


@pytest.mark.parametrize("mode", [SyncMode.PERMISSIONS, SyncMode.FULL])
async def test_what_nobody_knows_to_be_judged_is_judged_before_it_is_shown(world: World, mode: SyncMode) -> None:
    bench, source = world
    bench.toxicity = HIDE
    await bench.sync()
    await _forget(bench)
    source.content_faults["rude"] = [ContentUnavailable("archived", reason="archived")]
    await bench.sync(mode)
    assert (await bench.find("walruses"), await holds(bench)) == ({"d001"}, ["rude"])


async def test_a_shown_document_in_doubt_is_judged_by_a_new_rule_like_any_other(world: World) -> None:
    bench, _ = world
    await bench.sync()
    await Ledger(bench.engine).doubt_all(SOURCE)
    bench.toxicity = HIDE
    await bench.sync(SyncMode.CHANGES)
    assert (await bench.find("walruses"), await holds(bench)) == ({"d001"}, ["rude"])


# -- rules change ------------------------------------------------------------------------------------------------------


async def test_a_new_rule_takes_effect_with_the_next_sync_of_any_mode_and_embeds_nothing(world: World) -> None:
    bench, source = world
    await bench.sync()
    embedded, scored = bench.enricher.embedded, bench.enricher.scored
    source.opened.clear()
    bench.toxicity = HIDE
    await bench.sync(SyncMode.CHANGES)
    assert (await bench.find("walruses"), await holds(bench)) == ({"d001"}, ["rude"])
    bench.toxicity = FLAG
    await bench.sync(SyncMode.PERMISSIONS)
    assert (await bench.find("walruses"), await holds(bench), await marked(bench)) == (WALRUSES, [], {"rude"})
    assert (bench.enricher.embedded, bench.enricher.scored, source.opened) == (embedded, scored, [])


async def test_a_higher_threshold_lets_go_of_what_is_below_it(world: World) -> None:
    bench, _ = world
    bench.toxicity = HIDE
    await bench.sync()
    bench.toxicity = replace(HIDE, threshold_0_1=0.99)
    await bench.sync()
    assert (await bench.find("walruses"), await holds(bench)) == (WALRUSES, [])


# -- reviews -----------------------------------------------------------------------------------------------------------


async def test_a_released_document_is_shown_at_once_under_its_own_list(world: World) -> None:
    bench, source = world
    bench.toxicity = HIDE
    source.acls["rude"] = STAFF
    await bench.sync()
    await decide(bench, Decision.RELEASED)
    assert await bench.find("walruses") == {"d001"}
    report = await bench.rescore("rude")
    assert (report.mode, report.tally.scanned) == (SyncMode.RESCORE, 1)
    assert await bench.find("walruses") == WALRUSES
    assert await bench.find("walruses", acl=STAFF) == {"rude"}
    assert bench.enricher.scored == 0


@pytest.mark.parametrize("moment", ["before", "behind"])
async def test_a_release_whose_run_was_killed_is_carried_out_and_counted_by_the_next(world: World, moment: str) -> None:
    """Without the source, under the list that the last sync found it under."""
    bench, source = world
    bench.backend = mortal = _MortalBackend(dimensions=bench.enricher.dimensions)
    bench.toxicity = HIDE
    source.acls["rude"] = STAFF
    await bench.sync()
    await decide(bench, Decision.RELEASED)
    mortal.dies = moment
    with pytest.raises((_Killed, ExceptionGroup)):
        await bench.rescore("rude")
    mortal.dies = ""
    report = await bench.rescore()
    assert report.tally.states == {DocumentState.METADATA_ONLY: 1}
    assert await bench.listed(report, DocumentState.METADATA_ONLY) == {"rude": "toxicity"}
    assert await bench.find("walruses", acl=STAFF) == {"rude"}
    assert not (await hold(bench)).is_hidden


async def test_a_run_lists_what_it_counts_whatever_the_last_sync_called_it(world: World) -> None:
    bench, source = world
    source.content_faults["d000"] = [ContentUnavailable("archived", reason="archived")]
    await bench.sync()
    report = await bench.rescore("d000", "d001", "rude")
    assert (report.state, report.tally.states) == (RunState.SUCCEEDED, {DocumentState.UNCHANGED: 3})
    assert await bench.listed(report, DocumentState.FAILED) == await bench.listed(report, DocumentState.INDEXED) == {}


async def test_a_release_that_met_a_run_under_way_takes_effect_with_the_next_one(world: World) -> None:
    bench, _ = world
    bench.toxicity = HIDE
    await bench.sync()
    await decide(bench, Decision.RELEASED)
    await bench.sync(SyncMode.CHANGES)
    assert await bench.find("walruses") == WALRUSES
    assert not (await hold(bench)).is_hidden


async def test_a_release_holds_until_the_content_changes(world: World) -> None:
    bench, source = world
    bench.toxicity = HIDE
    await bench.sync()
    await decide(bench, Decision.RELEASED)
    source.titles["rude"] = "renamed"
    source.acls["rude"] = STAFF
    await bench.sync()
    bench.enricher.toxicity_version, bench.enricher.toxic_words = "head/2", {"nincompoop": 0.99}
    await bench.rescore()
    source.put("rude", RUDE)  # the same bytes, touched
    await bench.sync()
    assert await bench.find("walruses") == WALRUSES
    source.put("rude", f"{RUDE}!")
    await bench.sync()
    assert await bench.find("walruses") == {"d001"}
    assert (await hold(bench)).decision is None


async def test_what_somebody_keeps_hidden_stays_so_whatever_a_new_model_says(world: World) -> None:
    bench, _ = world
    bench.toxicity = HIDE
    await bench.sync()
    await decide(bench, Decision.KEPT)
    assert await HoldStore(bench.engine).count_undecided(SOURCE) == 0
    bench.enricher.toxicity_version, bench.enricher.toxic_words = "head/2", {}
    await bench.rescore()
    await bench.sync()
    assert (await bench.find("walruses"), (await hold(bench)).decision) == ({"d001"}, Decision.KEPT)


async def test_a_decision_about_other_content_than_is_held_now_is_refused(world: World) -> None:
    bench, source = world
    bench.toxicity = HIDE
    await bench.sync()
    seen = await hold(bench)
    source.put("rude", f"{RUDE} {RUDE}")
    await bench.sync()
    assert not await HoldStore(bench.engine).decide(SOURCE, seen, Decision.RELEASED, by="ann", at=bench.now)
    await bench.sync()
    assert await bench.find("walruses") == {"d001"}


async def _release_and_show(bench: Bench) -> None:
    bench.toxicity = HIDE
    await bench.sync()
    await decide(bench, Decision.RELEASED)
    await bench.rescore("rude")
    assert await bench.find("walruses") == WALRUSES


async def test_a_release_taken_back_while_a_run_is_under_way_takes_effect_with_the_next_one(world: World) -> None:
    bench, _ = world
    await _release_and_show(bench)
    await decide(bench, Decision.KEPT)
    await bench.sync(SyncMode.CHANGES)
    assert await bench.find("walruses") == {"d001"}
    assert ((await hold(bench)).is_hidden, (await hold(bench)).decision) == (True, Decision.KEPT)
    await decide(bench, Decision.RELEASED)
    await bench.sync(SyncMode.CHANGES)
    assert await bench.find("walruses") == WALRUSES


async def test_a_release_taken_back_just_before_it_is_carried_out_takes_effect_with_the_next_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench, _ = world
    bench.toxicity = HIDE
    await bench.sync()
    await decide(bench, Decision.RELEASED)
    apply = bench.backend.apply

    async def meanwhile(
        operations: Sequence[IndexOperation], *, fence: int | None = None
    ) -> Mapping[DocumentId, Refusal]:
        await decide(bench, Decision.KEPT)
        return await apply(operations, fence=fence)

    with monkeypatch.context() as patched:
        patched.setattr(bench.backend, "apply", meanwhile)
        await bench.sync(SyncMode.CHANGES)
    await bench.sync(SyncMode.CHANGES)
    assert await bench.find("walruses") == {"d001"}


async def test_killed_behind_the_record_of_a_release_taken_back_the_next_run_hides_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench, _ = world
    await _release_and_show(bench)
    await decide(bench, Decision.KEPT)
    put = HoldStore.put

    async def last(store: HoldStore, ticket: RunTicket, held: Sequence[Hold]) -> None:
        await put(store, ticket, held)
        raise _Killed

    with monkeypatch.context() as patched, pytest.raises((_Killed, ExceptionGroup)):
        patched.setattr(HoldStore, "put", last)
        await bench.sync(SyncMode.CHANGES)
    await bench.sync(SyncMode.CHANGES)
    assert await bench.find("walruses") == {"d001"}


async def test_a_release_of_what_is_hidden_for_other_reasons_waits(world: World) -> None:
    bench, source = world
    bench.toxicity = HIDE
    await bench.sync()
    source.acls["rude"] = None
    await bench.sync()
    await decide(bench, Decision.RELEASED)
    await bench.rescore("rude")
    assert ((await hold(bench)).is_hidden, await bench.find("walruses")) == (True, {"d001"})
    source.acls["rude"] = STAFF
    await bench.sync()
    assert ((await hold(bench)).is_hidden, await bench.find("walruses", acl=STAFF)) == (False, {"rude"})


# -- new models --------------------------------------------------------------------------------------------------------


async def test_a_new_model_is_no_reason_for_a_sync_to_read_or_embed_anything(world: World) -> None:
    bench, source = world
    await bench.sync()
    embedded = bench.enricher.embedded
    source.opened.clear()
    bench.enricher.toxicity_version = "head/2"
    assert (await bench.sync()).tally.states == {DocumentState.UNCHANGED: 4}
    assert (bench.enricher.embedded, bench.enricher.scored, source.opened) == (embedded, 0, [])
    assert await bench.find("walruses") == WALRUSES


async def test_stored_text_is_scored_anew_and_judged_without_the_source(world: World) -> None:
    bench, source = world
    bench.toxicity = HIDE
    await bench.sync()
    embedded, before = bench.enricher.embedded, await put_of(bench)
    source.opened.clear()
    bench.enricher.toxicity_version, bench.enricher.toxic_words = "head/2", {"subject": 0.97}
    report = await bench.rescore()
    assert (report.mode, report.state, report.tally.scanned) == (SyncMode.RESCORE, RunState.SUCCEEDED, 4)
    assert report.tally.states == {DocumentState.HELD: 2, DocumentState.METADATA_ONLY: 2}
    assert report.tally.rescored == 4
    assert await bench.find("walruses") == WALRUSES
    assert await holds(bench) == ["d000", "d002"]
    assert (bench.enricher.embedded, source.opened) == (embedded, [])
    after = await put_of(bench)
    assert after.scoring.version == "head/2"
    assert (after.passages[0].vector == before.passages[0].vector).all()
    again = await bench.rescore()
    assert again.tally.scanned == 0
    assert (await bench.sync()).tally.states == {DocumentState.UNCHANGED: 2, DocumentState.HELD: 2}


async def test_a_rescoring_that_was_stopped_goes_on_with_what_is_left(world: World) -> None:
    bench, source = world
    for number in range(100):
        source.put(f"more{number:03}", f"words of number {number}")
    await bench.sync()
    bench.enricher.toxicity_version = "head/2"
    score, calls = bench.enricher.score, []

    async def stopped(texts: Sequence[object]) -> object:
        calls.append(len(texts))
        bench.stop.set()
        return await score(texts)  # type: ignore[arg-type]

    bench.enricher.score = stopped  # type: ignore[method-assign,assignment]
    assert (await bench.rescore()).state is RunState.INTERRUPTED
    bench.stop.clear()
    bench.enricher.score = score  # type: ignore[method-assign]
    assert (await bench.rescore()).state is RunState.SUCCEEDED
    assert calls[0] + bench.enricher.scored - calls[0] == 104
    assert {(await put_of(bench, each)).scoring.version for each in await bench.stored()} == {"head/2"}


async def test_new_comments_beside_kept_text_leave_one_model_for_all_passages(world: World) -> None:
    bench, source = world
    await bench.sync()
    bench.enricher.toxicity_version, bench.enricher.toxic_words = "head/2", {"walruses": 0.7}
    source.put("d001", "words about walruses\n" + "and a new line " * 40)
    embedded = bench.enricher.embedded
    await bench.sync()
    stored = await put_of(bench, "d001")
    assert stored.scoring.version == "head/2"
    assert stored.passages[0].toxicity.score_0_1 == 0.7
    assert bench.enricher.embedded > embedded


async def test_without_a_model_nothing_is_scored(world: World) -> None:
    bench, _ = world
    bench.enricher.toxicity_version = ""
    with pytest.raises(SettingInvalid, match="no approved model"):
        await bench.rescore()


async def test_text_that_nothing_scores_is_not_written_where_toxic_text_is_to_be_hidden(world: World) -> None:
    bench, source = world
    bench.toxicity = HIDE
    await bench.sync()
    bench.enricher.toxicity_version = ""
    source.put("new", "unscored")
    with pytest.raises(SettingInvalid, match="approved toxicity model"):
        await bench.sync()
    assert (await bench.sync(SyncMode.PERMISSIONS)).state is RunState.SUCCEEDED, "what the source takes is taken"
    assert (await bench.find("unscored"), await bench.find("walruses")) == (set(), {"d001"})


async def test_no_other_models_threshold_lets_go_of_what_was_held_back(world: World) -> None:
    bench, _ = world
    bench.toxicity = HIDE
    await bench.sync()
    bench.enricher.toxicity_version = ""  # the model's approval is gone, and its thresholds with it
    await bench.sync(SyncMode.PERMISSIONS)
    assert (await bench.find("walruses"), await holds(bench)) == ({"d001"}, ["rude"])
    bench.enricher.toxicity_version, bench.enricher.toxic_words = "head/2", {}
    bench.toxicity = replace(HIDE, threshold_0_1=0.99)
    await bench.sync()
    assert (await bench.find("walruses"), await holds(bench)) == ({"d001"}, ["rude"])
    await bench.rescore()
    assert (await bench.find("walruses"), await holds(bench)) == (WALRUSES, [])


async def test_no_other_models_threshold_takes_a_mark_away(world: World) -> None:
    bench, _ = world
    bench.toxicity = FLAG
    await bench.sync()
    bench.enricher.toxicity_version = ""  # the model's approval is gone, and its thresholds with it
    bench.toxicity = replace(FLAG, threshold_0_1=0.99)
    await bench.sync()
    assert await marked(bench) == {"rude"}
    assert (await put_of(bench)).scoring.version == "head/1"
    bench.toxicity = INDEX
    await bench.sync()
    assert await marked(bench) == set()
    bench.enricher.toxicity_version, bench.toxicity = "head/1", FLAG
    await bench.sync()
    assert await marked(bench) == {"rude"}
    bench.enricher.toxicity_version, bench.enricher.toxic_words = "head/2", {}
    await bench.rescore()
    assert await marked(bench) == set()


async def test_the_mark_is_there_to_filter_by(world: World) -> None:
    bench, _ = world
    bench.toxicity = FLAG
    await bench.sync()
    assert await bench.find("toxicity_category:rude") == {"rude"}
    assert Query("", mode=SearchMode.KEYWORD, filter=Equals("toxicity_category", "rude")).filter is not None


async def test_a_cancelled_rescoring_ends_although_the_state_store_is_away(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bench, _), began = world, asyncio.Event()

    async def for_ever(_: Rejudging) -> None:
        began.set()
        await asyncio.Event().wait()

    await bench.sync()
    monkeypatch.setattr(Rejudging, "all", for_ever)
    rescoring = asyncio.create_task(bench.rescore())
    await began.wait()
    with away(bench.engine):
        rescoring.cancel()
        await asyncio.wait({rescoring})
    assert rescoring.cancelled()
