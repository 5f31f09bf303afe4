"""The bytes of files. The raw Python client has no call for them: its generator leaves out binary answers."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime

import httpx
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


@check(only="js")
def addresses_serve_parts_and_news(office: Office, connect: Connect) -> None:
    """What a browser does with the addresses that the client makes."""
    client = connect.nobody()
    client.call("alfrescoApi.login", "alice", "alice")
    url = client.call("content.getContentUrl", office.plan.id, False)
    whole = httpx.get(url)
    modified_at = office.plan.modified_at
    assert whole.content == PDF
    assert "Content-Disposition" not in whole.headers
    assert whole.headers["Content-Type"] == "application/pdf;charset=UTF-8"
    assert whole.headers["Content-Range"] == f"bytes 0-{len(PDF) - 1}/{len(PDF)}"
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert whole.headers["Cache-Control"] == "max-age=0,  must-revalidate"
    assert whole.headers["ETag"] == f'"{int(modified_at.timestamp() * 1000)}"'
    assert whole.headers["Last-Modified"] == format_datetime(modified_at, usegmt=True)
    for asked, part in (("1-10", PDF[1:11]), ("5-", PDF[5:]), ("-7", PDF[-7:]), ("9-99999", PDF[9:])):
        answer = httpx.get(url, headers={"Range": f"bytes={asked}"})
        assert (answer.status_code, answer.content) == (206, part)
    assert httpx.get(url, headers={"Range": f"bytes={len(PDF)}-"}).status_code == 416
    unchanged = httpx.get(url, headers={"If-Modified-Since": whole.headers["Last-Modified"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    earlier = format_datetime(modified_at - timedelta(seconds=1), usegmt=True)
    assert httpx.get(url, headers={"If-Modified-Since": earlier}).status_code == 200
    assert httpx.get(url, headers={"If-None-Match": whole.headers["ETag"]}).status_code == 200  # not evaluated
