"""Whom the admin API lets in: each of its routes without a key, with a wrong one, without the scope, with it."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from indexer.state.holds import Hold, HoldStore
from indexer.state.run_history import RunState
from indexer.state.runs import RunStore
from indexer.state.tally import Tally
from service import api_keys
from service.admin.acts import Act, AdminActs
from service.admin.administrators import MAX_BODY_BYTES, Administrator, Administrators
from service.admin.key_config import Scope
from service.api_keys import KnownKeys
from service.http.errors import MEDIA_TYPE
from service.scheduling.scheduler import Scheduler
from service.scheduling.timetable import Job
from service.settings.schedule import SchedulerSettings
from tests.unit.service.admin_world import EVERYTHING, KEYS, WRONG, key_of, with_key
from tests.unit.service.http_world import ISSUER, HttpWorld, bearer, furnish, rule, served
from vocabulary.ports import SyncMode

PROBLEM = "urn:sightline:problem:"


@dataclass(frozen=True)
class Route:
    """A request that the right key makes succeed, and the scope that opens it."""

    method: str
    path: str
    scope: Scope
    status: int = 200
    body: Mapping[str, Any] | None = field(default=None)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


HELD = Hold("plan", "0" * 64, "head/1", "insult", 0.9, ordinal=0, start=0, end=4, held_at=0.0)
MAPPING = {"issuer": ISSUER, "user": "a.miller@example.com", "source": "hr", "person": "ann"}
ROUTES = [
    Route("GET", "/admin/acts", Scope.ACTS),
    Route("POST", "/admin/audits", Scope.AUDIT, status=202, body={"source": "hr"}),
    Route("GET", "/admin/audits", Scope.AUDIT),
    Route("GET", "/admin/audits/2", Scope.AUDIT),
    Route("GET", "/admin/identities", Scope.IDENTITIES),
    Route("PUT", "/admin/identities", Scope.IDENTITIES, body=MAPPING),
    Route("GET", "/admin/explain-access?user=ann&document=hr/open", Scope.EXPLAIN),
    Route("GET", "/admin/reviews?source=hr", Scope.REVIEWS),
    Route("GET", "/admin/reviews/hr%2Fplan", Scope.REVIEWS),
    Route("POST", "/admin/reviews/hr%2Fplan", Scope.REVIEWS, body={"decision": "kept"}),
    Route("GET", "/admin/sources", Scope.SOURCES),
    Route("GET", "/admin/sources/hr", Scope.SOURCES),
    Route("POST", "/admin/sources/hr/sync", Scope.SYNC, status=202, body={"mode": "full"}),
    Route("DELETE", "/admin/sources/hr/sync", Scope.SYNC, status=202),  # of what was started just before
    Route("GET", "/admin/runs", Scope.RUNS),
    Route("GET", "/admin/runs/1", Scope.RUNS),
    Route("GET", "/admin/runs/1/documents", Scope.RUNS),
    Route("POST", "/admin/indexes/private/query", Scope.SEARCH_AS, body={"as": {"user": "ann@example.com"}}),
]


@pytest.fixture
async def world(engine: sa.Engine) -> AsyncIterator[HttpWorld]:
    rules = {"private": [rule("hr")], "open": [rule("web")]}
    scheduler = Scheduler((), no_work, settings=SchedulerSettings())
    async with served(engine, rules, public=["open"], admin_keys=KEYS, scheduler=scheduler) as running:
        await furnish(running)
        ticket = await RunStore(engine).begin("hr", SyncMode.FULL, index_id="x")
        await HoldStore(engine).put(ticket, [HELD])
        await RunStore(engine).finish(ticket, RunState.SUCCEEDED, Tally(), "")
        await RunStore(engine).begin_beside("hr", SyncMode.AUDIT)
        yield running


async def no_work(_: Job, __: asyncio.Event) -> bool:
    return True


async def send(world: HttpWorld, route: Route, headers: Any = None) -> httpx.Response:
    return await world.client.request(route.method, route.path, json=route.body, headers=headers)


def problem_of(answer: httpx.Response) -> str:
    assert answer.headers["content-type"] == MEDIA_TYPE
    kind: str = answer.json()["type"]
    return kind.removeprefix(PROBLEM)


def test_the_table_names_every_route_of_the_admin_api(world: HttpWorld) -> None:
    described = world.openapi()["paths"]
    served_routes = {
        f"{method.upper()} {path}" for path in described if path.startswith("/admin") for method in described[path]
    }
    assert {template_of(route, described) for route in ROUTES} == served_routes


def template_of(route: Route, described: Mapping[str, Any]) -> str:
    """The path of the description that the route's own path is an instance of."""
    parts = route.path.partition("?")[0].split("/")
    for template in described:
        pattern = template.split("/")
        if len(pattern) == len(parts) and all(a == b or a.startswith("{") for a, b in zip(pattern, parts, strict=True)):
            return f"{route.method} {template}"
    return str(route)


