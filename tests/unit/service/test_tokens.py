"""Only a token that its issuer signed, for us, for now, and in one reading, makes a reader of its bearer."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import warnings
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jws
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from pydantic import SecretStr, ValidationError

from acl import ReaderClaims
from service.token_config import JwtTokenConfig
from service.token_keys import PublishedKeys
from service.tokens import TokenVerifier
from vocabulary.errors import ConfigurationError, NotAuthenticated

ISSUER = "https://idp.example.com/realms/acme"
OTHER_ISSUER = "https://other.example.com"
AUDIENCE = "sightline"
JWKS_URL = "https://idp.example.com/keys"
SECRET = "a shared secret of thirty-two bytes and more, as HS512 asks for: 64"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NOW_S = int(NOW.timestamp())

RSA = RSAKey.generate_key(2048, {"kid": "rsa-1", "use": "sig"})
OTHER_RSA = RSAKey.generate_key(2048, {"kid": "rsa-2", "use": "sig"})
P256 = ECKey.generate_key("P-256", {"kid": "ec-1"})
P384 = ECKey.generate_key("P-384", {"kid": "ec-2"})
ED25519 = OKPKey.generate_key("Ed25519", {"kid": "ed-1"})
ANY_ALGORITHM = [
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512",
    "ES256", "ES384", "ES512", "EdDSA", "Ed25519", "none",
]  # fmt: skip


def _claims(**changes: Any) -> dict[str, Any]:
    """The claims of a good token; a change to None leaves one out."""
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "exp": NOW_S + 300,
        "iat": NOW_S,
        "email": "ann@example.com",
        "groups": ["staff"],
    }
    return {name: value for name, value in (claims | changes).items() if value is not None}


def _sign(payload: Mapping[str, Any] | bytes, key: Any, algorithm: str, **header: Any) -> str:
    """Sign as any issuer or attacker could, whatever the header says."""
    text = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    registry = jws.JWSRegistry(algorithms=ANY_ALGORITHM, strict_check_header=False)
    registry.max_header_length = 20_000
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)
        return jws.serialize_compact({"alg": algorithm, **header}, text, key, registry=registry)


def _encode(text: str | bytes) -> str:
    raw = text if isinstance(text, bytes) else text.encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _sign_by_hand(header: str, payload: str, secret: bytes = SECRET.encode()) -> str:
    """An HS256 token of texts that no library would write."""
    signed = f"{_encode(header)}.{_encode(payload)}"
    return f"{signed}.{_encode(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


def _hs256(**changes: Any) -> str:
    return _sign(_claims(**changes), OctKey.import_key(SECRET), "HS256", typ="JWT")


def _secret_config(**changes: Any) -> JwtTokenConfig:
    keys = {"shared_secret": SecretStr(SECRET), "algorithms": ["HS256"], "groups_claim": "groups"}
    return JwtTokenConfig(**{"kind": "jwt", "issuer": ISSUER, "audience": AUDIENCE} | keys | changes)


def _pem_config(key: Any, *algorithms: str, **changes: Any) -> JwtTokenConfig:
    pem = SecretStr(key.as_pem(private=False).decode())
    return _secret_config(shared_secret=None, public_key=pem, algorithms=algorithms, **changes)


def _jwks_config(*algorithms: str, **changes: Any) -> JwtTokenConfig:
    return _secret_config(shared_secret=None, jwks_url=JWKS_URL, algorithms=algorithms or ("RS256",), **changes)


def _verifier(*configs: JwtTokenConfig, **how: Any) -> TokenVerifier:
    return TokenVerifier(configs or [_secret_config()], clock=lambda: NOW, **how)


async def _refused(token: str, verifier: TokenVerifier | None = None) -> str:
    """The public reason for which the token is refused."""
    with pytest.raises(NotAuthenticated) as refused:
        await (verifier or _verifier()).verify(token)
    reason = str(refused.value)
    assert not any(part in reason for part in token.split(".") if len(part) > 3), "the reason quotes the token"
    assert SECRET not in reason
    return reason


# --- what is accepted


async def test_a_good_token_gives_the_claims_of_its_bearer() -> None:
    claims = await _verifier().verify(_hs256())
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
    claims = await _verifier(_pem_config(key, algorithm)).verify(_sign(_claims(), key, algorithm))
    assert claims.user == "ann@example.com"


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
async def test_every_symmetric_algorithm_works_with_a_shared_secret(algorithm: str) -> None:
    verifier = _verifier(_secret_config(algorithms=[algorithm]))
    assert (await verifier.verify(_sign(_claims(), OctKey.import_key(SECRET), algorithm))).user == "ann@example.com"


async def test_one_of_several_audiences_is_enough() -> None:
    assert await _verifier().verify(_hs256(aud=["mail", AUDIENCE]))


@pytest.mark.parametrize("changes", [{"exp": NOW_S - 59}, {"nbf": NOW_S + 59}, {"iat": NOW_S + 59}])
async def test_clocks_may_differ_by_a_minute(changes: dict[str, int]) -> None:
    assert await _verifier().verify(_hs256(**changes))


async def test_the_user_is_named_by_the_configured_claim() -> None:
    verifier = _verifier(_secret_config(user_claim="preferred_username"))
    assert (await verifier.verify(_hs256(preferred_username="ann"))).user == "ann"


@pytest.mark.parametrize(
    ("groups", "read"),
    [(["b", "a", "b"], ("b", "a")), ("one", ("one",)), ([], ()), (None, ())],
)
async def test_groups_are_read_once_each(groups: object, read: tuple[str, ...]) -> None:
    assert (await _verifier().verify(_hs256(groups=groups))).groups == read


async def test_groups_are_not_read_unless_configured() -> None:
    assert (await _verifier(_secret_config(groups_claim=None)).verify(_hs256())).groups == ()


async def test_each_issuer_has_its_own_key() -> None:
    verifier = _verifier(_secret_config(), _pem_config(RSA, "RS256", issuer=OTHER_ISSUER))
    assert (await verifier.verify(_hs256())).issuer == ISSUER
    assert (await verifier.verify(_sign(_claims(iss=OTHER_ISSUER), RSA, "RS256"))).issuer == OTHER_ISSUER


# --- attacks on the signature


@pytest.mark.parametrize("spelling", ["none", "None", "NONE", "nOnE", ""])
async def test_an_unsigned_token_is_refused(spelling: str) -> None:
    header, payload = _encode(json.dumps({"alg": spelling})), _encode(json.dumps(_claims()))
    await _refused(f"{header}.{payload}.")
    await _refused(f"{header}.{payload}.{_encode('x')}")


async def test_a_stripped_signature_is_refused() -> None:
    await _refused(_hs256().rpartition(".")[0] + ".")


async def test_a_changed_payload_is_refused() -> None:
    header, _, signature = _hs256().split(".")
    await _refused(f"{header}.{_encode(json.dumps(_claims(email='boss@example.com')))}.{signature}")


async def test_a_changed_header_is_refused() -> None:
    _, payload, signature = _hs256().split(".")
    await _refused(f"{_encode(json.dumps({'alg': 'HS256', 'typ': 'JWT', 'x': 1}))}.{payload}.{signature}")


async def test_a_signature_of_another_token_is_refused() -> None:
    signed, _, _ = _hs256(email="boss@example.com").rpartition(".")
    await _refused(f"{signed}.{_hs256().rpartition('.')[2]}")


async def test_a_signature_with_another_secret_is_refused() -> None:
    await _refused(_sign(_claims(), OctKey.import_key("another secret, as long as the first one is"), "HS256"))


@pytest.mark.parametrize("end", ["", "\n"])
async def test_a_public_key_is_no_shared_secret(end: str) -> None:
    """The classic confusion: HMAC over the token with the text of the issuer's public key."""
    config = _pem_config(RSA, "RS256")
    pem = (config.public_key.get_secret_value().strip() + end).encode() if config.public_key else b""
    header = json.dumps({"alg": "HS256", "kid": "rsa-1"})
    await _refused(_sign_by_hand(header, json.dumps(_claims()), secret=pem), _verifier(config))


