"""Whom the permission entries let in: one rule of the repository after the other, each by what its readers get."""

from __future__ import annotations

from collections.abc import Iterable

from checks import check
from foreign_client import Connect, Refused
from office import Office

from connectors.alfresco.simulator.model import Node
from connectors.alfresco.simulator.node_store import Entry

_PEOPLE = ("alice", "bob", "Carol", "dave")  # alice is in GROUP_lab, it and bob in GROUP_staff; nobody owns the page


def _page(office: Office, above: Iterable[Entry], own: Iterable[Entry], *, inherit: bool = True) -> Node:
    """Add a page below a folder without ancestors' entries; both get entries of their own."""
    folder = office.world.add_folder(office.world.shared, f"Folder {len(office.world.nodes)}")
    office.world.set_permissions(folder, inherit=False, entries=above)
    page = office.world.add_file(folder, "page.txt", b"page")
    office.world.set_permissions(page, inherit=inherit, entries=own)
    return page


def _readers(connect: Connect, page: Node) -> set[str]:
    readers = set()
    for user in _PEOPLE:
        try:
            connect.basic(user).call("nodes.getNode", page.id)
            readers.add(user)
        except Refused as refusal:
            assert refusal.status == 403
    return readers


@check()
def groups_pass_on_what_they_may(office: Office, connect: Connect) -> None:
    assert _readers(connect, _page(office, [("GROUP_staff", "Consumer")], [])) == {"alice", "bob"}
    office.clock.advance(office.world.tickets.life)
    assert _readers(connect, _page(office, [("GROUP_EVERYONE", "Consumer")], [])) == set(_PEOPLE)


@check()
def one_denied_authority_is_enough(office: Office, connect: Connect) -> None:
    page = _page(office, [("GROUP_lab", "Consumer", "DENIED")], [("GROUP_staff", "Editor"), ("alice", "Editor")])
    assert _readers(connect, page) == {"bob"}


@check()
def a_denial_comes_before_an_allowance_beside_it(office: Office, connect: Connect) -> None:
    page = _page(office, [], [("alice", "Consumer"), ("alice", "Editor", "DENIED"), ("bob", "Consumer")])
    assert _readers(connect, page) == {"bob"}


@check()
def a_nearer_entry_of_the_same_authority_decides(office: Office, connect: Connect) -> None:
    above = [("GROUP_lab", "Consumer", "DENIED"), ("bob", "Consumer")]
    page = _page(office, above, [("GROUP_lab", "Consumer"), ("bob", "Consumer", "DENIED")])
    assert _readers(connect, page) == {"alice"}


@check()
def cutting_the_inheritance_ends_denials_too(office: Office, connect: Connect) -> None:
    above = [("GROUP_lab", "Consumer", "DENIED"), ("Carol", "Coordinator")]
    assert _readers(connect, _page(office, above, [("alice", "Consumer")], inherit=False)) == {"alice"}


@check()
def a_denied_part_of_reading_denies_it_all(office: Office, connect: Connect) -> None:
    allowed = [(user, "Consumer") for user in _PEOPLE]
    parts = ("ReadContent", "ReadProperties", "ReadChildren")
    denied = [(user, part, "DENIED") for user, part in zip(_PEOPLE, parts, strict=False)]
    assert _readers(connect, _page(office, allowed, denied)) == {"dave"}


@check()
def another_right_neither_gives_nor_takes_reading(office: Office, connect: Connect) -> None:
    own = [("alice", "Write", "DENIED"), ("alice", "Consumer"), ("bob", "ReadPermissions"), ("Carol", "Write")]
    assert _readers(connect, _page(office, [], own)) == {"alice"}


@check()
def denials_may_mask_their_own_authority_only(office: Office, connect: Connect) -> None:
    """As with `security.anyDenyDenies` off."""
    office.world.access.any_deny_denies = False
    page = _page(office, [("GROUP_lab", "Consumer", "DENIED")], [("alice", "Consumer")])
    assert _readers(connect, page) == {"alice"}


@check()
def names_in_entries_keep_their_case(office: Office, connect: Connect) -> None:
    assert _readers(connect, _page(office, [], [("carol", "Consumer"), ("Alice", "Consumer")])) == set()


@check()
def entries_of_the_removed_let_nobody_in(office: Office, connect: Connect) -> None:
    page = _page(office, [], [("GROUP_lab", "Consumer")])
    assert _readers(connect, page) == {"alice"}
    office.world.remove_authority("GROUP_lab")
    assert _readers(connect, page) == set()
