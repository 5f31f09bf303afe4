"""Unsigned statements count from trusted callers only, in their own header only, and in one reading only."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from acl import ReaderClaims
from service.tokens import Credentials
from service.tokens.config import JsonTokenConfig
from tests.unit.service.token_issuers import ISSUER, NOW_S, SECRET, a_verifier, encode, hs256, secret_config
from vocabulary.errors import ConfigurationError, NotAuthenticated

PORTAL, INTRANET = "portal", "intranet"
KEY = "a key of the portal that nobody guesses, 32 characters and more"
OTHER_KEY = "a key of the intranet that nobody guesses, as long as the other"
FIREWALLED = "firewalled"


def json_config(**changes: Any) -> JsonTokenConfig:
    callers = [
        {"name": PORTAL, "key": SecretStr(KEY)},
        {"name": FIREWALLED, "key": SecretStr(KEY), "networks": ["10.1.0.0/16", "fd00::/8"]},
    ]
    settings = {"kind": "json", "issuer": PORTAL, "trusted_callers": callers, "groups_claim": "groups"}
    return JsonTokenConfig(**settings | changes)


INTRANET_CONFIG = json_config(
    issuer=INTRANET, trusted_callers=[{"name": INTRANET, "key": SecretStr(OTHER_KEY)}], groups_claim=None
)


def stated(**changes: Any) -> dict[str, Any]:
    """A good statement; a change to None leaves a name out."""
    names = {"iss": PORTAL, "exp": NOW_S + 60, "email": "ann@example.com", "groups": ["staff"]} | changes
    return {name: value for name, value in names.items() if value is not None}


def basic(name: str = PORTAL, key: str = KEY) -> str:
    return "Basic " + base64.b64encode(f"{name}:{key}".encode()).decode()


def credentials(
    statement: Mapping[str, Any] | str | None = None, *, authorization: str = "", peer: str | None = "192.0.2.1"
) -> Credentials:
    text = statement if isinstance(statement, str) else json.dumps(stated() if statement is None else statement)
    return Credentials((authorization or basic(),), (encode(text),), peer)


async def believed(given: Credentials) -> ReaderClaims:
    return await a_verifier(secret_config(), json_config(), INTRANET_CONFIG).verify(given)


async def refusal(given: Credentials) -> str:
    with pytest.raises(NotAuthenticated) as refused:
        await believed(given)
    reason = str(refused.value)
    assert not any(part in reason for part in (KEY, OTHER_KEY, "ann@", *given.reader) if part)
    return reason


async def test_a_trusted_caller_names_its_reader() -> None:
    assert await believed(credentials()) == ReaderClaims(user="ann@example.com", groups=("staff",), issuer=PORTAL)


async def test_names_beyond_ascii_travel_well() -> None:
    assert (await believed(credentials(stated(email="jürgen@example.com", groups=["Größe"])))).groups == ("Größe",)


async def test_the_user_is_named_under_the_configured_name() -> None:
    verifier = a_verifier(json_config(user_claim="login", groups_claim=None))
    given = credentials({"iss": PORTAL, "exp": NOW_S + 60, "login": "ann"})
    assert await verifier.verify(given) == ReaderClaims(user="ann", groups=(), issuer=PORTAL)


# --- off, and apart from signed tokens


async def test_without_a_json_entry_nobody_is_a_trusted_caller() -> None:
    with pytest.raises(NotAuthenticated, match="send a token: Authorization: Bearer"):
        await a_verifier(secret_config()).verify(credentials())


async def test_a_statement_is_no_bearer_token() -> None:
    text = json.dumps(stated())
    for token in (text, encode(text), f"{encode(text)}.", f".{encode(text)}.", f"e30.{encode(text)}.e30"):
        await refusal(Credentials((f"Bearer {token}",)))


async def test_a_bearer_token_is_no_statement() -> None:
    for token in (hs256(), hs256().split(".")[1], json.dumps(stated())):
        await refusal(Credentials((basic(),), (token,)))


async def test_the_key_of_a_caller_is_no_bearer_token() -> None:
    for token in (KEY, basic().removeprefix("Basic "), f"{PORTAL}:{KEY}"):
        await refusal(Credentials((f"Bearer {token}",), credentials().reader))


async def test_a_bearer_token_is_no_key_of_a_caller() -> None:
    await refusal(Credentials((f"Basic {hs256()}",), credentials().reader))


async def test_a_token_and_a_statement_together_are_refused() -> None:
    assert "speaks for itself" in await refusal(Credentials((f"Bearer {hs256()}",), credentials().reader))
    assert "more than one" in await refusal(Credentials((f"Bearer {hs256()}", basic()), credentials().reader))


async def test_a_signed_token_of_the_callers_issuer_is_refused() -> None:
    assert "issuer" in await refusal(Credentials((f"Bearer {hs256(iss=PORTAL)}",)))


async def test_a_caller_speaks_under_its_own_issuer_only() -> None:
    for issuer in (ISSUER, INTRANET):
        assert "'iss'" in await refusal(credentials(stated(iss=issuer)))
    assert await believed(credentials(stated(iss=INTRANET, groups=None), authorization=basic(INTRANET, OTHER_KEY)))


# --- who the caller is


@pytest.mark.parametrize(
    "authorization",
    [
        basic(key=""),
        basic(key=KEY[:-1]),
        basic(key=KEY + "x"),
        basic(key=KEY.upper()),
        basic(key=OTHER_KEY),
        basic(name="nobody"),
        basic(name=""),
        basic(name=PORTAL.upper()),
        basic(name=PORTAL.replace("o", "\u043e")),
        basic(name=INTRANET),
        basic(name=f"{PORTAL}:{PORTAL}"),
        basic(key=KEY + "\n"),
        "Basic " + base64.b64encode(KEY.encode()).decode(),
        "Basic " + base64.b64encode(b"\xff:\xff").decode(),
        "Basic !",
        "Basic a",
        "Basic \u00e4",
        "Basic " + base64.b64encode(f"{PORTAL}:{KEY}".encode()).decode() + "=",
        basic(key=KEY + "x" * 5_000),
        f"Digest {basic().removeprefix('Basic ')}",
        f"Bearer {basic().removeprefix('Basic ')}",
        KEY,
        "Basic",
    ],
)
async def test_whoever_is_not_the_caller_for_certain_is_nobody(authorization: str) -> None:
    await refusal(credentials(authorization=authorization))


async def test_the_answer_does_not_tell_which_callers_exist() -> None:
    reasons = {
        await refusal(credentials(authorization=authorization))
        for authorization in (basic(key="wrong"), basic(name="nobody"), basic(name=FIREWALLED), "Basic !")
    }
    assert len(reasons) == 1


@pytest.mark.parametrize("peer", ["10.1.2.3", "::ffff:10.1.2.3", "fd00::1"])
async def test_a_caller_connects_from_its_networks(peer: str) -> None:
    assert await believed(credentials(authorization=basic(FIREWALLED), peer=peer))


@pytest.mark.parametrize(
    "peer", ["10.2.0.1", "127.0.0.1", "::1", "::ffff:10.2.0.1", "::10.1.2.3", "testclient", "", None]
)
async def test_a_caller_from_elsewhere_is_nobody(peer: str | None) -> None:
    await refusal(credentials(authorization=basic(FIREWALLED), peer=peer))


# --- what it says


@pytest.mark.parametrize("name", ["iss", "exp", "email", "groups"])
async def test_every_configured_name_must_be_there(name: str) -> None:
    assert "must hold exactly: email, exp, groups, iss" in await refusal(credentials(stated(**{name: None})))


@pytest.mark.parametrize("name", ["Groups", "group", "admin", "aud", "nbf", "user", "email_verified"])
async def test_a_name_that_nobody_asked_for_is_refused(name: str) -> None:
    assert "must hold exactly" in await refusal(credentials(stated(**{name: "x"})))


@pytest.mark.parametrize("name", ["iss", "exp", "email", "groups"])
async def test_a_name_that_occurs_twice_is_refused(name: str) -> None:
    twice = json.dumps(stated())[:-1] + f', "{name}": {json.dumps(stated()[name])}}}'
    assert "each name once" in await refusal(credentials(twice))


@pytest.mark.parametrize("text", ["", "[]", "null", '"ann"', "1", "{", "not json", "\ufeff{}", "{}" * 2, "[" * 5_000])
async def test_what_is_no_object_is_refused(text: str) -> None:
    await refusal(credentials(text))


@pytest.mark.parametrize("end", ["!", " x", ".", "\u00e4", "%3D", "=x"])
async def test_what_is_not_base64url_is_refused(end: str) -> None:
    good = credentials().reader[0]
    await refusal(Credentials((basic(),), (good + end,)))


async def test_a_statement_beyond_the_limit_is_refused_unread() -> None:
    assert "too long" in await refusal(credentials(stated(groups=["x" * 13_000])))
    assert await believed(credentials(stated(groups=["x" * 8_000])))


async def test_exactly_one_statement_is_asked_for() -> None:
    good = credentials()
    assert "in one Sightline-Reader header" in await refusal(Credentials(good.authorization, ()))
    assert "in one Sightline-Reader header" in await refusal(Credentials(good.authorization, good.reader * 2))
    joined = f"{good.reader[0]},{good.reader[0]}"  # as a proxy may put two headers together
    await refusal(Credentials(good.authorization, (joined,)))


@pytest.mark.parametrize("expiry", [NOW_S - 60, 0, -1, NOW_S + 3_700, 4_102_444_800, True, "4102444800", [], {}, 1e300])
async def test_a_statement_holds_for_now_and_for_an_hour_at_most(expiry: object) -> None:
    await refusal(credentials(stated(exp=expiry)))


@pytest.mark.parametrize("written", ["NaN", "Infinity", "1e999", "-1e999"])
async def test_a_time_that_is_no_number_is_refused(written: str) -> None:
    await refusal(credentials(json.dumps(stated()).replace(str(NOW_S + 60), written)))


@pytest.mark.parametrize("issuer", ["", PORTAL.upper(), PORTAL + " ", "p\u043ertal", [PORTAL], 7])
async def test_an_issuer_that_is_not_the_callers_is_refused(issuer: object) -> None:
    await refusal(credentials(stated(iss=issuer)))


@pytest.mark.parametrize("user", ["", 7, ["ann@example.com"], {"a": 1}, "ann\x00", "ann\n", True])
async def test_a_statement_without_a_user_is_refused(user: object) -> None:
    await refusal(credentials(stated(email=user)))


@pytest.mark.parametrize("groups", [{"a": 1}, 7, [7], [None], ["a", ["b"]], [""], "", ["a\x00"]])
async def test_groups_that_cannot_be_read_are_refused(groups: object) -> None:
    await refusal(credentials(stated(groups=groups)))


# --- configurations that are refused


@pytest.mark.parametrize(
    "changes",
    [
        {"trusted_callers": []},
        {"trusted_callers": [{"name": PORTAL}]},
        {"trusted_callers": [{"name": "a:b", "key": SecretStr(KEY)}]},
        {"trusted_callers": [{"name": "", "key": SecretStr(KEY)}]},
        {"trusted_callers": [{"name": PORTAL, "key": SecretStr(KEY), "networks": ["10.0.0.1/8"]}]},
        {"trusted_callers": [{"name": PORTAL, "key": SecretStr(KEY), "networks": ["example.com"]}]},
        {"trusted_callers": [{"name": PORTAL, "key": SecretStr(KEY), "certificate": "x"}]},
        {"issuer": ""},
        {"audience": "sightline"},
        {"algorithms": ["none"]},
        {"shared_secret": SecretStr(SECRET)},
    ],
)
def test_values_that_cannot_work_stop_the_start(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        json_config(**changes)


@pytest.mark.parametrize("key", [SecretStr("x" * 31), KEY])
def test_a_key_that_is_short_or_written_out_stops_the_start(key: object) -> None:
    with pytest.raises(ConfigurationError) as refused:
        json_config(trusted_callers=[{"name": PORTAL, "key": key}])
    assert not any(text in str(refused.value) for text in (KEY, "x" * 31))


def test_two_callers_of_one_name_stop_the_start() -> None:
    with pytest.raises(ConfigurationError, match="portal is configured twice"):
        a_verifier(json_config(), json_config(issuer=INTRANET))