async def test_an_algorithm_that_is_not_listed_is_refused_even_if_the_key_fits() -> None:
    for algorithm in ("RS512", "PS256"):
        assert "algorithm" in await _refused(_sign(_claims(), RSA, algorithm), _verifier(_pem_config(RSA, "RS256")))
    assert "algorithm" in await _refused(_sign(_claims(), OctKey.import_key(SECRET), "HS512"))


@pytest.mark.parametrize("algorithm", [["HS256"], {"HS256": 1}, 256, None, True])
async def test_an_algorithm_that_is_no_text_is_refused(algorithm: object) -> None:
    await _refused(_sign_by_hand(json.dumps({"alg": algorithm}), json.dumps(_claims())))


async def test_a_key_that_comes_with_the_token_is_not_used() -> None:
    attacker = RSAKey.generate_key(2048)
    certificate_free = {"jwk": attacker.as_dict(private=False), "kid": "rsa-1"}
    await _refused(_sign(_claims(), attacker, "RS256", **certificate_free), _verifier(_pem_config(RSA, "RS256")))


@pytest.mark.parametrize("name", ["jku", "x5u"])
async def test_a_key_that_the_token_points_to_is_not_fetched(name: str) -> None:
    attacker = RSAKey.generate_key(2048, {"kid": "rsa-1"})
    server = _KeyServer(RSA, attacker_keys=[attacker])
    token = _sign(_claims(), attacker, "RS256", kid="rsa-1", **{name: "https://evil.example.com/keys"})
    await _refused(token, _verifier(_jwks_config(), transport=server.transport))
    assert {str(url) for url in server.asked} == {JWKS_URL}


