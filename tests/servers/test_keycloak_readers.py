"""Readers with tokens of a real Keycloak: found by discovery, believed as long as it and the source stand by them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from acl import AclStore, AdoptedGroups, IdentityStore, MatchUserBy, SourceIdentityRule
from service.tokens import TokenVerifier
from service.tokens.config import OpenIdTokenConfig
from tests.servers.keycloak import Keycloak, Realm
from tests.unit.service.http_world import HttpWorld, document_of, served
from vocabulary.access import Acl, Identity, Person, Principal

pytestmark = [pytest.mark.keycloak, pytest.mark.timeout(2400)]  # a first use downloads and prepares the server

PORTAL, OTHER_CLIENT = "portal", "mail"
SECRET, PASSWORD = "s3cret+%&:é /=", "pass wörd&="
AUDIENCE = "sightline"
TOKEN_LIFE_S = 60


@pytest.fixture(scope="module")
def company(keycloak: Keycloak) -> Realm:
    """Three people, one of them in a group, and two clients, one of which asks for tokens for us."""
    realm = keycloak.add_realm("readers")
    for person in ("alice", "bob", "carol"):
        realm.add_person(person, PASSWORD)
    realm.add_group("staff", "alice")
    for client in (PORTAL, OTHER_CLIENT):
        realm.add_client(client, SECRET, token_life_s=TOKEN_LIFE_S)
    realm.put_into_tokens(PORTAL, audience=AUDIENCE, groups_claim="groups")
    return realm


@dataclass
class Clock:
    """The service's clocks, which a test may put forward."""

    ahead_s: float = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.ahead_s)

    def monotonic_s(self) -> float:
        return time.monotonic() + self.ahead_s


@dataclass(frozen=True)
class Served:
    """The search as the people of the company reach it."""

    world: HttpWorld
    realm: Realm
    clock: Clock

    def tokens(self, user: str, client: str = PORTAL) -> dict[str, Any]:
        return self.realm.sign_in(user, PASSWORD, client_id=client, secret=SECRET)

    def token(self, user: str, client: str = PORTAL) -> str:
        token: str = self.tokens(user, client)["access_token"]
        return token

    async def status(self, token: str) -> int:
        return (await self._ask(token)).status_code

    async def titles(self, token: str) -> set[str]:
        answer = await self._ask(token)
        assert answer.status_code == 200, answer.text
        return {result["title"] for result in answer.json()["results"]}

    async def reason(self, token: str) -> str:
        answer = await self._ask(token)
        assert answer.status_code == 401
        detail: str = answer.json()["detail"]
        return detail

    async def _ask(self, token: str) -> httpx.Response:
        return await self.world.ask("private", headers={"Authorization": f"Bearer {token}"}, query="")


def openid(realm: Realm, **changes: Any) -> OpenIdTokenConfig:
    settings = {"kind": "openid", "issuer": realm.issuer, "audience": AUDIENCE, "groups_claim": "groups"}
    return OpenIdTokenConfig(**settings | changes)


def a_person(name: str) -> Person:
    return Person(Principal.user("hr", name), name, f"{name}@example.com", name.title())


async def know(engine: sa.Engine, *people: Person) -> None:
    async def listed() -> AsyncIterator[Identity]:
        for one in people:
            yield one

    await IdentityStore(engine).replace("hr", listed())


PEOPLE = tuple(map(a_person, ("alice", "bob", "carol")))
RULE = SourceIdentityRule("hr", MatchUserBy.EMAIL)


@pytest.fixture
def engine() -> Iterator[sa.Engine]:
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool, connect_args={"check_same_thread": False})
    yield engine
    engine.dispose()


@pytest.fixture
async def company_search(engine: sa.Engine, company: Realm) -> AsyncIterator[Served]:
    """One document each for alice, the provider's group `staff` and the source's group `STAFF`."""
    clock = Clock()
    verifier = TokenVerifier([openid(company)], clock=clock.now, monotonic_s=clock.monotonic_s)
    async with served(engine, {"private": [RULE]}, believing=verifier) as world:
        await know(engine, *PEOPLE)
        readers = {
            "of alice": Principal.user("hr", "alice"),
            "of the provider's staff": Principal.group(company.issuer, "staff"),
            "of the source's staff": Principal.group("hr", "GROUP_staff"),
        }
        numbers = await AclStore(engine).number("hr", [Acl(name, frozenset({who})) for name, who in readers.items()])
        await world.backends["private"].apply(
            [document_of(name, "a text", source="hr", acl=acl, site="x") for name, acl in numbers.items()]
        )
        yield Served(world, company, clock)


