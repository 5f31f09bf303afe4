"""A token has one form and can be read in one way: attacks on how it is written."""

from __future__ import annotations

import json

import pytest
from joserfc.jwk import OctKey

from tests.unit.service.token_issuers import (
    RSA,
    SECRET,
    KeyServer,
    a_verifier,
    bearer,
    claims_of,
    encode,
    hs256,
    jwks_config,
    refusal,
    sign,
    sign_by_hand,
)


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b",
        "a.b.c",
        "a.b.c.d.e",
        "ä.ö.ü",
        "e30.e30.e30",
        "bnVsbA.bnVsbA.AA",
        "\x00.\x00.\x00",
        "  .  . ",
    ],
)
async def test_what_is_no_token_is_refused(token: str) -> None:
    await refusal(token)


@pytest.mark.parametrize("crit", [["exp"], ["b64"], ["x-own"], [], "exp", None])
async def test_a_critical_extension_is_refused(crit: object) -> None:
    header = json.dumps({"alg": "HS256", "crit": crit, "x-own": 1})
    assert "extension" in await refusal(sign_by_hand(header, json.dumps(claims_of())))


async def test_an_unencoded_payload_is_refused() -> None:
    await refusal(sign_by_hand(json.dumps({"alg": "HS256", "b64": False}), json.dumps(claims_of())))


@pytest.mark.parametrize("name", ["email", "iss", "aud", "exp", "groups"])
async def test_a_claim_that_occurs_twice_is_refused(name: str) -> None:
    twice = json.dumps(claims_of())[:-1] + f', "{name}": {json.dumps(claims_of()[name])}}}'
    await refusal(sign_by_hand('{"alg":"HS256"}', twice))


async def test_a_header_that_occurs_twice_is_refused() -> None:
    await refusal(sign_by_hand('{"alg":"none","alg":"HS256"}', json.dumps(claims_of())))


async def test_a_token_beyond_the_limit_is_refused_unread() -> None:
    assert "too long" in await refusal(hs256(padding="x" * 16_384))
    assert await a_verifier().verify(bearer(hs256(padding="x" * 8_000)))


@pytest.mark.parametrize("part", ["header", "payload"])
async def test_a_deeply_nested_token_is_refused(part: str) -> None:
    deep = "[" * 5_000 + "]" * 5_000
    if part == "header":
        token = f"{encode(deep)}.{encode('{}')}.{encode('x')}"
    else:
        token = sign_by_hand('{"alg":"HS256"}', json.dumps(claims_of())[:-1] + f', "x": {deep}}}')
    await refusal(token)


@pytest.mark.parametrize("payload", ["[]", '"text"', "1", "null", "{", "\ufeff{}", "not json"])
async def test_a_payload_that_is_no_object_is_refused(payload: str) -> None:
    await refusal(sign_by_hand('{"alg":"HS256"}', payload))


@pytest.mark.parametrize("kind", ["logout+jwt", "dpop+jwt", "secevent+jwt", "JOSE", "", 7, None])
async def test_a_token_made_for_another_use_is_refused(kind: object) -> None:
    await refusal(sign_by_hand(json.dumps({"alg": "HS256", "typ": kind}), json.dumps(claims_of())))


@pytest.mark.parametrize("kind", ["JWT", "jwt", "at+jwt"])
async def test_tokens_for_signing_in_and_for_access_are_accepted(kind: str) -> None:
    assert await a_verifier().verify(bearer(sign(claims_of(), OctKey.import_key(SECRET), "HS256", typ=kind)))


@pytest.mark.parametrize("key_id", [7, ["rsa-1"], {"a": 1}])
async def test_a_key_id_that_is_no_text_is_refused(key_id: object) -> None:
    await refusal(sign_by_hand(json.dumps({"alg": "HS256", "kid": key_id}), json.dumps(claims_of())))


@pytest.mark.parametrize("key_id", ["../../dev/null", "' OR 1=1 --", "rsa-1\x00", "http://evil.example.com"])
async def test_a_key_id_is_compared_and_never_interpreted(key_id: str) -> None:
    verifier = a_verifier(jwks_config(), transport=KeyServer(RSA).transport)
    await refusal(sign(claims_of(), RSA, "RS256", kid=key_id), verifier)
