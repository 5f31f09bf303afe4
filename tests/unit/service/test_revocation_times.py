"""How long a revocation took: exact where the source tells when, at most elsewhere; in metrics and in `status`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from prometheus_client import CollectorRegistry

from acl import AclStore, FirstUses, IdentityStore, Realm, RevocationRecords
from indexer.state.ledger import Ledger
from indexer.state.run_history import RunState
from indexer.state.runs import RunStore
from indexer.state.tally import Tally
from service.metrics import RevocationMetrics
from service.revocation_summary import in_words, summary_json
from service.revocation_times import RevocationTimes, Since, TimedRevocation
from service.state.schema import prepare
from tests.unit.service.http_world import listed
from vocabulary.access import Acl, Person, Principal
from vocabulary.documents import Checkpoint
from vocabulary.ports import SyncMode

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
ANN = Principal.user("hr", "ann")


class Bench:
    """A state store with a clock that the test moves, in minutes past noon."""

    def __init__(self, engine: sa.Engine) -> None:
        self.now = NOON
        self.runs = RunStore(engine, clock=self.epoch_s)
        self.ledger = Ledger(engine)
        self.acls = AclStore(engine, clock=self.epoch_s)
        self.people = IdentityStore(engine, clock=self.epoch_s)
        self.uses = FirstUses(engine, clock=self.epoch_s)
        self.times = RevocationTimes(RevocationRecords(engine), self.runs)

    def epoch_s(self) -> float:
        return self.now.timestamp()

    def at(self, minutes: float) -> None:
        self.now = NOON + timedelta(minutes=minutes)

    async def run(
        self,
        begin: float,
        end: float,
        *allow: Principal,
        mode: SyncMode = SyncMode.PERMISSIONS,
        state: RunState = RunState.SUCCEEDED,
        changed_at: datetime | None = None,
    ) -> int:
        """A run that reads one list, which allows these, at its end."""
        self.at(begin)
        ticket = await self.runs.begin("hr", mode, index_id="of the test")
        self.at(end)
        told = {} if changed_at is None else {"list": changed_at}
        await self.acls.number("hr", [Acl("list", frozenset(allow))], run=ticket.run_id, changed_at=told)
        if state is RunState.INTERRUPTED:
            await self.ledger.settle(ticket, [], removed=[], checkpoint=Checkpoint("half of it"))
        await self.runs.finish(ticket, state, Tally(), "")
        return ticket.run_id

    async def ask(self, minutes: float) -> None:
        self.at(minutes)
        self.uses.note({(Realm.LISTS, "hr"): await self.acls.version("hr")})
        await self.uses.record()

    async def only(self) -> TimedRevocation:
        (timed,) = await self.times.latest("hr", limit=10)
        return timed


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'state.db'}")
    prepare(engine)
    yield Bench(engine)
    engine.dispose()


async def test_where_the_source_tells_the_time_of_the_change_it_is_exact(bench: Bench) -> None:
    await bench.run(0, 1, ANN)
    await bench.run(10, 11, changed_at=NOON + timedelta(minutes=9))
    await bench.ask(14)
    timed = await bench.only()
    assert (timed.since, timed.in_force_s, timed.obeyed_s) == (Since.CHANGE, 120, 300)


async def test_elsewhere_it_is_bounded_by_the_begin_of_the_last_complete_reading(bench: Bench) -> None:
    await bench.run(0, 1, ANN)
    await bench.run(5, 6, ANN)
    await bench.run(7, 8, ANN, mode=SyncMode.CHANGES)  # it looks at no list for certain
    await bench.run(8, 9, ANN, state=RunState.FAILED)
    await bench.run(10, 11)
    timed = await bench.only()
    assert (timed.since, timed.in_force_s, timed.obeyed_s) == (Since.PREVIOUS_READING, 360, None)


async def test_a_run_that_went_on_with_an_interrupted_pass_bounds_nothing(bench: Bench) -> None:
    await bench.run(0, 1, ANN)
    await bench.run(2, 3, ANN, state=RunState.INTERRUPTED)
    await bench.run(4, 5, ANN)
    assert [run.resumed for run in await bench.runs.recent(limit=1)] == [True]
    await bench.run(10, 11)
    assert (await bench.only()).in_force_s == 660


async def test_what_no_reading_preceded_has_no_time(bench: Bench) -> None:
    await bench.acls.number("hr", [Acl("list", frozenset({ANN}))])
    await bench.run(0, 1)
    assert await bench.times.latest("hr", limit=10) == []


async def test_people_are_read_by_every_run(bench: Bench) -> None:
    await bench.run(0, 1, ANN, mode=SyncMode.CHANGES)
    person = Person(ANN, "ann", "ann@example.com", "Ann")
    await bench.people.replace("hr", listed([person]))
    bench.at(2)
    run = await bench.runs.begin_beside("hr", SyncMode.IDENTITIES)
    bench.at(3)
    await bench.people.replace("hr", listed([]), confirmed=True, run=run)
    timed = await bench.only()
    assert (timed.revocation.realm, timed.in_force_s) == (Realm.IDENTITIES, 180)


async def test_the_metrics_count_each_revocation_once_and_none_from_before_the_begin(bench: Bench) -> None:
    registry = CollectorRegistry()
    metrics = RevocationMetrics(registry, sources=["hr"], times=bench.times, clock=lambda: bench.now)
    labels = {"source": "hr", "realm": "lists"}

    def told(name: str, since: Since) -> tuple[float | None, float | None]:
        of = labels | {"since": since}
        return registry.get_sample_value(f"{name}_count", of), registry.get_sample_value(f"{name}_sum", of)

    await bench.run(0, 1, ANN)
    await bench.run(2, 3, changed_at=NOON + timedelta(minutes=2))
    bench.at(4)
    await metrics.refresh()
    await bench.ask(5)
    for _ in range(2):
        await metrics.refresh()
    assert told("sightline_revocation_in_force_seconds", Since.CHANGE) == (None, None)
    assert told("sightline_revocation_latency_seconds", Since.CHANGE) == (1, 180)
    await bench.run(10, 11, ANN)
    await bench.acls.grant("hr")
    await bench.run(20, 21)
    for minutes in (22, 23, 40):
        bench.at(minutes)
        await metrics.refresh()
    assert told("sightline_revocation_in_force_seconds", Since.PREVIOUS_READING) == (1, 660)
    await bench.ask(41)
    await metrics.refresh()
    assert told("sightline_revocation_latency_seconds", Since.PREVIOUS_READING) == (1, 1860)


async def test_a_report_tells_how_long_a_runs_revocations_took(bench: Bench) -> None:
    await bench.run(0, 1, ANN)
    run = await bench.run(10, 11, changed_at=NOON + timedelta(minutes=9))
    silent = await bench.times.of_run(run)
    assert (
        in_words(silent) == "The slowest of 1 revocations was in force 120.0 s after its change; nobody has asked since"
    )
    await bench.ask(14)
    assert summary_json(await bench.times.of_run(run)) == {
        "counted": 1,
        "exact": 1,
        "in_force_p50_s": 120,
        "in_force_p99_s": 120,
        "obeyed": 1,
        "obeyed_p50_s": 300,
        "obeyed_p99_s": 300,
    }
    assert summary_json([])["in_force_p99_s"] is None