async def test_a_token_of_one_issuer_does_not_pass_for_another() -> None:
    verifier = _verifier(_secret_config(), _pem_config(RSA, "RS256", issuer=OTHER_ISSUER))
    await _refused(_sign(_claims(), RSA, "RS256"), verifier)
    await _refused(_sign(_claims(iss=OTHER_ISSUER), OctKey.import_key(SECRET), "HS256"), verifier)


@pytest.mark.parametrize("forged", [bytes(64), b"\x00" * 63 + b"\x01", b"\x00" * 31 + b"\x01" + b"\x00" * 32])
async def test_a_signature_of_zeros_is_refused(forged: bytes) -> None:
    signed = _sign(_claims(), P256, "ES256").rpartition(".")[0]
    await _refused(f"{signed}.{_encode(forged)}", _verifier(_pem_config(P256, "ES256")))


# --- attacks on the form


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
    await _refused(token)


@pytest.mark.parametrize("crit", [["exp"], ["b64"], ["x-own"], [], "exp", None])
async def test_a_critical_extension_is_refused(crit: object) -> None:
    header = json.dumps({"alg": "HS256", "crit": crit, "x-own": 1})
    assert "extension" in await _refused(_sign_by_hand(header, json.dumps(_claims())))


async def test_an_unencoded_payload_is_refused() -> None:
    await _refused(_sign_by_hand(json.dumps({"alg": "HS256", "b64": False}), json.dumps(_claims())))


@pytest.mark.parametrize("name", ["email", "iss", "aud", "exp", "groups"])
async def test_a_claim_that_occurs_twice_is_refused(name: str) -> None:
    twice = json.dumps(_claims())[:-1] + f', "{name}": {json.dumps(_claims()[name])}}}'
    await _refused(_sign_by_hand('{"alg":"HS256"}', twice))


async def test_a_header_that_occurs_twice_is_refused() -> None:
    await _refused(_sign_by_hand('{"alg":"none","alg":"HS256"}', json.dumps(_claims())))


async def test_a_token_beyond_the_limit_is_refused_unread() -> None:
    assert "too long" in await _refused(_hs256(padding="x" * 16_384))
    assert await _verifier().verify(_hs256(padding="x" * 8_000))


@pytest.mark.parametrize("part", ["header", "payload"])
async def test_a_deeply_nested_token_is_refused(part: str) -> None:
    deep = "[" * 5_000 + "]" * 5_000
    if part == "header":
        token = f"{_encode(deep)}.{_encode('{}')}.{_encode('x')}"
    else:
        token = _sign_by_hand('{"alg":"HS256"}', json.dumps(_claims())[:-1] + f', "x": {deep}}}')
    await _refused(token)


@pytest.mark.parametrize("payload", ["[]", '"text"', "1", "null", "{", "\ufeff{}", "not json"])
async def test_a_payload_that_is_no_object_is_refused(payload: str) -> None:
    await _refused(_sign_by_hand('{"alg":"HS256"}', payload))


@pytest.mark.parametrize("kind", ["logout+jwt", "dpop+jwt", "secevent+jwt", "JOSE", "", 7, None])
async def test_a_token_made_for_another_use_is_refused(kind: object) -> None:
    await _refused(_sign_by_hand(json.dumps({"alg": "HS256", "typ": kind}), json.dumps(_claims())))


