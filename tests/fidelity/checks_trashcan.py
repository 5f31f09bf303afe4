"""The trashcan: what was deleted, by whom, and how it comes back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import expected
from checks import check
from foreign_client import Connect, ForeignClient, denied, entries, ids, not_found, refused
from office import Office

from connectors.alfresco.simulator.model import Node


def _restore(connect: Connect, client: ForeignClient, node: Node, into: Node | None = None) -> dict[str, Any]:
    """Restore a node, in each client's own way of passing the body."""
    body = {} if into is None else {"targetParentId": into.id}
    if connect.kind == "js":
        restored = client.call("trashcan.restoreDeletedNode", node.id, deletedNodeBodyRestore=body)
    else:
        restored = client.call("trashcan.restoreDeletedNode", node.id, body=body)
    entry: dict[str, Any] = restored["entry"]
    return entry


def _deleted(office: Office, node: Node, by: str) -> dict[str, Any]:
    """Describe a deleted node as a list shows it."""
    described = expected.node(office.world, node)
    del described["parentId"]
    return {**described, "archivedAt": office.world.now(), "archivedByUser": expected.user(office.world, by)}


@check()
def only_the_top_of_a_deleted_tree_is_listed(office: Office, connect: Connect) -> None:
    described = _deleted(office, office.handbook, "bob")
    office.world.delete(office.handbook, by="bob")
    admin = connect.basic("admin")
    listing = admin.call("trashcan.listDeletedNodes")
    assert entries(listing) == [described]
    assert listing["list"]["pagination"] == expected.pagination(count=1, total=1)
    with not_found(office.plan.id):
        admin.call("trashcan.getDeletedNode", office.plan.id)
    with not_found(office.plan.id):
        admin.call("nodes.getNode", office.plan.id)


@check()
def a_deleted_node_has_aspects_and_properties(office: Office, connect: Connect) -> None:
    described = _deleted(office, office.plan, "bob")
    office.world.delete(office.plan, by="bob")
    entry = connect.basic("admin").call("trashcan.getDeletedNode", office.plan.id)["entry"]
    assert entry["aspectNames"] == expected.aspects(office.plan)
    assert entry["properties"]["cm:title"] == "The plan"
    assert {name: entry[name] for name in described} == described


@check()
def the_latest_deletion_comes_first(office: Office, connect: Connect) -> None:
    deleted = [office.named(name) for name in ("zoo", "abc.txt", "Annex")]
    for node in deleted:
        office.clock.advance(timedelta(minutes=1))
        office.world.delete(node)
    admin = connect.basic("admin")
    assert ids(admin.call("trashcan.listDeletedNodes")) == [node.id for node in deleted[::-1]]
    page = admin.call("trashcan.listDeletedNodes", skipCount=1, maxItems=1)
    assert ids(page) == [deleted[1].id]
    assert page["list"]["pagination"] == expected.pagination(count=1, total=3, skip=1, maximum=1)


@check()
def others_see_only_what_they_deleted(office: Office, connect: Connect) -> None:
    office.world.delete(office.named("abc.txt"), by="bob")
    office.world.delete(office.plan, by="admin")
    bob = connect.basic("bob")
    assert [entry["name"] for entry in entries(bob.call("trashcan.listDeletedNodes"))] == ["abc.txt"]
    with denied():
        bob.call("trashcan.getDeletedNode", office.plan.id)
    assert len(entries(connect.basic("admin").call("trashcan.listDeletedNodes"))) == 2


@check()
def a_restored_tree_is_back_in_its_place(office: Office, connect: Connect) -> None:
    office.world.delete(office.handbook, by="bob")
    admin = connect.basic("admin")
    restored = _restore(connect, admin, office.handbook)
    assert restored["id"] == office.handbook.id
    assert restored["parentId"] == office.world.document_library("hr").id
    assert "archivedAt" not in restored
    assert connect.basic("alice").call("nodes.getNode", office.plan.id)["entry"]["name"] == "Plan.pdf"
    assert entries(admin.call("trashcan.listDeletedNodes")) == []


@check()
def a_tree_can_be_restored_elsewhere(office: Office, connect: Connect) -> None:
    office.world.delete(office.plan)
    restored = _restore(connect, connect.basic("admin"), office.plan, into=office.shelf)
    assert restored["parentId"] == office.shelf.id
    assert connect.basic("Carol").call("nodes.getNode", office.plan.id)["entry"]["name"] == "Plan.pdf"


@check()
def a_restore_can_fail(office: Office, connect: Connect) -> None:
    flyer, admin = office.named("flyer.txt"), connect.basic("admin")
    office.world.delete(flyer, by="bob")  # who may add nothing to the shelf
    with not_found("nowhere"):
        admin.call("trashcan.getDeletedNode", "nowhere")
    with denied():
        _restore(connect, connect.basic("bob"), flyer)
    office.world.add_file(office.shelf, "FLYER.txt", b"")
    with refused(409):
        _restore(connect, admin, flyer)
    with refused(422):
        _restore(connect, admin, flyer, into=office.plan)
    office.world.delete(office.shelf)
    with refused(404):
        _restore(connect, admin, flyer)


@check()
def the_purged_is_gone_for_good(office: Office, connect: Connect) -> None:
    office.world.delete(office.plan, by="bob")
    with denied():
        connect.basic("alice").call("trashcan.deleteDeletedNode", office.plan.id)
    admin = connect.basic("admin")
    admin.call("trashcan.deleteDeletedNode", office.plan.id)
    assert entries(admin.call("trashcan.listDeletedNodes")) == []
    with not_found(office.plan.id):
        admin.call("trashcan.getDeletedNode", office.plan.id)


@check()
def what_is_deleted_for_good_never_enters(office: Office, connect: Connect) -> None:
    office.world.delete(office.plan, permanent=True)
    assert entries(connect.basic("admin").call("trashcan.listDeletedNodes")) == []
