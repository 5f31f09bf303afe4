"""A state store that cannot be asked answers nobody, and one that cannot be written loses nothing silently."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from acl import AclStore
from service.state import store as state_store
from service.state.store import open_engine
from tests.servers.postgresql import PostgresServer
from tests.unit.service.http_world import PLAN_TEXT, HttpWorld, bearer, furnish, rule, served
from vocabulary.access import Acl, Principal
from vocabulary.errors import StateUnavailable

ANN = Principal.user("hr", "ann")


@pytest.fixture
def opened(state_url: str) -> Iterator[sa.Engine]:
    engine = open_engine(state_url)
    yield engine
    engine.dispose()


@pytest.fixture
async def served_world(opened: sa.Engine) -> AsyncIterator[HttpWorld]:
    async with served(opened, {"private": [rule("hr")], "open": [rule("web")]}, public=["open"]) as world:
        await furnish(world)
        yield world


async def ask_ann(world: HttpWorld) -> httpx.Response:
    return await world.ask("private", query="plan", mode="keyword", headers=bearer("ann@example.com"))


async def take_the_plan_from_ann(engine: sa.Engine) -> None:
    await AclStore(engine).number("hr", [Acl("plan", frozenset())])


def require_no_answer(answer: httpx.Response) -> None:
    """Nothing of what lies in the index, and a time to come back."""
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:sightline:problem:unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    assert "plan" not in answer.text.replace("/plan", "")
    assert not {"results", "total", "facets"} & answer.json().keys()


@pytest.mark.postgresql
async def test_connections_that_were_cut_while_nobody_asked_are_replaced_unnoticed(
    served_world: HttpWorld, state_url: str, request: pytest.FixtureRequest
) -> None:
    server = _server(request)
    before = await ask_ann(served_world)
    server.cut_connections(state_url)
    after = await ask_ann(served_world)
    assert (after.status_code, after.json()["results"]) == (200, before.json()["results"])


@pytest.mark.parametrize("index", ["private", "open"])
async def test_a_connection_that_is_cut_within_a_request_ends_it(
    served_world: HttpWorld, opened: sa.Engine, state_url: str, request: pytest.FixtureRequest, index: str
) -> None:
    if opened.dialect.name == "sqlite":
        pytest.skip("a file has no connections that somebody else could cut")
    server, cut = _server(request), []

    @sa.event.listens_for(opened, "before_cursor_execute")
    def cut_once(*_: object) -> None:
        if not cut:
            cut.append(True)
            server.cut_connections(state_url)

    headers = bearer("ann@example.com")
    require_no_answer(await served_world.ask(index, query="plan", mode="keyword", headers=headers))
    assert cut
    answer = await served_world.ask(index, query="plan", mode="keyword", headers=headers)
    assert (answer.status_code, answer.json()["total"]["value"] > 0) == (200, True)


async def test_a_filter_that_was_made_before_is_not_used_while_the_state_is_away(
    served_world: HttpWorld, opened: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert PLAN_TEXT.split()[1] in (await ask_ann(served_world)).text

    @sa.event.listens_for(opened, "do_execute")
    def gone(cursor: object, *_: object) -> bool:
        raise opened.dialect.loaded_dbapi.OperationalError("gone")

    require_no_answer(await ask_ann(served_world))
    sa.event.remove(opened, "do_execute", gone)
    assert (await ask_ann(served_world)).status_code == 200


async def test_a_state_that_can_only_be_read_answers_readers_and_takes_no_change(
    served_world: HttpWorld, opened: sa.Engine, state_url: str, request: pytest.FixtureRequest
) -> None:
    _make_read_only(opened, state_url, request)
    with pytest.raises(StateUnavailable):
        await take_the_plan_from_ann(opened)
    answer = await ask_ann(served_world)
    assert (answer.status_code, answer.json()["total"]["value"]) == (200, 2)


async def test_a_full_disk_takes_no_change_and_leaves_no_half_of_one(
    served_world: HttpWorld, opened: sa.Engine
) -> None:
    others = Acl("plan", frozenset(Principal.user("hr", f"somebody {number}") for number in range(3_000)))
    version = await AclStore(opened).version("hr")
    make_room = _fill(opened)
    with pytest.raises(StateUnavailable):
        await AclStore(opened).number("hr", [others])
    assert await AclStore(opened).version("hr") == version
    assert (await ask_ann(served_world)).json()["total"]["value"] == 2
    make_room()
    await AclStore(opened).number("hr", [others])
    assert (await ask_ann(served_world)).json()["total"]["value"] == 1


async def test_a_file_that_is_locked_for_long_answers_readers_and_refuses_writers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_store, "SQLITE_BUSY_TIMEOUT_S", 0.05)
    engine = open_engine(f"sqlite:///{tmp_path / 'state.db'}")
    async with served(engine, {"private": [rule("hr")], "open": [rule("web")]}, public=["open"]) as world:
        await furnish(world)
        other = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StateUnavailable, match="locked"):
            await take_the_plan_from_ann(engine)
        assert (await ask_ann(world)).json()["total"]["value"] == 2
        other.execute("ROLLBACK")
        other.close()
        await take_the_plan_from_ann(engine)
        assert (await ask_ann(world)).json()["total"]["value"] == 1
    engine.dispose()


async def test_a_file_that_somebody_has_for_himself_answers_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a repair or a copy with `PRAGMA locking_mode = EXCLUSIVE` has it."""
    monkeypatch.setattr(state_store, "SQLITE_BUSY_TIMEOUT_S", 0.05)
    engine = open_engine(f"sqlite:///{tmp_path / 'state.db'}")
    async with served(engine, {"private": [rule("hr")], "open": [rule("web")]}, public=["open"]) as world:
        await furnish(world)
        engine.dispose()  # who has a connection keeps others from having the file for themselves
        other = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        other.execute("UPDATE acl_state SET id = id")
        other.execute("COMMIT")
        require_no_answer(await ask_ann(world))
        other.close()
        assert (await ask_ann(world)).status_code == 200
    engine.dispose()


def _server(request: pytest.FixtureRequest) -> PostgresServer:
    server: PostgresServer = request.getfixturevalue("postgresql")
    return server


def _make_read_only(engine: sa.Engine, url: str, request: pytest.FixtureRequest) -> None:
    if engine.dialect.name == "postgresql":
        server = _server(request)
        server.execute(f'ALTER DATABASE "{sa.make_url(url).database}" SET default_transaction_read_only = on')
        engine.dispose()
        return

    @sa.event.listens_for(engine, "checkout")
    def forbid_writing(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute("PRAGMA query_only = ON")


def _fill(engine: sa.Engine) -> Callable[[], None]:
    """Let every write that needs room fail, as the database itself says it; returns what ends that."""
    if engine.dialect.name == "postgresql":
        _execute(
            engine,
            "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$",
            "CREATE TRIGGER full_disk BEFORE INSERT ON acl_entries EXECUTE FUNCTION fail()",
        )
        return lambda: _execute(engine, "DROP TRIGGER full_disk ON acl_entries")
    most_pages = [1]  # which SQLite takes for as many as the file has by now

    @sa.event.listens_for(engine, "checkout")
    def limit(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {most_pages[0]}")

    return lambda: most_pages.__setitem__(0, 1_000_000)


def _execute(engine: sa.Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
