"""The oracle: who may read what, by Alfresco's rules."""

from __future__ import annotations

import pytest
from simulator_client import a_world

from connectors.alfresco.simulator import World
from connectors.alfresco.simulator.model import ADMINISTRATORS, EVERYONE, Node
from connectors.alfresco.simulator.node_store import Entry
from connectors.alfresco.simulator.permissions import READ

READING_ROLES = (
    "Read", "Consumer", "Contributor", "Editor", "Collaborator", "Coordinator", "SiteConsumer", "SiteContributor",
    "SiteCollaborator", "SiteManager", "FullControl", "All", "Administrator",
)  # fmt: skip
OTHER_ROLES = (
    "ReadPermissions", "ReadProperties", "ReadChildren", "ReadContent", "Write", "WriteProperties", "AddChildren",
    "CreateChildren", "Delete", "ChangePermissions", "TakeOwnership", "Execute",
)  # fmt: skip
PARTS_OF_READ = ("ReadProperties", "ReadChildren", "ReadContent")


def closed_folder(world: World, *entries: Entry) -> Node:
    """Return a folder that inherits nothing and has these entries."""
    folder = world.add_folder(world.root, "folder")
    world.set_permissions(folder, inherit=False, entries=entries)
    return folder


def file_below(world: World, folder: Node, *entries: Entry) -> str:
    """Return the id of a file that inherits from the folder and has these entries of its own."""
    file = world.add_file(folder, "file.txt", b"text")
    if entries:
        world.set_permissions(file, entries=entries)
    return file.id


@pytest.mark.parametrize("role", READING_ROLES)
def test_these_roles_let_read(role: str) -> None:
    world = a_world()
    assert world.may_read("alice", file_below(world, closed_folder(world, ("alice", role))))


@pytest.mark.parametrize("role", OTHER_ROLES)
def test_these_roles_alone_do_not_let_read(role: str) -> None:
    world = a_world()
    assert not world.may_read("alice", file_below(world, closed_folder(world, ("alice", role))))


@pytest.mark.parametrize("role", (*READING_ROLES, *PARTS_OF_READ))
def test_denying_a_reading_role_or_a_part_of_read_takes_read_away(role: str) -> None:
    world = a_world()
    folder = closed_folder(world, (EVERYONE, "Consumer"), ("alice", role, "DENIED"))
    file = file_below(world, folder)
    assert not world.may_read("alice", file)
    assert world.may_read("bob", file)


@pytest.mark.parametrize("role", sorted(set(OTHER_ROLES) - set(PARTS_OF_READ)))
def test_denying_something_else_leaves_read(role: str) -> None:
    world = a_world()
    folder = closed_folder(world, (EVERYONE, "Consumer"), ("alice", role, "DENIED"))
    assert world.may_read("alice", file_below(world, folder))


def test_without_any_entry_nobody_but_owner_and_administrator_reads() -> None:
    world = a_world()
    file = file_below(world, closed_folder(world))
    assert not world.may_read("alice", file)
    assert world.may_read("admin", file)


def test_an_inherited_denial_of_a_group_beats_an_allowance_near_the_node() -> None:
    world = a_world()
    world.add_group("GROUP_staff", members=["alice"])
    folder = closed_folder(world, ("GROUP_staff", "Consumer", "DENIED"))
    assert not world.may_read("alice", file_below(world, folder, ("alice", "Consumer"), (EVERYONE, "Consumer")))


def test_a_nearer_allowance_masks_a_denial_of_the_same_authority() -> None:
    world = a_world()
    world.add_group("GROUP_staff", members=["alice"])
    folder = closed_folder(world, ("GROUP_staff", "Consumer", "DENIED"))
    assert world.may_read("alice", file_below(world, folder, ("GROUP_staff", "Consumer")))


def test_a_nearer_denial_masks_an_allowance_of_the_same_authority() -> None:
    world = a_world()
    file = file_below(world, closed_folder(world, ("alice", "Consumer")), ("alice", "Consumer", "DENIED"))
    assert not world.may_read("alice", file)


def test_a_denial_beats_an_allowance_of_the_same_authority_at_the_same_place() -> None:
    world = a_world()
    folder = closed_folder(world, ("alice", "Consumer"), ("alice", "Editor", "DENIED"))
    assert not world.may_read("alice", file_below(world, folder))


def test_cutting_inheritance_removes_denials_and_allowances_above() -> None:
    world = a_world()
    folder = closed_folder(world, ("alice", "Consumer", "DENIED"), ("bob", "Consumer"))
    file = file_below(world, folder)
    world.set_permissions(file, inherit=False, entries=[("alice", "Consumer")])
    assert world.may_read("alice", file)
    assert not world.may_read("bob", file)


def test_without_any_deny_denies_one_reader_is_enough() -> None:
    world = a_world(any_deny_denies=False)
    world.add_group("GROUP_staff", members=["alice"])
    folder = closed_folder(world, ("GROUP_staff", "Consumer", "DENIED"), ("alice", "Consumer"))
    assert world.may_read("alice", file_below(world, folder))


def test_the_creator_owns_a_node_and_reads_it_despite_a_denial_but_does_not_find_it() -> None:
    world = a_world()
    folder = closed_folder(world, ("alice", "Consumer", "DENIED"))
    file = world.add_file(folder, "own.txt", b"", creator="alice")
    assert world.may_read("alice", file.id)
    assert not world.may_find("alice", file.id)


