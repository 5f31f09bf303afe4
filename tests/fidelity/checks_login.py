"""Login by password and by ticket."""

from __future__ import annotations

import re
from datetime import timedelta

import httpx
from checks import check
from foreign_client import Connect, ForeignClient, refused
from js_client import JsConnect
from office import PDF, Office

_TICKET = re.compile(r"TICKET_[0-9a-f]{40}")
_NOT_LOGGED_IN = "Authentication failed for Web Script org/alfresco/api/ResourceWebScript.get"


def _ticket(connect: Connect, user: str, password: str | None = None) -> str:
    body = {"userId": user, "password": user if password is None else password}
    entry = connect.nobody().call("authentication.createTicket", body=body)["entry"]
    assert _TICKET.fullmatch(entry["id"])
    return str(entry["id"])


def _who(client: ForeignClient) -> str:
    return str(client.call("people.getPerson", "-me-")["entry"]["id"])


@check()
def a_ticket_opens_every_area(office: Office, connect: Connect) -> None:
    client = connect.ticket(_ticket(connect, "alice"))
    assert _who(client) == "alice"
    assert client.call("discovery.getRepositoryInformation")["entry"]["repository"]
    assert client.call("nodes.getNode", office.plan.id)["entry"]["id"] == office.plan.id


@check(only="js")
def the_client_logs_in_and_out(office: Office, connect: Connect) -> None:
    client = connect.nobody()
    ticket = client.call("alfrescoApi.login", "alice", "alice")
    assert _TICKET.fullmatch(ticket)
    assert client.call("alfrescoApi.isLoggedIn") is True
    assert _who(client) == "alice"
    assert client.call("authentication.validateTicket")["entry"] == {"id": ticket}
    client.call("alfrescoApi.logout")
    assert client.call("alfrescoApi.isLoggedIn") is False
    with refused(401, "framework.exception.ApiDefault", _NOT_LOGGED_IN):
        _who(client)
    with refused(401):
        _who(connect.ticket(ticket))


@check(only="js")
def the_client_says_why_a_login_failed(office: Office, connect: Connect) -> None:
    client = connect.nobody()
    with refused(403, "Login failed", "Login failed"):
        client.call("alfrescoApi.login", "alice", "wrong")
    assert client.call("alfrescoApi.isLoggedIn") is False


@check(only="js")
def an_address_with_the_ticket_needs_no_header(office: Office, connect: Connect) -> None:
    client = connect.nobody()
    client.call("alfrescoApi.login", "alice", "alice")
    url = client.call("content.getContentUrl", office.plan.id, True)
    assert "alf_ticket=TICKET_" in url
    answer = httpx.get(url)
    assert answer.content == PDF
    assert answer.headers["Content-Disposition"] == "attachment; filename=\"Plan.pdf\"; filename*=UTF-8''Plan.pdf"
    client.call("alfrescoApi.logout")
    answer = httpx.get(url)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="Alfresco -default- tenant"'


@check(only="js")
def another_tenant_lets_nobody_in(office: Office, connect: Connect) -> None:
    assert isinstance(connect, JsConnect)
    with refused(401):
        connect.basic("alice", tenant="other").call("nodes.getNode", "-root-")


@check()
def a_person_has_one_ticket(office: Office, connect: Connect) -> None:
    first = _ticket(connect, "alice")
    assert _ticket(connect, "alice") == first
    assert _ticket(connect, "bob") != first


@check()
def a_ticket_can_be_validated(office: Office, connect: Connect) -> None:
    ticket = _ticket(connect, "alice")
    assert connect.ticket(ticket).call("authentication.validateTicket")["entry"] == {"id": ticket}


@check()
def a_deleted_ticket_is_dead(office: Office, connect: Connect) -> None:
    ticket = _ticket(connect, "alice")
    client = connect.ticket(ticket)
    client.call("authentication.deleteTicket")
    with refused(401, "framework.exception.ApiDefault", _NOT_LOGGED_IN):
        _who(client)
    assert _ticket(connect, "alice") != ticket


@check()
def a_ticket_lives_while_it_is_used(office: Office, connect: Connect) -> None:
    client = connect.ticket(_ticket(connect, "alice"))
    for _ in range(3):
        office.clock.advance(timedelta(minutes=59))
        assert _who(client) == "alice"
    office.clock.advance(timedelta(minutes=61))
    with refused(401):
        _who(client)


@check()
def no_ticket_belongs_to_a_password(office: Office, connect: Connect) -> None:
    with refused(400, summary="Ticket base authentication required."):
        connect.basic("alice").call("authentication.validateTicket")


@check()
def a_wrong_password_gets_no_ticket(office: Office, connect: Connect) -> None:
    for user, password in (
        ("alice", "wrong"),
        ("alice", ""),
        ("nobody", "nobody"),
        ("erin", "erin"),
        ("guest", "guest"),
    ):
        with refused(403, "Login failed", "Login failed"):
            _ticket(connect, user, password)


@check(only="js")  # the other one does not send an incomplete login
def an_incomplete_login_is_invalid(office: Office, connect: Connect) -> None:
    for body in ({"userId": "alice"}, {"password": "alice"}):
        with refused(400, summary="Invalid login details."):
            connect.nobody().call("authentication.createTicket", body=body)


@check()
def wrong_credentials_are_refused_everywhere(office: Office, connect: Connect) -> None:
    strangers = [
        connect.nobody(),
        connect.basic("alice", "wrong"),
        connect.basic("nobody"),
        connect.basic("erin"),  # a closed account
        connect.ticket("TICKET_" + "0" * 40),
    ]
    for stranger in strangers:
        for operation, *ids in (
            ("nodes.getNode", office.plan.id),
            ("people.getPerson", "-me-"),
            ("sites.listSites",),
            ("discovery.getRepositoryInformation",),
        ):
            with refused(401, "framework.exception.ApiDefault", _NOT_LOGGED_IN):
                stranger.call(operation, *ids)


@check()
def a_closed_account_loses_its_ticket(office: Office, connect: Connect) -> None:
    client = connect.ticket(_ticket(connect, "alice"))
    office.world.disable_person("alice")
    with refused(401):
        _who(client)


@check()
def a_name_logs_in_in_any_case(office: Office, connect: Connect) -> None:
    assert _who(connect.basic("ALICE", "alice")) == "alice"
    assert _who(connect.basic("carol", "Carol")) == "Carol"
    entry = connect.nobody().call("authentication.createTicket", body={"userId": "carol", "password": "Carol"})["entry"]
    assert entry["userId"] == "carol"  # as it was sent
