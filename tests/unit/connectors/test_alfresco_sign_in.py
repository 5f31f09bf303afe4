"""One credential for many requests: made once, renewed once, and never again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from simulator_client import SteppingClock

from connectors.alfresco import AlfrescoConfig, AlfrescoConnector
from connectors.alfresco.simulator import World, served_world
from connectors.alfresco.simulator.request_log import LoggedRequest
from connectors.alfresco.wire.client import AlfrescoClient
from connectors.alfresco.wire.request_counts import RequestKind
from connectors.alfresco.wire.sign_in import Credential, Send, SignIn
from vocabulary.documents import Upsert
from vocabulary.errors import CredentialsRejected, RateLimited, SightlineError

PASSWORD = "hunter2"


async def no_send(*_arguments: Any, **_named: Any) -> Any:
    raise AssertionError("this source needs no request")


class CountingSource:
    """Gives `credential 1`, `credential 2`, … until told to fail."""

    renewable = True
    hint = "check the test"

    def __init__(self, *, fresh_s: float | None = None) -> None:
        self.fresh_s = fresh_s
        self.obtained = 0
        self.attempts = 0
        self.failure: SightlineError | None = None

    def describe(self) -> str:
        return "counted"

    async def obtain(self, send: Send) -> Credential:
        self.attempts += 1
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        self.obtained += 1
        return Credential(f"credential {self.obtained}", fresh_s=self.fresh_s)

    async def give_back(self, credential: Credential, send: Send) -> None:
        """Nothing to do."""


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def signed(source: CountingSource) -> tuple[SignIn, Clock]:
    clock = Clock()
    return SignIn(source, clock_s=clock), clock


async def test_all_who_need_a_credential_at_once_share_one_sign_in() -> None:
    source = CountingSource()
    sign_in, _ = signed(source)
    got = await asyncio.gather(*(sign_in.credential(no_send) for _ in range(20)))
    assert {one.authorization for one in got} == {"credential 1"}
    assert source.attempts == 1


async def test_all_who_meet_the_same_refusal_share_one_renewal() -> None:
    source = CountingSource()
    sign_in, _ = signed(source)
    first = await sign_in.credential(no_send)
    sign_in.accepted(first)
    got = await asyncio.gather(*(sign_in.renewed(first, no_send) for _ in range(20)))
    assert {one.authorization for one in got if one} == {"credential 2"} and None not in got
    assert source.attempts == 2


async def test_a_credential_that_was_refused_as_soon_as_it_was_made_is_not_renewed() -> None:
    source = CountingSource()
    sign_in, clock = signed(source)
    first = await sign_in.credential(no_send)
    assert await sign_in.renewed(first, no_send) is None
    clock.now_s += 60  # the server had not been asked in all that time; it may have ended of age
    assert await sign_in.renewed(first, no_send) is not None
    assert source.attempts == 2


async def test_a_credential_is_renewed_before_its_time_runs_out() -> None:
    source = CountingSource(fresh_s=10)
    sign_in, clock = signed(source)
    await sign_in.credential(no_send)
    clock.now_s += 9.9
    assert (await sign_in.credential(no_send)).authorization == "credential 1"
    clock.now_s += 0.1
    got = await asyncio.gather(*(sign_in.credential(no_send) for _ in range(20)))
    assert {one.authorization for one in got} == {"credential 2"}


async def test_a_failed_sign_in_is_the_failure_of_all_who_wait_and_is_not_repeated_at_once() -> None:
    source = CountingSource()
    source.failure = CredentialsRejected("no")
    sign_in, clock = signed(source)
    got = await asyncio.gather(*(sign_in.credential(no_send) for _ in range(20)), return_exceptions=True)
    assert {type(one) for one in got} == {CredentialsRejected}
    assert source.attempts == 1
    source.failure = None
    clock.now_s += 1
    assert (await sign_in.credential(no_send)).authorization == "credential 1"


async def test_a_provider_that_wants_a_pause_gets_it() -> None:
    source = CountingSource()
    source.failure = RateLimited("slow down", retry_after_s=30)
    sign_in, clock = signed(source)
    for _ in range(3):
        with pytest.raises(RateLimited):
            await sign_in.credential(no_send)
        clock.now_s += 9.9
    assert source.attempts == 1
    clock.now_s += 1
    source.failure = None
    await sign_in.credential(no_send)


async def test_who_is_cancelled_while_signing_in_leaves_it_to_the_next() -> None:
    source = CountingSource()
    sign_in, _ = signed(source)
    first = asyncio.ensure_future(sign_in.credential(no_send))
    second = asyncio.ensure_future(sign_in.credential(no_send))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).authorization == "credential 1"


def test_a_credential_shows_nothing() -> None:
    assert "secret" not in repr(Credential("Bearer secret"))


# -- tickets, at the simulated server --------------------------------------------------------------------------------


@pytest.fixture
def clock() -> SteppingClock:
    return SteppingClock()


@pytest.fixture
def world(clock: SteppingClock) -> World:
    world = World(name="tickets", clock=clock)
    world.add_person("crawler", password=PASSWORD, is_admin=True)
    for folder in ("one", "two", "three"):
        parent = world.add_folder(world.shared, folder)
        for number in range(4):
            world.add_file(parent, f"{number}.txt", b"text")
    return world


@dataclass(frozen=True)
class Served:
    """A world that is being served."""

    url: str
    world: World
    serving: ExitStack

    def log(self) -> list[LoggedRequest]:
        """End the server, so that nothing more is written, and return what it was asked."""
        self.serving.close()
        return list(self.world.request_log)

    def logins(self) -> int:
        return len([one for one in self.log() if one.method == "POST" and one.path.endswith("/tickets")])


@pytest.fixture
def served(world: World) -> Iterator[Served]:
    with ExitStack() as serving:
        yield Served(serving.enter_context(served_world(world)), world, serving)


def config(url: str, *, password: str = PASSWORD, kind: str = "ticket", **changes: Any) -> AlfrescoConfig:
    auth = {"kind": kind, "username": "crawler", "password": SecretStr(password)}
    return AlfrescoConfig.model_validate(
        {"url": url, "auth": auth, "folders": ["/Company Home/Shared"], "page_size": 2} | changes
    )


async def test_a_crawl_signs_in_once_by_ticket_and_out_at_the_end(served: Served) -> None:
    async with AlfrescoConnector("source", config(served.url)) as connector:
        assert len([one async for one in connector.crawl(None) if isinstance(one, Upsert)]) == 12
    last = served.log()[-1]
    assert (served.logins(), last.method, last.status) == (1, "DELETE", 204)
    assert {one.user for one in served.log() if "/nodes/" in one.path} == {"crawler"}


async def test_a_ticket_that_dies_during_a_crawl_is_renewed_and_nothing_is_lost(world: World, served: Served) -> None:
    met = []
    async with AlfrescoConnector("source", config(served.url)) as connector:
        async for change in connector.crawl(None):
            met.append(change)
            if len(met) == 4:
                world.tickets.end_all()
    assert len({one.document.id for one in met if isinstance(one, Upsert)}) == 12
    assert served.logins() == 2
    assert any(one.status == 401 for one in served.log())


async def test_a_ticket_of_old_age_is_renewed_once_for_all_requests_at_once(
    served: Served, clock: SteppingClock
) -> None:
    async with AlfrescoClient(config(served.url)) as client:
        await client.me()
        clock.advance(timedelta(hours=2))
        people = await asyncio.gather(*(client.me() for _ in range(8)))
    assert {one.id for one in people} == {"crawler"}
    assert served.logins() == 2


async def test_a_closed_account_ends_the_crawl_after_one_attempt(world: World, served: Served) -> None:
    async with AlfrescoClient(config(served.url)) as client:
        await client.me()
        world.disable_person("crawler")
        results = await asyncio.gather(*(client.me() for _ in range(8)), return_exceptions=True)
    assert {type(one) for one in results} == {CredentialsRejected}
    assert served.logins() == 2


@pytest.mark.parametrize("kind", ["basic", "ticket"])
async def test_a_wrong_password_is_named_and_no_ticket_is_asked_for_twice(served: Served, kind: str) -> None:
    async with AlfrescoClient(config(served.url, password="wrong-" + PASSWORD, kind=kind)) as client:
        results = await asyncio.gather(*(client.me() for _ in range(8)), return_exceptions=True)
    assert {type(one) for one in results} == {CredentialsRejected}
    assert {"`auth.username` and `auth.password`" in str(one) and PASSWORD not in str(one) for one in results} == {True}
    if kind == "ticket":
        assert len(served.log()) == 1


async def test_a_login_page_instead_of_a_ticket_is_named(world: World, served: Served) -> None:
    world.login_page_is_html = True
    async with AlfrescoClient(config(served.url, kind="basic", password="wrong")) as client:
        with pytest.raises(CredentialsRejected, match="`auth"):
            await client.me()


async def test_a_server_that_is_gone_does_not_keep_the_end_of_a_run(world: World) -> None:
    with served_world(world) as base_url:
        client = AlfrescoClient(config(base_url))
        await client.__aenter__()
        await client.me()
    await client.__aexit__(None, None, None)  # the server is gone: nothing to sign out of, and no error


async def test_signing_in_is_counted_apart(served: Served) -> None:
    async with AlfrescoConnector("source", config(served.url)) as connector:
        client = connector._client
        _ = [one async for one in connector.crawl(None)]
        _ = [one async for one in connector.identities()]
        counts = client.counts
    assert counts.requests[RequestKind.SIGN_IN] == 1
    assert counts.requests[RequestKind.CONTENT] == 0
    assert counts.all_requests == len(served.log()) - 1  # but the sign-out
    sent = sum(one.sent_bytes for one in served.log() if one.method == "GET")
    assert counts.all_bytes_received - counts.bytes_received[RequestKind.SIGN_IN] == sent
