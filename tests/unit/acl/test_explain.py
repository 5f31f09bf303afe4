"""What an explanation names: the deciding entry, the shortest chain, what waits, which run it was, what would help."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from sqlalchemy import Engine

from acl.access_control import AccessControl
from acl.decide import Ground
from acl.explain import AccessExplainer, AccessExplanation, ConcerningEntry
from acl.identity_store import IdentityStore, MatchOutcome
from acl.reader import MatchUserBy, ReaderClaims, SourceIdentityRule
from acl.remedies import Change, Measure
from acl.store import AclStore
from acl.tables import Effect
from vocabulary.access import HIDDEN_ACL, Acl, AclId, Identity, Membership, Person, Principal

ISSUER = "https://idp.example.com"
RULES = [SourceIdentityRule("sales", MatchUserBy.EMAIL), SourceIdentityRule("hr", MatchUserBy.EMAIL)]
EVERYONE = Principal.everyone("hr")
A, B, C, D = (Principal.group("hr", name) for name in "ABCD")


def _person(name: str, *, source: str = "hr") -> Person:
    return Person(Principal.user(source, name), username=name, email=f"{name}@example.com", display_name=name)


ANN, BOB = _person("ann"), _person("bob")


async def _know(engine: Engine, *identities: Identity, run: int = 1) -> None:
    async def listed() -> AsyncIterator[Identity]:
        for identity in identities:
            yield identity

    await IdentityStore(engine).replace("hr", listed(), run=run)


async def _store(engine: Engine, *allow: Principal, deny: tuple[Principal, ...] = (), run: int = 2) -> AclId:
    return (await AclStore(engine).number("hr", [Acl("k", frozenset(allow), frozenset(deny))], run=run))["k"]


async def _explain(
    engine: Engine, acl_id: AclId, *groups: str, user: str = "ann@example.com", owner: Principal | None = None
) -> AccessExplanation:
    explainer = AccessExplainer(engine, AccessControl(engine))
    claims = ReaderClaims(user=user, groups=groups, issuer=ISSUER)
    return await explainer.explain(claims, RULES, source="hr", acl_id=acl_id, owner=owner)


def _chain(entry: ConcerningEntry | None) -> list[str]:
    assert entry is not None
    return [step.group.id for step in entry.chain]


async def test_the_shortest_chain_of_groups_leads_to_the_deciding_entry(engine: Engine) -> None:
    ways = [(A, ANN.principal), (B, A), (D, B), (C, ANN.principal), (D, C), (A, D)]
    await _know(engine, ANN, *(Membership(group, member) for group, member in ways))
    told = await _explain(engine, await _store(engine, EVERYONE, deny=(D,)))
    assert (told.allowed, told.ground, _chain(told.deciding)) == (False, Ground.DENIED, ["C", "D"])
    assert [step.member.id for step in told.entries[0].chain] == ["ann", "C"]


async def test_every_entry_about_the_reader_is_told_and_no_other(engine: Engine) -> None:
    await _know(engine, ANN, Membership(A, ANN.principal), Membership(B, BOB.principal))
    told = await _explain(engine, await _store(engine, EVERYONE, A, B, deny=(ANN.principal, BOB.principal)))
    assert [(each.effect, each.principal) for each in told.entries] == [
        (Effect.DENY, ANN.principal),
        (Effect.ALLOW, EVERYONE),
        (Effect.ALLOW, A),
    ]


async def test_each_fact_names_the_run_that_brought_it(engine: Engine) -> None:
    await _know(engine, ANN, run=3)
    await _know(engine, ANN, Membership(A, ANN.principal), run=5)
    told = await _explain(engine, await _store(engine, A, run=7))
    deciding = told.deciding
    assert deciding is not None
    brought = [deciding.brought_by, deciding.chain[0].brought_by, told.matches[0].people[0].brought_by]
    assert [change and change.run for change in brought] == [7, 5, 3]


async def test_what_waits_is_told_and_is_the_remedy(engine: Engine) -> None:
    await _know(engine, ANN, Membership(A, ANN.principal))
    await _store(engine, deny=(ANN.principal,))
    acl_id = await _store(engine, A)
    told = await _explain(engine, acl_id)
    assert [(each.effect, each.principal) for each in told.waiting] == [
        (Effect.DENY_NO_LONGER, ANN.principal),
        (Effect.ALLOW_LATER, A),
    ]
    assert (told.ground, told.remedies) == (Ground.DENIED, ((Change(Measure.GRANT),),))
    await AclStore(engine).grant("hr", run=9)
    granted = await _explain(engine, acl_id)
    assert granted.allowed
    assert granted.deciding is not None
    assert granted.deciding.brought_by is not None
    assert granted.deciding.brought_by.run == 9


async def test_a_denied_group_can_be_lifted_or_left(engine: Engine) -> None:
    await _know(engine, ANN, Membership(A, ANN.principal), Membership(B, A))
    told = await _explain(engine, await _store(engine, EVERYONE, deny=(B,)))
    assert told.remedies == ((Change(Measure.LIFT_DENIAL, B),), (Change(Measure.LEAVE, ANN.principal, A),))


async def test_whom_nothing_allows_may_be_allowed_or_join(engine: Engine) -> None:
    await _know(engine, ANN)
    told = await _explain(engine, await _store(engine, A, B), owner=BOB.principal)
    assert (told.ground, told.owns, told.entries) == (Ground.NOTHING_MATCHED, False, ())
    assert told.remedies == (
        (Change(Measure.ALLOW, ANN.principal),),
        (Change(Measure.JOIN, ANN.principal, A),),
        (Change(Measure.JOIN, ANN.principal, B),),
    )


async def test_the_owner_rule_is_told(engine: Engine) -> None:
    await _know(engine, ANN)
    told = await _explain(engine, await _store(engine, BOB.principal), owner=ANN.principal)
    assert (told.ground, told.owns, told.deciding) == (Ground.OWNER, True, None)
    assert (Change(Measure.DISOWN, ANN.principal),) in told.remedies


async def test_an_administrator_is_told_to_be_one(engine: Engine) -> None:
    await _know(engine, replace(ANN, is_administrator=True))
    told = await _explain(engine, await _store(engine, deny=(ANN.principal,)))
    assert (told.allowed, told.ground) == (True, Ground.ADMINISTRATOR)
    assert told.remedies == ((Change(Measure.DEMOTE, ANN.principal), Change(Measure.DENY, ANN.principal)),)


async def test_a_group_of_the_token_decides_without_a_chain(engine: Engine) -> None:
    await _know(engine, ANN)
    told = await _explain(engine, await _store(engine, Principal.group(ISSUER, "STAFF")), "STAFF")
    assert (told.allowed, _chain(told.deciding)) == (True, [])


@pytest.mark.parametrize(
    ("people", "outcome", "remedy"),
    [
        ((BOB,), MatchOutcome.UNKNOWN, (Change(Measure.KNOW, Principal.user("hr", "ann@example.com")),)),
        ((replace(ANN, enabled=False),), MatchOutcome.DISABLED, (Change(Measure.ENABLE, ANN.principal),)),
        ((ANN, replace(BOB, email=ANN.email)), MatchOutcome.AMBIGUOUS, (Change(Measure.TELL_APART, ANN.principal),)),
    ],
    ids=["unknown", "disabled", "ambiguous"],
)
async def test_a_reader_who_is_nobody_is_told_why_and_what_would_make_them_somebody(
    engine: Engine, people: tuple[Person, ...], outcome: MatchOutcome, remedy: tuple[Change, ...]
) -> None:
    await _know(engine, *people)
    told = await _explain(engine, await _store(engine, EVERYONE))
    assert (told.allowed, told.ground) == (False, Ground.UNKNOWN_READER)
    assert (told.matches[0].source, told.matches[0].match.outcome) == ("hr", outcome)
    assert told.remedies[0] == remedy


async def test_everybody_whom_an_ambiguous_name_may_mean_is_named(engine: Engine) -> None:
    namesakes = [replace(ANN, principal=Principal.user("hr", f"ann{n}"), username=f"ann{n}") for n in range(5)]
    await _know(engine, *namesakes)
    told = await _explain(engine, await _store(engine))
    assert [stored.person for stored in told.matches[0].people] == namesakes


@pytest.mark.parametrize("acl_id", [HIDDEN_ACL, AclId(99)], ids=["hidden", "of no list"])
async def test_without_a_list_there_is_nothing_to_trust(engine: Engine, acl_id: AclId) -> None:
    await _know(engine, replace(ANN, is_administrator=True))
    told = await _explain(engine, acl_id, owner=ANN.principal)
    assert (told.allowed, told.ground, told.acl) == (False, Ground.NO_READABLE_ACL, None)
    assert told.remedies == ((Change(Measure.READ_PERMISSIONS),),)


@pytest.mark.parametrize(
    ("allow", "deny", "ground", "remedy"),
    [
        ({EVERYONE}, set(), Ground.ALLOWED, (Change(Measure.TAKE_ALLOWANCE, EVERYONE),)),
        ({EVERYONE}, {BOB.principal}, Ground.DENIED, (Change(Measure.LIFT_DENIAL, BOB.principal),)),
        ({A}, set(), Ground.NOTHING_MATCHED, (Change(Measure.ALLOW, EVERYONE),)),
    ],
    ids=["everybody", "somebody denied", "a group"],
)
async def test_a_public_index_asks_only_whether_everybody_may(
    engine: Engine, allow: set[Principal], deny: set[Principal], ground: Ground, remedy: tuple[Change, ...]
) -> None:
    acl_id = await _store(engine, *allow, deny=tuple(deny))
    told = await AccessExplainer(engine, AccessControl(engine)).explain_public(source="hr", acl_id=acl_id, owner=None)
    assert (told.ground, told.remedies) == (ground, (remedy,))
    assert told.allowed == (acl_id in (await AccessControl(engine).public_filter(["hr"])).visible)
