"""Lists get their ids once, for ever, and a changed list keeps its own."""

from __future__ import annotations

import asyncio
import sys

import pytest
from sqlalchemy import Engine, create_engine, delete, func, select

from acl.store import AclStore
from acl.tables import acl_entries, acl_lists, acl_versions, create_tables
from vocabulary.access import HIDDEN_ACL, Acl, AclId, Principal

ANN = Principal.user("hr", "ann")
BOB = Principal.user("hr", "bob")
CEM = Principal.user("hr", "cem")
EVERYONE = Principal.everyone("hr")


def _acl(key: str, *allow: Principal, deny: tuple[Principal, ...] = ()) -> Acl:
    return Acl(key, frozenset(allow), frozenset(deny))


def _version(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.execute(select(func.coalesce(func.sum(acl_versions.c.version), 0))).scalar_one()


def _entries(engine: Engine, acl_id: AclId) -> set[tuple[str, str]]:
    with engine.connect() as connection:
        rows = connection.execute(select(acl_entries).where(acl_entries.c.acl_id == acl_id)).all()
    return {(row.effect, row.principal) for row in rows}


def test_a_state_has_one_random_name_for_all_its_processes(engine: Engine, other_engine: Engine) -> None:
    assert AclStore(engine).numbering == AclStore(other_engine).numbering
    assert len(AclStore(engine).numbering) == 32


def test_two_states_have_two_names(engine: Engine) -> None:
    another = create_engine("sqlite://")
    create_tables(another)
    assert AclStore(another).numbering != AclStore(engine).numbering
    another.dispose()


async def test_ids_are_positive_and_one_per_key(engine: Engine) -> None:
    ids = await AclStore(engine).number("hr", [_acl("a", ANN), _acl("b", ANN), _acl("c")])
    assert set(ids) == {"a", "b", "c"}
    assert len(set(ids.values())) == 3
    assert min(ids.values()) > HIDDEN_ACL


async def test_keys_are_told_by_id_within_their_source(engine: Engine) -> None:
    store = AclStore(engine)
    ids = await store.number("hr", [_acl("a", ANN), _acl("b", ANN)])
    other = await store.number("sales", [_acl("a", ANN)])
    asked = [*ids.values(), *other.values(), HIDDEN_ACL, AclId(4711)]
    assert await store.keys("hr", asked) == {acl_id: key for key, acl_id in ids.items()}
    assert await store.keys("hr", []) == {}


async def test_one_key_in_two_sources_is_two_lists(engine: Engine) -> None:
    store = AclStore(engine)
    assert (await store.number("hr", [_acl("a", ANN)]))["a"] != (await store.number("sales", [_acl("a", ANN)]))["a"]


async def test_a_changed_list_keeps_its_id_and_takes_at_once_and_gives_when_granted(engine: Engine) -> None:
    store = AclStore(engine)
    before = await store.number("hr", [_acl("a", ANN, CEM, deny=(BOB,)), _acl("b", BOB)])
    after = await store.number("hr", [_acl("a", EVERYONE, CEM, deny=(ANN,))])
    assert after["a"] == before["a"]
    in_force = {("allow", "user:hr/cem"), ("deny", "user:hr/ann")}
    assert _entries(engine, after["a"]) == in_force | {
        ("allow-later", "everyone:hr/"),
        ("deny", "user:hr/bob"),
        ("deny-no-longer", "user:hr/bob"),
    }
    await store.grant("hr")
    assert _entries(engine, after["a"]) == in_force | {("allow", "everyone:hr/")}


async def test_what_waits_gives_way_to_a_later_change(engine: Engine) -> None:
    store = AclStore(engine)
    acl_id = (await store.number("hr", [_acl("a", ANN)]))["a"]
    await store.number("hr", [_acl("a", ANN, EVERYONE)])
    await store.number("hr", [_acl("a", ANN)])
    await store.grant("hr")
    assert _entries(engine, acl_id) == {("allow", "user:hr/ann")}


async def test_a_list_that_changed_after_the_version_of_a_grant_waits_for_the_next(engine: Engine) -> None:
    store = AclStore(engine)
    ids = await store.number("hr", [_acl("a", ANN), _acl("b", ANN)])
    await store.number("hr", [_acl("a", ANN, EVERYONE)])
    version = await store.version("hr")
    await store.number("hr", [_acl("b", ANN, EVERYONE)])
    await store.grant("hr", up_to=version)
    assert ("allow", "everyone:hr/") in _entries(engine, ids["a"])
    assert ("allow-later", "everyone:hr/") in _entries(engine, ids["b"])
    await store.grant("hr")
    assert ("allow", "everyone:hr/") in _entries(engine, ids["b"])


async def test_a_grant_is_for_one_source_and_writes_nothing_where_nothing_waits(engine: Engine) -> None:
    store = AclStore(engine)
    for source in ("hr", "sales"):
        await store.number(source, [_acl("a", ANN)])
        await store.number(source, [_acl("a", ANN, EVERYONE)])
    version = _version(engine)
    await store.grant("hr")
    assert _version(engine) == version + 1
    await store.grant("hr")
    assert _version(engine) == version + 1
    sales = (await store.number("sales", [_acl("a", ANN, EVERYONE)]))["a"]
    assert ("allow-later", "everyone:hr/") in _entries(engine, sales)


async def test_a_list_that_will_admit_everyone_may_be_in_a_public_index(engine: Engine) -> None:
    store = AclStore(engine)
    acl_id = (await store.number("hr", [_acl("a", deny=(ANN,))]))["a"]
    assert not await store.admits_everyone("hr", acl_id)
    await store.number("hr", [_acl("a", EVERYONE)])
    assert await store.admits_everyone("hr", acl_id)


async def test_an_unchanged_list_is_not_written(engine: Engine) -> None:
    store = AclStore(engine)
    await store.number("hr", [_acl("a", ANN, BOB)])
    version = _version(engine)
    await store.number("hr", [_acl("a", BOB, ANN)])
    assert _version(engine) == version


async def test_moving_an_entry_from_allow_to_deny_is_a_change(engine: Engine) -> None:
    store = AclStore(engine)
    await store.number("hr", [_acl("a", ANN)])
    version = _version(engine)
    await store.number("hr", [_acl("a", deny=(ANN,))])
    assert _version(engine) == version + 1


async def test_of_two_lists_with_one_key_the_last_counts(engine: Engine) -> None:
    ids = await AclStore(engine).number("hr", [_acl("a", EVERYONE), _acl("a", ANN)])
    assert not await AclStore(engine).admits_everyone("hr", ids["a"])


async def test_an_id_is_never_given_again_even_after_its_list_is_gone(engine: Engine) -> None:
    store = AclStore(engine)
    first = (await store.number("hr", [_acl("a")]))["a"]
    with engine.begin() as connection:
        connection.execute(delete(acl_lists))
    assert (await store.number("hr", [_acl("a")]))["a"] > first


async def test_nothing_to_number_gives_nothing(engine: Engine) -> None:
    assert await AclStore(engine).number("hr", []) == {}
    assert _version(engine) == 0


async def test_more_lists_than_one_statement_takes(engine: Engine) -> None:
    store = AclStore(engine)
    lists = [_acl(f"node:{i}", Principal.user("hr", str(i))) for i in range(2_001)]
    ids = await store.number("hr", lists)
    assert len(set(ids.values())) == 2_001
    assert await store.number("hr", lists) == ids
    with engine.connect() as connection:
        rows = connection.execute(select(acl_entries.c.acl_id, acl_entries.c.principal)).all()
    assert {(acl_id, principal) for acl_id, principal in rows} == {
        (ids[f"node:{i}"], f"user:hr/{i}") for i in range(2_001)
    }


async def test_two_processes_that_number_at_once_agree(engine: Engine, other_engine: Engine) -> None:
    lists = [_acl(f"node:{i}", ANN) for i in range(200)]
    here, there = await asyncio.gather(
        *(AclStore(each).number("hr", lists) for each in (engine, other_engine)),
    )
    assert here == there


async def test_another_process_numbers_the_same_state(engine: Engine, state_url: str) -> None:
    ids = await AclStore(engine).number("hr", [_acl("a", ANN)])
    program = (
        "import asyncio, sys; from sqlalchemy import create_engine; from acl import AclStore;"
        "from vocabulary.access import Acl, Principal;"
        "store = AclStore(create_engine(sys.argv[1]));"
        "acls = [Acl('a', frozenset({Principal.user('hr', 'ann')})), Acl('b', frozenset())];"
        "ids = asyncio.run(store.number('hr', acls)); print(store.numbering, ids['a'], ids['b'])"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, state_url, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    numbering, of_a, of_b = output.decode().split()
    assert (numbering, int(of_a)) == (AclStore(engine).numbering, ids["a"])
    assert await AclStore(engine).number("hr", [_acl("b")]) == {"b": int(of_b)}


@pytest.mark.parametrize(
    ("acl", "admits"),
    [
        (_acl("k", EVERYONE), True),
        (_acl("k", EVERYONE, ANN), True),
        (_acl("k", EVERYONE, deny=(ANN,)), False),
        (_acl("k", ANN), False),
        (_acl("k"), False),
        (_acl("k", Principal.everyone("sales")), False),
    ],
)
async def test_a_public_index_may_hold_what_allows_everyone_and_denies_nobody(
    engine: Engine, acl: Acl, admits: bool
) -> None:
    store = AclStore(engine)
    ids = await store.number("hr", [acl])
    assert await store.admits_everyone("hr", ids["k"]) is admits


async def test_an_unknown_or_foreign_or_hidden_list_admits_nobody(engine: Engine) -> None:
    store = AclStore(engine)
    ids = await store.number("hr", [_acl("a", EVERYONE)])
    assert not await store.admits_everyone("sales", ids["a"])
    assert not await store.admits_everyone("hr", AclId(ids["a"] + 1))
    assert not await store.admits_everyone("hr", HIDDEN_ACL)
