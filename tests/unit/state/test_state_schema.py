"""Every database of the state store becomes one of this version, or is refused: none is changed in part, or twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from acl.store import AclStore
from acl.tables import metadata as acl_tables
from indexer.state.tables import metadata as indexer_tables
from service.admin.acts_tables import metadata as acts_tables
from service.state import schema as state_schema
from service.state.schema import STEPS, StateTooNew, prepare
from service.state.store import open_engine

FIRST_VERSION = Path(__file__).parents[2] / "fixtures" / "state_schema"  # the tables when versions began to be counted


class Killed(Exception):
    """The process is no more."""


@pytest.fixture
def bare(state_url: str) -> Iterator[sa.Engine]:
    """A database in which nothing has been made yet."""
    engine = sa.create_engine(state_url)
    yield engine
    engine.dispose()


def schema_of(engine: sa.Engine) -> Mapping[str, Any]:
    """Every table as the database itself describes it."""
    look = sa.inspect(engine)
    return {
        table: {
            "columns": {
                each["name"]: (str(each["type"]), getattr(each["type"], "collation", None), each["nullable"])
                for each in look.get_columns(table)
            },
            "key": look.get_pk_constraint(table)["constrained_columns"],
            "unique": sorted(tuple(each["column_names"]) for each in look.get_unique_constraints(table)),
            "indexes": {str(each["name"]): each["column_names"] for each in look.get_indexes(table)},
        }
        for table in look.get_table_names()
    }


def version_of(engine: sa.Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(sa.text("SELECT version FROM state_schema")).scalar_one())


def execute(engine: sa.Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def test_a_new_database_has_every_table_and_the_last_version(engine: sa.Engine) -> None:
    assert schema_of(engine).keys() == {"state_schema", *(table.name for table in state_schema._tables())}
    assert version_of(engine) == len(STEPS)


def test_a_new_database_is_what_the_toolkit_makes_of_the_tables() -> None:
    """Definitions that are kept miss what a listener to a table's creation would add."""
    ours, toolkits = (sa.create_engine("sqlite://", poolclass=sa.StaticPool) for _ in range(2))
    prepare(ours)
    for tables in (acl_tables, indexer_tables, acts_tables, state_schema._schema.metadata):
        tables.create_all(toolkits)
    definitions = sa.text("SELECT type, name, sql FROM sqlite_master ORDER BY type, name")
    with ours.connect() as made, toolkits.connect() as expected:
        assert made.execute(definitions).all() == expected.execute(definitions).all()
    ours.dispose()
    toolkits.dispose()


def test_a_database_of_this_version_is_only_read(engine: sa.Engine, bare: sa.Engine) -> None:
    written = []
    sa.event.listen(bare, "before_cursor_execute", lambda *call: written.append(call[2].split()[0]))
    prepare(bare)
    assert set(written) <= {"SELECT", "PRAGMA"}


def test_the_first_version_becomes_what_a_new_database_is(bare: sa.Engine, engine: sa.Engine) -> None:
    """Whoever changes a table without a step finds it missing here."""
    wanted = schema_of(engine)
    with bare.begin() as connection:
        for table in reversed(sa.inspect(bare).get_table_names()):
            connection.exec_driver_sql(
                f"DROP TABLE {table}" + (" CASCADE" if bare.dialect.name == "postgresql" else "")
            )
    statements = (FIRST_VERSION / f"1-{bare.dialect.name}.sql").read_text(encoding="utf-8").split(";\n")
    execute(bare, *filter(str.strip, statements))
    prepare(bare)
    assert schema_of(bare) == wanted
    assert version_of(bare) == len(STEPS)


