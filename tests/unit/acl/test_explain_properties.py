"""Random worlds: an explanation says what the filter does, by chains that exist, and its remedies work.

Explained is a world whose last changes were synced and not yet granted, so that some of what lists give still waits.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import pairwise

import pytest
from sqlalchemy import StaticPool, create_engine

from acl import AccessExplainer, AccessExplanation, Change, Measure, ReaderClaims, Remedy, create_tables, decide
from tests.fakes.access_worlds import SMALL, AccessWorld
from tests.fakes.synced_world import SyncedWorld
from vocabulary.access import Acl, Membership, Person, Principal
from vocabulary.documents import DocumentId

_CHANGES_BEFORE = 4


def test_an_explanation_is_the_filters_decision_with_reasons_that_are_true() -> None:
    assert asyncio.run(_check_worlds(seed=5, worlds=3)) > 50


@pytest.mark.large
@pytest.mark.timeout(3_600)
def test_explanations_are_true_in_a_thousand_worlds() -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # noqa: T201 - to repeat it
    print(f"{asyncio.run(_check_worlds(seed, worlds=1_000)):,} remedies were tried")  # noqa: T201 - what was proved


async def _check_worlds(seed: int, *, worlds: int) -> int:
    """Check so many worlds, and return how many remedies were tried."""
    return sum([await _check_world(f"{seed}/{number}") for number in range(worlds)])


async def _check_world(seed: str) -> int:
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    create_tables(engine)
    world = AccessWorld(random.Random(seed), SMALL, sources=("hr", "sales"))
    synced, tried = SyncedWorld(world, engine), 0
    explainer = AccessExplainer(engine, synced.processes[0])
    await synced.sync_identities()
    await synced.sync_lists()
    synced.operations()
    await synced.grant()
    for _ in range(_CHANGES_BEFORE):
        world.change()
    await synced.sync_identities()
    await synced.sync_lists()
    synced.operations()
    try:
        for claims in world.readers:
            admitted = synced.admitted(await synced.filter_of(claims))
            for document_id, acl, owner in world.documents():
                acl_id, _ = synced.held[document_id]
                told = await explainer.explain(
                    claims, world.rules, source=document_id.source, acl_id=acl_id, owner=owner
                )
                assert told.allowed == (document_id in admitted), f"seed {seed}: {claims} {document_id}"
                _check_chains(told, world)
                assert told.remedies, f"seed {seed}: everybody who has a name is told what would help"
                for remedy in told.remedies:
                    changed = _Changed(deepcopy(world), document_id, acl, owner).after(remedy, claims)
                    assert changed.admits(claims) != told.allowed, f"seed {seed}: {claims} {document_id} {remedy}"
                tried += len(told.remedies)
    finally:
        engine.dispose()
    return tried


def _check_chains(told: AccessExplanation, world: AccessWorld) -> None:
    people = {match.source: match.match.person for match in told.matches}
    for entry in told.entries:
        if not entry.chain:
            continue
        person = people[entry.principal.scope]
        memberships = world.sources[entry.principal.scope].memberships
        assert person is not None
        assert (entry.chain[0].member, entry.chain[-1].group) == (person.principal, entry.principal)
        assert all(Membership(step.group, step.member) in memberships for step in entry.chain)
        assert all(one.group == other.member for one, other in pairwise(entry.chain))
        assert len(entry.chain) == _distance(person.principal, entry.principal, memberships)


def _distance(start: Principal, goal: Principal, memberships: set[Membership]) -> int:
    reached, steps = {start}, 0
    while goal not in reached:
        reached = {each.group for each in memberships if each.member in reached}
        steps += 1
    return steps


@dataclass
class _Changed:
    """A world of its own, and one document of it, to carry remedies out on."""

    world: AccessWorld
    document_id: DocumentId
    acl: Acl | None
    owner: Principal | None

    def admits(self, claims: ReaderClaims) -> bool:
        """Whether the reader may read the document, with all given that waits."""
        known, principals = self.world.principals(claims)
        source = self.document_id.source
        return source in known and decide(self.acl, self.owner, principals, source=source).allowed

    def after(self, remedy: Remedy, claims: ReaderClaims) -> _Changed:
        for change in remedy:
            self._carry_out(change, claims)
        return self

    def _carry_out(self, change: Change, claims: ReaderClaims) -> None:
        match change.measure, change.principal:
            case Measure.GRANT, None:
                pass  # this world knows no waiting
            case Measure.READ_PERMISSIONS, None:
                assert self.acl is None
                self.acl = Acl("readable", frozenset())
            case Measure.DISOWN, who:
                assert self.owner == who
                self.owner = None
            case ((Measure.JOIN | Measure.LEAVE), _):
                self._change_membership(change)
            case ((Measure.KNOW | Measure.ENABLE | Measure.DEMOTE | Measure.TELL_APART), Principal() as who):
                self._change_people(change.measure, who, claims)
            case measure, Principal() as who:
                assert self.acl is not None
                self.acl = _edited(self.acl, measure, who)

    def _change_people(self, measure: Measure, who: Principal, claims: ReaderClaims) -> None:
        people = self.world.sources[self.document_id.source].people
        if measure is Measure.KNOW:
            people[who.id] = Person(who, username=claims.user, email=claims.user, display_name="")
        elif measure is Measure.ENABLE:
            assert not people[who.id].enabled
            people[who.id] = replace(people[who.id], enabled=True)
        elif measure is Measure.DEMOTE:
            assert people[who.id].is_administrator
            people[who.id] = replace(people[who.id], is_administrator=False)
        else:
            for other in [person for person in people.values() if person.principal != who]:
                people[other.principal.id] = replace(other, username=other.principal.id, email=None)

    def _change_membership(self, change: Change) -> None:
        assert change.group is not None
        assert change.principal is not None
        membership = Membership(change.group, change.principal)
        memberships = self.world.sources[self.document_id.source].memberships
        assert (membership in memberships) == (change.measure is Measure.LEAVE)
        if change.measure is Measure.JOIN:
            memberships.add(membership)
        else:
            memberships.remove(membership)


def _edited(acl: Acl, measure: Measure, who: Principal) -> Acl:
    if measure is Measure.ALLOW:
        return replace(acl, allow=acl.allow | {who})
    if measure is Measure.DENY:
        return replace(acl, deny=acl.deny | {who})
    if measure is Measure.LIFT_DENIAL:
        assert who in acl.deny
        return replace(acl, deny=acl.deny - {who})
    assert measure is Measure.TAKE_ALLOWANCE
    assert who in acl.allow
    return replace(acl, allow=acl.allow - {who})
