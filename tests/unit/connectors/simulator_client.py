"""A client of a simulated repository, without sockets, and a small world to ask about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx

from connectors.alfresco.simulator import World, create_app

CORE = "/alfresco/api/-default-/public/alfresco/versions/1"
SEARCH = "http://alfresco/alfresco/api/-default-/public/search/versions/1/search"  # absolute: clients start from CORE
AUTHENTICATION = "/alfresco/api/-default-/public/authentication/versions/1"

START = datetime(2024, 5, 1, 9, 30, 0, 123456, tzinfo=UTC)


@dataclass
class SteppingClock:
    """A clock that moves only when told to."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, step: timedelta = timedelta(minutes=1)) -> datetime:
        self.now += step
        return self.now


def client(world: World, user: str | None = "admin", password: str | None = None) -> httpx.AsyncClient:
    """Return a client that logs in as `user`, whose password is their name unless given; None sends no login."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(create_app(world)),
        base_url="http://alfresco" + CORE,
        auth=(user, password or user) if user is not None else None,
    )


def a_world(**options: object) -> World:
    """Return a world with people `alice` and `bob`, who log in with their names."""
    world = World(**{"clock": SteppingClock(), **options})  # type: ignore[arg-type]
    for user in ("alice", "bob"):
        world.add_person(user, first_name=user.title(), email=f"{user}@example.com", password=user)
    return world


def entries(answer: httpx.Response) -> list[dict[str, object]]:
    """Return the entries of a list answer."""
    assert answer.status_code == 200, answer.text
    return [one["entry"] for one in answer.json()["list"]["entries"]]


def names(answer: httpx.Response) -> list[object]:
    return [entry["name"] for entry in entries(answer)]


def ids(answer: httpx.Response) -> list[object]:
    return [entry["id"] for entry in entries(answer)]
