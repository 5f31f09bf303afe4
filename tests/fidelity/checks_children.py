"""The children of a folder: which, for whom, in which order and in which pages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import expected
from checks import check
from foreign_client import Connect, ForeignClient, denied, entries, ids, invalid, names, not_found, refused
from office import MINUTES, Office

_FOLDERS = ["Annex", "secret", "shelf link", "zoo"]
_FILES = [
    "abc.txt",
    "denied.txt",
    "flyer.txt",
    "latin.txt",
    "locked.txt",
    "lost.doc",
    "orphaned.txt",
    "owned.txt",
    "part.txt",
    "plan link",
    "Plan.pdf",
    "Ünïcode & more.md",
]
_HIDDEN_FROM_ALICE = {"denied.txt", "secret", "orphaned.txt", "part.txt"}


@check()
def folders_come_first_then_names(office: Office, connect: Connect) -> None:
    listing = connect.basic("admin").call("nodes.listNodeChildren", office.handbook.id)
    assert names(listing) == _FOLDERS + _FILES
    assert listing["list"]["pagination"] == expected.pagination(count=16, total=16)


@check()
def a_listed_child_has_its_basic_fields(office: Office, connect: Connect) -> None:
    listed = entries(connect.basic("admin").call("nodes.listNodeChildren", office.handbook.id))
    for entry in listed:
        assert entry == expected.node(office.world, office.named(entry["name"]))


@check()
def children_are_listed_for_those_who_may_read_them(office: Office, connect: Connect) -> None:
    alice = connect.basic("alice").call("nodes.listNodeChildren", office.handbook.id)
    assert names(alice) == [name for name in _FOLDERS + _FILES if name not in _HIDDEN_FROM_ALICE]
    assert alice["list"]["pagination"] == expected.pagination(count=12, total=12)
    bob = connect.basic("bob").call("nodes.listNodeChildren", office.handbook.id)
    assert names(bob) == [name for name in _FOLDERS + _FILES if name not in {"secret", "orphaned.txt"}]
    robot = connect.basic("robot").call("nodes.listNodeChildren", office.handbook.id)
    assert names(robot) == _FOLDERS + _FILES
    with denied():
        connect.basic("Carol").call("nodes.listNodeChildren", office.handbook.id)


@check()
def children_carry_what_is_included(office: Office, connect: Connect) -> None:
    include = ["aspectNames", "properties", "permissions", "path", "association", "isLink"]
    office.world.set_permissions(office.named("Annex"), inherit=False, entries=[])
    listed = entries(connect.basic("admin").call("nodes.listNodeChildren", office.handbook.id, include=include))
    by_name = {entry["name"]: entry for entry in listed}
    for name, entry in by_name.items():
        node = office.named(name)
        assert entry["aspectNames"] == expected.aspects(node)
        assert expected.in_order(entry["permissions"]) == expected.permissions(office.world, node)
        assert entry["path"] == expected.path(office.world, node)
        assert entry["isLink"] is (name in {"plan link", "shelf link"})
        assert entry["association"] == {"assocType": "cm:contains", "isPrimary": name != "flyer.txt"}
    assert by_name["Plan.pdf"]["properties"]["acme:labels"] == ["red", "blue"]
    assert "properties" not in by_name["Annex"]
    assert by_name["flyer.txt"]["parentId"] == office.shelf.id


@check()
def permissions_of_children_obey_each_childs_own_right(office: Office, connect: Connect) -> None:
    office.world.set_permissions(office.named("zoo"), inherit=False, entries=[("alice", "Consumer")])
    listed = entries(connect.basic("alice").call("nodes.listNodeChildren", office.handbook.id, include=["permissions"]))
    assert {entry["name"] for entry in listed if "permissions" not in entry} == {"zoo"}


@check()
def a_single_property_can_be_included(office: Office, connect: Connect) -> None:
    alice = connect.basic("alice")
    for include in (["cm:title"], ["properties/cm:title"]):
        listed = entries(alice.call("nodes.listNodeChildren", office.handbook.id, include=include))
        shown = {entry["name"]: entry["properties"] for entry in listed if "properties" in entry}
        assert shown == {
            "abc.txt": {"cm:title": "zz"},
            "locked.txt": {"cm:title": "The aim"},
            "Plan.pdf": {"cm:title": "The plan"},
        }


@check()
def children_are_chosen_by_where(office: Office, connect: Connect) -> None:
    admin, folder = connect.basic("admin"), office.handbook.id
    chosen = {
        "(isFolder=true)": _FOLDERS,
        "(isFile=true)": _FILES,
        "(isFolder=false and isFile=false)": [],
        "(isPrimary=false)": ["flyer.txt"],
        "(isPrimary=true and isFile=true)": [name for name in _FILES if name != "flyer.txt"],
        "(nodeType='acme:plan')": ["Plan.pdf"],
        "(nodeType='cm:content')": [name for name in _FILES if name not in {"Plan.pdf", "plan link"}],
        "(nodeType='cm:content INCLUDESUBTYPES')": [name for name in _FILES if name != "plan link"],
        "(nodeType='app:folderlink')": ["shelf link"],
        "(assocType='cm:contains')": _FOLDERS + _FILES,
        "(assocType='rn:rendition')": [],
    }
    for where, expected_names in chosen.items():
        assert names(admin.call("nodes.listNodeChildren", folder, where=where)) == expected_names, where


@check()
def a_where_without_sense_is_refused(office: Office, connect: Connect) -> None:
    alice, folder = connect.basic("alice"), office.handbook.id
    for where in (
        "(isFile=true and isFolder=true)",
        "(nodeType='cm:content' and isFile=true)",
        "(nodeType='no:type')",
        "(name='Plan.pdf')",
        "(isFile in ('true'))",
    ):
        with invalid():
            alice.call("nodes.listNodeChildren", folder, where=where)
    for where in (
        "isFile=true",
        "and isFile=true)",
        "(isFile=true or isFolder=true)",
        "(isFile=true",
        "(not isFile=true)",
        "(isFile)",
        "(isFile=true) more",
        "(isFile like ('true'))",
    ):
        with refused(400, "framework.exception.InvalidQuery"):
            alice.call("nodes.listNodeChildren", folder, where=where)


@check()
def children_are_ordered_as_asked(office: Office, connect: Connect) -> None:
    alice, folder = connect.basic("alice"), office.handbook.id

    def ordered(*order: str) -> list[str]:
        return names(alice.call("nodes.listNodeChildren", folder, orderBy=list(order), where="(isFile=true)"))

    by_name = [name for name in _FILES if name not in _HIDDEN_FROM_ALICE]
    assert ordered("name") == by_name
    assert ordered("name DESC") == by_name[::-1]
    assert ordered("sizeInBytes DESC")[0] == "Plan.pdf"
    assert ordered("sizeInBytes")[-1] == "Plan.pdf"
    office.world.set_properties(office.named("abc.txt"), {"cm:title": "zz"}, by="bob")
    office.clock.advance(timedelta(seconds=1))
    office.world.set_properties(office.named("flyer.txt"), {"cm:description": "by"}, by="bob")
    assert ordered("createdAt")[0] == "Plan.pdf"
    assert ordered("createdAt")[-1] == "owned.txt"
    assert ordered("modifiedAt DESC")[:2] == ["flyer.txt", "abc.txt"]
    assert ordered("nodeType", "name DESC")[0] == "Plan.pdf"
    plain = ["abc.txt", "flyer.txt", "latin.txt", "locked.txt", "owned.txt"]
    assert ordered("mimeType DESC", "name") == [*plain, "Ünïcode & more.md", "Plan.pdf", "lost.doc", "plan link"]
    assert ordered("cm:title DESC")[:3] == ["abc.txt", "Plan.pdf", "locked.txt"]
    assert ordered("createdByUser", "name")[-1] == "Plan.pdf"
    with invalid():
        ordered("name UPWARDS")
    with invalid():
        ordered("colour")


@check()
def folders_lose_their_place_in_another_order(office: Office, connect: Connect) -> None:
    listing = connect.basic("admin").call("nodes.listNodeChildren", office.handbook.id, orderBy=["name"])
    assert names(listing) == sorted(_FOLDERS + _FILES, key=str.casefold)


@check(only="js")  # the other one sends a page size of its own with every call
def a_page_holds_a_hundred_unless_asked_otherwise(office: Office, connect: Connect) -> None:
    listing = connect.basic("alice").call("nodes.listNodeChildren", office.minutes.id)
    assert listing["list"]["pagination"] == expected.pagination(count=100, total=MINUTES)
    assert len(entries(listing)) == 100


@check()
def pages_follow_one_another_to_the_end(office: Office, connect: Connect) -> None:
    alice, found, skip = connect.basic("alice"), list[str](), 0
    while True:
        listing = alice.call("nodes.listNodeChildren", office.minutes.id, skipCount=skip, maxItems=25)
        pagination = listing["list"]["pagination"]
        count = min(25, MINUTES - skip)
        assert pagination == expected.pagination(count=count, total=MINUTES, skip=skip, maximum=25)
        found += names(listing)
        skip += 25
        if not pagination["hasMoreItems"]:
            break
    assert found == [f"Minutes {number:03d}.txt" for number in range(MINUTES)]


@check()
def the_last_full_page_has_no_more(office: Office, connect: Connect) -> None:
    alice = connect.basic("alice")
    whole = alice.call("nodes.listNodeChildren", office.minutes.id, maxItems=MINUTES)
    assert whole["list"]["pagination"] == expected.pagination(count=MINUTES, total=MINUTES, maximum=MINUTES)
    almost = alice.call("nodes.listNodeChildren", office.minutes.id, maxItems=MINUTES - 1)
    assert almost["list"]["pagination"]["hasMoreItems"] is True
    behind = alice.call("nodes.listNodeChildren", office.minutes.id, skipCount=MINUTES, maxItems=5)
    assert entries(behind) == []
    assert behind["list"]["pagination"] == expected.pagination(count=0, total=MINUTES, skip=MINUTES, maximum=5)


@check()
def an_empty_folder_has_an_empty_page(office: Office, connect: Connect) -> None:
    listing = connect.basic("alice").call("nodes.listNodeChildren", office.named("Annex").id)
    assert listing["list"]["entries"] == []
    assert listing["list"]["pagination"] == expected.pagination(count=0, total=0)


@check()
def totals_can_be_left_out(office: Office, connect: Connect) -> None:
    office.world.hides_total_items = True
    listing = connect.basic("alice").call("nodes.listNodeChildren", office.minutes.id, maxItems=5)
    assert listing["list"]["pagination"] == {"count": 5, "hasMoreItems": True, "skipCount": 0, "maxItems": 5}


@check()
def paging_without_sense_is_refused(office: Office, connect: Connect) -> None:
    alice, folder = connect.basic("alice"), office.handbook.id
    with invalid("Only positive values supported for maxItems."):
        alice.call("nodes.listNodeChildren", folder, maxItems=0)
    with invalid("Negative values not supported for skipCount."):
        alice.call("nodes.listNodeChildren", folder, skipCount=-1)
    if connect.kind == "js":  # the other one sends both with every call
        with invalid("Invalid paging parameter maxItems:A"):
            alice.call("nodes.listNodeChildren", folder, maxItems="A")
        with invalid("Invalid paging parameter skipCount:1.5"):
            alice.call("nodes.listNodeChildren", folder, skipCount=1.5)
    with invalid("Invalid paging parameters skipCount: x, maxItems:A"):
        alice.call("nodes.listNodeChildren", folder, skipCount="x", maxItems="A")
    largest = 2**31 - 1  # of Java's integers
    assert len(entries(alice.call("nodes.listNodeChildren", folder, maxItems=largest))) == 12
    with invalid():
        alice.call("nodes.listNodeChildren", folder, maxItems=largest + 1)


@check()
def the_source_is_shown_on_request(office: Office, connect: Connect) -> None:
    alice = connect.basic("alice")
    listing = alice.call("nodes.listNodeChildren", office.handbook.id, includeSource=True)
    assert listing["list"]["source"] == {
        **expected.node(office.world, office.handbook),
        "aspectNames": ["cm:auditable", "cm:titled"],
        "properties": {"cm:description": "How we work"},
    }
    for no_flag in (False, "yes"):
        listing = alice.call("nodes.listNodeChildren", office.handbook.id, includeSource=no_flag)
        assert "source" not in listing["list"]


@check()
def a_relative_path_leads_to_the_folder(office: Office, connect: Connect) -> None:
    listing = connect.basic("alice").call("nodes.listNodeChildren", "-root-", relativePath="Sites/hr/documentLibrary")
    assert ids(listing) == [office.handbook.id, office.minutes.id]


@check()
def only_folders_have_children(office: Office, connect: Connect) -> None:
    alice = connect.basic("alice")
    for name in ("Plan.pdf", "shelf link"):
        with invalid():
            alice.call("nodes.listNodeChildren", office.named(name).id)
    with not_found("nowhere"):
        alice.call("nodes.listNodeChildren", "nowhere")


@check()
def the_root_shows_its_folders(office: Office, connect: Connect) -> None:
    listing = connect.basic("dave").call("nodes.listNodeChildren", "-root-")
    assert names(listing) == ["Data Dictionary", "Guest Home", "Shared", "Sites", "User Homes"]
    homes = connect.basic("dave").call("nodes.listNodeChildren", office.world.user_homes.id)
    assert names(homes) == ["dave"]


@check()
def a_deleted_child_is_gone_and_a_restored_one_back(office: Office, connect: Connect) -> None:
    alice, shelf = connect.basic("alice"), office.shelf.id
    flyer = office.named("flyer.txt")
    office.world.delete(flyer)
    assert entries(alice.call("nodes.listNodeChildren", shelf)) == []
    assert "flyer.txt" not in names(alice.call("nodes.listNodeChildren", office.handbook.id))
    office.world.restore(flyer.id)
    assert names(alice.call("nodes.listNodeChildren", shelf)) == ["flyer.txt"]
    assert "flyer.txt" not in names(alice.call("nodes.listNodeChildren", office.handbook.id))


@check()
def a_moved_child_changes_folders(office: Office, connect: Connect) -> None:
    carol = connect.basic("Carol")
    with denied():
        carol.call("nodes.getNode", office.plan.id)
    office.world.move(office.plan, office.shelf)
    assert names(carol.call("nodes.listNodeChildren", office.shelf.id)) == ["flyer.txt", "Plan.pdf"]
    assert carol.call("nodes.getNode", office.plan.id)["entry"]["parentId"] == office.shelf.id


@check()
def lists_follow_every_change(office: Office, connect: Connect) -> None:
    """The same list is asked for before and after each change: nothing of an earlier answer may be left in it."""
    world, folder = office.world, office.handbook.id
    alice, bob = connect.basic("alice"), connect.basic("bob")

    def seen(client: ForeignClient, **query: Any) -> list[str]:
        return names(client.call("nodes.listNodeChildren", folder, **query))

    assert "part.txt" not in seen(alice)
    assert "part.txt" in seen(bob)
    world.set_permissions(office.named("part.txt"), inherit=False, entries=[("alice", "Consumer")])
    assert "part.txt" in seen(alice)
    assert "part.txt" not in seen(bob)
    world.add_file(office.handbook, "new.txt", b"")
    assert "new.txt" in seen(alice)
    world.rename(office.named("new.txt"), "newer.txt")
    assert {"new.txt", "newer.txt"} & set(seen(alice)) == {"newer.txt"}
    by_date = {"orderBy": ["modifiedAt DESC"], "where": "(isFile=true)"}
    assert seen(alice, **by_date)[0] == "newer.txt"
    office.clock.advance(timedelta(seconds=1))
    world.set_properties(office.named("abc.txt"), {"cm:title": "changed"})
    assert seen(alice, **by_date)[0] == "abc.txt"
    world.delete(office.named("newer.txt"))
    assert "newer.txt" not in seen(alice)
    world.leave_group("GROUP_lab", "GROUP_staff")
    with denied():
        seen(alice)
    assert "abc.txt" in seen(bob)