async def test_a_signed_in_person_finds_what_they_may_read(company_search: Served) -> None:
    assert await company_search.titles(company_search.token("alice")) == {"of alice", "of the provider's staff"}
    assert await company_search.titles(company_search.token("bob")) == set()


async def test_keys_rotated_while_serving_are_taken_and_the_withdrawn_ones_refused(company_search: Served) -> None:
    before = company_search.token("alice")
    assert await company_search.titles(before)
    company_search.realm.rotate_keys()
    after = company_search.token("alice")
    company_search.clock.ahead_s = 31  # keys were fetched a moment ago: so soon nobody asks again
    assert await company_search.titles(after)
    assert await company_search.reason(before) == "the token is signed with an unknown key"


async def test_groups_of_the_provider_stay_the_providers_own(company_search: Served) -> None:
    assert "of the source's staff" not in await company_search.titles(company_search.token("alice"))


async def test_groups_of_the_provider_count_as_a_sources_own_where_it_adopts_them(
    engine: sa.Engine, company: Realm
) -> None:
    rule = replace(RULE, adopted=AdoptedGroups(company.issuer, prefix="GROUP_"))
    verifier = TokenVerifier([openid(company)])
    async with served(engine, {"private": [rule]}, believing=verifier) as world:
        await know(engine, *PEOPLE)
        numbers = await AclStore(engine).number("hr", [Acl("k", frozenset({Principal.group("hr", "GROUP_staff")}))])
        await world.backends["private"].apply([document_of("of staff", "x", source="hr", acl=numbers["k"], site="x")])
        search = Served(world, company, Clock())
        assert await search.titles(search.token("alice")) == {"of staff"}
        assert await search.titles(search.token("bob")) == set()


async def test_a_person_disabled_at_the_source_finds_nothing_at_once(engine: sa.Engine, company_search: Served) -> None:
    token = company_search.token("alice")
    assert await company_search.titles(token)
    alice, *others = PEOPLE
    await know(engine, replace(alice, enabled=False), *others)
    assert await company_search.titles(token) == set()


async def test_a_person_disabled_at_the_provider_is_out_when_their_token_expires(company_search: Served) -> None:
    """Nobody asks the provider about a token that it signed: how long tokens live is how long that takes."""
    token = company_search.token("carol")
    company_search.realm.close_account("carol")
    with pytest.raises(httpx.HTTPStatusError):
        company_search.token("carol")
    assert await company_search.status(token) == 200
    company_search.clock.ahead_s = TOKEN_LIFE_S + 61  # clocks may differ by a minute
    assert await company_search.reason(token) == "the token has expired"


async def test_a_token_for_another_client_is_refused(company_search: Served) -> None:
    assert "'aud'" in await company_search.reason(company_search.token("alice", client=OTHER_CLIENT))


async def test_what_the_provider_made_for_another_use_is_refused(company_search: Served) -> None:
    tokens = company_search.tokens("alice")
    assert "algorithm" in await company_search.reason(tokens["refresh_token"])
    assert "'aud'" in await company_search.reason(tokens["id_token"])  # for the client itself


async def test_a_token_of_another_realm_is_refused(keycloak: Keycloak, company_search: Served) -> None:
    other = keycloak.add_realm("strangers")
    other.add_person("alice", PASSWORD)
    other.add_client(PORTAL, SECRET)
    other.put_into_tokens(PORTAL, audience=AUDIENCE, groups_claim="groups")
    token = other.sign_in("alice", PASSWORD, client_id=PORTAL, secret=SECRET)["access_token"]
    assert await company_search.reason(token) == "the token's issuer is not accepted here"


async def test_a_provider_behind_tls_is_trusted_by_its_own_authority_only(keycloak: Keycloak, company: Realm) -> None:
    for certificate, message in ((keycloak.certificate, "1 key for RS256"), (None, "ConnectError")):
        config = openid(company, issuer=company.tls_issuer, ca_certificate=certificate)
        [result] = await TokenVerifier([config]).check()
        assert result.passed is (certificate is not None)
        assert message in result.message
