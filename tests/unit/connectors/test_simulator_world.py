"""Building and changing a simulated repository: ids, dates, names, the trashcan."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from simulator_client import SteppingClock, a_world

from connectors.alfresco.simulator import World
from connectors.alfresco.simulator.model import EVERYONE, Node


class Place:
    """A folder with a file in it, and a clock that has moved on since they were made."""

    def __init__(self) -> None:
        self.clock = SteppingClock()
        self.world = a_world(clock=self.clock)
        self.folder = self.world.add_folder(self.world.root, "folder")
        self.other = self.world.add_folder(self.world.root, "other")
        self.file = self.world.add_file(self.folder, "file.txt", b"text")
        self.comment = self.world.add_comment(self.file, "alice", "<p>First</p>")
        self.clock.advance()

    def touched(self) -> set[str]:
        """Return the names of the nodes that were modified since then."""
        now = self.world.now()
        return {node.name for node in (self.folder, self.other, self.file) if node.modified_at == now}


CHANGES: dict[str, tuple[Callable[[Place], object], set[str]]] = {
    "new content": (lambda at: at.world.set_content(at.file, b"new"), {"file.txt"}),
    "a property": (lambda at: at.world.set_properties(at.file, {"cm:title": "T"}), {"file.txt"}),
    "an aspect": (lambda at: at.world.add_aspect(at.file, "cm:versionable"), {"file.txt"}),
    "an aspect again": (lambda at: at.world.add_aspect(at.file, "fm:discussable"), set()),
    "an aspect gone": (lambda at: at.world.remove_aspect(at.file, "fm:discussable"), {"file.txt"}),
    "an owner": (lambda at: at.world.set_owner(at.file, "bob"), {"file.txt"}),
    "a comment": (lambda at: at.world.add_comment(at.file, "bob", "<p>Me too</p>"), {"file.txt"}),
    "an edited comment": (lambda at: at.world.edit_comment(at.comment, "<p>Second</p>"), set()),
    "a removed comment": (lambda at: at.world.remove_comment(at.file, at.comment), {"file.txt"}),
    "a new name": (lambda at: at.world.rename(at.file, "other.txt"), {"folder", "other.txt"}),
    "a new child": (lambda at: at.world.add_file(at.folder, "second.txt", b""), {"folder"}),
    "a move": (lambda at: at.world.move(at.file, at.other), {"folder", "other"}),
    "a move to the same place": (lambda at: at.world.move(at.file, at.folder), set()),
    "a deletion": (lambda at: at.world.delete(at.file), {"folder"}),
    "a secondary child": (lambda at: at.world.add_secondary_child(at.other, at.file), {"other"}),
    "the folder's permissions": (
        lambda at: at.world.set_permissions(at.folder, entries=[("bob", "Editor")]),
        {"folder"},
    ),
}


@pytest.mark.parametrize(("change", "touched"), CHANGES.values(), ids=CHANGES)
def test_a_change_touches_these_nodes(change: Callable[[Place], object], touched: set[str]) -> None:
    place = Place()
    change(place)
    assert place.touched() == touched


def test_only_the_first_change_of_permissions_touches_a_node() -> None:
    place = Place()
    place.world.set_permissions(place.folder, entries=[(EVERYONE, "Consumer")])
    place.clock.advance()
    place.world.set_permissions(place.folder, entries=[("alice", "Consumer")])
    assert place.touched() == set()


def test_a_change_names_who_made_it() -> None:
    place = Place()
    place.world.set_content(place.file, b"new", by="bob")
    assert (place.file.creator, place.file.modifier) == ("admin", "bob")


def test_two_worlds_built_alike_have_the_same_ids_and_two_names_different_ones() -> None:
    def library_id(name: str) -> str:
        world = World(name=name)
        world.add_site("hr")
        return world.document_library("hr").id

    assert library_id("one") == library_id("one")
    assert library_id("one") != library_id("two")


def test_a_node_created_in_place_of_a_deleted_one_has_another_id() -> None:
    place = Place()
    place.world.delete(place.file)
    assert place.world.add_file(place.folder, "file.txt", b"").id != place.file.id


def test_the_clock_can_be_set_for_what_is_built() -> None:
    world = a_world()
    moment = datetime(2023, 1, 2, 3, 4, 5, 6789, tzinfo=UTC)
    with world.at(moment):
        file = world.add_file(world.shared, "old.txt", b"")
    assert file.created_at == moment.replace(microsecond=6000)  # the repository keeps milliseconds
    assert world.now() > moment


@pytest.mark.parametrize("name", ["", "a/b", "a:b", "a*b", "ends with a dot.", "ends with a blank "])
def test_names_that_the_repository_refuses_are_refused(name: str) -> None:
    world = a_world()
    with pytest.raises(ValueError, match="not a node name"):
        world.add_folder(world.root, name)


def test_a_folder_has_no_two_children_of_one_name() -> None:
    place = Place()
    place.world.add_file(place.other, "File.TXT", b"")
    with pytest.raises(ValueError, match="has a child"):
        place.world.add_file(place.folder, "FILE.txt", b"")
    with pytest.raises(ValueError, match="has a child"):
        place.world.move(place.file, place.other)
    with pytest.raises(ValueError, match="has a child"):
        place.world.rename(place.folder, "other")


def test_a_folder_does_not_move_below_itself() -> None:
    place = Place()
    below = place.world.add_folder(place.folder, "below")
    with pytest.raises(ValueError, match="below itself"):
        place.world.move(place.folder, below)


def test_a_renamed_node_keeps_its_id_under_all_its_parents() -> None:
    place = Place()
    place.world.add_secondary_child(place.other, place.file)
    place.world.rename(place.file, "new.txt")
    for folder in (place.folder, place.other):
        assert place.world.child_named(folder, "new.txt") is place.file
        assert place.world.child_named(folder, "file.txt") is None


def _deleted_folder() -> tuple[Place, Node]:
    place = Place()
    place.world.add_secondary_child(place.other, place.file)
    place.world.delete(place.folder, by="alice")
    return place, place.folder


def test_the_trashcan_shows_only_the_top_of_a_deleted_tree() -> None:
    place, folder = _deleted_folder()
    assert list(place.world.trashcan) == [folder.id]
    assert place.world.trashcan[folder.id].archived_by == "alice"
    assert not {folder.id, place.file.id} & place.world.nodes.keys()
    assert place.world.children(place.other) == []


def test_a_restored_tree_is_back_with_all_below_it() -> None:
    place, folder = _deleted_folder()
    place.world.restore(folder.id)
    assert place.world.trashcan == {}
    assert place.world.children(folder) == [place.file]
    assert place.world.may_read("admin", place.file.id)


def test_a_purged_and_a_permanently_deleted_tree_leave_no_trace() -> None:
    place, folder = _deleted_folder()
    place.world.purge(folder.id)
    place.world.delete(place.other, permanent=True)
    assert place.world.trashcan == {}


def test_a_group_is_never_a_member_of_itself() -> None:
    world = a_world()
    world.add_group("GROUP_inner")
    world.add_group("GROUP_outer", members=["GROUP_inner"])
    with pytest.raises(ValueError, match="member of itself"):
        world.join_group("GROUP_outer", "GROUP_inner")


def test_a_removed_person_is_gone_from_groups_but_not_from_entries() -> None:
    world = a_world()
    group = world.add_group("GROUP_staff", members=["alice", "bob"])
    world.set_permissions(world.shared, entries=[("alice", "Consumer")])
    world.remove_authority("alice")
    assert list(group.members) == ["bob"]
    assert [entry.authority for entry in world.shared.entries] == ["alice"]
    world.remove_authority("GROUP_staff")
    assert world.directory.ancestors("bob") == frozenset()
