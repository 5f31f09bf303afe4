"""Access tokens: how they are asked for, how long they are used, and what a refusal becomes."""

from __future__ import annotations

import asyncio
import base64
import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote_plus, unquote_plus

import httpx
import pytest
import respx
from pydantic import SecretStr

from connectors.alfresco import AlfrescoConfig
from connectors.alfresco.simulator import World, running_app, running_simulator
from connectors.alfresco.simulator.identity import IdentityProvider, create_identity_app
from connectors.alfresco.wire.client import AlfrescoClient
from tests.fakes.certificates import CertificateAuthority
from vocabulary.errors import (
    CredentialsRejected,
    RateLimited,
    RunAborted,
    SettingInvalid,
    SightlineError,
    SourceUnavailable,
)

URL = "https://alfresco.example.com"
ME = f"{URL}/alfresco/api/-default-/public/alfresco/versions/1/people/-me-"
TOKEN_URL = "https://idp.example.com/realms/acme/protocol/openid-connect/token"
SECRET = "s3cret+%&:é /="
PASSWORD = "pass wörd&="


@pytest.fixture
def router() -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_called=False) as router:
        yield router


def client(**auth: Any) -> AlfrescoClient:
    whole = {"kind": "oauth2", "token_url": TOKEN_URL, "client_id": "crawler", "client_secret": SecretStr(SECRET)}
    return AlfrescoClient(AlfrescoConfig.model_validate({"url": URL, "auth": whole | auth, "sites": "all"}))


def token(value: str = "tok-1", **fields: Any) -> httpx.Response:
    return httpx.Response(200, json={"access_token": value, "token_type": "Bearer", "expires_in": 300} | fields)


def entry(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={"entry": {"id": "crawler"}})


async def token_request_of(router: respx.MockRouter, **auth: Any) -> httpx.Request:
    route = router.post(TOKEN_URL).mock(return_value=token())
    router.get(ME).mock(side_effect=entry)
    async with client(**auth) as alfresco:
        await alfresco.me()
    request: httpx.Request = route.calls.last.request
    return request


def form_of(request: httpx.Request) -> dict[str, list[str]]:
    return parse_qs(request.content.decode("ascii"), strict_parsing=True)


async def test_client_credentials_travel_in_the_header_as_the_standard_encodes_them(router: respx.MockRouter) -> None:
    request = await token_request_of(router, scope="openid alfresco")
    assert form_of(request) == {"grant_type": ["client_credentials"], "scope": ["openid alfresco"]}
    scheme, _, encoded = request.headers["Authorization"].partition(" ")
    client_id, _, secret = base64.b64decode(encoded).decode("ascii").partition(":")
    assert (scheme, unquote_plus(client_id), unquote_plus(secret)) == ("Basic", "crawler", SECRET)


async def test_the_provider_is_told_for_whom_the_token_is(router: respx.MockRouter) -> None:
    request = await token_request_of(router, audience="https://content.example.com")
    assert form_of(request)["audience"] == ["https://content.example.com"]


async def test_client_credentials_may_travel_in_the_body(router: respx.MockRouter) -> None:
    request = await token_request_of(router, client_auth="body")
    assert form_of(request) == {
        "grant_type": ["client_credentials"],
        "client_id": ["crawler"],
        "client_secret": [SECRET],
    }
    assert "Authorization" not in request.headers


async def test_the_password_grant_names_the_person_and_a_public_client_needs_no_secret(
    router: respx.MockRouter,
) -> None:
    request = await token_request_of(
        router, grant="password", username="alice", password=SecretStr(PASSWORD), client_secret=None
    )
    assert form_of(request) == {
        "grant_type": ["password"],
        "username": ["alice"],
        "password": [PASSWORD],
        "client_id": ["crawler"],
    }
    assert "Authorization" not in request.headers


async def test_the_token_goes_to_the_server_and_the_secret_to_the_provider_and_neither_elsewhere(
    router: respx.MockRouter,
) -> None:
    ask = router.post(TOKEN_URL).mock(return_value=token())
    call = router.get(ME).mock(side_effect=entry)
    async with client() as alfresco:
        await alfresco.me()
    assert call.calls.last.request.headers["Authorization"] == "Bearer tok-1"
    assert "tok-1" not in str(ask.calls.last.request.headers)
    assert SECRET not in str(call.calls.last.request.headers)
    assert len(router.calls) == 2


