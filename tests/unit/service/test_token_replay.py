"""A good token shows what its bearer may see now, not what they might see when it was made."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from acl import IdentityStore
from service.http.server import listen, port_of, serving
from service.tokens import READER_HEADER, TokenVerifier
from service.tokens.config import JsonTokenConfig
from tests.unit.service.http_world import TOKENS, HttpWorld, bearer, furnish, rule, served
from tests.unit.service.token_issuers import encode
from vocabulary.access import Identity, Person, Principal

KEY = "a key of the portal that nobody guesses, 32 characters and more"
ANN, BOB = (Person(Principal.user("hr", name), name, f"{name}@example.com", name) for name in ("ann", "bob"))


async def know(engine: sa.Engine, *people: Person) -> None:
    async def listed() -> AsyncIterator[Identity]:
        for one in people:
            yield one

    await IdentityStore(engine).replace("hr", listed())


async def found(world: HttpWorld, headers: dict[str, str]) -> int:
    answer = await world.ask("private", headers=headers, query="")
    assert answer.status_code == 200, answer.text
    total: int = answer.json()["total"]["value"]
    return total


async def test_a_token_replayed_after_its_bearer_was_disabled_finds_nothing(world: HttpWorld) -> None:
    token = bearer("ann@example.com")
    assert await found(world, token) == 2
    await know(world.engine, replace(ANN, enabled=False), BOB)
    assert await found(world, token) == 0
    await know(world.engine, BOB)
    assert await found(world, token) == 0
    await know(world.engine, ANN, BOB)
    assert await found(world, token) == 2


async def test_a_token_replayed_after_its_address_went_to_two_people_finds_nothing(world: HttpWorld) -> None:
    token = bearer("ann@example.com")
    assert await found(world, token) == 2
    await know(world.engine, ANN, replace(BOB, email="ANN@example.com"))
    assert await found(world, token) == 0


@pytest.mark.parametrize(
    "lookalike",
    [
        "\N{CYRILLIC SMALL LETTER A}nn@example.com",
        "ann@example\N{FULLWIDTH FULL STOP}com",
        "ann@ex\N{LATIN SMALL LETTER ALPHA}mple.com",
        "ann\N{ZERO WIDTH SPACE}@example.com",
        "ann\N{SOFT HYPHEN}@example.com",
        "\N{RIGHT-TO-LEFT OVERRIDE}ann@example.com",
        "a\N{COMBINING DOT BELOW}nn@example.com",
        "\N{FULLWIDTH LATIN SMALL LETTER A}nn@example.com",
        "\N{MATHEMATICAL BOLD SMALL A}nn@example.com",
        "ann@example.com ",
        " ann@example.com",
        "ann@example.com.",
        "ann+x@example.com",
        "%61nn@example.com",
    ],
)
async def test_a_name_that_only_looks_alike_finds_nothing(world: HttpWorld, lookalike: str) -> None:
    assert await found(world, bearer(lookalike)) == 0


async def test_an_expired_token_finds_nothing_although_its_filter_is_still_known(world: HttpWorld) -> None:
    assert await found(world, bearer("ann@example.com")) == 2
    assert (await world.ask("private", headers=bearer("ann@example.com", exp=1), query="")).status_code == 401


# --- statements of trusted callers, over HTTP


def stated(user: str, **changes: Any) -> dict[str, str]:
    statement = f'{{"iss": "portal", "exp": {changes.get("exp", 0)}, "email": "{user}"}}'
    return {READER_HEADER: encode(statement)}


@pytest.fixture
async def portal(engine: sa.Engine) -> AsyncIterator[HttpWorld]:
    """The world with a portal that names its readers, from this machine only."""
    caller = {"name": "portal", "key": SecretStr(KEY), "networks": ["127.0.0.0/8"]}
    verifier = TokenVerifier([TOKENS, JsonTokenConfig(kind="json", issuer="portal", trusted_callers=[caller])])
    rules = {"private": [rule("hr")], "open": [rule("web")]}
    async with served(engine, rules, public=["open"], believing=verifier) as running:
        await furnish(running)
        yield running


async def ask_as_portal(world: HttpWorld, headers: dict[str, str], key: str = KEY) -> httpx.Response:
    request = world.client.build_request("POST", "/indexes/private/query", json={"query": ""}, headers=headers)
    return await world.client.send(request, auth=httpx.BasicAuth("portal", key))


async def test_the_reader_of_a_trusted_caller_finds_what_that_person_may_read(portal: HttpWorld) -> None:
    soon = int(time.time()) + 60
    for user, count in (("ann@example.com", 2), ("bob@example.com", 1), ("eve@example.com", 0)):
        answer = await ask_as_portal(portal, stated(user, exp=soon))
        assert (answer.status_code, answer.json()["total"]["value"]) == (200, count)


async def test_whoever_is_not_the_caller_gets_401_and_no_challenge_for_a_password(portal: HttpWorld) -> None:
    soon = int(time.time()) + 60
    answer = await ask_as_portal(portal, stated("ann@example.com", exp=soon), key="wrong")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"  # a browser must not ask its user for a caller's key
    assert KEY not in answer.text


async def test_no_header_changes_the_address_that_a_connection_comes_from() -> None:
    async def tell(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["client"][0].encode()})

    spoofed = {"X-Forwarded-For": "10.1.2.3", "Forwarded": "for=10.1.2.3", "X-Real-IP": "10.1.2.3"}
    with listen("127.0.0.1", 0) as listening:
        async with serving(tell, listening), httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(f"http://127.0.0.1:{port_of(listening)}/", headers=spoofed)
    assert answer.text == "127.0.0.1"
