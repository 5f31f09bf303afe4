"""A source takes an issuer's groups for its own only where it is told to, and only that issuer's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from sqlalchemy import Engine

from acl import AccessControl, AclStore, AdoptedGroups, IdentityStore, MatchUserBy, ReaderClaims, SourceIdentityRule
from vocabulary.access import Acl, AclId, Identity, Membership, Person, Principal

ISSUER = "https://idp.example.com"
NOT_ADOPTING = SourceIdentityRule("hr", MatchUserBy.EMAIL)
ADOPTING = replace(NOT_ADOPTING, adopted=AdoptedGroups(ISSUER, prefix="GROUP_"))
ANN = Person(Principal.user("hr", "ann"), "ann", "ann@example.com", "Ann")
STAFF, BOARD = Principal.group("hr", "GROUP_STAFF"), Principal.group("hr", "GROUP_BOARD")


def claims(*groups: str, user: str = "ann@example.com", issuer: str = ISSUER) -> ReaderClaims:
    return ReaderClaims(user=user, groups=groups, issuer=issuer)


async def know(engine: Engine, *identities: Identity) -> None:
    async def listed() -> AsyncIterator[Identity]:
        for identity in identities:
            yield identity

    await IdentityStore(engine).replace("hr", listed())


async def admitted(engine: Engine, asker: ReaderClaims, *rules: SourceIdentityRule, acl_id: AclId) -> bool:
    access = await AccessControl(engine).filter_for(asker, rules)
    return acl_id in access.visible


@pytest.fixture
async def of_staff(engine: Engine) -> AclId:
    await know(engine, ANN)
    return (await AclStore(engine).number("hr", [Acl("k", frozenset({STAFF}))]))["k"]


async def test_an_adopted_group_counts_as_the_sources_own(engine: Engine, of_staff: AclId) -> None:
    assert await admitted(engine, claims("STAFF"), ADOPTING, acl_id=of_staff)


async def test_nothing_is_adopted_unless_a_source_says_so(engine: Engine, of_staff: AclId) -> None:
    for name in ("STAFF", "GROUP_STAFF", str(STAFF)):
        assert not await admitted(engine, claims(name), NOT_ADOPTING, acl_id=of_staff)


async def test_only_the_named_issuers_groups_are_adopted(engine: Engine, of_staff: AclId) -> None:
    for issuer in ("https://other.example.com", ISSUER + "/", ISSUER.upper(), "", "hr", "command line"):
        assert not await admitted(engine, claims("STAFF", issuer=issuer), ADOPTING, acl_id=of_staff)


async def test_names_are_compared_letter_by_letter(engine: Engine, of_staff: AclId) -> None:
    for name in ("staff", "STAFF ", "GROUP_STAFF", "ST\u0410FF", "", "/STAFF"):
        assert not await admitted(engine, claims(name), ADOPTING, acl_id=of_staff)


async def test_groups_that_contain_an_adopted_one_count_too(engine: Engine, of_staff: AclId) -> None:
    await know(engine, ANN, Membership(STAFF, BOARD), Membership(BOARD, STAFF))
    assert await admitted(engine, claims("BOARD"), ADOPTING, acl_id=of_staff)


async def test_an_adopted_group_denies_like_the_sources_own(engine: Engine) -> None:
    await know(engine, ANN)
    denied = (await AclStore(engine).number("hr", [Acl("k", frozenset({ANN.principal}), frozenset({STAFF}))]))["k"]
    assert await admitted(engine, claims(), ADOPTING, acl_id=denied)
    assert not await admitted(engine, claims("STAFF"), ADOPTING, acl_id=denied)


async def test_whom_the_source_does_not_know_brings_no_groups_into_it(engine: Engine, of_staff: AclId) -> None:
    assert not await admitted(engine, claims("STAFF", user="eve@example.com"), ADOPTING, acl_id=of_staff)
    await know(engine, replace(ANN, enabled=False))
    assert not await admitted(engine, claims("STAFF"), ADOPTING, acl_id=of_staff)


async def test_no_adopted_group_makes_an_administrator_or_another_person(engine: Engine) -> None:
    await know(engine, ANN)
    boss = (await AclStore(engine).number("hr", [Acl("k", frozenset({Principal.user("hr", "boss")}))]))["k"]
    for name in ("administrators:hr/", "everyone:hr/", "user:hr/boss", "../boss"):
        rule = replace(ADOPTING, adopted=AdoptedGroups(ISSUER))
        assert not await admitted(engine, claims(name), rule, acl_id=boss)


async def test_adoption_by_one_source_gives_nothing_in_another(engine: Engine, of_staff: AclId) -> None:
    adopting_sales = SourceIdentityRule("sales", MatchUserBy.EMAIL, adopted=AdoptedGroups(ISSUER, prefix="GROUP_"))
    assert not await admitted(engine, claims("STAFF"), NOT_ADOPTING, adopting_sales, acl_id=of_staff)
