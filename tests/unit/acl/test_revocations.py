"""Which steps of access count as revocations, and who is the first to obey one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, insert, text

from acl.access_control import AccessControl
from acl.identity_store import IdentityStore
from acl.mapping import IdentityMapping
from acl.mapping_store import MappingStore
from acl.reader import MatchUserBy, ReaderClaims, SourceIdentityRule
from acl.revocations import FirstUses, Revocation, RevocationRecords
from acl.store import AclStore
from acl.tables import Realm, acl_changes, acl_revocations, acl_versions
from vocabulary.access import HIDDEN_ACL, Acl, Identity, Membership, Person, Principal
from vocabulary.numbering import Reassignment

ANN, BOB = (Principal.user("hr", name) for name in ("ann", "bob"))
STAFF = Principal.group("hr", "STAFF")
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
RULES = [SourceIdentityRule("hr", MatchUserBy.EMAIL)]


def acl(*allow: Principal, deny: tuple[Principal, ...] = (), key: str = "list") -> Acl:
    return Acl(key, frozenset(allow), frozenset(deny))


def person(principal: Principal, *, enabled: bool = True) -> Person:
    return Person(principal, principal.id, f"{principal.id}@example.com", principal.id, enabled=enabled)


async def listed(*identities: Identity) -> AsyncIterator[Identity]:
    for identity in identities:
        yield identity


async def revoked(engine: Engine) -> list[Revocation]:
    return list(reversed(await RevocationRecords(engine).latest("hr", limit=100)))


async def test_a_list_revokes_where_it_allows_no_more_or_denies_anew_and_never_where_it_gives(engine: Engine) -> None:
    store = AclStore(engine)
    await store.number("hr", [acl(ANN)])
    await store.number("hr", [acl(ANN, BOB)])
    await store.grant("hr")
    assert await revoked(engine) == []
    await store.number("hr", [acl(BOB)], run=7)
    await store.number("hr", [acl(BOB, deny=(ANN,))], run=8)
    await store.number("hr", [acl(BOB)])
    assert [(one.run, one.realm, one.obeyed_at) for one in await revoked(engine)] == [
        (7, Realm.LISTS, None),
        (8, Realm.LISTS, None),
    ]


async def test_a_reorganisation_displaces_no_revocation_of_another_kind(engine: Engine) -> None:
    store = AclStore(engine)
    ids = await store.number("hr", [acl(ANN, BOB)])
    await store.number("hr", [acl(BOB)], run=7)
    (acl_id,) = ids.values()
    moved = Reassignment("plan", before=acl_id, after=HIDDEN_ACL, ends_ownership=False)
    for run in (8, 9, 10):
        await store.note_reassigned("hr", [moved], run=run)
    latest = await RevocationRecords(engine).latest("hr", limit=2)
    assert [(one.realm, one.run) for one in latest] == [(Realm.DOCUMENTS, 10), (Realm.DOCUMENTS, 9), (Realm.LISTS, 7)]


async def test_a_realm_that_only_a_newer_program_knows_stops_nobody(engine: Engine) -> None:
    store, control = AclStore(engine), AccessControl(engine)
    await store.number("hr", [acl(ANN, Principal.everyone("hr"))])
    of_newer = {"realm": "of-a-newer-program", "source": "hr", "version": 1}
    with engine.begin() as connection:
        connection.execute(insert(acl_versions).values(of_newer))
        connection.execute(insert(acl_changes).values({**of_newer, "at": NOON.timestamp()}))
        connection.execute(insert(acl_revocations).values({**of_newer, "in_force_at": NOON.timestamp()}))
    assert len((await control.public_filter(["hr"])).visible) == 1
    assert await revoked(engine) == []


async def test_what_never_was_in_force_is_not_revoked(engine: Engine) -> None:
    store = AclStore(engine)
    await store.number("hr", [acl(ANN)])
    await store.number("hr", [acl(ANN, BOB)])
    await store.number("hr", [acl(ANN)])
    assert await revoked(engine) == []


async def test_the_time_at_the_source_counts_only_where_it_is_told_of_all_that_is_taken(engine: Engine) -> None:
    store = AclStore(engine)
    keys = ("one", "other")
    await store.number("hr", [acl(ANN, BOB, key=key) for key in keys])
    told = {"one": NOON, "other": NOON + timedelta(minutes=1)}
    await store.number("hr", [acl(ANN, key=key) for key in keys], changed_at=told)
    await store.number("hr", [acl(key=key) for key in keys], changed_at={"one": NOON})
    assert [one.changed_at for one in await revoked(engine)] == [NOON, None]


async def test_of_identities_what_goes_or_changes_revokes_and_what_comes_does_not(engine: Engine) -> None:
    store = IdentityStore(engine)
    await store.replace("hr", listed(person(ANN)))
    await store.replace("hr", listed(person(ANN), person(BOB), Membership(STAFF, BOB)))
    assert await revoked(engine) == []
    await store.replace("hr", listed(person(ANN, enabled=False), person(BOB), Membership(STAFF, BOB)), run=3)
    await store.replace("hr", listed(person(ANN, enabled=False), person(BOB)), confirmed=True, run=4)
    assert [(one.realm, one.run) for one in await revoked(engine)] == [(Realm.IDENTITIES, 3), (Realm.IDENTITIES, 4)]


async def test_the_first_query_of_any_process_obeys_and_later_ones_change_nothing(
    engine: Engine, other_engine: Engine
) -> None:
    here, there = AccessControl(engine), AccessControl(other_engine)
    claims = ReaderClaims(user="ann@example.com", groups=(), issuer="https://idp.example.com")
    await IdentityStore(engine).replace("hr", listed(person(ANN)))
    store = AclStore(engine)
    await store.number("hr", [acl(ANN)])
    await here.filter_for(claims, RULES)
    await store.number("hr", [acl()])
    await here.first_uses.record()
    assert [one.obeyed_at for one in await revoked(engine)] == [None], "it was built under the list of before"
    began_at = datetime.now(UTC)
    await there.filter_for(claims, RULES)
    await there.first_uses.record()
    (first,) = await revoked(engine)
    assert first.obeyed_at is not None
    assert began_at <= first.obeyed_at <= datetime.now(UTC)
    await here.filter_for(claims, RULES)
    await here.first_uses.record()
    assert await revoked(engine) == [first]


async def test_one_query_obeys_all_that_was_revoked_before_it_and_nothing_that_comes_after(engine: Engine) -> None:
    store, control = AclStore(engine), AccessControl(engine)
    for allow in ((ANN, BOB), (ANN,), ()):
        await store.number("hr", [acl(*allow)])
    await control.public_filter(["hr"])
    await store.number("hr", [acl(deny=(ANN,))])
    await control.first_uses.record()
    assert [one.obeyed_at is not None for one in await revoked(engine)] == [True, True, False]


async def test_a_state_store_that_is_away_holds_up_no_query_and_is_told_later(engine: Engine) -> None:
    uses = FirstUses(engine, clock=NOON.timestamp)
    store = AclStore(engine)
    await store.number("hr", [acl(ANN)])
    await store.number("hr", [acl()])
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE acl_revocations RENAME TO gone"))
    uses.note({(Realm.LISTS, "hr"): 2})
    assert not await uses.record()
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE gone RENAME TO acl_revocations"))
    assert await uses.record()
    assert [one.obeyed_at for one in await revoked(engine)] == [NOON]


async def test_what_is_noted_is_recorded_by_itself_and_at_the_end(engine: Engine) -> None:
    store, uses = AclStore(engine), FirstUses(engine)
    await store.number("hr", [acl(ANN)])
    async with uses.recording():
        await store.number("hr", [acl()])
        uses.note({(Realm.LISTS, "hr"): 2})
    assert [one.obeyed_at is not None for one in await revoked(engine)] == [True]


async def test_a_mapping_that_changes_or_goes_takes_something_at_once(engine: Engine) -> None:
    mappings = MappingStore(engine, clock=lambda: NOON)
    of_ann = IdentityMapping("https://idp.example.com", "ann@example.com", "hr", "ann")
    await mappings.put(of_ann, made_by="root")  # from whom their name meant, if anybody
    await mappings.put(of_ann, made_by="root")
    await mappings.put(replace(of_ann, person="bob"), made_by="root")
    await mappings.remove(of_ann.key)
    assert not await mappings.remove(of_ann.key)
    told = [(one.realm, one.changed_at, one.in_force_at) for one in await revoked(engine)]
    assert told == [(Realm.MAPPINGS, NOON, NOON)] * 3
