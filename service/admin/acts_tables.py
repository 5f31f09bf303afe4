"""The tables of the log of acts, which the database itself lets nobody change: rows are added, and that is all.

Portable between SQLite and PostgreSQL. Times are stored as UTC epoch seconds.
"""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

_Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")  # as all texts of the state store

acts = sa.Table(
    "admin_acts",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("administrator", _Text, nullable=False),
    sa.Column("act", _Text, nullable=False),
    sa.Column("subject", _Text, nullable=False),
    sa.Column("parameters", sa.JSON, nullable=False),
    sa.Index("admin_acts_by_time", "at"),
    sqlite_autoincrement=True,  # a number is never given twice
)

act_outcomes = sa.Table(
    "admin_act_outcomes",
    metadata,
    sa.Column("number", sa.Integer, sa.ForeignKey("admin_acts.number"), primary_key=True, autoincrement=False),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("outcome", _Text, nullable=False),
)

_WORDS = "the log of acts is only added to"


def _only_added_to(table: sa.Table) -> None:
    """Have the database refuse to change or remove a row, from the table's making on."""
    for change in ("UPDATE", "DELETE"):
        _when_made(
            table,
            f"CREATE TRIGGER {table.name}_no_{change.lower()} BEFORE {change} ON {table.name}"
            f" BEGIN SELECT RAISE(ABORT, '{_WORDS}'); END",
            dialect="sqlite",
        )
    _when_made(
        table,
        f"CREATE OR REPLACE FUNCTION {table.name}_refuse() RETURNS trigger LANGUAGE plpgsql"
        f" AS $$ BEGIN RAISE EXCEPTION '{_WORDS}'; END $$",
        dialect="postgresql",
    )
    _when_made(
        table,
        f"CREATE TRIGGER {table.name}_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table.name}"
        f" FOR EACH STATEMENT EXECUTE FUNCTION {table.name}_refuse()",
        dialect="postgresql",
    )


def _when_made(table: sa.Table, statement: str, *, dialect: str) -> None:
    ddl = sa.DDL(statement)  # type: ignore[no-untyped-call]  # SQLAlchemy has no types for it
    sa.event.listen(table, "after_create", ddl.execute_if(dialect=dialect))


for _table in (acts, act_outcomes):
    _only_added_to(_table)


def create_tables(engine: sa.Engine) -> None:
    """Create what is missing."""
    metadata.create_all(engine)
