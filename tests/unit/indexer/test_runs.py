import logging
import socket
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta

import pytest
import sqlalchemy as sa

from indexer.state.leases import LEASE_S, RunInProgress, require_lease
from indexer.state.ledger import Ledger, LedgerRow
from indexer.state.run_history import RunReport, RunState
from indexer.state.runs import RunStore
from indexer.state.tables import runs as rows_of_runs
from indexer.state.tables import source_state
from indexer.state.tally import Tally
from tests.fakes.outage import away
from vocabulary.documents import Checkpoint, DocumentState
from vocabulary.errors import StateUnavailable
from vocabulary.ports import SyncMode


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


async def test_a_second_run_of_a_source_is_refused_while_the_first_is_alive(engine: sa.Engine) -> None:
    runs = RunStore(engine)
    await runs.begin("files", SyncMode.FULL, index_id="i")
    with pytest.raises(RunInProgress, match="'files'"):
        await runs.begin("files", SyncMode.FULL, index_id="i")
    await runs.begin("other", SyncMode.FULL, index_id="i")


async def test_a_run_of_another_machine_is_taken_over_when_its_lease_has_expired(engine: sa.Engine) -> None:
    clock = Clock()
    runs = RunStore(engine, clock=clock)
    ticket = await runs.begin("files", SyncMode.FULL, index_id="i")
    await Ledger(engine).settle(ticket, [], removed=[], checkpoint=Checkpoint("page 1"))
    _hold(engine, "elsewhere:1:ab", clock.now_s + LEASE_S)
    with pytest.raises(RunInProgress):
        await runs.begin("files", SyncMode.FULL, index_id="i")
    clock.now_s += LEASE_S + 1
    assert (await runs.begin("files", SyncMode.FULL, index_id="i")).run_id > ticket.run_id
    assert (await runs.show(ticket.run_id)).state is RunState.INTERRUPTED


async def test_nobody_takes_a_lease_while_something_is_written_under_it(
    engine: sa.Engine, other_engine: sa.Engine
) -> None:
    ticket = await RunStore(engine).begin("files", SyncMode.FULL, index_id="i")
    with ThreadPoolExecutor(1) as another:
        with engine.begin() as connection:
            require_lease(connection, source="files", runner=ticket.runner)
            taking = another.submit(_hold, other_engine, "elsewhere:1:ab", 0.0)
            assert not wait([taking], timeout=0.2).done
        taking.result(timeout=30)
    with pytest.raises(RunInProgress, match="lost"):
        await RunStore(engine).heartbeat(ticket, Tally())


async def test_a_dead_process_of_this_machine_holds_no_lease(engine: sa.Engine) -> None:
    runs = RunStore(engine)
    await runs.begin("files", SyncMode.FULL, index_id="i")
    _hold(engine, _dead_runner(), 9e12)
    await runs.begin("files", SyncMode.FULL, index_id="i")


async def test_a_runner_that_lost_its_lease_is_told_by_its_heartbeat(engine: sa.Engine) -> None:
    runs = RunStore(engine)
    ticket = await runs.begin("files", SyncMode.FULL, index_id="i")
    await runs.heartbeat(ticket, Tally())
    _hold(engine, "elsewhere:1:ab", 9e12)
    with pytest.raises(RunInProgress, match="lost"):
        await runs.heartbeat(ticket, Tally())


async def test_an_unfinished_walk_is_resumed_and_a_complete_one_is_not(engine: sa.Engine) -> None:
    runs, ledger = RunStore(engine), Ledger(engine)
    first = await runs.begin("files", SyncMode.FULL, index_id="i")
    await ledger.settle(first, [], removed=[], checkpoint=Checkpoint("page 3"))
    await runs.finish(first, RunState.FAILED, Tally(), "the source went away")
    second = await runs.begin("files", SyncMode.FULL, index_id="i")
    assert (second.walk, second.checkpoint) == (first.walk, Checkpoint("page 3"))
    await runs.finish(second, RunState.SUCCEEDED, Tally(), "")
    third = await runs.begin("files", SyncMode.FULL, index_id="i")
    assert third.walk != first.walk
    assert third.checkpoint is None


async def test_another_index_forgets_what_the_old_one_held(engine: sa.Engine) -> None:
    runs, ledger = RunStore(engine), Ledger(engine)
    ticket = await runs.begin("files", SyncMode.FULL, index_id="old")
    row = LedgerRow("a", DocumentState.INDEXED, in_index=True)
    await ledger.settle(ticket, [row], removed=[], checkpoint=Checkpoint("page 1"))
    await runs.finish(ticket, RunState.FAILED, Tally(), "")
    anew = await runs.begin("files", SyncMode.FULL, index_id="new")
    assert anew.checkpoint is None
    assert not await ledger.look_up("files", ["a"])


