"""What can be made to go wrong: which requests a fault hits, what its client sees, and what the log says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
import pytest
from simulator_client import CORE, a_world, client, entries, names

from connectors.alfresco.simulator import World, running_simulator
from connectors.alfresco.simulator.faults import (
    Fault,
    break_off,
    busy,
    call,
    cut_short,
    delay,
    empty_list,
    fail,
    login_page,
    not_found,
    proxy_page,
    refuse,
    reset,
    shift_pages,
    stall,
)

SHARED = "/nodes/-shared-/children"


def with_files(count: int = 6) -> World:
    world = a_world()
    for number in range(count):
        world.add_file(world.shared, f"f{number}.txt", b"x" * 1000)
    return world


@asynccontextmanager
async def over_sockets(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        running_simulator(world) as base_url,
        httpx.AsyncClient(base_url=base_url + CORE, auth=("admin", "admin"), timeout=5) as http,
    ):
        yield http


async def statuses(http: httpx.AsyncClient, count: int, url: str = "/people") -> list[int]:
    return [(await http.get(url)).status_code for _ in range(count)]


# -- which requests are hit --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({}, [500, 500, 500, 500]),
        ({"times": 1}, [500, 200, 200, 200]),
        ({"first": 2, "times": 2}, [200, 500, 500, 200]),
        ({"first": 2, "last": 3}, [200, 500, 500, 200]),
        ({"first": 3}, [200, 200, 500, 500]),
        ({"probability": 0.0}, [200, 200, 200, 200]),
    ],
)
async def test_a_rule_hits_requests_by_their_order(rule: dict[str, int], expected: list[int]) -> None:
    world = a_world()
    added = world.faults.add(fail(), **rule)  # type: ignore[arg-type]
    async with client(world) as http:
        assert await statuses(http, 4) == expected
    assert (added.matched, added.hits) == (4, expected.count(500))


async def test_a_rule_counts_only_requests_of_its_method_path_and_query() -> None:
    world = with_files()
    rule = world.faults.add(fail(), method="GET", path=r"/children$", query=r"skipCount=3", first=2)
    async with client(world) as http:
        assert await statuses(http, 2, f"{SHARED}?skipCount=0") == [200, 200]
        assert (await http.post(f"{SHARED}?skipCount=3")).status_code == 405
        assert await statuses(http, 2, "/people?skipCount=3") == [200, 200]
        assert await statuses(http, 2, f"{SHARED}?skipCount=3") == [200, 500]
    assert (rule.matched, rule.hits) == (2, 1)


async def test_chance_is_repeatable_and_near_its_share() -> None:
    async def hits(seed: int) -> list[int]:
        world = a_world()
        world.faults.__init__(seed=seed)  # type: ignore[misc]
        world.faults.add(fail(), probability=0.3)
        async with client(world, None) as http:
            return await statuses(http, 200, "/probes/-live-")

    first = await hits(1)
    assert first == await hits(1) != await hits(2)
    assert 40 <= first.count(500) <= 80


async def test_rules_can_be_taken_away_again() -> None:
    world = a_world()
    rule = world.faults.add(fail())
    world.faults.add(refuse(403), path="/groups")
    async with client(world) as http:
        world.faults.remove(rule)
        assert (await statuses(http, 1), await statuses(http, 1, "/groups")) == ([200], [403])
        world.faults.clear()
        assert await statuses(http, 1, "/groups") == [200]


async def test_what_went_wrong_stands_in_the_request_log() -> None:
    world = a_world()
    world.faults.add(delay(0.001), path="/people")
    world.faults.add(busy(429), path="/people", times=1)
    async with client(world, "alice") as http:
        await statuses(http, 2)
        await statuses(http, 1, "/groups")
    hit, late, untouched = world.request_log
    assert (hit.status, hit.user, hit.faults) == (429, None, ("delay 0.001 s", "429"))
    assert (late.status, late.user, late.faults) == (200, "alice", ("delay 0.001 s",))
    assert untouched.faults == ()
    assert world.request_log.struck() == [hit, late]


# -- answers that are not the repository's -----------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 503])
async def test_a_busy_gateway_may_say_when_to_come_back(status: int) -> None:
    world = a_world()
    world.faults.add(busy(status, retry_after_s=7), times=1)
    world.faults.add(busy(status, retry_after_s=7, as_date=True), first=2, times=1)
    world.faults.add(busy(status), first=3, times=1)
    async with client(world) as http:
        seconds, date, silent = [await http.get("/people") for _ in range(3)]
    assert {seconds.status_code, date.status_code, silent.status_code} == {status}
    assert seconds.headers["retry-after"] == "7"
    wait = parsedate_to_datetime(date.headers["retry-after"]) - datetime.now(UTC)
    assert 5 < wait.total_seconds() <= 8
    assert "retry-after" not in silent.headers


ODD_ANSWERS: dict[str, tuple[Fault, int, str]] = {
    "an error": (fail(500), 500, "application/json"),
    "a refused login": (refuse(401), 401, "application/json"),
    "a refused right": (refuse(403), 403, "application/json"),
    "something unknown": (not_found(), 404, "application/json"),
    "a proxy that knows nothing": (proxy_page(404), 404, "text/html"),
    "a proxy that refuses": (proxy_page(403), 403, "text/html"),
    "a web page for a login": (login_page(200), 200, "text/html"),
    "a web page for a refused login": (login_page(401), 401, "text/html"),
}


@pytest.mark.parametrize(("fault", "status", "kind"), ODD_ANSWERS.values(), ids=ODD_ANSWERS)
async def test_an_answer_can_be(fault: Fault, status: int, kind: str) -> None:
    world = a_world()
    world.faults.add(fault)
    async with client(world) as http:
        answer = await http.get("/people")
    assert answer.status_code == status
    assert answer.headers["content-type"].partition(";")[0] == kind
    assert (kind == "application/json") == ("error" in answer.text)


async def test_a_refusal_names_the_scheme_only_for_a_missing_login() -> None:
    world = a_world()
    world.faults.add(refuse(401), times=1)
    world.faults.add(refuse(403), first=2)
    async with client(world) as http:
        missing, denied = await http.get("/people"), await http.get("/people")
    assert "www-authenticate" in missing.headers
    assert denied.json()["error"]["errorKey"] == "framework.exception.PermissionDenied"


async def test_a_list_can_be_empty_for_once() -> None:
    world = with_files()
    world.faults.add(empty_list(), path="/children", times=1)
    async with client(world) as http:
        listing = (await http.get(f"{SHARED}?maxItems=3")).json()["list"]
        assert listing["entries"] == []
        assert listing["pagination"] == {
            "count": 0, "hasMoreItems": False, "totalItems": 0, "skipCount": 0, "maxItems": 3,
        }  # fmt: skip
        assert len(entries(await http.get(SHARED))) == 6


# -- time --------------------------------------------------------------------------------------------------------------


async def test_latency_holds_up_no_other_request() -> None:
    world = a_world()
    world.faults.latency_s = 0.2
    async with over_sockets(world) as http:
        began = time.monotonic()
        await asyncio.gather(*(http.get("/people/-me-") for _ in range(10)))
        took = time.monotonic() - began
    assert 0.2 <= took < 1.5  # ten of them one after the other would take two seconds
    assert world.request_log.most_in_flight > 1
    assert all(request.took_s >= 0.2 for request in world.request_log)


async def test_latency_can_be_for_some_requests_only() -> None:
    world = with_files()
    world.faults.add(delay(0.1), path="/content$")
    file = world.children(world.shared)[0]
    async with client(world) as http:
        await http.get(f"/nodes/{file.id}")
        await http.get(f"/nodes/{file.id}/content")
    described, read = world.request_log
    assert described.took_s < 0.1 <= read.took_s


async def test_an_answer_can_stall_in_its_middle() -> None:
    world = with_files()
    world.faults.add(stall(0.3), path="/children", times=1)
    async with over_sockets(world) as http:
        with pytest.raises(httpx.ReadTimeout):
            await http.get(SHARED, timeout=0.1)
        assert len(entries(await http.get(SHARED))) == 6
        world.faults.add(stall(0.1), path="/children")
        assert len(entries(await http.get(SHARED))) == 6


async def test_the_most_requests_in_flight_are_counted_anew_after_a_clear() -> None:
    world = a_world()
    world.faults.latency_s = 0.05
    async with client(world) as http:
        await asyncio.gather(*(http.get("/people/-me-") for _ in range(4)))
        assert world.request_log.most_in_flight == 4
        world.request_log.clear()
        await http.get("/people/-me-")
    assert (world.request_log.most_in_flight, world.request_log.in_flight) == (1, 0)


# -- connections -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [break_off(0.5), reset(0.5), reset(0.0)], ids=lambda fault: fault.name)
async def test_a_connection_breaks_and_the_next_request_finds_a_new_one(fault: Fault) -> None:
    world = with_files()
    file = world.children(world.shared)[0]
    world.faults.add(fault, path="/content", times=1)
    async with over_sockets(world) as http:
        with pytest.raises(httpx.TransportError):
            await http.get(f"/nodes/{file.id}/content")
        assert (await http.get(f"/nodes/{file.id}/content")).content == b"x" * 1000
    assert [request.faults for request in world.request_log] == [(fault.name,), ()]


async def test_what_is_broken_off_had_promised_its_full_length() -> None:
    world = with_files()
    file = world.children(world.shared)[0]
    world.faults.add(break_off(0.25))
    async with over_sockets(world) as http, http.stream("GET", f"/nodes/{file.id}/content") as answer:
        assert answer.headers["content-length"] == "1000"
        received = b""
        with pytest.raises(httpx.RemoteProtocolError):
            async for piece in answer.aiter_bytes():
                received += piece
    assert received == b"x" * 250
    assert [request.sent_bytes for request in world.request_log] == [250]


async def test_an_answer_cut_short_looks_whole_to_http() -> None:
    world = with_files()
    world.faults.add(cut_short(0.5), path="/children")
    async with over_sockets(world) as http:
        answer = await http.get(SHARED)
    assert answer.status_code == 200
    assert int(answer.headers["content-length"]) == len(answer.content)
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        answer.json()


async def test_breaking_a_connection_needs_one() -> None:
    world = with_files()
    world.faults.add(reset())
    async with client(world) as http:
        with pytest.raises(RuntimeError, match="running_simulator"):
            await http.get(SHARED)


# -- a repository that changes meanwhile -------------------------------------------------------------------------------


async def test_the_world_can_change_between_two_pages() -> None:
    world = with_files()
    first = world.child_named(world.shared, "f0.txt")
    assert first is not None
    world.faults.add(call(lambda: world.delete(first), "deletion"), path="/children", first=2, times=1)
    async with client(world) as http:
        pages = [await http.get(f"{SHARED}?maxItems=3&skipCount={skip}") for skip in (0, 3)]
    assert [names(page) for page in pages] == [["f0.txt", "f1.txt", "f2.txt"], ["f4.txt", "f5.txt"]]
    assert [request.faults for request in world.request_log] == [(), ("deletion",)]


@pytest.mark.parametrize(
    ("by", "second"),
    [(1, ["f4.txt", "f5.txt"]), (-1, ["f2.txt", "f3.txt", "f4.txt"]), (-9, ["f0.txt", "f1.txt", "f2.txt"])],
)
async def test_pages_can_shift(by: int, second: list[str]) -> None:
    world = with_files()
    world.faults.add(shift_pages(by), path="/children")
    async with client(world) as http:
        pages = [await http.get(f"{SHARED}?maxItems=3&skipCount={skip}") for skip in (0, 3)]
    assert [names(page) for page in pages] == [["f0.txt", "f1.txt", "f2.txt"], second]
    assert pages[1].json()["list"]["pagination"]["skipCount"] == 3


async def test_all_logins_can_end_at_a_certain_request() -> None:
    world = a_world()
    ticket = world.tickets.issue("alice")
    world.faults.add(call(world.end_logins, "logins ended"), first=3, times=1)
    async with client(world, None) as http:
        assert await statuses(http, 4, f"/people/-me-?alf_ticket={ticket}") == [200, 200, 401, 401]


async def test_a_lost_site_is_unknown_until_it_is_found() -> None:
    world = a_world()
    world.add_site("hr")
    file = world.add_file(world.document_library("hr"), "plan.txt", b"x")
    site_folder = world.nodes[world.sites["hr"].node_id]
    urls = ["/sites/hr", "/sites/hr/containers", f"/nodes/{site_folder.id}", f"/nodes/{file.id}"]
    before = world.sites_folder.modified_at
    async with client(world) as http:
        world.lose_site("hr")
        assert [(await http.get(url)).status_code for url in urls] == [404] * 4
        assert entries(await http.get("/sites")) == []
        assert entries(await http.get(f"/nodes/{world.sites_folder.id}/children")) == []
        world.find_site("hr")
        assert [(await http.get(url)).status_code for url in urls] == [200] * 4
    assert world.sites_folder.modified_at == before


# -- permissions that arrive late --------------------------------------------------------------------------------------


class Shelf:
    """A folder whose readers change, with a folder and a file below it."""

    def __init__(self) -> None:
        self.world = a_world()
        self.folder = self.world.add_folder(self.world.root, "top")
        self.world.set_permissions(self.folder, inherit=False, entries=[("alice", "Contributor")])
        self.below = self.world.add_folder(self.folder, "below")
        self.file = self.world.add_file(self.below, "file.txt", b"x")
        self.world.delays_acls = True

    def readers(self) -> list[list[str]]:
        """Return who may read the folder, what is below it, and the file."""
        nodes = (self.folder, self.below, self.file)
        return [[user for user in ("alice", "bob") if self.world.may_read(user, node.id)] for node in nodes]


def test_what_is_set_on_a_folder_counts_there_at_once_and_below_when_settled() -> None:
    shelf = Shelf()
    shelf.world.set_permissions(shelf.folder, inherit=False, entries=[("bob", "Contributor")])
    assert shelf.readers() == [["bob"], ["alice"], ["alice"]]
    shelf.world.settle_acls()
    assert shelf.readers() == [["bob"], ["bob"], ["bob"]]


@pytest.mark.parametrize("change", [lambda shelf: ("bob", "Consumer", "DENIED"), lambda shelf: ("alice", "Editor")])
def test_the_state_before_the_first_unsettled_change_is_what_counts_below(change: Callable[[Shelf], object]) -> None:
    shelf = Shelf()
    shelf.world.set_permissions(shelf.folder, inherit=True, entries=[change(shelf)])  # type: ignore[list-item]
    shelf.world.set_permissions(shelf.folder, inherit=False, entries=[])
    assert shelf.readers() == [[], ["alice"], ["alice"]]
    shelf.world.settle_acls()
    assert shelf.readers() == [[], [], []]


def test_a_file_s_own_entries_are_never_late() -> None:
    shelf = Shelf()
    shelf.world.set_permissions(shelf.file, entries=[("bob", "Consumer")])
    assert shelf.readers()[2] == ["alice", "bob"]


async def test_the_inherited_list_is_late_with_the_decision() -> None:
    shelf = Shelf()
    shelf.world.set_permissions(shelf.folder, inherit=False, entries=[("bob", "Contributor")])
    async with client(shelf.world) as http:

        async def inherited() -> list[object]:
            entry = (await http.get(f"/nodes/{shelf.file.id}?include=permissions")).json()["entry"]
            return [one["authorityId"] for one in entry["permissions"]["inherited"]]

        assert await inherited() == ["alice"]
        shelf.world.settle_acls()
        assert await inherited() == ["bob"]
