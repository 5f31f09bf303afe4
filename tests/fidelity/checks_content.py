"""The bytes of files. The raw Python client has no call for them: its generator leaves out binary answers."""

from __future__ import annotations

from checks import check
from foreign_client import Connect, denied, invalid, not_found, refused
from office import PDF, Office


@check(only="js")
def bytes_arrive_as_they_are(office: Office, connect: Connect) -> None:
    alice = connect.basic("alice")
    assert alice.call("nodes.getNodeContent", office.plan.id) == PDF
    assert alice.call("nodes.getNodeContent", office.plan.id, attachment=False) == PDF
    assert alice.call("nodes.getNodeContent", office.named("latin.txt").id) == "Größe".encode("latin-1")


@check(only="js")
def an_empty_file_has_no_bytes(office: Office, connect: Connect) -> None:
    assert connect.basic("alice").call("nodes.getNodeContent", office.named("abc.txt").id) == b""


@check(only="js")
def content_can_be_lost_absent_or_denied(office: Office, connect: Connect) -> None:
    alice = connect.basic("alice")
    with refused(404):
        alice.call("nodes.getNodeContent", office.named("lost.doc").id)
    for name in ("Annex", "plan link"):
        with invalid():
            alice.call("nodes.getNodeContent", office.named(name).id)
    with denied():
        alice.call("nodes.getNodeContent", office.named("denied.txt").id)
    with not_found("nowhere"):
        alice.call("nodes.getNodeContent", "nowhere")


@check(only="js")
def ranges_and_dates_get_lost_in_the_client(office: Office, connect: Connect) -> None:
    """It sets both headers as properties that cannot be enumerated, and then sends those that can."""
    alice = connect.basic("alice")
    assert alice.call("nodes.getNodeContent", office.plan.id, range="bytes=1-10") == PDF
    never = "Wed, 01 Jan 2200 00:00:00 GMT"
    assert alice.call("nodes.getNodeContent", office.plan.id, ifModifiedSince=never) == PDF
