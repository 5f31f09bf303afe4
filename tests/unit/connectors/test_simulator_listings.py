"""Kept listings of folders: made once while nothing changes, and never shown when something did."""

from __future__ import annotations

import threading
from collections.abc import Callable
from random import Random

import pytest
from simulator_client import SteppingClock, a_world
from starlette.datastructures import Headers, QueryParams

from connectors.alfresco.simulator import World
from connectors.alfresco.simulator.call import Call
from connectors.alfresco.simulator.generator import CHANGE_KINDS, change, flat_world, generate_world, random_change
from connectors.alfresco.simulator.login import Caller
from connectors.alfresco.simulator.model import EVERYONE, Node
from connectors.alfresco.simulator.routes.children import list_children
from connectors.alfresco.simulator.wire import ApiError

ORDERS = (None, "modifiedAt DESC", "gen:pages DESC", "isFolder DESC,createdAt")


class Shelf:
    """A folder, and how often its listing was made."""

    def __init__(self) -> None:
        self.world = a_world(clock=SteppingClock())
        self.folder = self.world.add_folder(self.world.shared, "shelf")
        self.other = self.world.add_folder(self.world.shared, "other")
        self.files = [self.world.add_file(self.folder, f"{name}.txt", b"x") for name in "abc"]
        self.made = 0

    def listing(self, user: str = "alice", *, is_by_values: bool = False) -> list[str]:
        def arrange(children: list[Node]) -> list[Node]:
            self.made += 1
            return sorted(children, key=lambda node: node.name)

        listed = self.world.listings.listing(self.folder, user, "all", is_by_values=is_by_values, arrange=arrange)
        return [node.name for node in listed]


def test_a_listing_is_made_once_for_each_caller_but_once_for_all_who_read_everything() -> None:
    shelf = Shelf()
    shelf.world.add_person("service", is_service_account=True)
    for user in ("alice", "bob", "admin", "service") * 2:
        assert shelf.listing(user) == ["a.txt", "b.txt", "c.txt"]
    assert shelf.made == 3


UNRELATED: dict[str, Callable[[Shelf], object]] = {
    "content of a child": lambda at: at.world.set_content(at.files[0], b"longer"),
    "a new file elsewhere": lambda at: at.world.add_file(at.other, "d.txt", b""),
    "a comment": lambda at: at.world.add_comment(at.files[0], "bob", "<p>Hm</p>"),
}


@pytest.mark.parametrize("happens", UNRELATED.values(), ids=UNRELATED)
def test_what_does_not_change_a_listing_leaves_it(happens: Callable[[Shelf], object]) -> None:
    shelf = Shelf()
    shelf.listing()
    happens(shelf)
    shelf.listing()
    assert shelf.made == 1


