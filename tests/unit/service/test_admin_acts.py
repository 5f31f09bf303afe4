"""The log of acts: written before the act, never changed, and without it no act."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from service.admin.acts import Act, ActNotRecorded, AdminActs, RecordedAct
from service.admin.acts_tables import acts, create_tables
from service.admin.administrators import Administrator
from service.admin.key_config import Scope
from service.state.store import open_engine
from vocabulary.errors import StateUnavailable

SUPPORT = Administrator("support", frozenset({Scope.SEARCH_AS}))
QUESTION = {"index": "private", "query": "merger"}


@pytest.fixture
def engine(state_url: str) -> Iterator[sa.Engine]:
    """A state store as the program opens it, on each kind of database: both must keep what is recorded."""
    engine = open_engine(state_url)
    yield engine
    engine.dispose()


@pytest.fixture
def log(engine: sa.Engine) -> AdminActs:
    return AdminActs(engine, clock=lambda: 1_000_000.5)


async def all_of(log: AdminActs) -> list[RecordedAct]:
    return await log.listed(limit=100)


async def test_an_act_is_recorded_before_it_happens_and_its_outcome_after(log: AdminActs) -> None:
    async with log.record(SUPPORT, Act.SEARCH_AS, subject="ann", parameters=QUESTION) as act:
        (before,) = await all_of(log)
        act.outcome = "2 documents"
    (after,) = await all_of(log)
    assert (before.outcome, before.ended_at) == (None, None)
    moment = datetime.fromtimestamp(1_000_000.5, UTC)
    assert after == RecordedAct(
        1, moment, "support", "search-as", "ann", QUESTION, outcome="2 documents", ended_at=moment
    )


async def test_an_act_that_fails_is_recorded_without_the_words_of_its_error(log: AdminActs) -> None:
    with pytest.raises(ValueError, match="merger"):
        async with log.record(SUPPORT, Act.SEARCH_AS, subject="ann"):
            raise ValueError("the secret merger")
    assert [act.outcome for act in await all_of(log)] == ["failed: ValueError"]


async def test_an_act_that_is_cancelled_is_recorded_as_interrupted(log: AdminActs) -> None:
    started = asyncio.Event()

    async def act() -> None:
        async with log.record(SUPPORT, Act.AUDIT, subject="hr"):
            started.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(act())
    await started.wait()
    task.cancel()
    await asyncio.wait([task])
    assert [act.outcome for act in await all_of(log)] == ["interrupted"]


async def test_an_act_that_cannot_be_recorded_does_not_happen(engine: sa.Engine, log: AdminActs) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE admin_acts RENAME COLUMN subject TO about"))
    happened = False
    with pytest.raises(ActNotRecorded) as refused:
        async with log.record(SUPPORT, Act.SEARCH_AS, subject="ann@example.com", parameters=QUESTION):
            happened = True
    assert not happened
    assert str(refused.value) == "search-as was not done: the log of acts cannot be written"


async def test_an_act_happens_though_its_outcome_can_no_longer_be_recorded(
    engine: sa.Engine, log: AdminActs, caplog: pytest.LogCaptureFixture
) -> None:
    async with log.record(SUPPORT, Act.BACKUP, subject="/backup"):
        with engine.begin() as connection:
            connection.execute(sa.text("ALTER TABLE admin_act_outcomes RENAME COLUMN outcome TO ending"))
    assert "act number=1 ended (done), which could not be recorded" in caplog.text


async def test_an_act_happens_though_the_state_store_goes_away_meanwhile(
    log: AdminActs, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: object) -> int:
        raise StateUnavailable("the state store does not answer")

    async with log.record(SUPPORT, Act.BACKUP, subject="/backup"):
        monkeypatch.setattr(log, "_insert", away)
    assert "act number=1 ended (done), which could not be recorded" in caplog.text
    with pytest.raises(ActNotRecorded):
        await log.begin(SUPPORT, Act.BACKUP, subject="/backup")


@pytest.mark.parametrize("table", ["admin_acts", "admin_act_outcomes"])
@pytest.mark.parametrize("change", ["UPDATE {} SET at = 0", "DELETE FROM {}", "UPDATE {} SET number = 9"])
async def test_the_database_itself_keeps_every_record(
    engine: sa.Engine, log: AdminActs, table: str, change: str
) -> None:
    async with log.record(SUPPORT, Act.REINDEX, subject="private"):
        pass
    before = await all_of(log)
    every_way = [change, "TRUNCATE {} CASCADE"] if engine.dialect.name == "postgresql" else [change]
    for statement in every_way:
        with pytest.raises(sa.exc.DBAPIError, match="only added to"), engine.begin() as connection:
            connection.execute(sa.text(statement.format(table)))
    assert await all_of(log) == before


async def test_acts_are_listed_newest_first_page_by_page(log: AdminActs) -> None:
    for name in ("ann", "bob", "eve"):
        async with log.record(SUPPORT, Act.SEARCH_AS, subject=name):
            pass
    assert [act.subject for act in await log.listed(limit=2)] == ["eve", "bob"]
    assert [act.subject for act in await log.listed(before=2, limit=2)] == ["ann"]


async def test_acts_are_found_by_time_administrator_and_kind(engine: sa.Engine) -> None:
    for moment, name, act in ((100.0, "a", Act.AUDIT), (200.0, "b", Act.AUDIT), (300.0, "a", Act.BACKUP)):
        async with AdminActs(engine, clock=lambda now=moment: now).record(  # type: ignore[misc]
            Administrator(name, frozenset()), act, subject=f"{moment:g}"
        ):
            pass
    log = AdminActs(engine)
    since = datetime.fromtimestamp(200, UTC)
    assert [act.subject for act in await log.listed(since=since, limit=9)] == ["300", "200"]
    assert [act.subject for act in await log.listed(administrator="a", limit=9)] == ["300", "100"]
    assert [act.subject for act in await log.listed(act=Act.AUDIT, since=since, limit=9)] == ["200"]


async def test_the_programs_log_counts_acts_and_names_neither_person_nor_question(
    log: AdminActs, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        async with log.record(SUPPORT, Act.SEARCH_AS, subject="ann@example.com", parameters=QUESTION):
            pass
    assert "act=search-as number=1 administrator=support" in caplog.text
    assert "ann" not in caplog.text
    assert "merger" not in caplog.text


def test_tables_that_exist_keep_what_they_hold(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'state.db'}")
    for _ in range(2):
        create_tables(engine)
    with engine.begin() as connection:
        row = {"at": 1.0, "administrator": "a", "act": "audit", "subject": "s", "parameters": {}}
        connection.execute(sa.insert(acts).values(row))
    create_tables(engine)
    with engine.connect() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(acts)).scalar_one() == 1
    engine.dispose()
