"""Nobody but the issuer signs: attacks on the signature, the algorithm and the choice of the key."""

from __future__ import annotations

import json

import pytest
from joserfc.jwk import OctKey, RSAKey

from tests.unit.service.token_issuers import (
    JWKS_URL,
    OTHER_ISSUER,
    P256,
    RSA,
    SECRET,
    KeyServer,
    a_verifier,
    claims_of,
    encode,
    hs256,
    jwks_config,
    pem_config,
    refusal,
    secret_config,
    sign,
    sign_by_hand,
)


@pytest.mark.parametrize("spelling", ["none", "None", "NONE", "nOnE", ""])
async def test_an_unsigned_token_is_refused(spelling: str) -> None:
    header, payload = encode(json.dumps({"alg": spelling})), encode(json.dumps(claims_of()))
    await refusal(f"{header}.{payload}.")
    await refusal(f"{header}.{payload}.{encode('x')}")


async def test_a_stripped_signature_is_refused() -> None:
    await refusal(hs256().rpartition(".")[0] + ".")


async def test_a_changed_payload_is_refused() -> None:
    header, _, signature = hs256().split(".")
    await refusal(f"{header}.{encode(json.dumps(claims_of(email='boss@example.com')))}.{signature}")


async def test_a_changed_header_is_refused() -> None:
    _, payload, signature = hs256().split(".")
    await refusal(f"{encode(json.dumps({'alg': 'HS256', 'typ': 'JWT', 'x': 1}))}.{payload}.{signature}")


async def test_a_signature_of_another_token_is_refused() -> None:
    signed, _, _ = hs256(email="boss@example.com").rpartition(".")
    await refusal(f"{signed}.{hs256().rpartition('.')[2]}")


async def test_a_signature_with_another_secret_is_refused() -> None:
    await refusal(sign(claims_of(), OctKey.import_key("another secret, as long as the first one is"), "HS256"))


@pytest.mark.parametrize("end", ["", "\n"])
async def test_a_public_key_is_no_shared_secret(end: str) -> None:
    """The classic confusion: HMAC over the token with the text of the issuer's public key."""
    config = pem_config(RSA, "RS256")
    pem = (config.public_key.get_secret_value().strip() + end).encode() if config.public_key else b""
    header = json.dumps({"alg": "HS256", "kid": "rsa-1"})
    await refusal(sign_by_hand(header, json.dumps(claims_of()), secret=pem), a_verifier(config))


async def test_an_algorithm_that_is_not_listed_is_refused_even_if_the_key_fits() -> None:
    for algorithm in ("RS512", "PS256"):
        assert "algorithm" in await refusal(sign(claims_of(), RSA, algorithm), a_verifier(pem_config(RSA, "RS256")))
    assert "algorithm" in await refusal(sign(claims_of(), OctKey.import_key(SECRET), "HS512"))


@pytest.mark.parametrize("algorithm", [["HS256"], {"HS256": 1}, 256, None, True])
async def test_an_algorithm_that_is_no_text_is_refused(algorithm: object) -> None:
    await refusal(sign_by_hand(json.dumps({"alg": algorithm}), json.dumps(claims_of())))


async def test_a_key_that_comes_with_the_token_is_not_used() -> None:
    attacker = RSAKey.generate_key(2048)
    certificate_free = {"jwk": attacker.as_dict(private=False), "kid": "rsa-1"}
    await refusal(sign(claims_of(), attacker, "RS256", **certificate_free), a_verifier(pem_config(RSA, "RS256")))


@pytest.mark.parametrize("name", ["jku", "x5u"])
async def test_a_key_that_the_token_points_to_is_not_fetched(name: str) -> None:
    attacker = RSAKey.generate_key(2048, {"kid": "rsa-1"})
    server = KeyServer(RSA, attacker_keys=[attacker])
    token = sign(claims_of(), attacker, "RS256", kid="rsa-1", **{name: "https://evil.example.com/keys"})
    await refusal(token, a_verifier(jwks_config(), transport=server.transport))
    assert {str(url) for url in server.asked} == {JWKS_URL}


async def test_a_token_of_one_issuer_does_not_pass_for_another() -> None:
    verifier = a_verifier(secret_config(), pem_config(RSA, "RS256", issuer=OTHER_ISSUER))
    await refusal(sign(claims_of(), RSA, "RS256"), verifier)
    await refusal(sign(claims_of(iss=OTHER_ISSUER), OctKey.import_key(SECRET), "HS256"), verifier)


@pytest.mark.parametrize("forged", [bytes(64), b"\x00" * 63 + b"\x01", b"\x00" * 31 + b"\x01" + b"\x00" * 32])
async def test_a_signature_of_zeros_is_refused(forged: bytes) -> None:
    signed = sign(claims_of(), P256, "ES256").rpartition(".")[0]
    await refusal(f"{signed}.{encode(forged)}", a_verifier(pem_config(P256, "ES256")))
