"""What a token says must hold here and now: attacks on issuer, audience, times and names."""

from __future__ import annotations

import json

import pytest

from tests.unit.service.token_issuers import (
    ISSUER,
    NOW_S,
    a_verifier,
    bearer,
    claims_of,
    hs256,
    refusal,
    secret_config,
    sign_by_hand,
)


@pytest.mark.parametrize("name", ["iss", "aud", "exp"])
async def test_issuer_audience_and_expiry_are_required(name: str) -> None:
    await refusal(hs256(**{name: None}))


@pytest.mark.parametrize("expiry", [NOW_S - 60, 0, -1, float(NOW_S - 100)])
async def test_an_expired_token_is_refused(expiry: float) -> None:
    assert "expired" in await refusal(hs256(exp=expiry))


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("written", ['"4102444800"', "true", "[]", "{}", "NaN", "Infinity", "1e999"])
async def test_a_time_that_is_no_number_is_refused(name: str, written: str) -> None:
    payload = json.dumps(claims_of(**{name: None}))[:-1] + f', "{name}": {written}}}'
    await refusal(sign_by_hand('{"alg":"HS256"}', payload))


@pytest.mark.parametrize("name", ["nbf", "iat"])
async def test_a_token_of_the_future_is_refused(name: str) -> None:
    await refusal(hs256(**{name: NOW_S + 61}))


@pytest.mark.parametrize("audience", ["mail", ["mail"], [], "", "SIGHTLINE", "sightline ", {"a": 1}, [["sightline"]]])
async def test_a_token_for_another_audience_is_refused(audience: object) -> None:
    await refusal(hs256(aud=audience))


@pytest.mark.parametrize(
    "issuer", ["https://evil.example.com", ISSUER + "/", ISSUER.upper(), ISSUER.replace("a", "\u0430"), [ISSUER], 7]
)
async def test_an_issuer_that_is_not_configured_is_refused(issuer: object) -> None:
    await refusal(hs256(iss=issuer))


@pytest.mark.parametrize("user", [None, "", 7, ["ann@example.com"], {"a": 1}, "ann\x00", "ann\ud800", "ann\n", True])
async def test_a_token_without_a_user_is_refused(user: object) -> None:
    await refusal(hs256(email=user))


@pytest.mark.parametrize("groups", [{"a": 1}, 7, [7], [None], ["a", ["b"]], [""], "", ["\ud800"], ["a\x00"]])
async def test_groups_that_cannot_be_read_are_refused(groups: object) -> None:
    await refusal(hs256(groups=groups))


@pytest.mark.parametrize(
    "elsewhere",
    [{"_claim_names": {"groups": "src1"}}, {"_claim_names": "groups"}, {"hasgroups": True}, {"hasgroups": "true"}],
)
async def test_groups_that_are_left_out_are_refused(elsewhere: dict[str, object]) -> None:
    """An issuer leaves out too long a list; a denial of one of its groups must not be lifted by that."""
    await refusal(hs256(**elsewhere))
    await refusal(hs256(groups=["staff"], **elsewhere))


@pytest.mark.parametrize("verified", [False, "false", 0, ""])
async def test_an_address_that_the_issuer_did_not_verify_is_refused(verified: object) -> None:
    await refusal(hs256(email_verified=verified))


async def test_an_address_that_is_not_used_need_not_be_verified() -> None:
    verifier = a_verifier(secret_config(user_claim="sub"))
    assert (await verifier.verify(bearer(hs256(sub="ann", email_verified=False)))).user == "ann"
