"""A token that its issuer signed, for us, for now, makes a reader of its bearer."""

from __future__ import annotations

from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey

from acl import ReaderClaims
from tests.unit.service.token_issuers import (
    AUDIENCE,
    ED25519,
    ISSUER,
    NOW_S,
    OTHER_ISSUER,
    P256,
    P384,
    RSA,
    SECRET,
    a_verifier,
    bearer,
    claims_of,
    hs256,
    pem_config,
    secret_config,
    sign,
)


async def test_a_good_token_gives_the_claims_of_its_bearer() -> None:
    claims = await a_verifier().verify(bearer(hs256()))
    assert claims == ReaderClaims(user="ann@example.com", groups=("staff",), issuer=ISSUER)


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        *((RSA, name) for name in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")),
        (P256, "ES256"),
        (P384, "ES384"),
        (ECKey.generate_key("P-521"), "ES512"),
        (ED25519, "EdDSA"),
        (ED25519, "Ed25519"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_every_asymmetric_algorithm_works_with_its_public_key(key: Any, algorithm: str) -> None:
    claims = await a_verifier(pem_config(key, algorithm)).verify(bearer(sign(claims_of(), key, algorithm)))
    assert claims.user == "ann@example.com"


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
async def test_every_symmetric_algorithm_works_with_a_shared_secret(algorithm: str) -> None:
    verifier = a_verifier(secret_config(algorithms=[algorithm]))
    assert (
        await verifier.verify(bearer(sign(claims_of(), OctKey.import_key(SECRET), algorithm)))
    ).user == "ann@example.com"


async def test_one_of_several_audiences_is_enough() -> None:
    assert await a_verifier().verify(bearer(hs256(aud=["mail", AUDIENCE])))


@pytest.mark.parametrize("changes", [{"exp": NOW_S - 59}, {"nbf": NOW_S + 59}, {"iat": NOW_S + 59}])
async def test_clocks_may_differ_by_a_minute(changes: dict[str, int]) -> None:
    assert await a_verifier().verify(bearer(hs256(**changes)))


async def test_the_user_is_named_by_the_configured_claim() -> None:
    verifier = a_verifier(secret_config(user_claim="preferred_username"))
    assert (await verifier.verify(bearer(hs256(preferred_username="ann")))).user == "ann"


@pytest.mark.parametrize(
    ("groups", "read"),
    [(["b", "a", "b"], ("b", "a")), ("one", ("one",)), ([], ()), (None, ())],
)
async def test_groups_are_read_once_each(groups: object, read: tuple[str, ...]) -> None:
    assert (await a_verifier().verify(bearer(hs256(groups=groups)))).groups == read


async def test_groups_are_not_read_unless_configured() -> None:
    assert (await a_verifier(secret_config(groups_claim=None)).verify(bearer(hs256()))).groups == ()


async def test_each_issuer_has_its_own_key() -> None:
    verifier = a_verifier(secret_config(), pem_config(RSA, "RS256", issuer=OTHER_ISSUER))
    assert (await verifier.verify(bearer(hs256()))).issuer == ISSUER
    assert (await verifier.verify(bearer(sign(claims_of(iss=OTHER_ISSUER), RSA, "RS256")))).issuer == OTHER_ISSUER