def test_the_owner_finds_what_no_entry_lets_them_read() -> None:
    world = a_world()
    file = world.add_file(closed_folder(world), "own.txt", b"", owner="alice")
    assert world.may_find("alice", file.id)
    assert not world.may_find("bob", file.id)


def test_an_owner_of_its_own_replaces_the_creator() -> None:
    world = a_world()
    file = world.add_file(closed_folder(world), "own.txt", b"", creator="alice", owner="bob")
    assert not world.may_read("alice", file.id)
    assert world.may_read("bob", file.id)


def test_an_ownable_node_with_an_empty_owner_has_none() -> None:
    world = a_world()
    file = world.add_file(closed_folder(world), "own.txt", b"", creator="alice")
    world.set_owner(file, "")
    assert not world.may_read("alice", file.id)


def test_members_of_a_subgroup_have_the_groups_above() -> None:
    world = a_world()
    world.add_group("GROUP_inner", members=["alice"])
    world.add_group("GROUP_middle", members=["GROUP_inner"])
    world.add_group("GROUP_outer", members=["GROUP_middle"])
    file = file_below(world, closed_folder(world, ("GROUP_outer", "Consumer")))
    assert world.may_read("alice", file)
    world.leave_group("GROUP_inner", "GROUP_middle")
    assert not world.may_read("alice", file)


def test_entries_are_compared_with_case() -> None:
    world = a_world()
    assert not world.may_read("alice", file_below(world, closed_folder(world, ("Alice", "Consumer"))))


def test_a_closed_account_reads_nothing() -> None:
    world = a_world()
    file = file_below(world, closed_folder(world, ("alice", "Consumer")))
    world.disable_person("alice")
    assert not world.may_read("alice", file)
    assert not world.may_find("alice", file)
    world.enable_person("alice")
    assert world.may_read("alice", file)


def test_the_guest_is_not_everyone() -> None:
    world = a_world()
    world.enable_person("guest")
    file = file_below(world, closed_folder(world, (EVERYONE, "Consumer")))
    assert world.may_read("alice", file)
    assert not world.may_read("guest", file)


def test_unknown_people_and_unknown_nodes_give_no_access() -> None:
    world = a_world()
    file = file_below(world, closed_folder(world, (EVERYONE, "Consumer")))
    assert not world.may_read("nobody", file)
    assert not world.may_read("admin", "no-such-node")


def test_administrators_read_despite_a_denial_until_they_leave_the_group() -> None:
    world = a_world()
    world.join_group("alice", ADMINISTRATORS)
    file = file_below(world, closed_folder(world, (EVERYONE, "Consumer", "DENIED")))
    assert world.may_read("alice", file)
    assert world.may_find("alice", file)
    world.leave_group("alice", ADMINISTRATORS)
    assert not world.may_read("alice", file)


def test_a_service_account_reads_every_node_but_finds_only_what_its_groups_may() -> None:
    world = a_world()
    world.add_person("crawler", is_service_account=True)
    file = file_below(world, closed_folder(world, (EVERYONE, "Consumer", "DENIED")))
    assert world.may_read("crawler", file)
    assert world.access.may_read_permissions("crawler", world.node(file))
    assert not world.may_find("crawler", file)


def test_a_moved_node_has_the_permissions_of_its_new_place() -> None:
    world = a_world()
    file = file_below(world, closed_folder(world, ("alice", "Consumer")))
    assert not world.may_read("bob", file)
    world.move(file, world.shared)
    assert world.may_read("bob", file)


def test_a_decision_follows_every_later_change_of_the_entries() -> None:
    world = a_world()
    folder = closed_folder(world, ("alice", "Consumer"))
    file = file_below(world, folder)
    assert world.may_read("alice", file)
    world.set_permissions(folder, inherit=False, entries=[("bob", "Consumer")])
    assert (world.may_read("alice", file), world.may_read("bob", file)) == (False, True)
    world.define_role("Consumer", [])
    assert not world.may_read("bob", file)


def test_a_custom_role_grants_what_its_model_says() -> None:
    world = a_world()
    with pytest.raises(ValueError, match="unknown roles"):
        world.set_permissions(world.shared, entries=[("alice", "RecordReader")])
    world.define_role("RecordReader", READ)
    assert world.may_read("alice", file_below(world, closed_folder(world, ("alice", "RecordReader"))))


@pytest.mark.parametrize(
    ("visibility", "may_see_site", "may_read_library"),
    [("PUBLIC", True, True), ("MODERATED", True, False), ("PRIVATE", False, False)],
)
def test_what_an_outsider_sees_of_a_site(visibility: str, may_see_site: bool, may_read_library: bool) -> None:
    world = a_world()
    site = world.add_site("hr", visibility=visibility, members={"alice": "SiteConsumer"})  # type: ignore[arg-type]
    file = file_below(world, world.document_library("hr"))
    assert world.may_read("bob", site.node_id) == may_see_site
    assert world.may_read("bob", file) == may_read_library
    assert world.may_read("alice", file)


def test_changing_visibility_changes_access_in_both_directions() -> None:
    world = a_world()
    world.add_site("hr", visibility="PUBLIC")
    file = file_below(world, world.document_library("hr"))
    assert world.may_read("bob", file)
    world.set_site_visibility("hr", "PRIVATE")
    assert not world.may_read("bob", file)
    world.set_site_visibility("hr", "PUBLIC")
    assert world.may_read("bob", file)


def test_a_home_folder_is_its_persons_own() -> None:
    world = a_world()
    home = world.child_named(world.user_homes, "alice")
    assert home is not None
    assert world.may_read("alice", home.id)
    assert not world.may_read("bob", home.id)
