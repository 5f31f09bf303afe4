"""The tables of this room in the state store, and the version counters that keep several processes consistent.

A counter belongs to one realm (`Realm`) of one source. It grows in the same transaction as the change it announces, and
whoever changes something first locks it: the order of versions is the order of commits. Each step leaves a row in
`acl_changes` that says which run made it and when. Entries, lists, people and memberships carry the version that
brought them, so that each of them leads to its run; 0 there means: before steps were recorded.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import NamedTuple

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Engine,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

_DIALECTS = {"postgresql": postgresql.dialect, "sqlite": sqlite.dialect}

metadata = MetaData()

# Sorted and compared by its bytes in every database, whatever language the server was set up for.
_Text = Text().with_variant(Text(collation="C"), "postgresql")

acl_state = Table(
    "acl_state",
    metadata,
    Column("id", Integer, primary_key=True),  # always 1
    Column("numbering", _Text, nullable=False),
)

acl_versions = Table(
    "acl_versions",
    metadata,
    Column("realm", _Text, primary_key=True),
    Column("source", _Text, primary_key=True),
    Column("version", Integer, nullable=False),
)

acl_changes = Table(
    "acl_changes",
    metadata,
    Column("realm", _Text, primary_key=True),
    Column("source", _Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("run", Integer, index=True),  # None: no run, an operator or a program
    Column("at", Float, nullable=False),  # in force here since; epoch seconds, as all times of the state store
    Column("changed_at", Float),  # the earliest change at the source that the step brought, where the source told one
)

# Those of the steps that took something from somebody: `acl/revocations.py`.
acl_revocations = Table(
    "acl_revocations",
    metadata,
    Column("realm", _Text, primary_key=True),
    Column("source", _Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("run", Integer, index=True),
    Column("changed_at", Float),  # at the source, where it tells of all that the step took; the earliest
    Column("in_force_at", Float, nullable=False, index=True),
    # The first filter of any process that was built since; None: nobody has asked yet.
    Column("obeyed_at", Float, index=True),
)


def _brought_by() -> Column[int]:
    """The version that brought a row; 0 in rows that are older than this column."""
    return Column("version", Integer, nullable=False, server_default="0")


acl_lists = Table(
    "acl_lists",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("source", _Text, nullable=False),
    Column("key", _Text, nullable=False),
    Column("digest", _Text, nullable=False),
    Column("version", Integer, nullable=False),  # of the source's lists when this one last changed
    UniqueConstraint("source", "key"),
    Index("acl_lists_by_version", "source", "version"),
    sqlite_autoincrement=True,  # without it SQLite gives the id of a deleted last row again
)

acl_entries = Table(
    "acl_entries",
    metadata,
    Column("acl_id", Integer, ForeignKey("acl_lists.id"), primary_key=True),
    Column("effect", _Text, primary_key=True),
    Column("principal", _Text, primary_key=True),
    _brought_by(),
)

acl_people = Table(
    "acl_people",
    metadata,
    Column("source", _Text, primary_key=True),
    Column("principal", _Text, primary_key=True),
    Column("username", _Text, nullable=False),
    Column("username_folded", _Text, nullable=False),
    Column("email", _Text),
    Column("email_folded", _Text),
    Column("display_name", _Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("is_administrator", Boolean, nullable=False),
    Column("is_guest", Boolean, nullable=False),
    _brought_by(),
    Index("acl_people_by_username", "source", "username_folded"),
    Index("acl_people_by_email", "source", "email_folded"),
)

acl_memberships = Table(
    "acl_memberships",
    metadata,
    Column("source", _Text, primary_key=True),
    Column("member", _Text, primary_key=True),
    Column("group", _Text, primary_key=True),
    _brought_by(),
)

acl_mappings = Table(
    "acl_mappings",
    metadata,
    Column("source", _Text, primary_key=True),
    Column("issuer", _Text, primary_key=True),
    Column("user_folded", _Text, primary_key=True),
    Column("user", _Text, nullable=False),
    Column("person", _Text, nullable=False),  # the source's own id, not its spelling as a principal
    Column("made_by", _Text, nullable=False),
    Column("made_at", _Text, nullable=False),  # ISO 8601, UTC
)


class Realm(StrEnum):
    """What a version counter counts the changes of."""

    LISTS = "lists"
    IDENTITIES = "identities"
    MAPPINGS = "mappings"
    DOCUMENTS = "documents"  # that were put under a list that takes: no filter depends on it, only when it was obeyed


class Effect(StrEnum):
    """What an entry of a list does to its principal; the last two say what it will do, and as yet do nothing."""

    ALLOW = "allow"
    DENY = "deny"
    ALLOW_LATER = "allow-later"
    DENY_NO_LONGER = "deny-no-longer"  # beside the denial that it will lift


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a change of access comes from: the run that brings it, and when it was made at the source (aware, UTC)."""

    run: int | None = None
    changed_at: datetime | None = None


