"""Random worlds: a filter admits exactly the documents that `may_read` allows one by one, before and after a change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, StaticPool, create_engine

from acl import (
    AccessControl,
    AclStore,
    GroupGraph,
    IdentityStore,
    MatchUserBy,
    ReaderClaims,
    SourceIdentityRule,
    create_tables,
    expand,
    may_read,
)
from vocabulary.access import HIDDEN_ACL, Acl, Identity, Membership, Person, Principal

ISSUER = "https://idp.example.com"
SOURCES = ("hr", "sales")
NAMES = ("ann", "bob", "cem")
GROUPS = ("A", "B", "C", "D")
RULES = tuple(SourceIdentityRule(source, MatchUserBy.EMAIL) for source in SOURCES)


@dataclass(frozen=True)
class _Document:
    source: str
    acl: Acl | None
    owner: Principal | None


@dataclass(frozen=True)
class _World:
    people: tuple[Person, ...]
    memberships: frozenset[Membership]
    documents: tuple[_Document, ...]
    readers: tuple[ReaderClaims, ...]


def _users(source: str) -> st.SearchStrategy[Principal]:
    return st.sampled_from([Principal.user(source, name) for name in NAMES])


def _groups(source: str) -> st.SearchStrategy[Principal]:
    return st.sampled_from([Principal.group(source, name) for name in GROUPS])


def _listed_principals() -> st.SearchStrategy[frozenset[Principal]]:
    """Principals of any source, also of another than the list's, and groups of the token's issuer."""
    of_sources = [
        strategy
        for source in SOURCES
        for strategy in (
            _users(source),
            _groups(source),
            st.just(Principal.everyone(source)),
            st.just(Principal.administrators(source)),
        )
    ]
    return st.frozensets(st.one_of(*of_sources, _groups(ISSUER)), max_size=4)


@st.composite
def _people(draw: st.DrawFn) -> tuple[Person, ...]:
    """Each name at most once a source; addresses may be shared, and people disabled."""
    return tuple(
        Person(
            principal=Principal.user(source, name),
            username=name,
            email=draw(st.sampled_from([f"{name}@x", f"{name.upper()}@X", "team@x", None])),
            display_name=name,
            enabled=draw(st.sampled_from([True, True, True, False])),
            is_administrator=draw(st.sampled_from([False, False, False, True])),
            is_guest=draw(st.sampled_from([False, False, False, True])),
        )
        for source in SOURCES
        for name in draw(st.sets(st.sampled_from(NAMES)))
    )


@st.composite
def _memberships(draw: st.DrawFn) -> frozenset[Membership]:
    """Any graph of groups, cycles included, within each source."""
    return frozenset(
        membership
        for source in SOURCES
        for membership in draw(
            st.sets(
                st.builds(Membership, group=_groups(source), member=st.one_of(_users(source), _groups(source))),
                max_size=8,
            )
        )
    )


@st.composite
def _documents(draw: st.DrawFn) -> tuple[_Document, ...]:
    """Documents that share up to three lists a source, or have none that can be read."""
    documents: list[_Document] = []
    for source in SOURCES:
        acls = st.sampled_from(
            [Acl(key, draw(_listed_principals()), draw(_listed_principals() | st.just(frozenset()))) for key in "xyz"]
        )
        owners = st.one_of(*map(_users, SOURCES), _groups(source), st.just(Principal.user(source, "")))
        one = st.builds(_Document, st.just(source), st.none() | acls, st.none() | owners)
        documents.extend(draw(st.lists(one, max_size=5)))
    return tuple(documents)


def _worlds() -> st.SearchStrategy[_World]:
    claims = st.builds(
        ReaderClaims,
        user=st.sampled_from(["ann@x", "BOB@x", "cem@x", "team@x", "stranger@x", ""]),
        groups=st.lists(st.sampled_from([*GROUPS, ""]), max_size=2).map(tuple),
        issuer=st.just(ISSUER),
    )
    return st.builds(
        _World, _people(), _memberships(), _documents(), st.lists(claims, min_size=1, max_size=4).map(tuple)
    )


def _reference(world: _World, claims: ReaderClaims) -> list[bool]:
    """Each document by itself."""
    graph = GroupGraph.of(world.memberships)
    reader = {source: _person(world, claims, source) for source in SOURCES}
    principals = frozenset(Principal.group(claims.issuer, group) for group in claims.groups if group)
    for person in reader.values():
        principals |= expand(person, graph) if person else frozenset()
    return [
        reader[document.source] is not None
        and may_read(document.acl, document.owner, principals, source=document.source)
        for document in world.documents
    ]


def _person(world: _World, claims: ReaderClaims, source: str) -> Person | None:
    matching = [
        person
        for person in world.people
        if person.principal.scope == source and person.email and person.email.lower() == claims.user.lower()
    ]
    return matching[0] if len(matching) == 1 and matching[0].enabled else None


async def _admitted(world: _World, engine: Engine, access_control: AccessControl, *, granted: bool) -> list[list[bool]]:
    """Store the world and ask the filter of each reader for each document."""
    acl_ids = []
    for source in SOURCES:
        await IdentityStore(engine).replace(source, _listed(_identities(world, source)), confirmed=True)
    for document in world.documents:
        numbers = await AclStore(engine).number(document.source, [document.acl] if document.acl else [])
        acl_ids.append(numbers[document.acl.key] if document.acl else HIDDEN_ACL)
    if granted:
        for source in SOURCES:
            await AclStore(engine).grant(source)
    filters = [await access_control.filter_for(claims, RULES) for claims in world.readers]
    return [
        [
            access.admits(acl_id, str(document.owner) if document.owner else None)
            for acl_id, document in zip(acl_ids, world.documents, strict=True)
        ]
        for access in filters
    ]


def _identities(world: _World, source: str) -> list[Identity]:
    people = [person for person in world.people if person.principal.scope == source]
    return [*people, *(each for each in world.memberships if each.group.scope == source)]


async def _listed(identities: Sequence[Identity]) -> AsyncIterator[Identity]:
    for identity in identities:
        yield identity


def _at_most(admitted: Sequence[bool], expected: Sequence[bool]) -> bool:
    return all(one <= other for one, other in zip(admitted, expected, strict=True))


@settings(max_examples=60, deadline=None)
@given(before=_worlds(), after=_worlds())
def test_a_filter_admits_what_may_read_allows_one_by_one(before: _World, after: _World) -> None:
    """The same processes live through both worlds: one writes, the other's caches must follow."""
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    create_tables(engine)

    async def check() -> None:
        access_control = AccessControl(engine)
        for world in (before, after):
            expected = [_reference(world, claims) for claims in world.readers]
            at_first = await _admitted(world, engine, access_control, granted=False)
            assert all(map(_at_most, at_first, expected)), "nobody sees more before the grant"
            assert await _admitted(world, engine, access_control, granted=True) == expected

    try:
        asyncio.run(check())
    finally:
        engine.dispose()
