"""Names that no store holds as they are: nobody is lost by them, nobody passes for another, and no run ends of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from sqlalchemy import Engine

from acl import (
    AccessControl,
    AccessExplainer,
    AclStore,
    IdentityMapping,
    IdentityStore,
    MappingStore,
    MatchOutcome,
    MatchUserBy,
    ReaderClaims,
    SourceIdentityRule,
)
from vocabulary.access import Acl, AclId, Identity, Membership, Person, Principal
from vocabulary.stored_text import is_storable, restored, storable

RULE = SourceIdentityRule("hr", MatchUserBy.EMAIL)
ISSUER = "https://idp.example.com"
# One of each kind; what such a name could be spelled as or cut off to; and the mark of the spelling itself.
ODD = ["a\x00", "a\ud800", "a\udfffb", "a\ufdd00000", "a\ufdd0"]
PLAIN = ["a", "a0000", "a\ufffd", "a?", "a\ue000", "\U0001f984"]


def person(name: str) -> Person:
    return Person(Principal.user("hr", name), name, f"{name}@example.com", name)


async def know(engine: Engine, *identities: Identity) -> None:
    async def listed() -> AsyncIterator[Identity]:
        for identity in identities:
            yield identity

    await IdentityStore(engine).replace("hr", listed())


async def visible(engine: Engine, name: str) -> set[AclId]:
    claims = ReaderClaims(f"{name}@example.com", (), ISSUER)
    return set(map(AclId, (await AccessControl(engine).filter_for(claims, [RULE])).visible))


@pytest.mark.parametrize("text", [*ODD, *PLAIN])
def test_every_text_has_a_spelling_of_its_own_that_is_its_own_spelling(text: str) -> None:
    spelled = storable(text)
    assert restored(spelled) == text
    assert is_storable(text) == (text in PLAIN)
    assert {storable(other) for other in (*ODD, *PLAIN) if other != text}.isdisjoint({spelled})
    assert spelled.encode("utf-8")
    assert "\x00" not in spelled


@pytest.mark.parametrize("text", [*ODD, *PLAIN])
def test_principals_are_read_as_they_were_spelled(text: str) -> None:
    principal = Principal.group("hr", text)
    assert Principal.parse(str(principal)) == principal


async def test_people_of_odd_names_are_stored_as_they_are_and_found_by_them_alone(engine: Engine) -> None:
    everybody = [person(name) for name in (*ODD, *PLAIN)]
    await know(engine, *everybody)
    store = IdentityStore(engine)
    for each in everybody:
        assert (await store.find("hr", each.email or "", by=MatchUserBy.EMAIL)).person == each
        assert (await store.find_mapped("hr", each.principal.id)).person == each


@pytest.mark.parametrize("odd", ODD)
async def test_a_denied_group_of_an_odd_name_denies_its_members_and_nobody_else(engine: Engine, odd: str) -> None:
    group = Principal.group("hr", odd)
    ann, bob = person("ann"), person("bob")
    await know(
        engine, ann, bob, Membership(group, ann.principal), Membership(Principal.group("hr", "a"), bob.principal)
    )
    everyone = frozenset({Principal.everyone("hr")})
    lists = [Acl("denied", everyone, frozenset({group})), Acl("allowed", frozenset({group})), Acl("all", everyone)]
    numbers = await AclStore(engine).number("hr", lists)
    assert await visible(engine, "ann") == {numbers["allowed"], numbers["all"]}
    assert await visible(engine, "bob") == {numbers["denied"], numbers["all"]}


async def test_one_odd_name_more_is_one_address_more(engine: Engine) -> None:
    """A person who is left out for their name would leave their address to another, who is nobody with it."""
    odd = replace(person("ann\x00"), email="desk@example.com")
    await know(engine, odd, replace(person("bob"), email="desk@example.com"))
    match = await IdentityStore(engine).find("hr", "desk@example.com", by=MatchUserBy.EMAIL)
    assert match.outcome is MatchOutcome.AMBIGUOUS


async def test_odd_names_are_counted_and_no_change_by_themselves(engine: Engine) -> None:
    async def listed() -> AsyncIterator[Identity]:
        yield person("ann\x00")
        yield person("bob")
        yield Membership(Principal.group("hr", "st\ud800ff"), Principal.user("hr", "bob"))

    store = IdentityStore(engine)
    counts = await store.replace("hr", listed())
    assert (counts.people, counts.odd_names, counts.changed) == (2, 2, True)
    assert not (await store.replace("hr", listed())).changed


async def test_an_odd_owner_owns_and_is_explained(engine: Engine) -> None:
    odd = person("ann\x00")
    await know(engine, odd)
    await MappingStore(engine).put(IdentityMapping(ISSUER, "ann", "hr", "ann\x00"), made_by="root")
    numbers = await AclStore(engine).number("hr", [Acl("mine", frozenset())])
    claims, access_control = ReaderClaims("ann", (), ISSUER), AccessControl(engine)
    access = await access_control.filter_for(claims, [RULE])
    assert access.admits(numbers["mine"], str(odd.principal))
    explainer = AccessExplainer(engine, access_control)
    told = await explainer.explain(claims, [RULE], source="hr", acl_id=numbers["mine"], owner=odd.principal)
    assert (told.allowed, told.owns) == (True, True)