NO_KEYS: tuple[Any, ...] = (
    None,
    with_key(""),
    {"Authorization": EVERYTHING},
    {"Authorization": f"Basic {EVERYTHING}"},
    [("Authorization", f"Bearer {EVERYTHING}")] * 2,
)
WRONG_KEYS: tuple[Any, ...] = (
    with_key(WRONG),
    with_key(EVERYTHING[:-1]),
    with_key(f"{EVERYTHING}x"),
    bearer("ada@example.com"),  # a good token of a source's administrator
)


@pytest.mark.parametrize(
    ("refused", "challenge"), [(NO_KEYS, "Bearer"), (WRONG_KEYS, 'Bearer error="invalid_token"')], ids=["none", "wrong"]
)
async def test_without_a_key_every_route_is_401(world: HttpWorld, refused: tuple[Any, ...], challenge: str) -> None:
    for route in ROUTES:
        answers = [await send(world, route, headers) for headers in refused]
        told = [(each.status_code, problem_of(each), each.headers["www-authenticate"]) for each in answers]
        assert told == [(401, "not-authenticated", challenge)] * len(refused), route
    assert await AdminActs(world.engine).listed(limit=1) == []


async def test_a_key_without_the_scope_is_403_and_does_nothing(world: HttpWorld) -> None:
    for route in ROUTES:
        answers = [await send(world, route, with_key(key_of(other))) for other in set(Scope) - {route.scope}]
        told = {(each.status_code, problem_of(each), each.json()["detail"]) for each in answers}
        assert told == {(403, "scope-lacking", f"the key lacks the scope {route.scope}")}, route
    assert await AdminActs(world.engine).listed(limit=1) == []


async def test_a_key_with_the_scope_opens_its_route(world: HttpWorld) -> None:
    answers = {str(route): await send(world, route, with_key(key_of(route.scope))) for route in ROUTES}
    assert {name: answer.status_code for name, answer in answers.items()} == {
        str(route): route.status for route in ROUTES
    }


async def test_an_outsider_learns_of_no_name_and_of_no_body(world: HttpWorld) -> None:
    """What is there and what is not, a good body and a bad one: the answers are alike but for their own names."""
    for route in ROUTES:
        unnamed = route.path.replace("private", "nowhere").replace("hr", "nowhere").replace("1", "99")
        answers = [
            await world.client.request(route.method, route.path, content=b"x" * (MAX_BODY_BYTES + 1)),
            await world.client.request(route.method, route.path, content=b"{"),
            await world.client.request(route.method, unnamed, json={"nonsense": 1}),
            await send(world, route),
        ]
        bodies = [{key: value for key, value in answer.json().items() if key != "instance"} for answer in answers]
        assert bodies == [bodies[0]] * len(answers), route
        assert {"type", "title", "status", "detail"} == set(bodies[0])