@pytest.mark.parametrize("kind", ["JWT", "jwt", "at+jwt"])
async def test_tokens_for_signing_in_and_for_access_are_accepted(kind: str) -> None:
    assert await _verifier().verify(_sign(_claims(), OctKey.import_key(SECRET), "HS256", typ=kind))


@pytest.mark.parametrize("key_id", [7, ["rsa-1"], {"a": 1}])
async def test_a_key_id_that_is_no_text_is_refused(key_id: object) -> None:
    await _refused(_sign_by_hand(json.dumps({"alg": "HS256", "kid": key_id}), json.dumps(_claims())))


@pytest.mark.parametrize("key_id", ["../../dev/null", "' OR 1=1 --", "rsa-1\x00", "http://evil.example.com"])
async def test_a_key_id_is_compared_and_never_interpreted(key_id: str) -> None:
    verifier = _verifier(_jwks_config(), transport=_KeyServer(RSA).transport)
    await _refused(_sign(_claims(), RSA, "RS256", kid=key_id), verifier)


# --- attacks on the claims


@pytest.mark.parametrize("name", ["iss", "aud", "exp"])
async def test_issuer_audience_and_expiry_are_required(name: str) -> None:
    await _refused(_hs256(**{name: None}))


@pytest.mark.parametrize("expiry", [NOW_S - 60, 0, -1, float(NOW_S - 100)])
async def test_an_expired_token_is_refused(expiry: float) -> None:
    assert "expired" in await _refused(_hs256(exp=expiry))


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("written", ['"4102444800"', "true", "[]", "{}", "NaN", "Infinity", "1e999"])
async def test_a_time_that_is_no_number_is_refused(name: str, written: str) -> None:
    payload = json.dumps(_claims(**{name: None}))[:-1] + f', "{name}": {written}}}'
    await _refused(_sign_by_hand('{"alg":"HS256"}', payload))


@pytest.mark.parametrize("name", ["nbf", "iat"])
async def test_a_token_of_the_future_is_refused(name: str) -> None:
    await _refused(_hs256(**{name: NOW_S + 61}))


@pytest.mark.parametrize("audience", ["mail", ["mail"], [], "", "SIGHTLINE", "sightline ", {"a": 1}, [["sightline"]]])
async def test_a_token_for_another_audience_is_refused(audience: object) -> None:
    await _refused(_hs256(aud=audience))


@pytest.mark.parametrize(
    "issuer", ["https://evil.example.com", ISSUER + "/", ISSUER.upper(), ISSUER.replace("a", "\u0430"), [ISSUER], 7]
)
async def test_an_issuer_that_is_not_configured_is_refused(issuer: object) -> None:
    await _refused(_hs256(iss=issuer))


@pytest.mark.parametrize("user", [None, "", 7, ["ann@example.com"], {"a": 1}, "ann\x00", "ann\ud800", "ann\n", True])
async def test_a_token_without_a_user_is_refused(user: object) -> None:
    await _refused(_hs256(email=user))


@pytest.mark.parametrize("groups", [{"a": 1}, 7, [7], [None], ["a", ["b"]], [""], "", ["\ud800"], ["a\x00"]])
async def test_groups_that_cannot_be_read_are_refused(groups: object) -> None:
    await _refused(_hs256(groups=groups))


@pytest.mark.parametrize("verified", [False, "false", 0, ""])
async def test_an_address_that_the_issuer_did_not_verify_is_refused(verified: object) -> None:
    await _refused(_hs256(email_verified=verified))


async def test_an_address_that_is_not_used_need_not_be_verified() -> None:
    verifier = _verifier(_secret_config(user_claim="sub"))
    assert (await verifier.verify(_hs256(sub="ann", email_verified=False))).user == "ann"


# --- published keys


class _KeyServer:
    """An issuer's key set, with what was asked and whether it answers."""

    def __init__(self, *keys: Any, attacker_keys: list[Any] | None = None) -> None:
        self.keys = list(keys)
        self.asked: list[httpx.URL] = []
        self.answer: Callable[[httpx.Request], httpx.Response] = self._key_set
        self._attacker_keys = attacker_keys or []
        self.now_s = 0.0

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._handle)

    def verifier(self, *algorithms: str) -> TokenVerifier:
        return _verifier(_jwks_config(*algorithms), transport=self.transport, monotonic_s=lambda: self.now_s)

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url)
        return self.answer(request)

    def _key_set(self, request: httpx.Request) -> httpx.Response:
        keys = self._attacker_keys if request.url.host == "evil.example.com" else self.keys
        return httpx.Response(200, json={"keys": [key.as_dict(private=False) for key in keys]})