RELATED: dict[str, tuple[Callable[[Shelf], object], list[str]]] = {
    "a new child": (lambda at: at.world.add_file(at.folder, "d.txt", b""), ["a.txt", "b.txt", "c.txt", "d.txt"]),
    "a deletion": (lambda at: at.world.delete(at.files[0]), ["b.txt", "c.txt"]),
    "a renaming": (lambda at: at.world.rename(at.files[0], "z.txt"), ["b.txt", "c.txt", "z.txt"]),
    "a move away": (lambda at: at.world.move(at.files[0], at.other), ["b.txt", "c.txt"]),
    "a second parent": (
        lambda at: at.world.add_secondary_child(at.folder, at.other),
        ["a.txt", "b.txt", "c.txt", "other"],
    ),
    "permissions of a child": (
        lambda at: at.world.set_permissions(at.files[0], inherit=False, entries=[]),
        ["b.txt", "c.txt"],
    ),
    "permissions above": (
        lambda at: at.world.set_permissions(at.world.shared, entries=[(EVERYONE, "Read", "DENIED")]),
        [],
    ),
    "an owner of a child": (
        lambda at: (
            at.world.set_permissions(at.folder, inherit=False, entries=[]),
            at.world.set_owner(at.files[1], "alice"),
        ),
        ["b.txt"],
    ),
    "a membership": (
        lambda at: (
            at.world.add_group("GROUP_out"),
            at.world.set_permissions(at.folder, entries=[("GROUP_out", "Consumer", "DENIED")]),
            at.listing(),
            at.world.join_group("alice", "GROUP_out"),
        ),
        [],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("happens", "expected"), RELATED.values(), ids=RELATED)
def test_what_changes_a_listing_is_seen_at_once(happens: Callable[[Shelf], object], expected: list[str]) -> None:
    shelf = Shelf()
    shelf.listing()
    happens(shelf)
    assert shelf.listing() == expected


def test_a_listing_by_what_children_hold_is_made_anew_when_a_child_changes() -> None:
    shelf = Shelf()
    shelf.listing(is_by_values=True)
    shelf.world.set_content(shelf.files[0], b"longer")
    shelf.listing(is_by_values=True)
    assert shelf.made == 2


def _answers(world: World, users: list[str]) -> dict[tuple[str, str, str | None], object]:
    """Return what each of the people is told of each folder, in each order; whose account is closed is not asked."""
    folders = [node for node in world.nodes.values() if len(node.children) > 1]
    return {
        (user, folder.id, order): _answer(world, user, folder, order)
        for user in users
        if world.directory.people[user].enabled
        for folder in folders
        for order in ORDERS
    }


def _answer(world: World, user: str, folder: Node, order: str | None) -> object:
    query = QueryParams({"fields": "id", "orderBy": order} if order else {"fields": "id"})
    try:
        return list_children(Call(world, Caller(user), "GET", {"node_id": folder.id}, query, Headers())).body
    except ApiError as error:
        return error.status


@pytest.mark.parametrize("kind", CHANGE_KINDS)
def test_after_each_kind_of_change_kept_listings_say_what_new_ones_would(kind: str) -> None:
    world, rng = generate_world(70, seed=4, clock=SteppingClock()), Random(6)
    users = ["admin", "desk.one", "user0000"]
    assert change(world, rng, "file deleted")
    for _ in range(2):
        _answers(world, users)
        change(world, rng, kind)
        kept = _answers(world, users)
        world.listings.clear()
        assert kept == _answers(world, users)


def test_after_many_changes_kept_listings_say_what_new_ones_would() -> None:
    world, rng = generate_world(150, seed=5, clock=SteppingClock()), Random(7)
    users = ["admin", "desk.one", "Mixed.CASE"]
    for _ in range(8):
        _answers(world, users)
        for _ in range(4):
            random_change(world, rng)
        kept = _answers(world, users)
        world.listings.clear()
        assert kept == _answers(world, users)


def test_a_listing_made_while_the_world_changed_is_not_kept() -> None:
    shelf = Shelf()

    def arrange(children: list[Node]) -> list[Node]:
        shelf.world.add_file(shelf.folder, "late.txt", b"")  # as another thread would
        return children

    shelf.world.listings.listing(shelf.folder, "alice", "all", is_by_values=False, arrange=arrange)
    assert shelf.listing() == ["a.txt", "b.txt", "c.txt", "late.txt"]


def test_listings_stay_right_while_another_thread_changes_the_world() -> None:
    world, folder = flat_world(100)

    def churn() -> None:
        for number in range(200):
            added = world.add_file(folder, f"new {number}.txt", b"")
            world.rename(added, f"renamed {number}.txt")
            if number % 2:
                world.delete(added, permanent=True)

    def listing() -> list[str]:
        listed = world.listings.listing(folder, "reader", "all", is_by_values=False, arrange=lambda nodes: nodes)
        return [node.id for node in listed]

    churning = threading.Thread(target=churn)
    churning.start()
    while churning.is_alive():
        listing()
    churning.join()
    assert sorted(listing()) == sorted(folder.children.values())


def test_only_so_many_listings_are_kept() -> None:
    world = a_world()
    folders = [world.add_folder(world.shared, f"f{number}") for number in range(400)]
    for folder in folders:
        world.listings.listing(folder, "alice", "all", is_by_values=False, arrange=lambda nodes: nodes)
    assert len(world.listings) == 256