def test_a_database_from_before_versions_were_counted_is_recognised(bare: sa.Engine, engine: sa.Engine) -> None:
    wanted, numbering = schema_of(engine), AclStore(engine).numbering
    execute(
        engine,
        "DROP TABLE state_schema",
        "DROP TABLE followed_writes",
        "ALTER TABLE ledger DROP COLUMN failures",
        "DROP INDEX ledger_unmet",
        "INSERT INTO source_state (source, runner) VALUES ('files', 'somebody')",
    )
    prepare(bare)
    assert schema_of(bare) == wanted
    assert AclStore(bare).numbering == numbering
    with bare.connect() as connection:
        assert connection.execute(sa.text("SELECT source, runner, fence FROM source_state")).all() == [
            ("files", "somebody", 0)
        ]


@pytest.mark.postgresql
def test_texts_of_an_earlier_database_are_sorted_by_bytes_from_then_on(postgresql: Any) -> None:
    """They were sorted by the server's language; the identifiers of pages and ranges do not follow any."""
    url = postgresql.new_database()
    engine = sa.create_engine(url)
    execute(engine, "CREATE TABLE runs (source TEXT)", "INSERT INTO runs VALUES ('a'), ('B'), ('b'), ('_')")
    # What else it lacks it cannot be given, since it never was one of ours: the one table tells enough.
    with engine.begin() as connection:
        before = connection.exec_driver_sql("SELECT source FROM runs ORDER BY source").scalars().all()
        state_schema._sort_by_bytes(connection, sa.Table("runs", sa.MetaData(), sa.Column("source", sa.Text)))
        after = connection.exec_driver_sql("SELECT source FROM runs ORDER BY source").scalars().all()
    engine.dispose()
    postgresql.drop(url)
    assert (before, after) == (["_", "a", "b", "B"], ["B", "_", "a", "b"])


def test_a_newer_database_is_refused_and_left_as_it_is(engine: sa.Engine, state_url: str) -> None:
    newer = len(STEPS) + 1
    execute(engine, "UPDATE state_schema SET version = version + 1", "DROP TABLE followed_writes")
    before = schema_of(engine)
    with pytest.raises(StateTooNew, match=rf"schema {newer}, this one knows {len(STEPS)}"):
        open_engine(state_url)
    assert schema_of(engine) == before


def test_a_step_that_dies_leaves_the_database_as_it_was(
    engine: sa.Engine, bare: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(connection: sa.Connection) -> None:
        connection.exec_driver_sql("ALTER TABLE ledger ADD COLUMN half TEXT")
        connection.exec_driver_sql("CREATE TABLE other_half (id INTEGER)")
        connection.exec_driver_sql("DELETE FROM acl_state")
        raise Killed

    before, version = schema_of(engine), version_of(engine)
    monkeypatch.setattr(state_schema, "STEPS", (*STEPS, die))
    with pytest.raises(Killed):
        prepare(bare)
    assert (schema_of(engine), version_of(engine)) == (before, version)
    assert AclStore(engine).numbering


def test_of_processes_that_begin_at_once_one_takes_each_step(
    engine: sa.Engine, state_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def note(connection: sa.Connection) -> None:
        connection.exec_driver_sql("CREATE TABLE noted (id INTEGER)")  # a second time it fails

    monkeypatch.setattr(state_schema, "STEPS", (*STEPS, note))
    with ThreadPoolExecutor(4) as processes:
        opened = list(processes.map(open_engine, [state_url] * 4))
    assert {version_of(each) for each in opened} == {len(STEPS) + 1}
    for each in opened:
        each.dispose()


def test_processes_that_begin_on_an_empty_database_at_once_give_it_one_name(state_url: str) -> None:
    with ThreadPoolExecutor(4) as processes:
        opened = list(processes.map(open_engine, [state_url] * 4))
    assert len({AclStore(each).numbering for each in opened}) == 1
    for each in opened:
        each.dispose()


def test_every_text_is_sorted_by_its_bytes_whatever_the_servers_language() -> None:
    texts = [column for table in state_schema._tables() for column in table.columns if isinstance(column.type, sa.Text)]
    assert len(texts) > 40
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    assert [str(each) for each in texts if each.type.dialect_impl(dialect).collation != "C"] == []  # type: ignore[attr-defined]