async def test_published_keys_are_fetched_once_and_kept() -> None:
    server = _KeyServer(RSA, P256)
    verifier = server.verifier("RS256", "ES256")
    assert await verifier.verify(_sign(_claims(), RSA, "RS256", kid="rsa-1"))
    assert await verifier.verify(_sign(_claims(), P256, "ES256", kid="ec-1"))
    assert len(server.asked) == 1


async def test_a_rotated_key_is_found_by_one_more_fetch() -> None:
    server = _KeyServer(RSA)
    verifier = server.verifier()
    await verifier.verify(_sign(_claims(), RSA, "RS256", kid="rsa-1"))
    server.keys = [OTHER_RSA]
    server.now_s = 31
    assert await verifier.verify(_sign(_claims(), OTHER_RSA, "RS256", kid="rsa-2"))
    await _refused(_sign(_claims(), RSA, "RS256", kid="rsa-1"), verifier)
    assert len(server.asked) == 2


async def test_made_up_key_ids_do_not_flood_the_issuer() -> None:
    server = _KeyServer(RSA)
    verifier = server.verifier()
    for number in range(50):
        await _refused(_sign(_claims(), OTHER_RSA, "RS256", kid=f"made-up-{number}"), verifier)
    assert len(server.asked) == 1
    assert await verifier.verify(_sign(_claims(), RSA, "RS256", kid="rsa-1"))


async def test_a_withdrawn_key_loses_trust_when_the_set_is_read_again() -> None:
    server = _KeyServer(RSA, OTHER_RSA)
    verifier = server.verifier()
    token = _sign(_claims(), RSA, "RS256", kid="rsa-1")
    assert await verifier.verify(token)
    server.keys = [OTHER_RSA]
    server.now_s = 901
    await _refused(token, verifier)


async def test_known_keys_outlast_a_short_outage_of_the_issuer_but_not_a_long_one() -> None:
    server = _KeyServer(RSA)
    verifier = server.verifier()
    token = _sign(_claims(), RSA, "RS256", kid="rsa-1")
    assert await verifier.verify(token)
    server.answer = lambda _: httpx.Response(503)
    server.now_s = 3_600
    assert await verifier.verify(token)
    server.now_s = 43_201
    assert "cannot be had" in await _refused(token, verifier)


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
    server = _KeyServer(RSA, attacker_keys=[RSA])
    verifier = server.verifier()
    token = _sign(_claims(), RSA, "RS256", kid="rsa-1")
    honest, server.answer = server.answer, answer
    await _refused(token, verifier)
    server.answer = honest
    server.now_s = 6
    assert await verifier.verify(token)


async def test_a_secret_among_published_keys_is_no_key() -> None:
    published = OctKey.import_key(SECRET, {"kid": "oct-1"})
    answer = httpx.Response(200, json={"keys": [published.as_dict(private=True)]})
    keys = PublishedKeys(JWKS_URL, transport=httpx.MockTransport(lambda _: answer))
    assert await keys.find(key_id="oct-1", algorithm="HS256") is None


async def test_a_key_for_encryption_checks_no_signature() -> None:
    server = _KeyServer(RSAKey.import_key(RSA.as_dict(private=False) | {"use": "enc"}))
    await _refused(_sign(_claims(), RSA, "RS256", kid="rsa-1"), server.verifier())


async def test_a_key_for_one_algorithm_is_not_used_for_another() -> None:
    server = _KeyServer(RSAKey.import_key(RSA.as_dict(private=False) | {"alg": "RS256"}))
    await _refused(_sign(_claims(), RSA, "PS256", kid="rsa-1"), server.verifier("RS256", "PS256"))


async def test_a_published_key_that_is_too_weak_is_not_used() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)
        weak = RSAKey.generate_key(1024, {"kid": "weak"})
    await _refused(_sign(_claims(), weak, "RS256", kid="weak"), _KeyServer(weak, RSA).verifier())