async def test_history_keeps_tallies_and_lists_newest_first(engine: sa.Engine) -> None:
    runs = RunStore(engine)
    for _ in range(2):
        ticket = await runs.begin("files", SyncMode.FULL, index_id="i")
        tally = Tally(scanned=2)
        tally.settle(DocumentState.INDEXED, "")
        tally.settle(DocumentState.FAILED, "encrypted")
        await runs.finish(ticket, RunState.INCOMPLETE, tally, "1 documents failed")
    newest, oldest = await runs.recent("files")
    assert newest.id > oldest.id
    assert newest.tally == tally
    assert newest.tally.reasons == {"failed: encrypted": 1}
    with pytest.raises(KeyError):
        await runs.show(999)


async def test_what_has_ended_never_changes_again(engine: sa.Engine) -> None:
    """A runner that slept while its run was closed as dead wakes up, and reports what it believes."""
    clock = Clock()
    runs = RunStore(engine, clock=clock)
    sleeper = await runs.begin("files", SyncMode.FULL, index_id="i")
    _hold(engine, "elsewhere:1:ab", clock.now_s - 1)
    await runs.begin("files", SyncMode.FULL, index_id="i")
    closed = await runs.show(sleeper.run_id)
    clock.now_s += 60
    assert await runs.finish(sleeper, RunState.SUCCEEDED, Tally(scanned=7), "all is well") == closed
    with pytest.raises(RunInProgress):
        await runs.heartbeat(sleeper, Tally(scanned=7))
    assert await runs.show(sleeper.run_id) == closed


async def test_pruning_forgets_documents_of_old_runs_and_no_run(engine: sa.Engine) -> None:
    clock = Clock()
    runs, ledger = RunStore(engine, clock=clock), Ledger(engine)
    old, new = [await _run_of_two(runs, ledger, clock) for _ in range(2)]
    boundary = old.ended_at + timedelta(seconds=1) if old.ended_at else None
    assert boundary is not None
    under_way = await runs.begin("files", SyncMode.FULL, index_id="i")
    await ledger.settle(under_way, [LedgerRow("c", DocumentState.INDEXED)], removed=[], checkpoint=None)
    assert await runs.prune_documents(ended_before=boundary) == 2
    assert [await runs.documents(run.id) for run in (old, new)] == [[], await runs.documents(new.id)]
    assert len(await runs.documents(new.id)) == 2
    assert len(await runs.documents(under_way.run_id)) == 1
    assert await runs.show(old.id) == old
    assert len(await runs.recent("files")) == 3


async def test_the_documents_of_a_run_are_listed_page_by_page(engine: sa.Engine) -> None:
    runs, ledger = RunStore(engine), Ledger(engine)
    ticket = await runs.begin("files", SyncMode.FULL, index_id="i")
    states = {
        "a": DocumentState.FAILED,
        "b": DocumentState.INDEXED,
        "c": DocumentState.UNCHANGED,
        "d": DocumentState.FAILED,
    }
    await ledger.settle(
        ticket, [LedgerRow(key, state) for key, state in states.items()], removed=["e"], checkpoint=None
    )

    async def page(state: DocumentState | None, after: str, limit: int) -> list[str]:
        return [
            one.document_id.native_id for one in await runs.documents(ticket.run_id, state, after=after, limit=limit)
        ]

    assert [await page(None, "", 2), await page(None, "b", 2)] == [["a", "b"], ["d", "e"]]
    assert [await page(DocumentState.FAILED, "", 1), await page(DocumentState.FAILED, "a", 5)] == [["a"], ["d"]]


async def test_the_last_run_of_each_mode_is_found(engine: sa.Engine) -> None:
    runs = RunStore(engine)
    for source, mode in [("files", SyncMode.FULL), ("files", "full"), ("files", "identities"), ("wiki", "full")]:
        await runs.finish(await runs.begin(source, mode, index_id="i"), RunState.SUCCEEDED, Tally(), "")
    latest = await runs.latest()
    assert {key: report.id for key, report in latest.items()} == {
        ("files", SyncMode.FULL): 2,
        ("files", "identities"): 3,
        ("wiki", SyncMode.FULL): 4,
    }
    assert [report.id for report in await runs.recent(mode=SyncMode.FULL)] == [4, 2, 1]