@pytest.mark.parametrize(("life_s", "asked"), [(300, 1), (None, 1), ("300", 1), (0, 1), (-5, 1)])
async def test_a_token_serves_many_requests(router: respx.MockRouter, life_s: object, asked: int) -> None:
    ask = router.post(TOKEN_URL).mock(return_value=token(expires_in=life_s))
    router.get(ME).mock(side_effect=entry)
    async with client() as alfresco:
        await asyncio.gather(*(alfresco.me() for _ in range(20)))
        await alfresco.me()
    assert ask.call_count == asked


async def test_a_short_token_is_renewed_before_it_expires(router: respx.MockRouter) -> None:
    ask = router.post(TOKEN_URL).mock(side_effect=[token("tok-1", expires_in=0.5), token("tok-2")])
    call = router.get(ME).mock(side_effect=entry)
    async with client() as alfresco:
        await alfresco.me()
        await asyncio.sleep(0.41)  # beyond four fifths, before the end
        await asyncio.gather(*(alfresco.me() for _ in range(8)))
    sent = [one.request.headers["Authorization"] for one in call.calls]
    assert sent == ["Bearer tok-1"] + 8 * ["Bearer tok-2"]
    assert ask.call_count == 2


async def test_a_revoked_token_is_renewed_once_for_all_requests(router: respx.MockRouter) -> None:
    valid = "Bearer tok-1"

    async def answer(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.02)  # until all are under way
        return entry(request) if request.headers["Authorization"] == valid else httpx.Response(401)

    ask = router.post(TOKEN_URL).mock(side_effect=[token("tok-1"), token("tok-2"), token("tok-3")])
    call = router.get(ME).mock(side_effect=answer)
    async with client() as alfresco:
        await alfresco.me()
        valid = "Bearer tok-2"
        await asyncio.gather(*(alfresco.me() for _ in range(8)))
    assert ask.call_count == 2
    assert call.call_count == 1 + 2 * 8


async def test_a_server_that_refuses_every_token_causes_no_storm(router: respx.MockRouter) -> None:
    ask = router.post(TOKEN_URL).mock(return_value=token())
    call = router.get(ME).respond(401, json={"error": {"errorKey": "x", "briefSummary": "04 no"}})
    async with client() as alfresco:
        results = await asyncio.gather(*(alfresco.me() for _ in range(8)), return_exceptions=True)
    assert {type(one) for one in results} == {CredentialsRejected}
    assert all("`auth.token_url`" in str(one) and "`auth.client_id`" in str(one) for one in results)
    assert (ask.call_count, call.call_count) == (1, 8)


async def test_a_repository_without_identity_service_is_named(router: respx.MockRouter) -> None:
    router.post(TOKEN_URL).mock(return_value=token())
    summary = "04250001 Authorization 'Bearer' not supported."
    router.get(ME).respond(401, json={"error": {"errorKey": "x", "briefSummary": summary}})
    async with client() as alfresco:
        with pytest.raises(CredentialsRejected, match=r"`auth\.kind`"):
            await alfresco.me()


def refusal(status: int, error: str, description: str = "") -> httpx.Response:
    return httpx.Response(status, json={"error": error, "error_description": description})


