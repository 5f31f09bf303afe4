"""Login by access token: what the token endpoint grants and refuses, and whom the repository believes."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote_plus

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.jwk import RSAKey
from joserfc.jwt import decode
from simulator_client import CORE, SteppingClock, a_world, client

from connectors.alfresco.simulator import World, running_app, running_simulator
from connectors.alfresco.simulator.faults import busy
from connectors.alfresco.simulator.identity import (
    IdentityProvider,
    IdentityService,
    create_identity_app,
    public_key,
)
from connectors.alfresco.simulator.model import Person
from tests.fakes.certificates import CertificateAuthority

TOKEN = "http://alfresco/realms/alfresco/protocol/openid-connect/token"
CLIENT = {"client_id": "sightline", "client_secret": "s3:cret&+%"}
SERVICE_ACCOUNT = "service-account-sightline"


def guarded_world(*, create_person: Callable[[World], Callable[[str], Person]] | None = None) -> World:
    """Return a world with a provider, a client whose service account is a person, and the subsystem switched on."""
    world = a_world()
    provider = world.identity_provider = IdentityProvider(by_password=world.login.by_password, now=world.now)
    world.add_person(provider.add_client(CLIENT["client_id"], CLIENT["client_secret"]), is_service_account=True)
    world.identity_service = provider.service(create_person=create_person and create_person(world))
    return world


def provider_of(world: World) -> IdentityProvider:
    assert world.identity_provider is not None
    return world.identity_provider


def service_of(world: World) -> IdentityService:
    assert world.identity_service is not None
    return world.identity_service


async def who(http: httpx.AsyncClient, token: str) -> object:
    """Return as whom a request with this token is answered, or the status of its refusal."""
    answer = await http.get("/people/-me-", headers={"Authorization": f"Bearer {token}"})
    return answer.json()["entry"]["id"] if answer.status_code == 200 else answer.status_code


async def ask(http: httpx.AsyncClient, url: str = TOKEN, **form: str) -> httpx.Response:
    return await http.post(url, data={"grant_type": "client_credentials", **CLIENT, **form})


# -- the token endpoint ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["", "/auth"])
async def test_client_credentials_give_a_token_for_the_service_account(prefix: str) -> None:
    world = guarded_world()
    async with client(world, None) as http:
        answer = await ask(http, TOKEN.replace("/realms", f"{prefix}/realms"))
        assert answer.status_code == 200
        assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
        granted = answer.json()
        assert await who(http, granted["access_token"]) == SERVICE_ACCOUNT
    assert (granted["token_type"], granted["expires_in"]) == ("Bearer", 300)
    assert "refresh_token" not in granted
    claims = decode(granted["access_token"], provider_of(world).keys).claims
    assert claims["preferred_username"] == SERVICE_ACCOUNT
    assert claims["exp"] - claims["iat"] == 300


async def test_a_client_may_prove_itself_by_header_with_both_parts_form_encoded() -> None:
    credentials = f"{quote_plus(CLIENT['client_id'])}:{quote_plus(CLIENT['client_secret'])}"
    header = {"Authorization": "Basic " + base64.b64encode(credentials.encode()).decode()}
    wrong = {"Authorization": "Basic " + base64.b64encode(b"sightline:other").decode()}
    async with client(guarded_world(), None) as http:
        form = {"grant_type": "client_credentials"}
        assert (await http.post(TOKEN, data=form, headers=header)).status_code == 200
        refused = await http.post(TOKEN, data=form, headers=wrong)
        assert (refused.status_code, refused.json()["error"]) == (401, "unauthorized_client")
        assert (await http.post(TOKEN, data=form | CLIENT, headers=wrong)).status_code == 401  # the header counts


async def test_a_password_gives_a_token_for_the_person_and_a_refresh_token_that_works_once() -> None:
    async with client(guarded_world(), None) as http:
        granted = (await ask(http, grant_type="password", username="ALICE", password="alice")).json()
        assert await who(http, granted["access_token"]) == "alice"
        renew = {"grant_type": "refresh_token", "refresh_token": granted["refresh_token"]}
        renewed = await ask(http, **renew)
        assert await who(http, renewed.json()["access_token"]) == "alice"
        again = await ask(http, **renew)
        assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "unauthorized_client"),
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"grant_type": ""}, 400, "invalid_request"),
        ({"grant_type": "implicit"}, 400, "unsupported_grant_type"),
        ({"grant_type": "password", "username": "alice", "password": "wrong"}, 400, "invalid_grant"),
        ({"grant_type": "password", "username": "alice"}, 400, "invalid_grant"),
        ({"grant_type": "password"}, 401, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "made up"}, 400, "invalid_grant"),
        ({"scope": "openid secrets"}, 400, "invalid_scope"),
    ],
)
async def test_a_wrong_request_is_refused_as_the_standard_says(form: dict[str, str], status: int, error: str) -> None:
    async with client(guarded_world(), None) as http:
        answer = await ask(http, **form)
    assert answer.status_code == status
    assert answer.json().keys() == {"error", "error_description"}
    assert answer.json()["error"] == error


async def test_only_forms_are_read_and_no_parameter_twice() -> None:
    async with client(guarded_world(), None) as http:
        as_json = await http.post(TOKEN, json={"grant_type": "client_credentials", **CLIENT})
        assert (as_json.status_code, as_json.json()["error"]) == (400, "invalid_request")
        twice = await http.post(TOKEN, data={**CLIENT, "grant_type": ["client_credentials", "password"]})
        assert (twice.status_code, twice.json()["error"]) == (400, "invalid_request")


async def test_a_scope_that_was_asked_for_is_named_in_the_answer() -> None:
    async with client(guarded_world(), None) as http:
        assert (await ask(http, scope="openid")).json()["scope"] == "openid profile email"


async def test_another_realm_does_not_exist() -> None:
    async with client(guarded_world(), None) as http:
        answer = await ask(http, TOKEN.replace("realms/alfresco", "realms/master"))
    assert (answer.status_code, answer.json()) == (404, {"error": "Realm does not exist"})


async def test_without_a_provider_its_addresses_are_unknown() -> None:
    async with client(a_world(), None) as http:
        assert (await ask(http)).status_code == 404


async def test_the_provider_says_where_its_addresses_are() -> None:
    async with client(guarded_world(), None) as http:
        configuration = (await http.get("http://alfresco/realms/alfresco/.well-known/openid-configuration")).json()
        keys = (await http.get(configuration["jwks_uri"])).json()["keys"]
    assert configuration["token_endpoint"] == TOKEN
    assert [key["alg"] for key in keys] == ["RS256"]
    assert not {"d", "p", "q"} & keys[0].keys()


# -- whom the repository believes --------------------------------------------------------------------------------------


async def test_without_the_subsystem_no_token_is_accepted() -> None:
    world = guarded_world()
    token = provider_of(world).token("alice")
    world.identity_service = None
    async with client(world, None) as http:
        answer = await http.get("/people/-me-", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401
    assert answer.json()["error"]["briefSummary"].endswith("Authorization 'Bearer' not supported.")


async def test_passwords_and_tickets_are_accepted_beside_tokens() -> None:
    world = guarded_world()
    async with client(world, None) as http:
        assert (await http.get("/people/-me-", auth=("alice", "alice"))).json()["entry"]["id"] == "alice"
        ticket = world.tickets.issue("alice")
        assert (await http.get("/people/-me-", params={"alf_ticket": ticket})).json()["entry"]["id"] == "alice"
        assert await who(http, provider_of(world).token("bob")) == "bob"


async def test_a_token_lives_as_long_as_it_says() -> None:
    clock = SteppingClock()
    world = a_world(clock=clock)
    provider = IdentityProvider(by_password=world.login.by_password, now=world.now, expires_in_s=60)
    world.identity_service = provider.service()
    token = provider.token("alice")
    async with client(world, None) as http:
        clock.advance(timedelta(seconds=59))
        assert await who(http, token) == "alice"
        clock.advance(timedelta(seconds=1))
        assert await who(http, token) == 401


async def test_what_is_not_signed_right_is_refused_plainly() -> None:
    world = guarded_world()
    stranger = IdentityProvider(by_password=world.login.by_password, now=world.now)
    good = provider_of(world).token("alice")
    header, payload, signature = good.split(".")
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    wrong = [
        stranger.token("alice"),
        f"{header}.{payload}.",
        f"{unsigned}.{payload}.",
        f"{header}.{payload}.{signature[:-4]}AAAA",
        provider_of(world).token("alice", iss="http://elsewhere"),
        provider_of(world).token("alice", exp=None),
        provider_of(world).token("alice", preferred_username=None),
        provider_of(world).token("alice", preferred_username=["alice"]),
        "",
        "abc",
        "a.b.c",
    ]
    async with client(world, None) as http:
        assert await who(http, good) == "alice"
        for token in wrong:
            answer = await http.get("/people/-me-", headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == 401, token
            assert answer.json()["error"]["errorKey"] == "framework.exception.ApiDefault"


async def test_a_closed_account_and_an_unknown_person_are_refused() -> None:
    world = guarded_world()
    world.disable_person("bob")
    async with client(world, None) as http:
        assert await who(http, provider_of(world).token("bob")) == 401
        assert await who(http, provider_of(world).token("newcomer")) == 401
    assert "newcomer" not in world.directory.people


async def test_unknown_people_get_an_account_where_that_is_wanted() -> None:
    world = guarded_world(create_person=lambda world: world.add_person)
    async with client(world, None) as http:
        token = provider_of(world).token("newcomer")
        assert [await who(http, token), await who(http, token)] == ["newcomer", "newcomer"]


async def test_the_user_can_be_another_claim() -> None:
    world = guarded_world()
    service_of(world).principal_claim = "sub"
    async with client(world, None) as http:
        assert await who(http, provider_of(world).token("bob", sub="alice")) == "alice"


async def test_all_tokens_in_use_can_be_ended_at_once() -> None:
    world = guarded_world()
    async with client(world, None) as http:
        token = provider_of(world).token("alice")
        assert await who(http, token) == "alice"
        world.end_logins()
        assert await who(http, token) == 401
        assert await who(http, provider_of(world).token("alice")) == "alice"


async def test_a_new_key_vouches_no_more_for_old_tokens() -> None:
    world = guarded_world()
    async with client(world, None) as http:
        token = provider_of(world).token("alice")
        provider_of(world).renew_keys()
        assert await who(http, token) == 401
        assert await who(http, provider_of(world).token("alice")) == "alice"


async def test_one_public_key_is_enough_to_vouch() -> None:
    world = guarded_world()
    provider = provider_of(world)
    key = provider.keys.keys[0]
    assert isinstance(key, RSAKey)
    pem = key.raw_value.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()  # type: ignore[union-attr]
    keys = public_key(pem)
    world.identity_service = IdentityService(keys=lambda: keys, now=world.now)
    async with client(world, None) as http:
        assert await who(http, provider.token("alice")) == "alice"
        provider.renew_keys()
        assert await who(http, provider.token("alice")) == 401


# -- a provider at another address, with a certificate of its own ------------------------------------------------------


async def test_a_provider_elsewhere_vouches_by_its_published_keys(tmp_path: Path) -> None:
    world = guarded_world()
    provider, world.identity_provider = provider_of(world), None
    its_authority, another = (CertificateAuthority(tmp_path, name) for name in ("identity", "repository"))
    async with (
        running_app(create_identity_app(provider), name="identity", tls=its_authority.tls()) as identity_url,
        running_simulator(world, tls=another.tls()) as base_url,
    ):
        world.identity_service = IdentityService(
            jwks_url=f"{identity_url}/realms/alfresco/protocol/openid-connect/certs",
            jwks_tls=its_authority.context(),
            now=world.now,
        )
        async with httpx.AsyncClient(verify=its_authority.context()) as http:
            granted = await ask(http, f"{identity_url}/realms/alfresco/protocol/openid-connect/token")
            with pytest.raises(httpx.ConnectError, match="certificate"):
                await http.get(base_url)
        async with httpx.AsyncClient(verify=another.context(), base_url=base_url + CORE) as http:
            assert await who(http, granted.json()["access_token"]) == SERVICE_ACCOUNT
    paths = [request.path.rpartition("/")[2] for request in provider.request_log]
    assert paths == ["token", "certs"]
    assert [request.user for request in world.request_log] == [SERVICE_ACCOUNT]


async def test_without_the_published_keys_nobody_is_believed() -> None:
    world = guarded_world()
    world.identity_service = IdentityService(jwks_url="http://127.0.0.1:1/certs")
    async with client(world, None) as http:
        assert await who(http, provider_of(world).token("alice")) == 401


async def test_the_provider_has_faults_and_a_log_of_its_own() -> None:
    world = guarded_world()
    provider = provider_of(world)
    provider.faults.add(busy(503, retry_after_s=3), path="/token$", times=1)
    transport = httpx.ASGITransport(create_identity_app(provider))
    async with httpx.AsyncClient(transport=transport) as http:
        first, second = await ask(http), await ask(http)
    assert (first.status_code, first.headers["retry-after"], second.status_code) == (503, "3", 200)
    assert [request.faults for request in provider.request_log] == [("503",), ()]
    assert len(world.request_log) == 0
