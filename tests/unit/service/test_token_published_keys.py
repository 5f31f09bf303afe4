"""Published keys are fetched when they are needed, kept for a while, and lose their trust when they are withdrawn."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import httpx
import pytest
from joserfc.errors import SecurityWarning
from joserfc.jwk import OctKey, RSAKey

from service.tokens.published import PublishedKeys
from tests.unit.service.token_issuers import (
    OTHER_RSA,
    P256,
    RSA,
    SECRET,
    KeyServer,
    bearer,
    claims_of,
    jwks_config,
    refusal,
    sign,
)


async def test_published_keys_are_fetched_once_and_kept() -> None:
    server = KeyServer(RSA, P256)
    verifier = server.verifier("RS256", "ES256")
    assert await verifier.verify(bearer(sign(claims_of(), RSA, "RS256", kid="rsa-1")))
    assert await verifier.verify(bearer(sign(claims_of(), P256, "ES256", kid="ec-1")))
    assert len(server.asked) == 1


async def test_a_rotated_key_is_found_by_one_more_fetch() -> None:
    server = KeyServer(RSA)
    verifier = server.verifier()
    await verifier.verify(bearer(sign(claims_of(), RSA, "RS256", kid="rsa-1")))
    server.keys = [OTHER_RSA]
    server.now_s = 31
    assert await verifier.verify(bearer(sign(claims_of(), OTHER_RSA, "RS256", kid="rsa-2")))
    await refusal(sign(claims_of(), RSA, "RS256", kid="rsa-1"), verifier)
    assert len(server.asked) == 2


async def test_made_up_key_ids_do_not_flood_the_issuer() -> None:
    server = KeyServer(RSA)
    verifier = server.verifier()
    for number in range(50):
        await refusal(sign(claims_of(), OTHER_RSA, "RS256", kid=f"made-up-{number}"), verifier)
    assert len(server.asked) == 1
    assert await verifier.verify(bearer(sign(claims_of(), RSA, "RS256", kid="rsa-1")))


async def test_a_withdrawn_key_loses_trust_when_the_set_is_read_again() -> None:
    server = KeyServer(RSA, OTHER_RSA)
    verifier = server.verifier()
    token = sign(claims_of(), RSA, "RS256", kid="rsa-1")
    assert await verifier.verify(bearer(token))
    server.keys = [OTHER_RSA]
    server.now_s = 901
    await refusal(token, verifier)


async def test_known_keys_outlast_a_short_outage_of_the_issuer_but_not_a_long_one() -> None:
    server = KeyServer(RSA)
    verifier = server.verifier()
    token = sign(claims_of(), RSA, "RS256", kid="rsa-1")
    assert await verifier.verify(bearer(token))
    server.answer = lambda _: httpx.Response(503)
    server.now_s = 3_600
    assert await verifier.verify(bearer(token))
    server.now_s = 43_201
    assert "cannot be had" in await refusal(token, verifier)


def _fail(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("no route")


@pytest.mark.parametrize(
    "answer",
    [
        _fail,
        lambda _: httpx.Response(500),
        lambda _: httpx.Response(302, headers={"location": "https://evil.example.com/keys"}),
        lambda _: httpx.Response(200, text="<html>log in</html>"),
        lambda _: httpx.Response(200, json=[]),
        lambda _: httpx.Response(200, json={"keys": {}}),
        lambda _: httpx.Response(200, text="[" * 100_000),
        lambda _: httpx.Response(200, content=b" " * 300_000),
    ],
    ids=["no connection", "status", "redirect", "html", "list", "no list", "deep", "large"],
)
async def test_without_keys_nobody_is_believed_and_the_next_fetch_heals_it(
    answer: Callable[[httpx.Request], httpx.Response],
) -> None:
    server = KeyServer(RSA, attacker_keys=[RSA])
    verifier = server.verifier()
    token = sign(claims_of(), RSA, "RS256", kid="rsa-1")
    honest, server.answer = server.answer, answer
    await refusal(token, verifier)
    server.answer = honest
    server.now_s = 6
    assert await verifier.verify(bearer(token))


async def test_a_secret_among_published_keys_is_no_key() -> None:
    published = OctKey.import_key(SECRET, {"kid": "oct-1"})
    answer = httpx.Response(200, json={"keys": [published.as_dict(private=True)]})
    keys = PublishedKeys(jwks_config(), transport=httpx.MockTransport(lambda _: answer))
    assert await keys.find(key_id="oct-1", algorithm="HS256") is None


async def test_a_key_for_encryption_checks_no_signature() -> None:
    server = KeyServer(RSAKey.import_key(RSA.as_dict(private=False) | {"use": "enc"}))
    await refusal(sign(claims_of(), RSA, "RS256", kid="rsa-1"), server.verifier())


async def test_a_key_for_one_algorithm_is_not_used_for_another() -> None:
    server = KeyServer(RSAKey.import_key(RSA.as_dict(private=False) | {"alg": "RS256"}))
    await refusal(sign(claims_of(), RSA, "PS256", kid="rsa-1"), server.verifier("RS256", "PS256"))


async def test_a_published_key_that_is_too_weak_is_not_used() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)
        weak = RSAKey.generate_key(1024, {"kid": "weak"})
    await refusal(sign(claims_of(), weak, "RS256", kid="weak"), KeyServer(weak, RSA).verifier())


async def test_a_key_that_cannot_be_read_does_not_spoil_the_others() -> None:
    server = KeyServer()
    unknown = [{"kty": "AKP", "kid": "pq"}, {"kty": "RSA"}, "text", {"kty": "EC", "crv": "P-256", "x": "!", "y": "!"}]
    server.answer = lambda _: httpx.Response(200, json={"keys": [*unknown, RSA.as_dict(private=False)]})
    assert await server.verifier().verify(bearer(sign(claims_of(), RSA, "RS256", kid="rsa-1")))


async def test_a_token_without_a_key_id_needs_the_set_to_leave_no_choice() -> None:
    token = sign(claims_of(), RSA, "RS256")
    assert await KeyServer(RSA, P256).verifier("RS256", "ES256").verify(bearer(token))
    await refusal(token, KeyServer(RSA, OTHER_RSA).verifier())
