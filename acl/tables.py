"""The tables of this room in the state store, and the version counters that keep several processes consistent.

A counter belongs to one realm (lists, identities) of one source. It grows in the same transaction as the change it
announces, and whoever changes something first locks it: the order of versions is the order of commits.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from enum import StrEnum

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Engine,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

_metadata = MetaData()

acl_state = Table(
    "acl_state",
    _metadata,
    Column("id", Integer, primary_key=True),  # always 1
    Column("numbering", Text, nullable=False),
)

acl_versions = Table(
    "acl_versions",
    _metadata,
    Column("realm", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("version", Integer, nullable=False),
)

acl_lists = Table(
    "acl_lists",
    _metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("source", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("version", Integer, nullable=False),  # of the source's lists when this one last changed
    UniqueConstraint("source", "key"),
    Index("acl_lists_by_version", "source", "version"),
    sqlite_autoincrement=True,  # without it SQLite gives the id of a deleted last row again
)

acl_entries = Table(
    "acl_entries",
    _metadata,
    Column("acl_id", Integer, ForeignKey("acl_lists.id"), primary_key=True),
    Column("effect", Text, primary_key=True),
    Column("principal", Text, primary_key=True),
)

acl_people = Table(
    "acl_people",
    _metadata,
    Column("source", Text, primary_key=True),
    Column("principal", Text, primary_key=True),
    Column("username", Text, nullable=False),
    Column("username_folded", Text, nullable=False),
    Column("email", Text),
    Column("email_folded", Text),
    Column("display_name", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("is_administrator", Boolean, nullable=False),
    Column("is_guest", Boolean, nullable=False),
    Index("acl_people_by_username", "source", "username_folded"),
    Index("acl_people_by_email", "source", "email_folded"),
)

acl_memberships = Table(
    "acl_memberships",
    _metadata,
    Column("source", Text, primary_key=True),
    Column("member", Text, primary_key=True),
    Column("group", Text, primary_key=True),
)


class Realm(StrEnum):
    """What a version counter counts the changes of."""

    LISTS = "lists"
    IDENTITIES = "identities"


class Effect(StrEnum):
    """What an entry of a list does to its principal; the last two say what it will do, and as yet do nothing."""

    ALLOW = "allow"
    DENY = "deny"
    ALLOW_LATER = "allow-later"
    DENY_NO_LONGER = "deny-no-longer"  # beside the denial that it will lift


def create_tables(engine: Engine) -> None:
    """Create what is missing, and give a new state its random name. May be repeated; blocks."""
    _metadata.create_all(engine)
    named = upsert(engine, acl_state).values(id=1, numbering=secrets.token_hex(16)).on_conflict_do_nothing()
    with engine.begin() as connection:
        connection.execute(named)


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


def set_version(connection: Connection, version: int, *, realm: Realm, source: str) -> None:
    """Announce a change; the counter is locked by this transaction."""
    counter = (acl_versions.c.realm == realm.value) & (acl_versions.c.source == source)
    connection.execute(update(acl_versions).where(counter).values(version=version))


def read_versions(connection: Connection, sources: Iterable[str]) -> Mapping[tuple[Realm, str], int]:
    """The counters of all realms of the sources, in one statement; a source without changes is absent."""
    rows = connection.execute(
        select(acl_versions.c.realm, acl_versions.c.source, acl_versions.c.version).where(
            acl_versions.c.source.in_(sorted(sources))
        )
    )
    return {(Realm(realm), source): version for realm, source, version in rows}
