"""Every step of lists and identities is recorded, and each stored fact leads to the step that brought it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import Engine, inspect, select, text

from acl.changes import AccessChange, AccessRecords, StoredAcl
from acl.identity_store import IdentityStore
from acl.reader import MatchUserBy
from acl.store import AclStore
from acl.tables import Effect, Realm, acl_changes
from service.state.schema import prepare
from vocabulary.access import Acl, AclId, Identity, Membership, Person, Principal

ANN = Person(Principal.user("hr", "ann"), username="ann", email="ann@example.com", display_name="Ann")
BOB = replace(ANN, principal=Principal.user("hr", "bob"), username="bob", email="bob@example.com")
STAFF, BOARD = Principal.group("hr", "STAFF"), Principal.group("hr", "BOARD")


def _at(minute: int) -> datetime:
    return datetime(2026, 5, 1, 12, minute, tzinfo=UTC)


class _Clock:
    """Says the minute that was set last."""

    def __init__(self) -> None:
        self.minute = 0

    def __call__(self) -> float:
        return _at(self.minute).timestamp()


def _recorded(engine: Engine, realm: Realm) -> list[tuple[int, int | None, datetime, datetime | None]]:
    with engine.connect() as connection:
        rows = connection.execute(
            select(acl_changes).where(acl_changes.c.realm == realm).order_by(acl_changes.c.version)
        ).all()
    moments = [(row.at, row.changed_at) for row in rows]
    told = [(datetime.fromtimestamp(at, UTC), then and datetime.fromtimestamp(then, UTC)) for at, then in moments]
    return [(row.version, row.run, at, then) for row, (at, then) in zip(rows, told, strict=True)]


async def _listed(*identities: Identity) -> AsyncIterator[Identity]:
    for identity in identities:
        yield identity


async def _stored(engine: Engine, acl_id: AclId) -> StoredAcl:
    stored = await AccessRecords(engine).acl("hr", acl_id)
    assert stored is not None
    return stored


def _runs(stored: StoredAcl) -> dict[tuple[Effect, Principal], int | None]:
    return {(each.effect, each.principal): each.brought_by and each.brought_by.run for each in stored.entries}


async def test_each_step_of_lists_says_which_run_made_it_and_when(engine: Engine) -> None:
    clock = _Clock()
    store = AclStore(engine, clock=clock)
    clock.minute = 10
    lists = [Acl("a", frozenset({STAFF})), Acl("b", frozenset({STAFF})), Acl("c", frozenset())]
    await store.number("hr", lists, run=7, changed_at={"a": _at(9), "b": _at(8)})
    clock.minute = 20
    await store.number("hr", lists, run=8, changed_at={"a": _at(1)})
    clock.minute = 30
    await store.number("hr", [Acl("a", frozenset({STAFF, BOARD}))], run=9, changed_at={"b": _at(8)})
    clock.minute = 40
    await store.grant("hr", run=9)
    await store.grant("hr", run=10)
    assert _recorded(engine, Realm.LISTS) == [
        (1, 7, _at(10), _at(8)),  # the earliest of what the step brought
        (2, 9, _at(30), None),  # "b" did not change: its time is not this step's
        (3, 9, _at(40), None),
    ]


async def test_an_entry_keeps_the_run_that_brought_it_while_others_come_and_go(engine: Engine) -> None:
    store = AclStore(engine)
    acl_id = (await store.number("hr", [Acl("a", frozenset({STAFF, BOARD}))], run=1))["a"]
    await store.number("hr", [Acl("a", frozenset({STAFF, ANN.principal}), frozenset({BOARD}))], run=2)
    stored = await _stored(engine, acl_id)
    assert _runs(stored) == {
        (Effect.ALLOW, STAFF): 1,
        (Effect.DENY, BOARD): 2,
        (Effect.ALLOW_LATER, ANN.principal): 2,
    }
    assert stored.brought_by is not None
    assert stored.brought_by.run == 2
    await store.grant("hr", run=3)
    assert _runs(await _stored(engine, acl_id)) == {
        (Effect.ALLOW, STAFF): 1,
        (Effect.DENY, BOARD): 2,
        (Effect.ALLOW, ANN.principal): 3,
    }


async def test_a_list_is_known_as_it_is_in_force_and_as_it_is_meant(engine: Engine) -> None:
    store = AclStore(engine)
    acl_id = (await store.number("hr", [Acl("a", frozenset({STAFF}), frozenset({BOARD}))]))["a"]
    meant = Acl("a", frozenset({STAFF, ANN.principal}))
    await store.number("hr", [meant])
    stored = await _stored(engine, acl_id)
    assert stored.in_force == Acl("a", frozenset({STAFF}), frozenset({BOARD}))
    assert stored.meant == meant
    assert await AccessRecords(engine).acl("sales", acl_id) is None


async def test_people_and_memberships_lead_to_the_run_that_brought_them(engine: Engine) -> None:
    clock = _Clock()
    store, records = IdentityStore(engine, clock=clock), AccessRecords(engine)
    first = Membership(STAFF, ANN.principal)
    await store.replace("hr", _listed(ANN, BOB, first), run=4)
    clock.minute = 5
    moved = replace(BOB, email="robert@example.com")
    await store.replace("hr", _listed(ANN, moved, first, Membership(BOARD, STAFF)), run=6)
    ann, bob = await records.person(ANN.principal), await records.person(BOB.principal)
    assert ann is not None
    assert bob is not None
    assert ann.brought_by == AccessChange(Realm.IDENTITIES, "hr", 1, 4, _at(0), None)
    assert (bob.person, bob.brought_by) == (moved, AccessChange(Realm.IDENTITIES, "hr", 2, 6, _at(5), None))
    chain = await records.memberships("hr", [str(ANN.principal), str(STAFF), str(BOARD)])
    assert [(each.group, each.brought_by and each.brought_by.run) for each in chain] == [(STAFF, 4), (BOARD, 6)]


async def test_everybody_of_a_name_is_found_whatever_its_case(engine: Engine) -> None:
    namesake = replace(BOB, email="ANN@example.com", enabled=False)
    await IdentityStore(engine).replace("hr", _listed(ANN, namesake))
    named = await AccessRecords(engine).people_named("hr", "Ann@Example.com", by=MatchUserBy.EMAIL)
    assert [each.person for each in named] == [ANN, namesake]
    assert await AccessRecords(engine).people_named("hr", "", by=MatchUserBy.EMAIL) == ()


async def test_a_state_of_an_earlier_version_gets_the_columns_and_goes_on(engine: Engine) -> None:
    store = AclStore(engine)
    acl_id = (await store.number("hr", [Acl("a", frozenset({STAFF}))]))["a"]
    await IdentityStore(engine).replace("hr", _listed(ANN))
    with engine.begin() as connection:  # as it was before steps were recorded
        connection.execute(text("UPDATE state_schema SET version = 1"))
        connection.execute(text("DROP TABLE acl_changes"))
        for table in ("acl_entries", "acl_people", "acl_memberships"):
            connection.execute(text(f"ALTER TABLE {table} DROP COLUMN version"))
    prepare(engine)
    assert "version" in {column["name"] for column in inspect(engine).get_columns("acl_people")}
    person = await AccessRecords(engine).person(ANN.principal)
    assert person is not None
    assert (person.person, person.brought_by) == (ANN, None)
    assert _runs(await _stored(engine, acl_id)) == {(Effect.ALLOW, STAFF): None}
    await store.number("hr", [Acl("a", frozenset({STAFF}), frozenset({BOARD}))], run=3)
    assert _runs(await _stored(engine, acl_id)) == {(Effect.ALLOW, STAFF): None, (Effect.DENY, BOARD): 3}
