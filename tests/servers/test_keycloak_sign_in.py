"""The connector signs in at a real Keycloak and crawls a repository that trusts its published keys."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr

from connectors.alfresco import AlfrescoConfig, AlfrescoConnector
from connectors.alfresco.simulator import World, running_simulator
from connectors.alfresco.simulator.identity import IdentityService
from connectors.alfresco.wire.client import AlfrescoClient
from connectors.alfresco.wire.request_counts import RequestKind
from tests.servers.keycloak import Keycloak, Realm
from vocabulary.access import Person
from vocabulary.documents import Change, Checkpoint, Upsert
from vocabulary.errors import CredentialsRejected, SettingInvalid, SourceUnavailable

pytestmark = [pytest.mark.keycloak, pytest.mark.timeout(2400)]  # a first use downloads and prepares the server

SECRET = "s3cret+%&:é /="  # what the two ways of sending it encode differently
PASSWORD = "pass wörd&="
FILES = 24


def a_world(realm: Realm) -> World:
    """A repository that believes what the realm signs, with a service account that administers it."""
    world = World(name="keycloak")
    world.identity_service = IdentityService(jwks_url=realm.keys_url)
    world.add_person("service-account-crawler", is_admin=True)
    for number in range(FILES // 4):
        folder = world.add_folder(world.shared, f"folder {number}")
        for other in range(4):
            world.add_file(folder, f"{other}.txt", b"text")
    return world


def client_credentials(realm: Realm, **changes: Any) -> dict[str, Any]:
    whole = {"client_id": "crawler", "client_secret": SecretStr(SECRET), "token_url": realm.token_url}
    return {"kind": "oauth2"} | whole | changes


@pytest.fixture
def world(realm: Realm) -> World:
    return a_world(realm)


@pytest.fixture
def settings(realm: Realm) -> dict[str, Any]:
    realm.add_client("crawler", SECRET)
    return client_credentials(realm)


@asynccontextmanager
async def connected(world: World, auth: dict[str, Any], **changes: Any) -> AsyncIterator[AlfrescoConnector]:
    async with running_simulator(world) as url:
        source = {"url": url, "auth": auth, "folders": ["/Company Home/Shared"], "page_size": 2, "max_connections": 2}
        async with AlfrescoConnector("source", AlfrescoConfig.model_validate(source | changes)) as connector:
            yield connector


def documents(changes: list[Change]) -> int:
    return len({change.document.id for change in changes if isinstance(change, Upsert)})


def refused(world: World) -> int:
    return len([request for request in world.request_log if request.status == 401])


def client_of(connector: AlfrescoConnector) -> AlfrescoClient:
    return connector._client


@pytest.mark.parametrize("client_auth", ["basic", "body"])
async def test_a_client_with_its_secret_crawls_as_its_service_account(
    world: World, settings: dict[str, Any], client_auth: str
) -> None:
    async with connected(world, settings | {"client_auth": client_auth}) as connector:
        changes = [change async for change in connector.crawl(None)]
        people = {one.principal.id async for one in connector.identities() if isinstance(one, Person)}
        tokens = client_of(connector).counts.requests[RequestKind.SIGN_IN]
    assert documents(changes) == FILES
    assert "service-account-crawler" in people
    assert {request.user for request in world.request_log} == {"service-account-crawler"}
    assert (tokens, refused(world)) == (1, 0)


async def test_a_person_with_a_password_crawls_as_that_person(
    realm: Realm, world: World, settings: dict[str, Any]
) -> None:
    realm.add_person("alice", PASSWORD)
    world.add_person("alice")
    grant = {"grant": "password", "username": "alice", "password": SecretStr(PASSWORD)}
    async with connected(world, settings | grant) as connector:
        assert documents([change async for change in connector.crawl(None)]) == FILES
    assert {request.user for request in world.request_log} == {"alice"}


async def test_a_check_says_who_is_signed_in_how_and_for_how_long(world: World, settings: dict[str, Any]) -> None:
    async with connected(world, settings) as connector:
        sign_in = (await connector.check())[0]
    assert sign_in.passed
    assert sign_in.message.startswith("signed in as service-account-crawler, an administrator, with an access token of")
    assert "that lives 300 s (grant client_credentials, client crawler)" in sign_in.message


async def test_a_token_of_seconds_is_renewed_in_the_middle_of_a_crawl_before_it_expires(
    realm: Realm, world: World
) -> None:
    life_s = 4
    world.add_person(realm.add_client("hasty", SECRET, token_life_s=life_s), is_admin=True)
    async with connected(world, client_credentials(realm, client_id="hasty")) as connector:
        changes, began_s = [], time.monotonic()
        async for change in connector.crawl(None):
            changes.append(change)
            if isinstance(change, Checkpoint):
                await asyncio.sleep(0.8)
        took_s = time.monotonic() - began_s
        tokens = client_of(connector).counts.requests[RequestKind.SIGN_IN]
    assert documents(changes) == FILES
    assert took_s > 2 * life_s
    assert 3 <= tokens <= took_s / (0.8 * life_s) + 1
    assert refused(world) == 0


async def test_sessions_that_are_ended_at_the_repository_cost_one_renewal(
    world: World, settings: dict[str, Any]
) -> None:
    changes: list[Change] = []
    async with connected(world, settings) as connector:
        async for change in connector.crawl(None):
            changes.append(change)
            if len(changes) == 6:
                world.end_logins()
        tokens = client_of(connector).counts.requests[RequestKind.SIGN_IN]
    assert documents(changes) == FILES
    assert tokens == 2
    assert 1 <= refused(world) <= 2  # requests that were under way together


async def test_new_keys_of_the_provider_are_taken_in_the_middle_of_a_crawl(keycloak: Keycloak) -> None:
    rotating = keycloak.add_realm("rotating")
    rotating.add_client("crawler", SECRET)
    world, changes, before = a_world(rotating), list[Change](), rotating.key_ids()
    async with connected(world, client_credentials(rotating)) as connector:
        async for change in connector.crawl(None):
            changes.append(change)
            if len(changes) == 6:
                await asyncio.sleep(5)  # a repository asks for unknown keys again after a while only
                rotating.rotate_keys()
                world.end_logins()
        tokens = client_of(connector).counts.requests[RequestKind.SIGN_IN]
    assert not before & rotating.key_ids()
    assert (documents(changes), tokens) == (FILES, 2)


async def test_a_provider_behind_tls_has_its_own_authority(
    keycloak: Keycloak, realm: Realm, world: World, settings: dict[str, Any]
) -> None:
    behind_tls = settings | {"token_url": realm.tls_token_url}
    async with connected(world, behind_tls) as connector:
        with pytest.raises(SettingInvalid, match=r"`auth\.token_ca_certificate`"):
            await client_of(connector).me()
    async with connected(world, behind_tls | {"token_ca_certificate": keycloak.certificate}) as connector:
        assert (await client_of(connector).me()).id == "service-account-crawler"


NO_TOKEN_ENDPOINT = (SettingInvalid, "there is no token endpoint at the setting `auth.token_url`")
WRONG_PERSON = {"grant": "password", "username": "alice", "password": SecretStr("wrong")}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"client_secret": SecretStr("wrong")}, (CredentialsRejected, "`auth.client_secret`")),
        ({"client_id": "unknown"}, (CredentialsRejected, "`auth.client_id`")),
        ({"client_id": "no-account"}, (CredentialsRejected, "Client not enabled to retrieve service account")),
        (WRONG_PERSON, (CredentialsRejected, "`auth.username` and `auth.password`")),
        ({"scope": "unknown"}, (SettingInvalid, "`auth.scope`")),
        ({"token_url": ("/realms/", "/realms/no-")}, NO_TOKEN_ENDPOINT),
        ({"token_url": ("/realms/", "/auth/realms/")}, NO_TOKEN_ENDPOINT),  # as of old versions
        ({"token_url": ("/protocol/openid-connect/token", "")}, NO_TOKEN_ENDPOINT),
        ({"token_url": ("connect/token", "connect/auth")}, (SettingInvalid, "`auth.token_url`")),
        ({"token_url": ("connect/token", "connect/userinfo")}, (SourceUnavailable, "as no token endpoint does")),
    ],
)
async def test_each_wrong_setting_is_one_failed_check_that_names_it(
    realm: Realm,
    world: World,
    settings: dict[str, Any],
    changes: dict[str, Any],
    expected: tuple[type[Exception], str],
) -> None:
    error, words = expected
    realm.add_client("no-account", SECRET, has_account=False)
    realm.add_person("alice", PASSWORD)
    if "token_url" in changes:
        changes = {"token_url": realm.token_url.replace(*changes["token_url"])}
    async with connected(world, settings | changes) as connector:
        with pytest.raises(error):
            await client_of(connector).me()
        await asyncio.sleep(1.1)  # a failed sign-in is not repeated at once
        [result] = await connector.check()
    assert not result.passed
    assert words in result.message
    assert SECRET not in result.message and "wrong" not in result.message
    assert len(world.request_log) == 0


async def test_a_token_of_another_realm_is_refused_once_and_named(keycloak: Keycloak, world: World) -> None:
    other = keycloak.add_realm("other")
    other.add_client("crawler", SECRET)
    async with connected(world, client_credentials(other)) as connector:
        results = await asyncio.gather(*(client_of(connector).me() for _ in range(2)), return_exceptions=True)
        tokens = client_of(connector).counts.requests[RequestKind.SIGN_IN]
    assert {type(result) for result in results} == {CredentialsRejected}
    assert "`auth.token_url`" in str(results[0])
    assert (tokens, refused(world)) == (1, 2)


async def test_a_person_whose_account_is_closed_at_the_provider_ends_the_crawl_with_a_name(
    keycloak: Keycloak, realm: Realm, world: World, settings: dict[str, Any]
) -> None:
    realm.add_person("bob", PASSWORD)
    world.add_person("bob")
    grant = {"grant": "password", "username": "bob", "password": SecretStr(PASSWORD)}
    async with connected(world, settings | grant) as connector:
        with pytest.raises(CredentialsRejected, match=r"`auth\.username` and `auth\.password`"):
            async for change in connector.crawl(None):
                if isinstance(change, Checkpoint):
                    realm.close_account("bob")
                    world.end_logins()