async def test_a_run_is_one_log_line_when_it_begins_and_one_when_it_has_ended(
    engine: sa.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="indexer")
    runs = RunStore(engine, clock=Clock())
    tally = Tally(scanned=2, bytes_read=70, requests=Counter(content=2, listing=7), revoked_within_s=31.24)
    tally.settle(DocumentState.INDEXED, "")
    tally.settle(DocumentState.FAILED, "encrypted")
    await runs.finish(await runs.begin("files", "full", index_id="i"), RunState.INCOMPLETE, tally, "two\nlines")
    began, ended = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert began == ("INFO", "run began: source=files mode=full run=1 resumed=false")
    assert ended == (
        "WARNING",
        "run ended: source=files mode=full run=1 state=incomplete took_s=0.0 scanned=2 failed=1 indexed=1 deleted=0"
        " requests=9 bytes_read=70 passages_embedded=0 revoked_within_s=31.2"
        ' reasons={"failed: encrypted": 1} message="two\\nlines"',
    )


async def test_people_are_read_beside_a_run_of_documents(engine: sa.Engine) -> None:
    runs = RunStore(engine)
    ticket = await runs.begin("files", SyncMode.FULL, index_id="i")
    run_id = await runs.begin_beside("files", SyncMode.IDENTITIES)
    assert (await runs.show(ticket.run_id)).state is RunState.RUNNING
    await runs.finish(ticket, RunState.SUCCEEDED, Tally(), "")
    await runs.finish(await runs.begin("files", SyncMode.FULL, index_id="i"), RunState.SUCCEEDED, Tally(), "")
    report = await runs.finish_beside(run_id, RunState.SUCCEEDED, "2 people")
    assert (report.state, report.mode, report.message) == (RunState.SUCCEEDED, SyncMode.IDENTITIES, "2 people")
    assert await runs.finish_beside(run_id, RunState.FAILED, "again") == report, "history is only added to"


async def test_how_a_run_ended_is_recorded_once_the_state_store_answers_again(engine: sa.Engine) -> None:
    runs = RunStore(engine)
    of_documents = (await runs.begin("files", SyncMode.FULL, index_id="i"), Tally(scanned=0, deleted=3))
    of_people = await runs.begin_beside("files", SyncMode.IDENTITIES)
    with away(engine):
        with pytest.raises(StateUnavailable):
            await runs.finish(of_documents[0], RunState.FAILED, of_documents[1], "it went away")
        with pytest.raises(StateUnavailable):
            await runs.finish_beside(of_people, RunState.FAILED, "it went away")
        assert not await runs.record_endings()
    assert [run.state for run in await runs.recent()] == [RunState.RUNNING] * 2
    assert await runs.record_endings()
    assert [(run.state, run.message) for run in await runs.recent()] == [(RunState.FAILED, "it went away")] * 2
    assert (await runs.show(of_documents[0].run_id)).tally.deleted == 3
    assert await runs.under_way("files") is None


async def test_an_ending_that_comes_late_changes_no_run_that_was_found_dead(engine: sa.Engine) -> None:
    clock = Clock()
    runs = RunStore(engine, clock=clock)
    ticket = await runs.begin("files", SyncMode.FULL, index_id="i")
    with away(engine), pytest.raises(StateUnavailable):
        await runs.finish(ticket, RunState.SUCCEEDED, Tally(), "")
    clock.now_s += LEASE_S + 1
    other = await RunStore(engine, clock=clock).begin("files", SyncMode.FULL, index_id="i")
    assert await runs.record_endings()
    assert (await runs.show(ticket.run_id)).state is RunState.INTERRUPTED
    await runs.heartbeat(other, Tally())  # which has kept its lease


async def test_a_run_whose_process_died_does_not_wait_for_the_next_one_to_be_told(engine: sa.Engine) -> None:
    clock = Clock()
    runs = RunStore(engine, clock=clock)
    dead = await runs.begin("files", SyncMode.FULL, index_id="i")
    clock.now_s += LEASE_S + 1
    alive = await runs.begin("other", SyncMode.FULL, index_id="i")
    await runs.close_dead()
    assert (await runs.show(dead.run_id)).state is RunState.INTERRUPTED
    assert (await runs.show(dead.run_id)).message == "the process died"
    assert (await runs.show(alive.run_id)).state is RunState.RUNNING


@pytest.mark.parametrize("mode", [SyncMode.IDENTITIES, SyncMode.AUDIT])
@pytest.mark.parametrize("finder", ["the next start", "the next sync", "the next of its kind"])
async def test_a_dead_run_beside_the_documents_is_called_interrupted(
    engine: sa.Engine, mode: SyncMode, finder: str
) -> None:
    clock = Clock()
    runs = RunStore(engine, clock=clock)
    dead, alive, elsewhere = [await runs.begin_beside(source, mode) for source in ("files", "files", "other")]
    clock.now_s += LEASE_S - 1
    await runs.heartbeat_beside(alive)
    await runs.heartbeat_beside(elsewhere)
    clock.now_s += 2
    if finder == "the next start":
        await runs.close_dead()
    elif finder == "the next sync":
        await runs.begin("files", SyncMode.CHANGES, index_id="i")
    else:
        await runs.begin_beside("files", mode)
    report = await runs.show(dead)
    assert (report.state, report.message) == (RunState.INTERRUPTED, "the process died")
    assert [(await runs.show(each)).state for each in (alive, elsewhere)] == [RunState.RUNNING] * 2
    with pytest.raises(RunInProgress):  # its process only slept
        await runs.heartbeat_beside(dead)