@pytest.mark.parametrize(
    ("answer", "expected", "words"),
    [
        (refusal(401, "invalid_client"), CredentialsRejected, ["`auth.client_id`", "`auth.client_secret`"]),
        (
            refusal(401, "unauthorized_client", "Client not enabled to retrieve service account"),
            CredentialsRejected,
            ["`auth.client_secret`", "Client not enabled to retrieve service account"],
        ),
        (refusal(400, "invalid_grant"), CredentialsRejected, ["`auth.username`", "`auth.password`"]),
        (refusal(400, "invalid_scope", "no such scope"), SettingInvalid, ["`auth.scope`", "no such scope"]),
        (refusal(400, "unsupported_grant_type"), SettingInvalid, ["`auth.grant`"]),
        (refusal(400, "something_else"), SettingInvalid, ["`auth.token_url`", "`auth`", "something_else"]),
        (refusal(404, "Realm does not exist"), SettingInvalid, ["`auth.token_url`", "Realm does not exist"]),
        (refusal(405, "HTTP 405 Method Not Allowed"), SettingInvalid, ["`auth.token_url`"]),
        (refusal(401, "invalid_client", f"not {SECRET}"), CredentialsRejected, ["`auth.client_secret`"]),
        (refusal(401, "invalid_client", "line\nbreak"), CredentialsRejected, ["`auth.client_secret`"]),
        (httpx.Response(404, html="<h1>nothing</h1>"), SourceUnavailable, ["`auth.token_url`", "404"]),
        (httpx.Response(200, html="<h1>welcome</h1>"), SourceUnavailable, ["`auth.token_url`", "text/html"]),
        (httpx.Response(200, text=""), SourceUnavailable, ["`auth.token_url`"]),
        (httpx.Response(200, text="[" * 100_000), SourceUnavailable, ["`auth.token_url`"]),
        (httpx.Response(200, json={"issuer": "https://idp"}), SettingInvalid, ["`auth.token_url`"]),
        (token(token_type="mac"), SettingInvalid, ["Bearer"]),
        (token("two words"), SettingInvalid, ["Bearer"]),
        (token("line\r\nbreak"), SettingInvalid, ["Bearer"]),
        (httpx.Response(302, headers={"Location": "https://evil.example.com/"}), SettingInvalid, ["`auth.token_url`"]),
        (httpx.Response(307, headers={"Location": TOKEN_URL + "/"}), SettingInvalid, ["`auth.token_url`"]),
        (httpx.Response(429, headers={"Retry-After": "7"}), RateLimited, ["fewer"]),
        (httpx.Response(503, headers={"Retry-After": "7"}), SourceUnavailable, ["identity provider", "503"]),
        (httpx.Response(200, content=b"x" * 2_000_000), RunAborted, ["exceeds"]),
        (httpx.ConnectTimeout("x"), SourceUnavailable, ["connect timeout"]),
        (httpx.ConnectError("x"), SourceUnavailable, ["identity provider", "`auth.token_url`"]),
        (httpx.RemoteProtocolError("x"), SourceUnavailable, ["`auth.token_url`"]),
        (
            httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED]"),
            SettingInvalid,
            ["identity provider", "`auth.token_ca_certificate`"],
        ),
    ],
)
async def test_every_refusal_of_a_token_names_the_setting_and_shows_no_secret(
    router: respx.MockRouter,
    answer: httpx.Response | Exception,
    expected: type[SightlineError],
    words: list[str],
) -> None:
    ask = router.post(TOKEN_URL).mock(side_effect=[answer])
    call = router.get(url__startswith=URL)
    elsewhere = router.route(host="evil.example.com")
    async with client() as alfresco:
        results = await asyncio.gather(*(alfresco.me() for _ in range(8)), return_exceptions=True)
    assert {type(one) for one in results} == {expected}
    message = str(results[0])
    assert all(word in message for word in words)
    assert SECRET not in message and "\n" not in message
    assert (ask.call_count, call.called, elsewhere.called) == (1, False, False)


async def test_the_wish_of_a_provider_to_wait_is_passed_on(router: respx.MockRouter) -> None:
    router.post(TOKEN_URL).respond(429, headers={"Retry-After": "7"})
    async with client() as alfresco:
        with pytest.raises(RateLimited) as refused:
            await alfresco.me()
    assert refused.value.retry_after_s == 7


async def test_a_person_s_password_is_not_repeated_either(router: respx.MockRouter) -> None:
    router.post(TOKEN_URL).mock(return_value=refusal(400, "invalid_grant", f"{PASSWORD} is wrong"))
    async with client(grant="password", username="alice", password=SecretStr(PASSWORD)) as alfresco:
        with pytest.raises(CredentialsRejected) as refused:
            await alfresco.me()
    assert PASSWORD not in str(refused.value)


