"""The versions of a file."""

from __future__ import annotations

from datetime import timedelta

import expected
from checks import check
from foreign_client import Connect, denied, entries, ids, not_found
from office import Office

from connectors.alfresco.simulator.model import Node


def _versioned(office: Office) -> Node:
    """Add a file with three versions, a minute apart."""
    page = office.world.add_file(office.handbook, "page.txt", b"one", aspects=["cm:versionable"], creator="bob")
    for content, user in ((b"two, longer", "alice"), (b"three", "bob")):
        office.clock.advance(timedelta(minutes=1))
        office.world.set_content(page, content, by=user)
    return page


@check()
def versions_are_listed_newest_first(office: Office, connect: Connect) -> None:
    page = _versioned(office)
    listing = connect.basic("alice").call("versions.listVersionHistory", page.id)
    assert len(entries(listing)) == 3
    assert ids(listing) == sorted(ids(listing), reverse=True)
    assert ids(listing)[-1] == "1.0"
    last = office.world.now()
    assert [entry["modifiedAt"] for entry in entries(listing)] == [last - timedelta(minutes=ago) for ago in range(3)]
    assert [entry["modifiedByUser"]["id"] for entry in entries(listing)] == ["bob", "alice", "bob"]
    assert [entry["content"]["sizeInBytes"] for entry in entries(listing)] == [5, 11, 3]
    assert listing["list"]["pagination"] == expected.pagination(count=3, total=3)
    page_of_one = connect.basic("alice").call("versions.listVersionHistory", page.id, skipCount=1, maxItems=1)
    assert ids(page_of_one) == ids(listing)[1:2]


@check()
def a_version_has_what_a_node_had(office: Office, connect: Connect) -> None:
    page = _versioned(office)
    alice = connect.basic("alice")
    latest = ids(alice.call("versions.listVersionHistory", page.id))[0]
    entry = alice.call("versions.getVersion", page.id, latest)["entry"]
    described = expected.node(office.world, page)
    for name in ("parentId", "createdAt", "createdByUser"):
        del described[name]
    assert {name: entry[name] for name in described} == {**described, "id": latest}
    assert not {"parentId", "createdAt", "createdByUser"} & entry.keys()
    assert "cm:versionable" in entry["aspectNames"]
    with not_found(f"{page.id}-9.9"):
        alice.call("versions.getVersion", page.id, "9.9")


@check(only="js")  # the other one has no call for content
def an_earlier_version_keeps_its_bytes(office: Office, connect: Connect) -> None:
    page = _versioned(office)
    alice = connect.basic("alice")
    assert alice.call("versions.getVersionContent", page.id, "1.0") == b"one"
    latest = ids(alice.call("versions.listVersionHistory", page.id))[0]
    assert alice.call("versions.getVersionContent", page.id, latest) == b"three"


@check()
def a_file_need_not_have_versions(office: Office, connect: Connect) -> None:
    alice = connect.basic("alice")
    assert entries(alice.call("versions.listVersionHistory", office.plan.id)) == []
    with denied():
        alice.call("versions.listVersionHistory", office.named("denied.txt").id)
    with not_found("nowhere"):
        alice.call("versions.listVersionHistory", "nowhere")
