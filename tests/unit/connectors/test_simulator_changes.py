"""The log of changes: what each call writes, and that nothing changes without it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from simulator_client import SteppingClock, a_world

from connectors.alfresco.simulator.change_log import ChangeKind, Transaction
from connectors.alfresco.simulator.search_index import SearchIndex


class Place:
    """Two folders, a file in the first that is listed in the second, and a clock that has moved on."""

    def __init__(self) -> None:
        self.clock = SteppingClock()
        self.world = a_world(clock=self.clock)
        self.folder = self.world.add_folder(self.world.root, "folder")
        self.other = self.world.add_folder(self.world.root, "other")
        self.file = self.world.add_file(self.folder, "file.txt", b"text")
        self.world.add_secondary_child(self.other, self.file)
        self.comment = self.world.add_comment(self.file, "alice", "<p>First</p>")
        self.clock.advance()

    def last(self) -> Transaction:
        return list(self.world.changes)[-1]

    def names(self, node_ids: tuple[str, ...]) -> set[str]:
        everything = {
            **self.world.nodes,
            **{id_: node for tree in self.world.trashcan.values() for id_, node in tree.nodes.items()},
        }
        return {everything[node_id].name for node_id in node_ids}


def _restore(at: Place) -> None:
    at.world.delete(at.folder)
    at.world.restore(at.folder.id)


Change = Callable[[Place], object]
# change -> what kind it is, what it is about, which nodes are not as they were, which are gone
CHANGES: dict[str, tuple[Change, ChangeKind, str, set[str], set[str]]] = {
    "a file": (
        lambda at: at.world.add_file(at.folder, "new.txt", b""),
        ChangeKind.CREATED,
        "new.txt",
        {"new.txt", "folder"},
        set(),
    ),
    "a folder": (
        lambda at: at.world.add_folder(at.other, "new"),
        ChangeKind.CREATED,
        "new",
        {"new", "other"},
        set(),
    ),
    "a link": (
        lambda at: at.world.add_link(at.other, "link", at.file),
        ChangeKind.CREATED,
        "link",
        {"link", "other"},
        set(),
    ),
    "content": (lambda at: at.world.set_content(at.file, b"new"), ChangeKind.UPDATED, "file.txt", {"file.txt"}, set()),
    "properties": (
        lambda at: at.world.set_properties(at.file, {"cm:title": "T"}),
        ChangeKind.UPDATED,
        "file.txt",
        {"file.txt"},
        set(),
    ),
    "an aspect": (lambda at: at.world.add_aspect(at.file, "a:b"), ChangeKind.UPDATED, "file.txt", {"file.txt"}, set()),
    "an aspect gone": (
        lambda at: at.world.remove_aspect(at.file, "fm:discussable"),
        ChangeKind.UPDATED,
        "file.txt",
        {"file.txt"},
        set(),
    ),
    "an owner": (lambda at: at.world.set_owner(at.file, "bob"), ChangeKind.UPDATED, "file.txt", {"file.txt"}, set()),
    "a comment": (
        lambda at: at.world.add_comment(at.file, "bob", "<p/>"),
        ChangeKind.INTERNAL,
        "file.txt",
        {"file.txt"},
        set(),
    ),
    "a comment gone": (
        lambda at: at.world.remove_comment(at.file, at.comment),
        ChangeKind.INTERNAL,
        "file.txt",
        {"file.txt"},
        set(),
    ),
    "a rendition": (
        lambda at: at.world.render(at.file, "pdf", b"%PDF"),
        ChangeKind.INTERNAL,
        "file.txt",
        {"file.txt"},
        set(),
    ),
    "permissions": (
        lambda at: at.world.set_permissions(at.folder, entries=[("bob", "Editor")]),
        ChangeKind.SECURITY,
        "folder",
        {"folder"},
        set(),
    ),
    "a name": (
        lambda at: at.world.rename(at.file, "x.txt"),
        ChangeKind.UPDATED,
        "x.txt",
        {"x.txt", "folder", "other"},
        set(),
    ),
    "a second parent": (
        lambda at: at.world.add_secondary_child(at.world.shared, at.file),
        ChangeKind.UPDATED,
        "file.txt",
        {"file.txt", "Shared"},
        set(),
    ),
    "a move": (
        lambda at: at.world.move(at.folder, at.other),
        ChangeKind.MOVED,
        "folder",
        {"folder", "other", "Company Home"},
        set(),
    ),
    "a deletion": (
        lambda at: at.world.delete(at.folder),
        ChangeKind.DELETED,
        "folder",
        {"Company Home", "other"},
        {"folder", "file.txt"},
    ),
    "a deletion around a guest": (
        lambda at: at.world.delete(at.other),
        ChangeKind.DELETED,
        "other",
        {"Company Home", "file.txt"},
        {"other"},
    ),
    "a restoration": (_restore, ChangeKind.RESTORED, "folder", {"folder", "file.txt", "Company Home"}, set()),
}


@pytest.mark.parametrize(("change", "kind", "about", "updated", "deleted"), CHANGES.values(), ids=CHANGES)
def test_a_change_is_written_to_the_log(
    change: Change, kind: ChangeKind, about: str, updated: set[str], deleted: set[str]
) -> None:
    place = Place()
    before = place.world.changes.last_id
    change(place)
    written = place.last()
    assert (written.kind, place.names((written.node_id,))) == (kind, {about})
    assert (place.names(written.updated), place.names(written.deleted)) == (updated, deleted)
    assert [one.id for one in place.world.changes] == list(range(1, place.world.changes.last_id + 1))
    assert written.id - before == (2 if kind is ChangeKind.RESTORED else 1)


@pytest.mark.parametrize("change", [change for change, *_ in CHANGES.values()], ids=CHANGES)
def test_an_index_that_has_caught_up_is_the_repository(change: Change) -> None:
    place = Place()
    index = SearchIndex(place.world)
    index.lag = timedelta(minutes=5)
    before = {node_id: node.modified_at for node_id, node in index.view().nodes.items()}
    change(place)
    assert {node_id: node.modified_at for node_id, node in index.view().nodes.items()} == before
    place.clock.advance(timedelta(minutes=5))
    assert index.view() is not place.world
    assert index.view().nodes == place.world.nodes


def test_what_changes_nothing_is_not_written() -> None:
    place = Place()
    before = place.world.changes.last_id
    place.world.add_aspect(place.file, "fm:discussable")
    place.world.move(place.file, place.folder)
    place.world.edit_comment(place.comment, "<p>Second</p>")
    assert place.world.changes.last_id == before


def test_a_change_names_who_made_it_and_when_it_really_was() -> None:
    place = Place()
    with place.world.at(datetime(2020, 1, 1, tzinfo=UTC)):
        place.world.set_content(place.file, b"old", by="bob")
    assert (place.last().by, place.last().committed_at) == ("bob", place.world.real_now())
