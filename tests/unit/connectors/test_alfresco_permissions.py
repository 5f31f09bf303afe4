"""Odd and absent permission lists first: whatever is unclear must hide."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.alfresco.permissions import Access, PermissionReader, owner
from connectors.alfresco.wire.records import Node
from vocabulary.access import Principal

SOURCE = "onprem"
READER = PermissionReader(SOURCE, frozenset({"acme:Reader"}))


def entry(authority: str, name: str = "Consumer", status: str = "ALLOWED") -> dict[str, str]:
    return {"authorityId": authority, "name": name, "accessStatus": status}


def node(permissions: dict[str, Any] | None, *, is_folder: bool = False, node_id: str = "n1", **rest: Any) -> Node:
    record = {"id": node_id, "isFolder": is_folder, "isFile": not is_folder, **rest}
    return Node.model_validate(record | ({"permissions": permissions} if permissions is not None else {}))


def folder(permissions: dict[str, Any] | None, node_id: str = "f1") -> Node:
    return node(permissions, is_folder=True, node_id=node_id)


def access(*entries: dict[str, str], inherit: bool = False, above: Access | None = None) -> Access | None:
    return READER.access(folder({"isInheritanceEnabled": inherit, "locallySet": list(entries)}), above)


def allowed(found: Access | None) -> set[str]:
    assert found is not None
    return {principal.id for principal in found.acl.allow}


def denied(found: Access | None) -> set[str]:
    assert found is not None
    return {principal.id for principal in found.acl.deny}


@pytest.mark.parametrize("permissions", [None, {}, {"locallySet": [entry("alice")]}])
def test_absent_permissions_are_unreadable(permissions: dict[str, Any] | None) -> None:
    above = access(entry("alice"))
    assert READER.access(node(permissions), above) is None


def test_a_node_below_an_unreadable_ancestor_uses_the_list_that_the_server_computed() -> None:
    permissions = {"isInheritanceEnabled": True, "inherited": [entry("alice")], "locallySet": [entry("bob")]}
    assert allowed(READER.access(node(permissions), None)) == {"alice", "bob"}


def test_a_node_below_an_unreadable_ancestor_without_a_computed_list_is_unreadable() -> None:
    permissions = {"isInheritanceEnabled": True, "locallySet": [entry("bob")]}
    assert READER.access(node(permissions), None) is None


def test_cut_inheritance_needs_no_ancestor() -> None:
    assert allowed(READER.access(node({"isInheritanceEnabled": False, "locallySet": [entry("bob")]}), None)) == {"bob"}


def test_a_cut_without_entries_admits_nobody() -> None:
    found = READER.access(node({"isInheritanceEnabled": False}), access(entry("alice")))
    assert found is not None and found.acl.allow == found.acl.deny == frozenset()


def test_in_one_list_a_denial_wins_in_either_order() -> None:
    for entries in ((entry("a"), entry("a", status="DENIED")), (entry("a", status="DENIED"), entry("a"))):
        assert (allowed(access(*entries)), denied(access(*entries))) == (set(), {"a"})


def test_a_nearer_allowance_masks_a_farther_denial_of_the_same_authority_only() -> None:
    above = access(entry("a", status="DENIED"), entry("b", status="DENIED"))
    found = access(entry("a"), inherit=True, above=above)
    assert (allowed(found), denied(found)) == ({"a"}, {"b"})


def test_a_farther_denial_of_a_masked_one_stays_masked() -> None:
    top = access(entry("a", status="DENIED"))
    middle = access(entry("a"), inherit=True, above=top)
    found = access(entry("other"), inherit=True, above=middle)
    assert (allowed(found), denied(found)) == ({"a", "other"}, set())


def test_the_list_that_the_server_computed_gives_way_to_the_ancestors_own() -> None:
    stale = {"isInheritanceEnabled": True, "inherited": [entry("formerly")]}
    assert allowed(READER.access(node(stale), access(entry("now")))) == {"now"}


@pytest.mark.parametrize("name", ["ReadPermissions", "ReadProperties", "ReadContent", "Write", "acme:Unknown", ""])
def test_what_does_not_grant_all_of_read_allows_nobody(name: str) -> None:
    assert allowed(access(entry("a", name))) == set()


@pytest.mark.parametrize("name", ["Read", "Consumer", "SiteManager", "All", "acme:Reader"])
def test_what_grants_read_allows(name: str) -> None:
    assert allowed(access(entry("a", name))) == {"a"}


@pytest.mark.parametrize(
    "name", ["Read", "Editor", "All", "ReadProperties", "ReadChildren", "ReadContent", "acme:Unknown"]
)
def test_a_denial_of_any_part_of_read_or_of_something_unknown_denies(name: str) -> None:
    assert denied(access(entry("a", name, "DENIED"))) == {"a"}


@pytest.mark.parametrize("name", ["ReadPermissions", "Write", "DeleteNode", "ChangePermissions"])
def test_a_denial_apart_from_read_denies_nobody(name: str) -> None:
    assert denied(access(entry("a", name, "DENIED"))) == set()


@pytest.mark.parametrize("status", ["DENIED", "", "allowed", "PERHAPS"])
def test_only_the_exact_status_allows(status: str) -> None:
    found = access(entry("a", status=status))
    assert (allowed(found), denied(found)) == (set(), {"a"})


def test_authorities_become_principals_with_their_exact_ids() -> None:
    found = access(entry("GROUP_EVERYONE"), entry("GROUP_Staff"), entry("Alice"), entry("ROLE_GUEST"))
    assert found is not None
    assert found.acl.allow == {
        Principal.everyone(SOURCE),
        Principal.group(SOURCE, "GROUP_Staff"),
        Principal.user(SOURCE, "Alice"),
        Principal.user(SOURCE, "guest"),
    }


@pytest.mark.parametrize("role", ["ROLE_OWNER", "ROLE_ADMINISTRATOR"])
def test_roles_decided_before_any_entry_leave_no_trace(role: str) -> None:
    for found in (access(entry(role, "All")), access(entry(role, "All", "DENIED"))):
        assert (allowed(found), denied(found)) == (set(), set())


def test_a_denied_role_whose_holders_nobody_can_list_denies_everyone() -> None:
    found = access(entry("alice"), entry("ROLE_LOCK_OWNER", "Read", "DENIED"))
    assert found is not None and found.acl.deny == {Principal.everyone(SOURCE)}
    assert allowed(access(entry("ROLE_LOCK_OWNER", "Read"))) == set()


def test_a_node_that_adds_nothing_shares_its_folders_list() -> None:
    above = access(entry("alice"))
    for permissions in (
        {"isInheritanceEnabled": True},
        {"isInheritanceEnabled": True, "locallySet": [entry("x", "Write")]},
    ):
        assert READER.access(node(permissions), above) is above
        assert READER.access(folder(permissions, "below"), above) is above
    assert above is not None and above.acl.key == "node:f1"


def test_a_folder_that_adds_or_cuts_has_a_key_of_its_own() -> None:
    above = access(entry("alice"))
    added = READER.access(folder({"isInheritanceEnabled": True, "locallySet": [entry("bob")]}, "f2"), above)
    cut = READER.access(folder({"isInheritanceEnabled": False}, "f3"), above)
    assert added is not None and cut is not None
    assert (added.acl.key, cut.acl.key) == ("node:f2", "node:f3")


def test_files_with_equal_lists_of_their_own_share_a_key_and_others_do_not() -> None:
    above = access(entry("alice"))
    keys = []
    for authority in ("bob", "bob", "carol"):
        permissions = {"isInheritanceEnabled": True, "locallySet": [entry(authority)]}
        found = READER.access(node(permissions, node_id=authority), above)
        assert found is not None and found.acl.key.startswith("entries:")
        keys.append(found.acl.key)
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"createdByUser": {"id": "alice"}}, "alice"),
        ({"createdByUser": {"id": "alice"}, "properties": {"cm:owner": {"id": "bob", "displayName": "B"}}}, "bob"),
        ({"createdByUser": {"id": "alice"}, "properties": {"cm:owner": "bob"}}, "bob"),
        ({"createdByUser": {"id": "alice"}, "aspectNames": ["cm:ownable"]}, None),
        ({"createdByUser": {"id": "alice"}, "aspectNames": ["cm:ownable"], "properties": {"cm:owner": {}}}, None),
        ({}, None),
    ],
)
def test_the_owner_is_the_named_one_or_else_the_creator(record: dict[str, Any], expected: str | None) -> None:
    found = owner(SOURCE, node(None, **record))
    assert found == (Principal.user(SOURCE, expected) if expected else None)


def test_a_name_with_a_line_break_makes_no_list_that_passes_for_another() -> None:
    """Lists of one key are one list: whoever could name a group so would read under another's."""
    two = READER.access(node({"isInheritanceEnabled": False, "locallySet": [entry("GROUP_a"), entry("GROUP_b")]}), None)
    forged = READER.access(node({"isInheritanceEnabled": False, "locallySet": [entry("GROUP_a\n1 GROUP_b")]}), None)
    assert two is not None and forged is not None
    assert two.acl.key != forged.acl.key


def test_a_name_with_half_a_character_ends_no_run() -> None:
    odd = READER.access(node({"isInheritanceEnabled": False, "locallySet": [entry("GROUP_\ud800")]}), None)
    assert allowed(odd) == {"GROUP_\ud800"}