async def test_an_audit_whose_process_is_gone_is_not_waited_for(engine: sa.Engine) -> None:
    runs = RunStore(engine)
    run_id = await runs.begin_beside("files", SyncMode.AUDIT)
    with engine.begin() as connection:
        connection.execute(sa.update(rows_of_runs).values(runner=_dead_runner()))
    await runs.close_dead()
    assert (await runs.show(run_id)).state is RunState.INTERRUPTED


async def test_a_runner_that_only_slept_does_not_go_on_as_what_was_closed(engine: sa.Engine) -> None:
    clock = Clock()
    runs = RunStore(engine, clock=clock)
    asleep = await runs.begin("files", SyncMode.FULL, index_id="i")
    clock.now_s += LEASE_S + 1
    await RunStore(engine, clock=clock).close_dead()
    with pytest.raises(RunInProgress):
        await runs.heartbeat(asleep, Tally())


async def test_a_look_is_owed_from_the_end_of_a_resumed_run_until_one_from_the_beginning_is_complete(
    engine: sa.Engine,
) -> None:
    runs = RunStore(engine)

    async def carry_out(mode: SyncMode, state: RunState, *, reached: Checkpoint | None = None) -> bool:
        ticket = await runs.begin("files", mode, index_id="i")
        await Ledger(engine).settle(ticket, [], removed=[], checkpoint=reached)
        await runs.finish(ticket, state, Tally(), "")
        return await runs.owes_a_look("files")

    assert not await runs.owes_a_look("files")
    assert not await carry_out(SyncMode.FULL, RunState.FAILED, reached=Checkpoint("p1"))
    assert await carry_out(SyncMode.FULL, RunState.INCOMPLETE), "it went on from there"
    assert await carry_out(SyncMode.CHANGES, RunState.SUCCEEDED)
    assert await carry_out(SyncMode.PERMISSIONS, RunState.INTERRUPTED)
    assert not await carry_out(SyncMode.PERMISSIONS, RunState.SUCCEEDED)


async def test_a_resumed_run_whose_end_is_recorded_late_is_not_called_complete(engine: sa.Engine) -> None:
    """Behind it the permissions would have had to be read from the beginning, and nobody is there to do it."""
    runs = RunStore(engine)
    first = await runs.begin("files", SyncMode.FULL, index_id="i")
    await Ledger(engine).settle(first, [], removed=[], checkpoint=Checkpoint("p1"))
    await runs.finish(first, RunState.FAILED, Tally(), "broken")
    resumed = await runs.begin("files", SyncMode.FULL, index_id="i")
    assert resumed.checkpoint == Checkpoint("p1")
    with away(engine), pytest.raises(StateUnavailable):
        await runs.finish(resumed, RunState.SUCCEEDED, Tally(), "")
    assert await runs.record_endings()
    assert (await runs.show(resumed.run_id)).state is RunState.INTERRUPTED
    again = await runs.begin("files", SyncMode.FULL, index_id="i")
    assert again.checkpoint == Checkpoint("p1"), "the next run goes on, and is followed"


def test_a_tally_that_lost_a_document_says_so() -> None:
    tally = Tally(scanned=2)
    tally.settle(DocumentState.UNCHANGED, "")
    assert tally.check() == "counts do not add up: 2 documents scanned, 1 settled"
    tally.settle(DocumentState.FILTERED, "type")
    tally.settle(DocumentState.DELETED, "")
    assert tally.check() == ""


async def _run_of_two(runs: RunStore, ledger: Ledger, clock: Clock) -> RunReport:
    clock.now_s += 3600
    ticket = await runs.begin("files", SyncMode.FULL, index_id="i")
    rows = [LedgerRow("a", DocumentState.INDEXED), LedgerRow("b", DocumentState.FAILED, "encrypted")]
    await ledger.settle(ticket, rows, removed=[], checkpoint=None)
    return await runs.finish(ticket, RunState.INCOMPLETE, Tally(scanned=2), "")


def _dead_runner() -> str:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return f"{socket.gethostname()}:{ended.pid}:ab"


def _hold(engine: sa.Engine, runner: str, until: float) -> None:
    with engine.begin() as connection:
        connection.execute(sa.update(source_state).values(runner=runner, lease_until=until))
