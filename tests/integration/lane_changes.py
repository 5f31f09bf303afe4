"""What happens at the source in the tests of lanes: one function for each kind of change."""

from __future__ import annotations

from tests.integration.lane_system import ALICE, BOB, LaneSystem


def only(system: LaneSystem, name: str, *people: str) -> None:
    """Let only these people read at a node."""
    entries = [(person, "Consumer") for person in people]
    system.world.set_permissions(system.named(name), inherit=False, entries=entries)


def add_a_file(system: LaneSystem) -> None:
    system.world.add_file(system.named("deep"), "four.txt", b"words")


def add_a_folder(system: LaneSystem) -> None:
    folder = system.world.add_folder(system.world.add_folder(system.named("deep"), "deeper"), "deepest")
    system.world.add_file(folder, "four.txt", b"words")


def write(system: LaneSystem) -> None:
    system.world.set_content(system.named("one.txt"), b"walruses")


def delete_a_file(system: LaneSystem) -> None:
    system.world.delete(system.named("three.txt"))


def delete_for_good(system: LaneSystem) -> None:
    system.world.delete(system.named("three.txt"), permanent=True)


def delete_a_tree(system: LaneSystem) -> None:
    system.world.delete(system.named("plans"), permanent=True)


def close_a_folder(system: LaneSystem) -> None:
    only(system, "plans", BOB)


def close_a_file(system: LaneSystem) -> None:
    only(system, "one.txt", BOB)


def close_a_folder_with_lists_below(system: LaneSystem) -> None:
    system.world.set_permissions(system.named("deep"), entries=[(BOB, "Editor")])
    system.world.set_permissions(system.named("one.txt"), entries=[(BOB, "Editor")])
    only(system, "plans")


def deny_above(system: LaneSystem) -> None:
    system.world.set_permissions(
        system.world.shared, entries=[("GROUP_EVERYONE", "Consumer"), (ALICE, "Consumer", "DENIED")]
    )


def move_into_a_closed_folder(system: LaneSystem) -> None:
    """The move leaves no entry; what is made in the same folder does."""
    closed = system.world.add_folder(system.world.shared, "closed")
    system.world.set_permissions(closed, inherit=False, entries=[(BOB, "Consumer")])
    system.world.move(system.named("one.txt"), closed)
    system.world.set_properties(system.named("one.txt"), {"cm:title": "moved"})


SEEN_BY_ALL = [
    add_a_file,
    add_a_folder,
    write,
    delete_a_file,
    delete_for_good,
    delete_a_tree,
    close_a_folder,
    close_a_file,
    close_a_folder_with_lists_below,
    deny_above,
    move_into_a_closed_folder,
]
