"""Login by password and by ticket, in all documented forms."""

from __future__ import annotations

import base64
from datetime import timedelta

import httpx
import pytest
from simulator_client import AUTHENTICATION, CORE, SteppingClock, a_world, client

from connectors.alfresco.simulator import World

TICKETS = f"http://alfresco{AUTHENTICATION}/tickets"
ME = f"{TICKETS}/-me-"


async def ticket_of(http: httpx.AsyncClient, user: str = "alice") -> str:
    answer = await http.post(TICKETS, json={"userId": user, "password": user})
    assert answer.status_code == 201
    return str(answer.json()["entry"]["id"])


def basic(text: str) -> dict[str, str]:
    """Return a Basic header of exactly this text."""
    return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}


async def who(http: httpx.AsyncClient, **options: object) -> object:
    """Return as whom a request is answered, or the status of its refusal."""
    answer = await http.get("/people/-me-", **options)  # type: ignore[arg-type]
    return answer.json()["entry"]["id"] if answer.status_code == 200 else answer.status_code


async def test_a_password_logs_in_whatever_the_case_of_the_name() -> None:
    async with client(a_world(), None) as http:
        assert await who(http, auth=("alice", "alice")) == "alice"
        assert await who(http, auth=("ALICE", "alice")) == "alice"
        assert await who(http, auth=("alice", "ALICE")) == 401
        assert await who(http, auth=("alice", "")) == 401


async def test_nobody_without_password_and_no_closed_account_logs_in() -> None:
    world = a_world()
    world.add_person("silent")
    world.disable_person("bob")
    async with client(world, None) as http:
        assert await who(http, auth=("silent", "silent")) == 401
        assert await who(http, auth=("bob", "bob")) == 401
        assert await who(http) == 401


async def test_a_refused_login_names_the_scheme_and_the_realm() -> None:
    async with client(a_world(), None) as http:
        answer = await http.get("/people")
    assert answer.headers["www-authenticate"] == 'Basic realm="Alfresco -default- tenant"'
    summary = answer.json()["error"]["briefSummary"]
    assert summary.endswith("Authentication failed for Web Script org/alfresco/api/ResourceWebScript.get")


async def test_a_refused_login_can_be_a_web_page() -> None:
    world = a_world()
    world.login_page_is_html = True
    async with client(world, None) as http:
        answer = await http.get("/people")
    assert (answer.status_code, answer.headers["content-type"]) == (401, "text/html;charset=UTF-8")


@pytest.mark.parametrize("header", ["Bearer abc", "Negotiate abc"])
async def test_schemes_without_their_subsystem_are_refused_by_name(header: str) -> None:
    async with client(a_world(), None) as http:
        answer = await http.get("/people", headers={"Authorization": header})
    assert answer.status_code == 401
    assert f"Authorization '{header.split(maxsplit=1)[0]}' not supported." in answer.json()["error"]["briefSummary"]


@pytest.mark.parametrize("header", ["Basic", "Basic !!!", "Basic /w=="])
async def test_a_garbled_header_is_refused(header: str) -> None:
    async with client(a_world(), None) as http:
        assert await who(http, headers={"Authorization": header}) == 401


async def test_an_unknown_network_is_not_authenticated() -> None:
    async with client(a_world()) as http:
        answer = await http.get("http://alfresco" + CORE.replace("-default-", "elsewhere") + "/people")
    assert answer.status_code == 401


async def test_a_ticket_is_accepted_in_every_documented_form() -> None:
    async with client(a_world(), None) as http:
        ticket = await ticket_of(http)
        assert len(ticket) == len("TICKET_") + 40
        assert await who(http, params={"alf_ticket": ticket}) == "alice"
        for text in (ticket, f":{ticket}", f"ROLE_TICKET:{ticket}"):
            assert await who(http, headers=basic(text)) == "alice"


async def test_a_person_has_one_ticket_at_a_time() -> None:
    async with client(a_world(), None) as http:
        assert await ticket_of(http) == await ticket_of(http)
        assert await ticket_of(http) != await ticket_of(http, "bob")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ('{"userId":"alice","password":"wrong"}', 403),
        ('{"userId":"nobody","password":"x"}', 403),
        ('{"userId":"alice","password":""}', 403),
        ('{"userId":"alice"}', 400),
        ('{"password":"x"}', 400),
        ('{"userId":1,"password":"x"}', 400),
        ("[]", 400),
        ("{", 400),
        ("", 400),
    ],
)
async def test_a_failed_login_gives_no_ticket(body: str, status: int) -> None:
    async with client(a_world(), None) as http:
        answer = await http.post(TICKETS, content=body)
    assert answer.status_code == status
    expected = "Login failed" if status == 403 else "Invalid login details."
    assert answer.json()["error"]["briefSummary"].endswith(expected)


async def test_a_ticket_dies_an_hour_after_its_last_use() -> None:
    clock = SteppingClock()
    async with client(a_world(clock=clock), None) as http:
        ticket = await ticket_of(http)
        for _ in range(3):
            clock.advance(timedelta(minutes=59))
            assert await who(http, params={"alf_ticket": ticket}) == "alice"
        clock.advance(timedelta(minutes=61))
        assert await who(http, params={"alf_ticket": ticket}) == 401
        assert await ticket_of(http) != ticket


async def test_a_dead_ticket_parameter_falls_through_to_the_header() -> None:
    async with client(a_world(), None) as http:
        assert await who(http, params={"alf_ticket": "TICKET_dead"}, auth=("bob", "bob")) == "bob"


async def test_the_tickets_of_a_closed_account_are_refused() -> None:
    world = a_world()
    async with client(world, None) as http:
        ticket = await ticket_of(http)
        world.disable_person("alice")
        assert await who(http, params={"alf_ticket": ticket}) == 401


async def test_a_ticket_can_be_checked_and_ended() -> None:
    async with client(a_world(), None) as http:
        ticket = await ticket_of(http)
        assert (await http.get(ME, headers=basic(ticket))).json() == {"entry": {"id": ticket}}
        assert (await http.delete(ME, headers=basic(ticket))).status_code == 204
        assert (await http.get(ME, headers=basic(ticket))).status_code == 401


async def test_checking_needs_a_living_ticket_and_the_word_me() -> None:
    world = a_world()
    async with client(world, "alice") as http:
        assert (await http.get(f"{TICKETS}/TICKET_x")).status_code == 400
        with_password = await http.get(ME)
        assert with_password.status_code == 400
        assert with_password.json()["error"]["briefSummary"].endswith("Ticket base authentication required.")
        assert (await http.get(ME, params={"alf_ticket": "TICKET_dead"})).status_code == 404
        assert (await http.delete(ME, params={"alf_ticket": "TICKET_dead"})).status_code == 404


async def test_all_tickets_can_be_ended_at_once() -> None:
    world: World = a_world()
    async with client(world, None) as http:
        ticket = await ticket_of(http)
        world.tickets.end_all()
        assert await who(http, params={"alf_ticket": ticket}) == 401