def create_tables(engine: Engine) -> None:
    """Create what is missing, and give a new state its random name. May be repeated; blocks."""
    with engine.begin() as connection:
        create_missing_tables(connection)


def create_missing_tables(connection: Connection) -> None:
    """Do as `create_tables` does, inside the caller's transaction."""
    create_missing(connection, metadata)
    named = upsert(connection, acl_state).values(id=1, numbering=secrets.token_hex(16)).on_conflict_do_nothing()
    connection.execute(named)


def create_missing(connection: Connection, tables: MetaData) -> None:
    """Create those of the tables that are missing, and their indexes, as `create_all` does of tables without events."""
    present = frozenset(inspect(connection).get_table_names())
    for table in tables.sorted_tables:
        if table.name not in present:
            for definition in _definitions(table, connection.dialect.name):
                connection.exec_driver_sql(definition)


@cache
def _definitions(table: Table, dialect: str) -> tuple[str, ...]:
    """The statements that create a table. To compile them takes a new database four times as long as to run them."""
    indexes = sorted(table.indexes, key=lambda each: str(each.name))
    made: list[CreateTable | CreateIndex] = [CreateTable(table), *map(CreateIndex, indexes)]
    return tuple(str(each.compile(dialect=_DIALECTS[dialect]())) for each in made)


def upsert(bind: Engine | Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An insert that can say what to do on conflict, in the dialect of the state store."""
    return postgresql.insert(table) if bind.dialect.name == "postgresql" else sqlite.insert(table)


def lock_version(connection: Connection, *, realm: Realm, source: str) -> int:
    """Take the counter's lock until the transaction ends, and return its value (0 before the first change)."""
    unchanged = (
        upsert(connection, acl_versions)
        .values(realm=realm.value, source=source, version=0)
        .on_conflict_do_update(
            index_elements=[acl_versions.c.realm, acl_versions.c.source], set_={"version": acl_versions.c.version}
        )
        .returning(acl_versions.c.version)
    )
    return int(connection.execute(unchanged).scalar_one())


def set_version(
    connection: Connection,
    version: int,
    *,
    realm: Realm,
    source: str,
    origin: Origin,
    at: float,
) -> None:
    """Announce a change that is in force from now (`at`, epoch seconds), and record where it comes from.

    The counter is locked by this transaction.
    """
    counter = (acl_versions.c.realm == realm.value) & (acl_versions.c.source == source)
    connection.execute(update(acl_versions).where(counter).values(version=version))
    connection.execute(
        insert(acl_changes).values(
            realm=realm.value,
            source=source,
            version=version,
            run=origin.run,
            at=at,
            changed_at=None if origin.changed_at is None else origin.changed_at.timestamp(),
        )
    )


class Version(NamedTuple):
    """A counter's value, and when it got it (epoch seconds; None: before steps were recorded).

    After a state store was put back from a backup its counters give numbers a second time: at another moment.
    """

    number: int = 0
    at: float | None = None


UNCHANGED = Version()  # of a source before its first change


def read_versions(connection: Connection, sources: Iterable[str]) -> Mapping[tuple[Realm, str], Version]:
    """The counters of all realms of the sources, in one statement; a source without changes is absent.

    A realm that only a newer version of the program knows is left out, so that its first step stops no running server.
    """
    counter, step = acl_versions.c, acl_changes.c
    its_step = (step.realm == counter.realm) & (step.source == counter.source) & (step.version == counter.version)
    rows = connection.execute(
        select(counter.realm, counter.source, counter.version, step.at)
        .select_from(acl_versions.outerjoin(acl_changes, its_step))
        .where(counter.source.in_(sorted(sources)), counter.realm.in_([realm.value for realm in Realm]))
    )
    return {(Realm(realm), source): Version(number, at) for realm, source, number, at in rows}


def step_to(connection: Connection, number: int, *, realm: Realm, source: str) -> Version:
    """The version of this number as the state store has it, whether or not the counter is further by now."""
    step = acl_changes.c
    made = select(step.at).where(step.realm == realm.value, step.source == source, step.version == number)
    return Version(number, connection.execute(made).scalar_one_or_none())
