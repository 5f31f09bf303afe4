"""What is measured, and that none of it betrays a document, a person, a list or a query."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families
from pyroaring import FrozenBitMap

from acl import AclStore, IdentityStore
from indexer.backends.opensearch.access_clause import spelling_for
from indexer.state.audits import AuditCounts, AuditHistory, AuditRecord, Finding, FindingKind
from indexer.state.ledger import Ledger, LedgerRow
from indexer.state.run_history import RunState
from indexer.state.runs import RunStore, RunTicket
from indexer.state.tally import Tally
from service.admin.key_config import Scope
from service.http.errors import known_problems
from service.late_check import LateCheck, LateCheckOptions
from service.metrics import LateCheckCollector, PlainFilterCollector
from service.metrics.query_metrics import ANSWERED, UNKNOWN_INDEX, UNREAD
from tests.unit.service.admin_world import KEYS, key_of, with_key
from tests.unit.service.http_world import HttpWorld, bearer, furnish, listed, rule, served
from vocabulary.access import Acl, Membership, Person, Principal
from vocabulary.documents import DocumentId, DocumentState
from vocabulary.ports import SyncMode
from vocabulary.search import SearchMode
from vocabulary.statements import Question, Statement, Verdict

SECRET = "zanzibar"
RULES = {"private": [rule("hr")], "open": [rule("web")]}
Labels = tuple[tuple[str, str], ...]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'state.db'}")
    yield engine
    engine.dispose()


@pytest.fixture
async def world(engine: sa.Engine) -> AsyncIterator[HttpWorld]:
    async with served(engine, RULES, public={"open"}, are_metrics_open=True) as world:
        await furnish(world)
        yield world


async def scraped(world: HttpWorld) -> dict[str, dict[Labels, float]]:
    """The samples by name and labels, those that are still 0 left out."""
    answer = await world.client.get("/metrics")
    assert answer.status_code == 200
    found: dict[str, dict[Labels, float]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            if sample.value:
                found.setdefault(sample.name, {})[labelled(**sample.labels)] = sample.value
    return found


def labelled(**labels: str) -> Labels:
    return tuple(sorted(labels.items()))


async def test_queries_are_counted_by_index_mode_and_outcome_and_timed(world: HttpWorld) -> None:
    for _ in range(2):
        await world.ask("private", headers=bearer("ann@example.com"), query="plan")
    await world.ask("open", query="menu", mode="keyword")
    await world.ask("open", mode="guess")
    await world.ask("private", query="plan")
    await world.ask("private", headers=bearer("bob@example.com"), query="plan", explain=True)
    await world.suggest("open", q="men")
    told = await scraped(world)
    assert told["sightline_queries_total"] == {
        labelled(index="private", mode="hybrid", outcome=ANSWERED): 2,
        labelled(index="open", mode="keyword", outcome=ANSWERED): 1,
        labelled(index="open", mode=UNREAD, outcome="query-invalid"): 1,
        labelled(index="private", mode=UNREAD, outcome="not-authenticated"): 1,
        labelled(index="private", mode="hybrid", outcome="not-allowed"): 1,
        labelled(index="open", mode="suggest", outcome=ANSWERED): 1,
    }
    timed = told["sightline_query_seconds_count"]
    assert timed[labelled(index="private", mode="hybrid")] == 3
    assert sum(timed.values()) == sum(told["sightline_queries_total"].values())


async def test_refused_tokens_are_counted_by_why(world: HttpWorld) -> None:
    await world.ask("private")
    await world.ask("private", headers={"Authorization": "Bearer nonsense"})
    for _ in range(2):
        await world.ask("private", headers=bearer("ann@example.com", exp=1))
    await world.ask("private", headers=bearer("ann@example.com", iss="https://elsewhere.example.com"))
    assert (await scraped(world))["sightline_tokens_refused_total"] == {
        labelled(reason="missing"): 1,
        labelled(reason="malformed"): 1,
        labelled(reason="expired"): 2,
        labelled(reason="issuer"): 1,
    }


async def test_filters_tell_how_often_they_were_spared(world: HttpWorld) -> None:
    for person in ("ann", "ann", "ann", "bob"):
        await world.ask("private", headers=bearer(f"{person}@example.com"))
    told = await scraped(world)
    assert told["sightline_access_filters_total"] == {labelled(origin="cache"): 2, labelled(origin="computed"): 2}
    assert told["sightline_access_filters_held"] == {(): 2}
    assert told["sightline_acl_lists_held"] == {labelled(source="hr"): 2}


async def begun(engine: sa.Engine, mode: SyncMode = SyncMode.FULL) -> RunTicket:
    return await RunStore(engine).begin("hr", mode, index_id="of the test")


async def test_runs_are_counted_once_when_they_have_ended_whoever_made_them(
    world: HttpWorld, engine: sa.Engine
) -> None:
    elsewhere = RunStore(engine)  # as in another process
    tally = Tally(scanned=3, bytes_read=70, deleted=2, requests=Counter(listing=5, content=2))
    tally.states.update({DocumentState.INDEXED: 2, DocumentState.FAILED: 1})
    ticket = await begun(engine)
    under_way = await scraped(world)
    assert under_way["sightline_runs_under_way"] == {labelled(source="hr", mode="full"): 1}
    assert "sightline_runs_total" not in under_way
    await elsewhere.finish(ticket, RunState.INCOMPLETE, tally, "")
    for _ in range(2):
        told = await scraped(world)
    assert told["sightline_runs_total"] == {labelled(source="hr", mode="full", state="incomplete"): 1}
    assert told["sightline_run_seconds_count"] == {labelled(source="hr", mode="full"): 1}
    assert told["sightline_run_documents_total"] == {
        labelled(source="hr", state="indexed"): 2,
        labelled(source="hr", state="failed"): 1,
        labelled(source="hr", state="deleted"): 2,
    }
    assert told["sightline_source_requests_total"] == {
        labelled(source="hr", kind="listing"): 5,
        labelled(source="hr", kind="content"): 2,
    }
    assert told["sightline_content_read_bytes_total"] == {labelled(source="hr"): 70}
    assert "sightline_runs_under_way" not in told


async def test_only_a_run_that_came_to_its_end_counts_as_the_last_good_one(world: HttpWorld, engine: sa.Engine) -> None:
    runs = RunStore(engine)
    good = await runs.finish(await begun(engine), RunState.SUCCEEDED, Tally(), "")
    await runs.finish(await begun(engine), RunState.FAILED, Tally(), "the source was away")
    told = (await scraped(world))["sightline_last_complete_run_timestamp_seconds"]
    assert good.ended_at is not None
    assert told == {labelled(source="hr", mode="full"): pytest.approx(good.ended_at.timestamp())}


async def test_documents_are_told_by_state(engine: sa.Engine) -> None:
    async with served(engine, RULES, public={"open"}, are_metrics_open=True) as world:
        ledger, ticket = Ledger(engine), await begun(engine)
        rows = [LedgerRow(f"{number}", DocumentState.INDEXED, "", in_index=True) for number in range(3)]
        await ledger.settle(
            ticket, [*rows, LedgerRow("odd", DocumentState.FAILED, "damaged")], removed=[], checkpoint=None
        )
        told = (await scraped(world)).get("sightline_documents")
    assert told is None, "counted when the server began, and not again within a minute"
    async with served(engine, RULES, public={"open"}, are_metrics_open=True) as world:
        assert (await scraped(world))["sightline_documents"] == {
            labelled(source="hr", state="indexed"): 3,
            labelled(source="hr", state="failed"): 1,
        }


async def test_a_state_store_that_is_away_is_a_metric_too(world: HttpWorld, engine: sa.Engine) -> None:
    await world.ask("open", query="menu")
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE runs RENAME TO gone"))
    told = await scraped(world)
    assert "sightline_state_store_up" not in told, "it is 0"
    assert told["sightline_queries_total"]
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE gone RENAME TO runs"))
    assert (await scraped(world))["sightline_state_store_up"] == {(): 1}


async def test_metrics_are_told_to_nobody_unless_the_settings_say_so(engine: sa.Engine) -> None:
    async with served(engine, RULES) as world:
        answer = await world.client.get("/metrics")
    assert answer.status_code == 404


async def test_closed_metrics_are_told_to_administrators_with_the_scope(engine: sa.Engine) -> None:
    async with served(engine, RULES, admin_keys=KEYS) as world:
        senders = (with_key(key_of(Scope.METRICS)), with_key(key_of(Scope.SEARCH_AS)), bearer("ada@example.com"), {})
        statuses = [(await world.client.get("/metrics", headers=headers)).status_code for headers in senders]
    assert statuses == [200, 403, 401, 401]


async def test_the_format_is_the_one_that_is_asked_for(world: HttpWorld) -> None:
    plain = await world.client.get("/metrics")
    assert plain.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    wanted = "application/openmetrics-text; version=1.0.0"
    newer = await world.client.get("/metrics", headers={"Accept": wanted})
    assert newer.headers["content-type"].startswith(wanted)
    assert newer.text.endswith("# EOF\n")


def known_labels() -> set[str]:
    """Every label that is not a number: names of the settings, and words of ours."""
    problems = {slug.rpartition(":")[2] for _, slug in known_problems()} | {"request-entity-too-large"}
    words = {ANSWERED, UNKNOWN_INDEX, UNREAD, "suggest", "cache", "computed", "listing", "content"}
    reasons = {"missing", "several", "malformed", "expired", "issuer", "signature"}
    return {*RULES, "hr", "web", *SearchMode, *SyncMode, *RunState, *DocumentState, *problems, *words, *reasons}


async def plant(world: HttpWorld) -> None:
    """Put the secret word everywhere where something could be taken from."""
    person = Person(Principal.user("hr", SECRET), SECRET, f"{SECRET}@example.com", SECRET)
    group = Membership(Principal.group("hr", SECRET), person.principal)
    await IdentityStore(world.engine).replace("hr", listed([person, group]))
    await AclStore(world.engine).number("hr", [Acl(SECRET, frozenset({group.group}))])
    ticket = await begun(world.engine)
    failed = LedgerRow(SECRET, DocumentState.FAILED, SECRET)
    await Ledger(world.engine).settle(ticket, [failed], removed=[], checkpoint=None)
    tally = Tally(scanned=1)
    tally.settle(DocumentState.FAILED, SECRET)
    tally.warnings[SECRET] += 1
    await RunStore(world.engine).finish(ticket, RunState.FAILED, tally, f"cannot read {SECRET}")


async def ask_for(world: HttpWorld) -> None:
    """Say the secret word in every part of a request."""
    known, odd = bearer(f"{SECRET}@example.com", groups=[SECRET]), bearer("ann@example.com", iss=SECRET)
    for headers in (known, odd, {"Authorization": f"Bearer {SECRET}"}, {"Authorization": SECRET}):
        await world.ask("private", headers=headers, query=SECRET, facets=[SECRET])
        await world.ask(SECRET, headers=headers, query=SECRET)
        await world.suggest("private", q=SECRET, headers=headers)
        await world.ask("private", headers=headers, mode=SECRET, filter={"equals": {"field": SECRET, "value": SECRET}})
    await world.client.get(f"/metrics?{SECRET}={SECRET}", headers={"Accept": SECRET})


async def test_no_label_and_no_value_betrays_a_document_a_person_a_list_or_a_query(world: HttpWorld) -> None:
    await plant(world)
    await ask_for(world)
    text = (await world.client.get("/metrics")).text
    assert SECRET not in text.lower()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    told = {value for one in samples for label, value in one.labels.items() if label != "le"}
    assert told <= known_labels()


async def test_readers_move_the_same_numbers_whether_or_not_they_find_something(engine: sa.Engine) -> None:
    """ann may read the plan and bob may not: what is measured of their queries does not tell them apart."""

    async def moved_by(person: str) -> dict[str, dict[Labels, float]]:
        async with served(engine, RULES, public={"open"}, are_metrics_open=True) as world:
            await furnish(world)
            await world.ask("private", headers=bearer(f"{person}@example.com"), query="merger", facets=["site"])
            told = await scraped(world)
            ours = {name for name in told if name.startswith("sightline_") and "seconds" not in name}
            return {name: told[name] for name in ours if not name.endswith("_created")}

    assert await moved_by("ann") == await moved_by("bob")


async def test_the_last_audit_of_each_source_is_told_by_what_it_found(world: HttpWorld) -> None:
    assert "sightline_audit_questions" not in await scraped(world), "none was made"
    reader = Principal.user("hr", "ann")
    leak = Finding(
        Question(DocumentId("hr", SECRET), reader), FindingKind.LEAK, True, Statement(Verdict.DENIED), datetime.now(UTC)
    )
    run_id = await RunStore(world.engine).begin_beside("hr", SyncMode.AUDIT)
    await AuditHistory(world.engine).add(AuditRecord(run_id, "hr", AuditCounts(1, 10, 9, 0, 5, 0), (leak,)))
    assert (await scraped(world))["sightline_audit_questions"] == {
        labelled(source="hr", found="alike"): 9,
        labelled(source="hr", found="leak"): 1,
    }
    assert SECRET not in (await world.client.get("/metrics")).text


def test_what_late_checks_heard_is_counted_by_index_and_source() -> None:
    late_check = LateCheck({}, LateCheckOptions(hits=10, within_s=1.0, is_public=False))
    late_check.found["hr", Verdict.DENIED] += 2
    (hits,) = LateCheckCollector({"private": late_check}).collect()
    assert [(sample.labels, sample.value) for sample in hits.samples] == [
        ({"index": "private", "source": "hr", "verdict": "denied"}, 2)
    ]


def test_filters_that_go_to_an_old_cluster_id_by_id_are_counted() -> None:
    sent: Counter[str] = Counter()
    collector = PlainFilterCollector(["old", "recent"], sent)
    old = spelling_for({"version": {"number": "2.16.0"}}, on_plain=lambda: sent.update(["old"]))
    recent = spelling_for({"version": {"number": "2.17.0"}}, on_plain=lambda: sent.update(["recent"]))
    for spelling in (old, recent):
        assert list(spelling.clauses(FrozenBitMap([3, 5])))
    [family] = collector.collect()
    assert {sample.labels["index"]: sample.value for sample in family.samples} == {"old": 1, "recent": 0}
