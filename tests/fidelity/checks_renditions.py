"""Renditions of a file's content."""

from __future__ import annotations

import expected
from checks import check
from foreign_client import Connect, denied, entries, ids, invalid, not_found, refused
from office import Office

_NAMES = ["avatar", "avatar32", "doclib", "imgpreview", "medium", "pdf"]


@check()
def renditions_are_listed_made_or_not(office: Office, connect: Connect) -> None:
    office.world.render(office.plan, "pdf", b"%PDF-rendered")
    listing = connect.basic("alice").call("renditions.listRenditions", office.plan.id)
    assert ids(listing) == _NAMES
    assert {entry["id"] for entry in entries(listing) if entry["status"] == "CREATED"} == {"pdf"}
    assert listing["list"]["pagination"] == expected.pagination(count=6, total=6)


@check()
def renditions_are_chosen_by_status(office: Office, connect: Connect) -> None:
    office.world.render(office.plan, "pdf", b"%PDF-rendered")
    alice = connect.basic("alice")
    made = alice.call("renditions.listRenditions", office.plan.id, where="(status='CREATED')")
    assert ids(made) == ["pdf"]
    others = alice.call("renditions.listRenditions", office.plan.id, where="(status='NOT_CREATED')")
    assert ids(others) == [name for name in _NAMES if name != "pdf"]
    with invalid():
        alice.call("renditions.listRenditions", office.plan.id, where="(status='LOST')")


@check()
def a_rendition_describes_its_content(office: Office, connect: Connect) -> None:
    office.world.render(office.plan, "pdf", b"%PDF-rendered")
    alice = connect.basic("alice")
    entry = alice.call("renditions.getRendition", office.plan.id, "pdf")["entry"]
    assert (entry["id"], entry["status"]) == ("pdf", "CREATED")
    assert entry["content"]["mimeType"] == "application/pdf"
    assert entry["content"]["mimeTypeName"] == "Adobe PDF Document"
    assert entry["content"]["sizeInBytes"] == len(b"%PDF-rendered")
    entry = alice.call("renditions.getRendition", office.plan.id, "doclib")["entry"]
    assert (entry["id"], entry["status"]) == ("doclib", "NOT_CREATED")
    assert entry["content"] == {"mimeType": "image/png", "mimeTypeName": "PNG Image"}
    with invalid(f"Node id '{office.named('lost.doc').id}' has no content."):
        alice.call("renditions.getRendition", office.named("lost.doc").id, "doclib")
    with refused(404):
        alice.call("renditions.getRendition", office.plan.id, "unknown")


@check(only="js")  # the other one has no call for content
def the_bytes_of_a_rendition_are_its_own(office: Office, connect: Connect) -> None:
    office.world.render(office.plan, "pdf", b"%PDF-rendered")
    alice = connect.basic("alice")
    assert alice.call("renditions.getRenditionContent", office.plan.id, "pdf") == b"%PDF-rendered"
    with refused(404):
        alice.call("renditions.getRenditionContent", office.plan.id, "doclib")
    with denied():
        connect.basic("Carol").call("renditions.getRenditionContent", office.plan.id, "pdf")


@check()
def new_bytes_undo_a_rendition(office: Office, connect: Connect) -> None:
    alice = connect.basic("alice")
    office.world.render(office.plan, "pdf", b"%PDF-rendered")
    office.world.set_content(office.plan, b"another")
    entry = alice.call("renditions.getRendition", office.plan.id, "pdf")["entry"]
    assert entry["status"] == "NOT_CREATED"


@check()
def only_files_with_content_have_renditions(office: Office, connect: Connect) -> None:
    alice = connect.basic("alice")
    for name, says in (
        ("Annex", "does not represent a file."),
        ("plan link", "does not represent a file."),
        ("lost.doc", "has no content."),
    ):
        with invalid(f"Node id '{office.named(name).id}' {says}"):
            alice.call("renditions.listRenditions", office.named(name).id)
    with denied():
        alice.call("renditions.listRenditions", office.named("denied.txt").id)
    with not_found("nowhere"):
        alice.call("renditions.listRenditions", "nowhere")


@check()
def a_rendition_can_be_asked_for(office: Office, connect: Connect) -> None:
    alice = connect.basic("alice")
    alice.call("renditions.createRendition", office.plan.id, body={"id": "pdf"})
    with refused(404):
        alice.call("renditions.createRendition", office.plan.id, body={"id": "unknown"})
    with invalid():
        alice.call("renditions.createRendition", office.plan.id, body={"id": ""})
    office.world.render(office.plan, "pdf", b"%PDF-rendered")
    with refused(409):
        alice.call("renditions.createRendition", office.plan.id, body={"id": "pdf"})
    office.world.renditions_enabled = False
    with refused(501):
        alice.call("renditions.createRendition", office.plan.id, body={"id": "doclib"})
