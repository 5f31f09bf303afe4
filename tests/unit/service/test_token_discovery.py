"""An OpenID provider says itself where its keys are, and can neither send us elsewhere nor hold us up."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from service.tokens import fetching
from tests.unit.service.token_issuers import (
    DESCRIPTION,
    ISSUER,
    OTHER_ISSUER,
    OTHER_RSA,
    P256,
    RSA,
    KeyServer,
    OpenIdProvider,
    a_verifier,
    bearer,
    claims_of,
    jwks_config,
    openid_config,
    refusal,
    secret_config,
    sign,
    sign_by_hand,
)

CANNOT_BE_HAD = "the issuer's keys cannot be had at present"


def signed(**changes: object) -> str:
    return sign(claims_of(**changes), RSA, "RS256", kid="rsa-1")


async def test_keys_are_found_by_the_issuers_own_description_and_kept() -> None:
    provider = OpenIdProvider(RSA)
    verifier = provider.verifier()
    for _ in range(3):
        assert (await verifier.verify(bearer(signed()))).user == "ann@example.com"
    assert provider.paths_asked == [DESCRIPTION, "/keys"]


async def test_an_issuer_that_ends_with_a_slash_is_asked_with_one_slash() -> None:
    issuer = "https://idp.example.com/"
    provider = OpenIdProvider(RSA, issuer=issuer, jwks_uri="https://idp.example.com/keys")
    assert await provider.verifier().verify(bearer(signed(iss=issuer)))
    assert str(provider.asked[0]) == "https://idp.example.com" + DESCRIPTION


async def test_a_jwt_entry_without_a_key_asks_its_issuer_too() -> None:
    provider = OpenIdProvider(RSA)
    config = secret_config(shared_secret=None, algorithms=["RS256"])
    assert await a_verifier(config, transport=provider.transport).verify(bearer(signed()))
    assert provider.paths_asked == [DESCRIPTION, "/keys"]


async def test_new_keys_are_taken_while_serving_and_withdrawn_ones_are_dropped() -> None:
    provider = OpenIdProvider(RSA)
    verifier = provider.verifier()
    assert await verifier.verify(bearer(signed()))
    provider.keys, provider.now_s = [OTHER_RSA], 31
    assert await verifier.verify(bearer(sign(claims_of(), OTHER_RSA, "RS256", kid="rsa-2")))
    assert "unknown key" in await refusal(signed(), verifier)


async def test_keys_that_move_within_the_issuers_own_address_are_followed() -> None:
    provider = OpenIdProvider(RSA)
    verifier = provider.verifier()
    assert await verifier.verify(bearer(signed()))
    provider.description["jwks_uri"] = "https://IDP.example.com:443/elsewhere"
    provider.keys, provider.now_s = [OTHER_RSA], 31
    assert await verifier.verify(bearer(sign(claims_of(), OTHER_RSA, "RS256", kid="rsa-2")))
    assert provider.asked[-1].path == "/elsewhere"


async def test_only_rs256_is_accepted_unless_other_algorithms_are_listed() -> None:
    provider = OpenIdProvider(RSA, P256)
    ecdsa = sign(claims_of(), P256, "ES256", kid="ec-1")
    assert "algorithm" in await refusal(ecdsa, provider.verifier())
    assert await provider.verifier("RS256", "ES256").verify(bearer(ecdsa))


async def test_what_the_description_says_of_algorithms_counts_for_nothing() -> None:
    provider = OpenIdProvider(RSA, id_token_signing_alg_values_supported=["none", "HS256"])
    verifier = provider.verifier()
    assert await verifier.verify(bearer(signed()))
    pem = RSA.as_pem(private=False)
    for algorithm in ("none", "HS256"):
        header = json.dumps({"alg": algorithm, "kid": "rsa-1"})
        assert "algorithm" in await refusal(sign_by_hand(header, json.dumps(claims_of()), secret=pem), verifier)


# --- a description that lies


@pytest.mark.parametrize(
    "named", [None, "", OTHER_ISSUER, ISSUER + "/", ISSUER.upper(), ISSUER.replace("a", "\u0430"), [ISSUER], {"a": 1}]
)
async def test_a_description_of_another_issuer_is_not_believed(named: object) -> None:
    provider = OpenIdProvider(RSA)
    provider.description["issuer"] = named
    assert await refusal(signed(), provider.verifier()) == CANNOT_BE_HAD
    assert provider.paths_asked == [DESCRIPTION]


async def test_the_keys_of_another_issuer_check_nothing_of_this_one() -> None:
    """Both issuers use one key id; each token is checked with the keys of the issuer that it names."""
    namesake = type(RSA).import_key(OTHER_RSA.as_dict(private=True) | {"kid": "rsa-1"})
    provider, other = OpenIdProvider(RSA), KeyServer(namesake)
    configs = (openid_config(), jwks_config(issuer=OTHER_ISSUER, jwks_url=f"{OTHER_ISSUER}/keys"))
    routes = {"idp.example.com": provider, "other.example.com": other}
    transport = httpx.MockTransport(lambda request: routes[request.url.host]._handle(request))
    verifier = a_verifier(*configs, transport=transport)
    assert await verifier.verify(bearer(signed()))
    assert await verifier.verify(bearer(sign(claims_of(iss=OTHER_ISSUER), namesake, "RS256", kid="rsa-1")))
    assert "does not verify" in await refusal(sign(claims_of(), namesake, "RS256", kid="rsa-1"), verifier)
    assert "does not verify" in await refusal(signed(iss=OTHER_ISSUER), verifier)


@pytest.mark.parametrize(
    "jwks_uri",
    [
        "https://evil.example.com/keys",
        "https://idp.example.com.evil.example.com/keys",
        "https://sub.idp.example.com/keys",
        "http://idp.example.com/keys",
        "https://idp.example.com:8443/keys",
        "https://idp.example.com@evil.example.com/keys",
        "https://user:password@idp.example.com/keys",
        "https://evil.example.com\\@idp.example.com/keys",
        "https://idp.ex\u0430mple.com/keys",
        "http://127.0.0.1/keys",
        "http://169.254.169.254/latest/meta-data",
        "https://[::1",
        "//evil.example.com/keys",
        "/keys",
        "file:///etc/passwd",
        "",
        None,
        7,
        ["https://idp.example.com/keys"],
    ],
)
async def test_nobody_but_the_issuer_is_asked_for_its_keys(jwks_uri: object) -> None:
    provider = OpenIdProvider(RSA)
    provider.description["jwks_uri"] = jwks_uri
    assert await refusal(signed(), provider.verifier()) == CANNOT_BE_HAD
    assert provider.paths_asked == [DESCRIPTION]


async def test_a_description_that_can_be_read_in_two_ways_is_not_believed() -> None:
    provider = OpenIdProvider(RSA)
    twice = f'{{"issuer": "{OTHER_ISSUER}", "issuer": "{ISSUER}", "jwks_uri": "{ISSUER}/keys"}}'
    provider.describe = lambda _: httpx.Response(200, text=twice)
    assert await refusal(signed(), provider.verifier()) == CANNOT_BE_HAD


# --- a description, or a key set, that is none


class Dripping(httpx.AsyncByteStream):
    """An answer that never ends, a byte at a time."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.005)