async def test_an_administrators_key_opens_no_readers_query(world: HttpWorld) -> None:
    answers = [
        await world.ask("private", query="plan", headers=with_key()),
        await world.suggest("private", q="pl", headers=with_key()),
    ]
    assert [answer.status_code for answer in answers] == [401, 401]


async def test_without_keys_in_the_settings_there_is_no_admin_api(engine: sa.Engine) -> None:
    async with served(engine, {"private": [rule("hr")]}) as world:
        answers = [await send(world, route, headers) for route in ROUTES for headers in (None, with_key())]
        assert {answer.status_code for answer in answers} == {404}


async def test_the_description_tells_which_routes_need_an_administrators_key(world: HttpWorld) -> None:
    api = world.openapi()
    assert api["components"]["securitySchemes"]["AdminKey"]["scheme"] == "bearer"
    for path, methods in api["paths"].items():
        for operation in methods.values():
            assert ({"AdminKey": []} in operation.get("security", [])) == path.startswith("/admin")


def test_a_key_is_compared_with_every_known_one_and_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[int, int]] = []
    compare = hmac.compare_digest

    def watched(known: bytes, presented: bytes) -> bool:
        compared.append((len(known), len(presented)))
        return compare(known, presented)

    monkeypatch.setattr(api_keys.hmac, "compare_digest", watched)
    known = Administrators(KEYS)
    names = []
    for key in (EVERYTHING, key_of(Scope.METRICS), WRONG, "", EVERYTHING * 100):
        compared.clear()
        found = known.identify(key)
        names.append(found and found.name)
        assert compared == [(32, 32)] * len(KEYS)  # hashes: no key's length shows, either
    assert names == ["root", "only-metrics", None, None, None]


def test_keys_are_kept_as_hashes_alone() -> None:
    kept = repr(vars(KnownKeys((entry, entry.name) for entry in KEYS)))
    assert all(entry.name in kept for entry in KEYS)
    assert not any(entry.key.get_secret_value() in kept for entry in KEYS)


# -- GET /admin/acts ---------------------------------------------------------------------------------------------------


async def record(world: HttpWorld, *subjects: str) -> None:
    for subject in subjects:
        support = Administrator("support", frozenset())
        async with AdminActs(world.engine).record(support, Act.AUDIT, subject=subject, parameters={"sample": 3}):
            pass


async def acts(world: HttpWorld, **parameters: Any) -> httpx.Response:
    return await world.client.get("/admin/acts", params=parameters, headers=with_key())


async def test_acts_are_answered_page_by_page(world: HttpWorld) -> None:
    await record(world, "a", "b", "c")
    seen, cursor = [], None
    while True:
        page = (await acts(world, limit=2, **({} if cursor is None else {"cursor": cursor}))).json()
        seen += [act["subject"] for act in page["acts"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == ["c", "b", "a"]


async def test_an_act_is_answered_with_all_that_is_known_of_it(world: HttpWorld) -> None:
    await record(world, "hr")
    (act,) = (await acts(world, administrator="support", act="audit", since="2020-01-01")).json()["acts"]
    assert act.pop("at") <= act.pop("ended_at")
    assert act == {
        "number": 1,
        "administrator": "support",
        "act": "audit",
        "subject": "hr",
        "parameters": {"sample": 3},
        "outcome": "done",
    }
    assert (await acts(world, since="2999-01-01T00:00:00Z")).json() == {"acts": [], "next_cursor": None}


@pytest.mark.parametrize("parameters", [{"limit": 0}, {"cursor": "x"}, {"act": "magic"}, {"since": "yesterday"}])
async def test_a_question_about_acts_that_cannot_be_understood_is_400(
    world: HttpWorld, parameters: dict[str, Any]
) -> None:
    answer = await acts(world, **parameters)
    assert (answer.status_code, problem_of(answer)) == (400, "request-invalid")
