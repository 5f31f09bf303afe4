"""From a token's claims to the filter that a search runs under, and how soon a change reaches it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from sqlalchemy import Engine, delete, event, insert, select

from acl.access_control import AccessControl
from acl.identity_store import IdentityStore, MatchOutcome
from acl.reader import MatchUserBy, ReaderClaims, SourceIdentityRule
from acl.store import AclStore
from acl.tables import Effect, Origin, Realm, acl_entries, acl_lists, lock_version, metadata, set_version
from vocabulary.access import HIDDEN_ACL, AccessFilter, Acl, AclId, Identity, Membership, Person, Principal

ISSUER = "https://idp.example.com"
HR, SALES = (SourceIdentityRule(source, MatchUserBy.EMAIL) for source in ("hr", "sales"))
STAFF = Principal.group("hr", "STAFF")
EVERYONE = Principal.everyone("hr")


def _person(name: str, *, source: str = "hr") -> Person:
    return Person(Principal.user(source, name), username=name, email=f"{name}@example.com", display_name=name)


def _claims(name: str, *groups: str, issuer: str = ISSUER) -> ReaderClaims:
    return ReaderClaims(user=f"{name}@example.com", groups=groups, issuer=issuer)


ANN = _person("ann")
BOB = _person("bob")


async def _know(engine: Engine, *identities: Identity, source: str = "hr") -> None:
    async def listed() -> AsyncIterator[Identity]:
        for identity in identities:
            yield identity

    await IdentityStore(engine).replace(source, listed())


async def _store(
    engine: Engine, key: str, *allow: Principal, deny: tuple[Principal, ...] = (), source: str = "hr"
) -> AclId:
    return (await AclStore(engine).number(source, [Acl(key, frozenset(allow), frozenset(deny))]))[key]


def _is_empty(access: AccessFilter) -> bool:
    return not (access.visible or access.if_owner)


async def test_a_filter_carries_the_name_of_the_state_and_the_readers_own_principals(engine: Engine) -> None:
    await _know(engine, ANN)
    access = await AccessControl(engine).filter_for(_claims("ann"), [HR])
    assert access.numbering == AclStore(engine).numbering
    assert access.owners == {"user:hr/ann"}


async def test_visible_is_what_allows_the_reader_less_what_denies_them(engine: Engine) -> None:
    await _know(engine, ANN, Membership(STAFF, ANN.principal))
    own = await _store(engine, "own", ANN.principal)
    staff = await _store(engine, "staff", STAFF)
    denied = await _store(engine, "denied", STAFF, deny=(ANN.principal,))
    of_bob = await _store(engine, "of bob", BOB.principal)
    access = await AccessControl(engine).filter_for(_claims("ann"), [HR])
    assert set(access.visible) == {own, staff}
    assert set(access.if_owner) == {own, staff, of_bob}
    assert denied not in access.if_owner


async def test_what_was_read_ahead_is_what_a_first_request_would_read(engine: Engine) -> None:
    await _know(engine, ANN, Membership(STAFF, ANN.principal))
    staff = await _store(engine, "staff", STAFF)
    control = AccessControl(engine)
    async with control.warming(["hr", "sales"]):
        while control.held().lists.get("hr") != 1:
            await asyncio.sleep(0.001)
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    assert set((await control.filter_for(_claims("ann"), [HR])).visible) == {staff}
    assert not [each for each in statements if "acl_entries" in each or "acl_memberships" in each]


async def test_an_administrator_sees_every_list_of_their_source_and_none_of_another(engine: Engine) -> None:
    await _know(engine, replace(ANN, is_administrator=True))
    await _know(engine, _person("ann", source="sales"), source="sales")
    denied = await _store(engine, "denied", deny=(ANN.principal, EVERYONE))
    elsewhere = await _store(engine, "elsewhere", source="sales")
    access = await AccessControl(engine).filter_for(_claims("ann"), [HR, SALES])
    assert denied in access.visible
    assert elsewhere not in access.visible


async def test_lists_of_sources_not_asked_for_are_in_no_filter(engine: Engine) -> None:
    await _know(engine, ANN)
    await _know(engine, _person("ann", source="sales"), source="sales")
    elsewhere = await _store(engine, "k", Principal.everyone("sales"), source="sales")
    access = await AccessControl(engine).filter_for(_claims("ann"), [HR])
    assert not access.admits(elsewhere, "user:sales/ann")


async def test_whom_a_source_does_not_know_sees_nothing_of_it(engine: Engine) -> None:
    await _know(engine, BOB)
    await _store(engine, "k", EVERYONE, Principal.group(ISSUER, "all"))
    access = await AccessControl(engine).filter_for(_claims("ann", "all"), [HR])
    assert _is_empty(access)
    assert access.owners == frozenset()


async def test_groups_of_the_token_count_in_their_issuers_scope(engine: Engine) -> None:
    await _know(engine, ANN)
    of_issuer = await _store(engine, "a", Principal.group(ISSUER, "STAFF"))
    of_source = await _store(engine, "b", STAFF)
    access = await AccessControl(engine).filter_for(_claims("ann", "STAFF"), [HR])
    assert of_issuer in access.visible
    assert of_source not in access.visible


async def test_an_issuer_named_like_a_source_brings_no_groups_into_it(engine: Engine) -> None:
    await _know(engine, ANN)
    of_source = await _store(engine, "k", STAFF)
    access = await AccessControl(engine).filter_for(_claims("ann", "STAFF", issuer="hr"), [HR])
    assert of_source not in access.visible


async def test_the_hidden_id_is_in_no_filter_even_if_it_is_in_the_store(engine: Engine) -> None:
    with engine.begin() as connection:
        version = lock_version(connection, realm=Realm.LISTS, source="hr") + 1
        connection.execute(insert(acl_lists).values(id=HIDDEN_ACL, source="hr", key="k", digest="", version=version))
        connection.execute(
            insert(acl_entries).values(acl_id=HIDDEN_ACL, effect=Effect.ALLOW.value, principal=str(EVERYONE))
        )
        set_version(connection, version, realm=Realm.LISTS, source="hr", origin=Origin(), at=0.0)
    await _know(engine, replace(ANN, is_administrator=True))
    access = await AccessControl(engine).filter_for(_claims("ann"), [HR])
    assert not access.admits(HIDDEN_ACL, "user:hr/ann")
    assert HIDDEN_ACL not in (await AccessControl(engine).public_filter(["hr"])).visible


async def test_the_public_sees_what_allows_everyone_and_denies_nobody(engine: Engine) -> None:
    public = await _store(engine, "public", EVERYONE, BOB.principal)
    await _store(engine, "some denied", EVERYONE, deny=(BOB.principal,))
    await _store(engine, "private", BOB.principal)
    await _store(engine, "everyone of another source", Principal.everyone("sales"))
    access = await AccessControl(engine).public_filter(["hr", "sales"])
    assert set(access.visible) == {public}
    assert not access.if_owner
    assert not access.owners


async def test_a_state_without_lists_or_people_shows_nothing(engine: Engine) -> None:
    assert _is_empty(await AccessControl(engine).filter_for(_claims("ann"), [HR, SALES]))
    assert _is_empty(await AccessControl(engine).filter_for(_claims("ann"), []))
    assert _is_empty(await AccessControl(engine).public_filter(["hr"]))


async def test_a_change_of_lists_in_one_process_binds_the_next_request_of_another(
    engine: Engine, other_engine: Engine
) -> None:
    await _know(engine, ANN)
    acl_id = await _store(engine, "k", ANN.principal)
    elsewhere = AccessControl(other_engine)
    assert acl_id in (await elsewhere.filter_for(_claims("ann"), [HR])).visible
    await _store(engine, "k", BOB.principal)
    assert acl_id not in (await elsewhere.filter_for(_claims("ann"), [HR])).visible
    await _store(engine, "k", ANN.principal, deny=(EVERYONE,))
    assert not (await elsewhere.filter_for(_claims("ann"), [HR])).admits(acl_id, "user:hr/ann")
    await _store(engine, "k", ANN.principal)
    assert not (await elsewhere.filter_for(_claims("ann"), [HR])).admits(acl_id, "user:hr/ann")
    await AclStore(engine).grant("hr")
    assert acl_id in (await elsewhere.filter_for(_claims("ann"), [HR])).visible


async def test_a_change_of_identities_in_one_process_binds_the_next_request_of_another(
    engine: Engine, other_engine: Engine
) -> None:
    await _know(engine, ANN, BOB, Membership(STAFF, ANN.principal), Membership(STAFF, BOB.principal))
    acl_id = await _store(engine, "k", STAFF)
    elsewhere = AccessControl(other_engine)
    assert acl_id in (await elsewhere.filter_for(_claims("ann"), [HR])).visible
    await _know(engine, ANN, BOB, Membership(STAFF, BOB.principal))
    assert acl_id not in (await elsewhere.filter_for(_claims("ann"), [HR])).visible
    assert acl_id in (await elsewhere.filter_for(_claims("bob"), [HR])).visible
    await _know(engine, ANN, replace(BOB, enabled=False), Membership(STAFF, BOB.principal))
    assert _is_empty(await elsewhere.filter_for(_claims("bob"), [HR]))


async def test_an_unchanged_state_costs_one_statement_a_request_and_no_computation(engine: Engine) -> None:
    await _know(engine, ANN)
    await _store(engine, "k", ANN.principal)
    access_control = AccessControl(engine)
    first = await access_control.filter_for(_claims("ann"), [HR])
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *about: statements.append(about[2]))
    assert await access_control.filter_for(_claims("ann"), [HR]) is first
    assert len(statements) == 1


async def test_a_change_of_one_source_leaves_the_filters_of_others_alone(engine: Engine) -> None:
    await _know(engine, ANN)
    access_control = AccessControl(engine)
    first = await access_control.filter_for(_claims("ann"), [HR])
    await _store(engine, "k", source="sales")
    assert await access_control.filter_for(_claims("ann"), [HR]) is first


async def test_readers_with_other_claims_get_other_filters(engine: Engine) -> None:
    await _know(engine, ANN, BOB)
    acl_id = await _store(engine, "k", Principal.group(ISSUER, "x"))
    access_control = AccessControl(engine)
    assert acl_id in (await access_control.filter_for(_claims("ann", "x"), [HR])).visible
    for other in (_claims("ann"), _claims("ann", "y"), _claims("ann", "x", issuer="https://other"), _claims("bob")):
        assert acl_id not in (await access_control.filter_for(other, [HR])).visible


async def test_who_a_reader_is_can_be_asked(engine: Engine) -> None:
    await _know(engine, ANN, replace(BOB, email=ANN.email))
    match = await AccessControl(engine).match(_claims("ann"), HR)
    assert (match.person, match.outcome) == (None, MatchOutcome.AMBIGUOUS)


async def test_nothing_counts_that_was_known_before_the_state_was_put_back(engine: Engine) -> None:
    """The counters give the same numbers a second time, for other lists and other groups."""
    await _know(engine, ANN, BOB)
    control = AccessControl(engine)
    plan, board = await _store(engine, "plan", ANN.principal), await _store(engine, "board", STAFF)
    put_back = _backed_up(engine)
    await _know(engine, ANN, BOB, Membership(STAFF, BOB.principal))
    await _store(engine, "plan", BOB.principal)
    await AclStore(engine).grant("hr")
    assert {plan, board} <= set((await control.filter_for(_claims("bob"), [HR])).visible)
    put_back()
    await _know(engine, ANN, BOB, Membership(STAFF, ANN.principal))
    await _store(engine, "plan")
    await _store(engine, "another", ANN.principal)
    assert set((await control.filter_for(_claims("bob"), [HR])).visible) == set()
    assert board in (await control.filter_for(_claims("ann"), [HR])).visible


def _backed_up(engine: Engine) -> Callable[[], None]:
    """Remember what the room's tables hold, and return what puts it back."""
    tables = metadata.sorted_tables
    with engine.connect() as connection:
        rows = {table: [row._asdict() for row in connection.execute(select(table))] for table in tables}

    def put_back() -> None:
        with engine.begin() as connection:
            for table in reversed(tables):
                connection.execute(delete(table))
            for table in tables:
                if rows[table]:
                    connection.execute(insert(table), rows[table])

    return put_back
