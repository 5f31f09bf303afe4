"""The order of grounds on which one document is shown or hidden."""

from __future__ import annotations

import pytest

from acl.decide import Ground, decide, may_read
from vocabulary.access import Acl, Principal

ANN = Principal.user("hr", "ann")
STAFF = Principal.group("hr", "STAFF")
ADMINISTRATORS = Principal.administrators("hr")


def _acl(*, allow: set[Principal] | None = None, deny: set[Principal] | None = None) -> Acl:
    return Acl("key", allow=frozenset(allow or ()), deny=frozenset(deny or ()))


def test_a_document_without_a_readable_acl_is_hidden_even_from_administrators_and_its_owner() -> None:
    decision = decide(None, ANN, frozenset({ANN, ADMINISTRATORS}), source="hr")
    assert decision.ground is Ground.NO_READABLE_ACL
    assert not decision.allowed


def test_administrators_read_what_denies_them() -> None:
    decision = decide(_acl(deny={ANN}), None, frozenset({ANN, ADMINISTRATORS}), source="hr")
    assert decision.ground is Ground.ADMINISTRATOR
    assert decision.allowed


def test_administrators_of_another_source_are_nobody_here() -> None:
    assert not may_read(_acl(), None, frozenset({Principal.administrators("sales")}), source="hr")


def test_a_deny_beats_an_allow_and_ownership_and_is_named() -> None:
    decision = decide(_acl(allow={ANN}, deny={STAFF}), ANN, frozenset({ANN, STAFF}), source="hr")
    assert (decision.ground, decision.principal) == (Ground.DENIED, STAFF)
    assert not decision.allowed


def test_an_allow_is_named() -> None:
    decision = decide(_acl(allow={STAFF}), None, frozenset({ANN, STAFF}), source="hr")
    assert (decision.ground, decision.principal) == (Ground.ALLOWED, STAFF)
    assert decision.allowed
    assert str(decision) == "may read: allowed (group:hr/STAFF)"


def test_the_first_of_several_matching_entries_is_named_whatever_their_order() -> None:
    one, two = Principal.group("hr", "A"), Principal.group("hr", "B")
    for allow in ([one, two], [two, one]):
        assert decide(_acl(allow=set(allow)), None, frozenset({one, two}), source="hr").principal == one


def test_the_owner_reads_where_the_list_names_nobody() -> None:
    assert decide(_acl(), ANN, frozenset({ANN}), source="hr").ground is Ground.OWNER


def test_an_empty_list_admits_nobody_else() -> None:
    decision = decide(_acl(), Principal.user("hr", "bob"), frozenset({ANN, STAFF}), source="hr")
    assert decision.ground is Ground.NOTHING_MATCHED
    assert not decision.allowed


@pytest.mark.parametrize("owner", [STAFF, Principal.everyone("hr"), Principal.user("hr", "")])
def test_only_a_user_with_an_id_owns(owner: Principal) -> None:
    assert not may_read(_acl(), owner, frozenset({owner}), source="hr")


def test_a_reader_without_principals_reads_nothing() -> None:
    assert not may_read(_acl(allow={Principal.everyone("hr")}), None, frozenset(), source="hr")


def test_ids_are_compared_case_sensitively() -> None:
    assert not may_read(_acl(allow={Principal.group("hr", "staff")}), None, frozenset({STAFF}), source="hr")