async def test_the_provider_has_its_own_authority(tmp_path: Path) -> None:
    """The simulated server and its provider, each with a certificate that only its own authority vouches for."""
    authorities = {}
    for name in ("alfresco", "idp"):
        (tmp_path / name).mkdir()
        authorities[name] = CertificateAuthority(tmp_path / name, name)
    world = World(name="oauth2")
    provider = IdentityProvider(by_password=world.login.by_password, now=world.now)
    world.add_person(provider.add_client("crawler", SECRET))
    world.identity_service = provider.service()
    async with (
        running_simulator(world, tls=authorities["alfresco"].tls()) as url,
        running_app(create_identity_app(provider), name="idp", tls=authorities["idp"].tls()) as idp_url,
    ):
        settings: dict[str, Any] = {
            "url": url,
            "ca_certificate": authorities["alfresco"].certificate,
            "sites": "all",
            "auth": {
                "kind": "oauth2",
                "token_url": f"{idp_url}/realms/alfresco/protocol/openid-connect/token",
                "client_id": "crawler",
                "client_secret": SecretStr(SECRET),
            },
        }
        async with AlfrescoClient(AlfrescoConfig.model_validate(settings)) as alfresco:
            with pytest.raises(SettingInvalid, match=r"`auth\.token_ca_certificate`"):
                await alfresco.me()
        settings["auth"]["token_ca_certificate"] = authorities["idp"].certificate
        async with AlfrescoClient(AlfrescoConfig.model_validate(settings)) as alfresco:
            assert (await alfresco.me()).id == "service-account-crawler"


async def test_nothing_secret_is_logged_whatever_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    world = World(name="oauth2")
    provider = IdentityProvider(by_password=world.login.by_password, now=world.now)
    world.add_person(provider.add_client("crawler", SECRET))
    world.identity_service, world.identity_provider = provider.service(), provider
    caplog.set_level(logging.DEBUG)
    async with running_simulator(world) as url:
        config = AlfrescoConfig.model_validate(
            {
                "url": url,
                "sites": "all",
                "auth": {
                    "kind": "oauth2",
                    "token_url": f"{url}/realms/alfresco/protocol/openid-connect/token",
                    "client_id": "crawler",
                    "client_secret": SecretStr(SECRET),
                },
            }
        )
        alfresco = AlfrescoClient(config)
        async with alfresco:
            await alfresco.me()
            shown = f"{config!r}{vars(alfresco)}{vars(alfresco._exchange)}{vars(alfresco._exchange._sign_in)}"
            credential = alfresco._exchange._sign_in._credential
    assert "people/-me-" in caplog.text  # the libraries do log
    assert credential is not None
    token = credential.authorization.removeprefix("Bearer ")
    for secret in (
        SECRET,
        quote_plus(SECRET),
        token,
        base64.b64encode(f"crawler:{quote_plus(SECRET)}".encode()).decode(),
    ):
        assert secret not in caplog.text + shown


async def test_a_file_of_authorities_that_is_none_is_named(router: respx.MockRouter, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    async with client(token_ca_certificate=tmp_path / "ca.pem") as alfresco:
        with pytest.raises(SettingInvalid, match=r"auth\.token_ca_certificate"):
            await alfresco.me()


async def test_a_check_can_say_how_we_sign_in(router: respx.MockRouter) -> None:
    router.post(TOKEN_URL).mock(return_value=token())
    router.get(ME).mock(side_effect=entry)
    async with client() as alfresco:
        await alfresco.me()
        described = alfresco.describe_sign_in()
    assert described == (
        "with an access token of idp.example.com that lives 300 s (grant client_credentials, client crawler)"
    )


async def test_a_provider_that_is_not_there_is_told_with_the_setting_that_leads_to_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    for address, words in [(f"127.0.0.1:{port}", "refuses connections"), ("idp.invalid", "name of .* is not known")]:
        async with client(token_url=f"http://{address}/token") as alfresco:
            with pytest.raises(SourceUnavailable, match=f"identity provider.*{words}|{words}") as fault:
                await alfresco.me()
        assert "the identity provider" in str(fault.value) and "`auth.token_url`" in str(fault.value)
