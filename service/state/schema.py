"""The schema of the state store: of which version a database is, and how an older one becomes one of this program's.

The table `state_schema` says the version. Whatever a database needs is done in one transaction, under a lock that lets
in one process at a time: killed midway, the database is as it was; who comes second finds the work done. A database of
a newer program is refused and left as it is; one from before versions were counted is recognised by its tables.

Whoever adds or changes a table adds a step at the end of `STEPS`; for a new table, column or index that is one more
`_make_what_is_missing`. A step may meet what it brings about, in a database from before versions were counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.schema import CreateColumn

from acl.tables import create_missing
from acl.tables import create_missing_tables as create_missing_acl_tables
from acl.tables import metadata as acl_tables
from indexer.state.tables import metadata as indexer_tables
from service.admin.acts_tables import metadata as acts_tables
from vocabulary.errors import SettingInvalid

_UNVERSIONED = 0
_LOCK = 7_313_508_126  # of PostgreSQL's advisory locks; any number that nobody else takes

_schema = sa.Table(
    "state_schema",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),  # always 1
    sa.Column("version", sa.Integer, nullable=False),
)


class StateTooNew(SettingInvalid):
    """The database belongs to a newer version of this program."""


def prepare(engine: sa.Engine) -> None:
    """Make the tables of a new database, and bring those of an older version up to date. May be repeated; blocks.

    A database of this version is only read.

    Raises:
        StateTooNew: a newer version of this program has changed the tables.
    """
    with engine.connect() as connection:
        if _version(connection) == len(STEPS):
            return
    with _alone(engine) as connection:
        version = _version(connection)
        if version is not None and version > len(STEPS):
            raise StateTooNew(
                f"state.url: the database is of a newer version of this program (schema {version}, this one knows"
                f" {len(STEPS)}): run that version, or restore a backup from before it"
            )
        if version is None:
            _create_missing_tables(connection)
        else:
            for step in STEPS[version:]:
                step(connection)
        _note_version(connection)


def _version(connection: sa.Connection) -> int | None:
    """The version of the database; None: it is new."""
    present = set(sa.inspect(connection).get_table_names())
    if _schema.name in present:
        return int(connection.execute(sa.select(_schema.c.version)).scalar_one())
    return None if present.isdisjoint(table.name for table in _tables()) else _UNVERSIONED


def _tables() -> Sequence[sa.Table]:
    """Every table of the state store but the one that says its version."""
    return [*acl_tables.sorted_tables, *indexer_tables.sorted_tables, *acts_tables.sorted_tables]


def _note_version(connection: sa.Connection) -> None:
    _schema.create(connection, checkfirst=True)
    connection.execute(sa.delete(_schema))
    connection.execute(sa.insert(_schema).values(id=1, version=len(STEPS)))


@contextmanager
def _alone(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction, which no other process enters meanwhile."""
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        else:
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # else the driver begins none for a change of tables
        yield connection


# --- what steps are made of ---


def _create_missing_tables(connection: sa.Connection) -> None:
    create_missing_acl_tables(connection)
    create_missing(connection, indexer_tables)
    acts_tables.create_all(connection)  # with triggers


def _make_what_is_missing(connection: sa.Connection) -> None:
    """Bring about what was added to tables since: tables, indexes and columns.

    A column that may not be empty needs a `server_default` for the rows that are there.
    """
    _create_missing_tables(connection)
    for table in _tables():
        present = {each["name"] for each in sa.inspect(connection).get_columns(table.name)}
        for column in table.columns:
            if column.name not in present:
                definition = CreateColumn(column).compile(dialect=connection.dialect)
                _alter(connection, table, f"ADD COLUMN {definition}")
        for index in table.indexes:
            index.create(connection, checkfirst=True)


def _sort_by_bytes(connection: sa.Connection, table: sa.Table) -> None:
    """Give texts the order that they have in new tables, in place of that of the server's language."""
    quoted = connection.dialect.identifier_preparer
    for column in table.columns:
        if isinstance(column.type, sa.Text):
            _alter(connection, table, f'ALTER COLUMN {quoted.format_column(column)} TYPE TEXT COLLATE "C"')


def _alter(connection: sa.Connection, table: sa.Table, change: str) -> None:
    name = connection.dialect.identifier_preparer.format_table(table)
    connection.execute(sa.text(f"ALTER TABLE {name} {change}"))


# --- the steps, from each version to the next ---


def _recognise_unversioned(connection: sa.Connection) -> None:
    _make_what_is_missing(connection)
    if connection.dialect.name == "postgresql":
        for table in _tables():
            _sort_by_bytes(connection, table)


STEPS: tuple[Callable[[sa.Connection], None], ...] = (
    _recognise_unversioned,
    _make_what_is_missing,  # which run brought each change of access; acts; mappings; audits; revocations
    _make_what_is_missing,  # requests to stop a run
    _make_what_is_missing,  # toxicity: what scored a document, by which rule it was judged, what is held back
    _make_what_is_missing,  # who carries out an audit, or reads people
)
