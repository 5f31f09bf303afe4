"""From a person to the principals they act as."""

from __future__ import annotations

from dataclasses import replace

from acl.expand import GroupGraph, expand
from vocabulary.access import Membership, Person, Principal

ANN = Person(Principal.user("hr", "ann"), username="ann", email=None, display_name="Ann")
NO_GROUPS = GroupGraph.of([])


def _group(name: str) -> Principal:
    return Principal.group("hr", name)


def _graph(*pairs: tuple[Principal, Principal]) -> GroupGraph:
    return GroupGraph.of(Membership(group=group, member=member) for member, group in pairs)


def test_a_person_is_themselves_and_one_of_everyone() -> None:
    assert expand(ANN, NO_GROUPS) == {ANN.principal, Principal.everyone("hr")}


def test_groups_of_groups_count_at_any_depth() -> None:
    depth = 5_000  # deeper than Python's recursion limit of 1,000
    chain = [(_group(str(i)), _group(str(i + 1))) for i in range(depth)]
    principals = expand(ANN, _graph((ANN.principal, _group("0")), *chain))
    assert {_group("0"), _group(str(depth))} <= principals
    assert len(principals) == depth + 3


def test_a_cycle_of_groups_ends() -> None:
    graph = _graph((ANN.principal, _group("a")), (_group("a"), _group("b")), (_group("b"), _group("a")))
    assert expand(ANN, graph) == {ANN.principal, Principal.everyone("hr"), _group("a"), _group("b")}


def test_membership_leads_upwards_only() -> None:
    graph = _graph((ANN.principal, _group("team")), (_group("other team"), _group("team")))
    assert _group("other team") not in expand(ANN, graph)


def test_a_guest_is_not_one_of_everyone() -> None:
    guest = replace(ANN, is_guest=True)
    assert expand(guest, _graph((ANN.principal, _group("visitors")))) == {ANN.principal, _group("visitors")}


def test_an_administrator_acts_as_the_administrators_of_their_source() -> None:
    assert Principal.administrators("hr") in expand(replace(ANN, is_administrator=True), NO_GROUPS)
    assert Principal.administrators("hr") not in expand(ANN, NO_GROUPS)


def test_a_disabled_person_acts_as_nobody() -> None:
    disabled = replace(ANN, enabled=False, is_administrator=True)
    assert expand(disabled, _graph((ANN.principal, _group("team")))) == frozenset()


def test_a_user_and_a_group_of_one_name_are_two() -> None:
    graph = _graph((Principal.group("hr", "ann"), _group("secret")))
    assert _group("secret") not in expand(ANN, graph)
