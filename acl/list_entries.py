"""The entries of stored lists: read, compared and written, inside the caller's transaction.

In come lists as they were read, and the ids of stored ones; out come entries by what they do. A changed list takes at
once and gives later (`acl/store.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias, TypeVar

from sqlalchemy import Connection, bindparam, delete, insert, select

from acl.tables import Effect, acl_entries
from vocabulary.access import Acl, AclId

Item = TypeVar("Item")
Entries: TypeAlias = dict[Effect, set[str]]  # principals in canonical spelling

_KEYS_PER_STATEMENT = 500  # bound parameters: SQLite before 3.32 takes 999, PostgreSQL 65,535


def spelled(acl: Acl) -> Entries:
    """The list as it is meant to be in the end."""
    return {Effect.ALLOW: set(map(str, acl.allow)), Effect.DENY: set(map(str, acl.deny))}


def narrowed(before: Entries, acl: Acl) -> Entries:
    """What a changed list takes, in force, and what it gives, waiting."""
    after = spelled(acl)
    return {
        Effect.ALLOW: after[Effect.ALLOW] & before[Effect.ALLOW],
        Effect.ALLOW_LATER: after[Effect.ALLOW] - before[Effect.ALLOW],
        Effect.DENY: after[Effect.DENY] | before[Effect.DENY],
        Effect.DENY_NO_LONGER: before[Effect.DENY] - after[Effect.DENY],
    }


def takes(before: Entries, after: Entries) -> bool:
    """Whether somebody is allowed no more, or denied anew, by what is in force."""
    return bool(before[Effect.ALLOW] - after[Effect.ALLOW] or after[Effect.DENY] - before[Effect.DENY])


def in_force(waiting: Entries) -> Entries:
    """What a list does once all that waits in it is carried out."""
    return {
        Effect.ALLOW: waiting[Effect.ALLOW] | waiting[Effect.ALLOW_LATER],
        Effect.DENY: waiting[Effect.DENY] - waiting[Effect.DENY_NO_LONGER],
    }


def read_entries(connection: Connection, ids: Sequence[AclId]) -> dict[AclId, Entries]:
    """The stored entries of each list, by what they do."""
    found: dict[AclId, Entries] = {acl_id: {effect: set() for effect in Effect} for acl_id in ids}
    for piece in in_pieces(ids):
        rows = connection.execute(
            select(acl_entries.c.acl_id, acl_entries.c.effect, acl_entries.c.principal).where(
                acl_entries.c.acl_id.in_(piece)
            )
        )
        for acl_id, effect, principal in rows:
            found[acl_id][Effect(effect)].add(principal)
    return found


def write_entries(
    connection: Connection, before: Mapping[AclId, Entries], after: Mapping[AclId, Entries], *, version: int
) -> None:
    """Take out and put in what differs: an entry that stays keeps the version that brought it."""
    stored, wanted = _rows(before), _rows(after)
    if gone := stored - wanted:
        row = acl_entries.c
        this_one = (
            (row.acl_id == bindparam("of_id")) & (row.effect == bindparam("does")) & (row.principal == bindparam("to"))
        )
        connection.execute(
            delete(acl_entries).where(this_one),
            [{"of_id": acl_id, "does": effect, "to": principal} for acl_id, effect, principal in gone],
        )
    if new := wanted - stored:
        connection.execute(
            insert(acl_entries),
            [
                {"acl_id": acl_id, "effect": effect, "principal": principal, "version": version}
                for acl_id, effect, principal in new
            ],
        )


def _rows(lists: Mapping[AclId, Entries]) -> set[tuple[AclId, str, str]]:
    return {
        (acl_id, effect.value, principal)
        for acl_id, entries in lists.items()
        for effect, principals in entries.items()
        for principal in principals
    }


def in_pieces(items: Sequence[Item]) -> Iterable[Sequence[Item]]:
    for start in range(0, len(items), _KEYS_PER_STATEMENT):
        yield items[start : start + _KEYS_PER_STATEMENT]