class Flood(httpx.AsyncByteStream):
    """An answer that never ends, and how much of it was taken."""

    taken_bytes = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            self.taken_bytes += 65_536
            yield b" " * 65_536


def no_connection(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("no route")


def packed(_: httpx.Request) -> httpx.Response:
    description = {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/keys", "keys": []}
    headers = {"Content-Encoding": "gzip"}
    return httpx.Response(200, content=gzip.compress(json.dumps(description).encode()), headers=headers)


UNUSABLE = {
    "no connection": no_connection,
    "missing": lambda _: httpx.Response(404),
    "failing": lambda _: httpx.Response(500),
    "redirect": lambda _: httpx.Response(302, headers={"Location": "https://evil.example.com/keys"}),
    "redirect to itself": lambda request: httpx.Response(307, headers={"Location": str(request.url)}),
    "html": lambda _: httpx.Response(200, text="<html>log in</html>"),
    "list": lambda _: httpx.Response(200, json=[]),
    "no object": lambda _: httpx.Response(200, text="null"),
    "deep": lambda _: httpx.Response(200, text='{"a":' * 9_000),
    "packed": packed,
    "slow": lambda _: httpx.Response(200, stream=Dripping()),
    "endless": lambda _: httpx.Response(200, stream=Flood()),
}


@pytest.mark.parametrize("document", ["description", "keys"])
@pytest.mark.parametrize("answer", UNUSABLE.values(), ids=UNUSABLE.keys())
async def test_an_answer_that_is_no_such_document_hides_until_the_next_fetch(
    document: str, answer: Callable[[httpx.Request], httpx.Response], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "_TIMEOUT_S", 0.05)
    provider = OpenIdProvider(RSA)
    verifier = provider.verifier()
    part = "describe" if document == "description" else "answer"
    honest = getattr(provider, part)
    setattr(provider, part, answer)
    assert await refusal(signed(), verifier) == CANNOT_BE_HAD
    assert {url.host for url in provider.asked} == {"idp.example.com"}
    setattr(provider, part, honest)
    provider.now_s = 6
    assert await verifier.verify(bearer(signed()))


async def test_of_an_endless_answer_no_more_than_the_limit_is_taken() -> None:
    provider, flood = OpenIdProvider(RSA), Flood()
    provider.describe = lambda _: httpx.Response(200, stream=flood)
    assert await refusal(signed(), provider.verifier()) == CANNOT_BE_HAD
    assert flood.taken_bytes <= 2 * 65_536


# --- an issuer that fails


async def test_an_issuer_that_fails_is_asked_ever_more_rarely_and_believed_again_within_a_minute() -> None:
    provider = OpenIdProvider(RSA)
    verifier = provider.verifier()
    honest, provider.describe = provider.describe, no_connection
    asked_at = []
    for second in range(300):
        provider.now_s = second
        before = len(provider.asked)
        await refusal(signed(), verifier)
        asked_at += [second] * (len(provider.asked) - before)
    assert asked_at == [0, 5, 15, 35, 75, 135, 195, 255]
    provider.describe, provider.now_s = honest, 315
    assert await verifier.verify(bearer(signed()))


async def test_known_keys_serve_while_the_description_is_broken_and_no_longer_than_half_a_day() -> None:
    provider = OpenIdProvider(RSA)
    verifier = provider.verifier()
    assert await verifier.verify(bearer(signed()))
    provider.description["jwks_uri"] = "https://evil.example.com/keys"
    provider.now_s = 43_199
    assert await verifier.verify(bearer(signed()))
    provider.now_s = 43_200
    assert await refusal(signed(), verifier) == CANNOT_BE_HAD


async def test_who_has_a_known_key_does_not_wait_behind_the_fetch_for_an_unknown_one() -> None:
    provider, hangs = OpenIdProvider(RSA), asyncio.Event()

    async def handle(request: httpx.Request) -> httpx.Response:
        if len(provider.asked) >= 2:
            await hangs.wait()
        return provider._handle(request)

    config = openid_config()
    verifier = a_verifier(config, transport=httpx.MockTransport(handle), monotonic_s=lambda: provider.now_s)
    assert await verifier.verify(bearer(signed()))
    provider.now_s = 31
    waiting = asyncio.create_task(refusal(sign(claims_of(), RSA, "RS256", kid="made-up"), verifier))
    await asyncio.sleep(0.01)
    async with asyncio.timeout(1):
        assert await verifier.verify(bearer(signed()))
    assert not waiting.done()
    hangs.set()
    assert "unknown key" in await waiting
