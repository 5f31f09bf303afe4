"""People as a directory lists them, and as the rows of the identity store. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from acl.folding import fold
from vocabulary.access import Identity, Membership, Person, Principal
from vocabulary.stored_text import is_storable, restored, storable


def stricter(one: Person, other: Person) -> Person:
    """A person who is listed twice, as when a list moves while it is read: the later names, and what admits less."""
    return replace(
        other,
        enabled=one.enabled and other.enabled,
        is_administrator=one.is_administrator and other.is_administrator,
        is_guest=one.is_guest or other.is_guest,
    )


def with_odd_names(identity: Identity) -> set[Principal]:
    """Whoever is named there in a way that no store holds as it is."""
    if isinstance(identity, Membership):
        return {each for each in (identity.group, identity.member) if not is_storable(each.id)}
    names = (identity.principal.id, identity.username, identity.email or "", identity.display_name)
    return set() if all(map(is_storable, names)) else {identity.principal}


def person_row(source: str, person: Person) -> tuple[Any, ...]:
    """The person in the order of the table's columns."""
    return (
        source,
        str(person.principal),
        storable(person.username),
        storable(fold(person.username)),
        storable(person.email) if person.email is not None else None,
        storable(fold(person.email)) if person.email else None,
        storable(person.display_name),
        person.enabled,
        person.is_administrator,
        person.is_guest,
    )


def person_of(row: Mapping[Any, Any]) -> Person:
    """The person of a row of `acl_people`."""
    return Person(
        principal=Principal.parse(row["principal"]),
        username=restored(row["username"]),
        email=restored(row["email"]) if row["email"] is not None else None,
        display_name=restored(row["display_name"]),
        enabled=row["enabled"],
        is_administrator=row["is_administrator"],
        is_guest=row["is_guest"],
    )