async def test_a_key_that_cannot_be_read_does_not_spoil_the_others() -> None:
    server = _KeyServer()
    unknown = [{"kty": "AKP", "kid": "pq"}, {"kty": "RSA"}, "text", {"kty": "EC", "crv": "P-256", "x": "!", "y": "!"}]
    server.answer = lambda _: httpx.Response(200, json={"keys": [*unknown, RSA.as_dict(private=False)]})
    assert await server.verifier().verify(_sign(_claims(), RSA, "RS256", kid="rsa-1"))


async def test_a_token_without_a_key_id_needs_the_set_to_leave_no_choice() -> None:
    token = _sign(_claims(), RSA, "RS256")
    assert await _KeyServer(RSA, P256).verifier("RS256", "ES256").verify(token)
    await _refused(token, _KeyServer(RSA, OTHER_RSA).verifier())


# --- configurations that are refused


@pytest.mark.parametrize(
    "changes",
    [
        {"shared_secret": SecretStr("x" * 31)},
        {"shared_secret": SecretStr("x" * 63), "algorithms": ["HS512"]},
        {"algorithms": ["RS256"]},
        {"algorithms": ["HS256", "RS256"]},
        {"shared_secret": None},
        {"jwks_url": JWKS_URL},
        {"shared_secret": None, "jwks_url": JWKS_URL, "algorithms": ["HS256"]},
        {"shared_secret": SecretStr(RSA.as_pem(private=False).decode())},
        {"shared_secret": None, "public_key": SecretStr(SECRET), "algorithms": ["RS256"]},
        {"shared_secret": None, "public_key": SecretStr(RSA.as_pem(private=True).decode()), "algorithms": ["RS256"]},
        {"shared_secret": None, "public_key": SecretStr(RSA.as_pem(private=False).decode()), "algorithms": ["ES256"]},
        {"shared_secret": None, "public_key": SecretStr(P256.as_pem(private=False).decode()), "algorithms": ["ES384"]},
    ],
)  # fmt: skip
def test_keys_and_algorithms_that_do_not_go_together_stop_the_start(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as refused:
        _secret_config(**changes)
    assert refused.value.__cause__ is None
    assert not any(text in str(refused.value) for text in (SECRET, "x" * 31, "BEGIN", "MII"))


@pytest.mark.parametrize(
    "changes",
    [
        {"algorithms": []},
        {"algorithms": ["none"]},
        {"algorithms": ["hs256"]},
        {"issuer": ""},
        {"audience": ""},
        {"user_claim": ""},
        {"leeway": 1},
        {"kind": "json"},
        {"shared_secret": None, "algorithms": ["RS256"], "jwks_url": "http://idp.example.com/keys"},
        {"shared_secret": None, "algorithms": ["RS256"], "jwks_url": "http://localhost.example.com/keys"},
        {"shared_secret": None, "algorithms": ["RS256"], "jwks_url": "file:///etc/keys"},
        {"shared_secret": None, "algorithms": ["RS256"], "jwks_url": "https://"},
        {"shared_secret": None, "algorithms": ["RS256"], "jwks_url": "https://[::1"},
    ],
)
def test_values_that_cannot_work_stop_the_start(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        _secret_config(**changes)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/keys", "http://localhost/keys", "http://[::1]:80/keys"])
def test_keys_of_this_machine_may_come_without_tls(url: str) -> None:
    assert _secret_config(shared_secret=None, algorithms=["RS256"], jwks_url=url).jwks_url == url


def test_an_issuer_configured_twice_stops_the_start() -> None:
    with pytest.raises(ConfigurationError):
        TokenVerifier([_secret_config(), _pem_config(RSA, "RS256")])


def test_a_secret_comes_from_the_environment_or_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TOKEN_SECRET", SECRET)
    (tmp_path / "secret").write_text(SECRET + "\n")
    for reference in ({"env": "TOKEN_SECRET"}, {"file": str(tmp_path / "secret")}):
        config = _secret_config(shared_secret=reference)
        assert config.shared_secret is not None
        assert config.shared_secret.get_secret_value() == SECRET
        assert SECRET not in repr(config)


def test_a_secret_written_into_the_configuration_is_refused() -> None:
    with pytest.raises(ConfigurationError) as refused:
        _secret_config(shared_secret=SECRET)
    assert SECRET not in str(refused.value)
