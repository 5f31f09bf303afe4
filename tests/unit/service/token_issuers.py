"""Issuers of tokens, honest and not: keys, configurations, tokens as any of them could write them, and a key server."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import warnings
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from joserfc import jws
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from pydantic import SecretStr

from service.tokens import Credentials, TokenVerifier
from service.tokens.config import JwtTokenConfig, OpenIdTokenConfig, TokenConfig
from vocabulary.errors import NotAuthenticated

ISSUER = "https://idp.example.com/realms/acme"
OTHER_ISSUER = "https://other.example.com"
AUDIENCE = "sightline"
DESCRIPTION = "/.well-known/openid-configuration"
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


def claims_of(**changes: Any) -> dict[str, Any]:
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


def sign(payload: Mapping[str, Any] | bytes, key: Any, algorithm: str, **header: Any) -> str:
    """Sign as any issuer or attacker could, whatever the header says."""
    text = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    registry = jws.JWSRegistry(algorithms=ANY_ALGORITHM, strict_check_header=False)
    registry.max_header_length = 20_000
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)
        return jws.serialize_compact({"alg": algorithm, **header}, text, key, registry=registry)


def encode(text: str | bytes) -> str:
    raw = text if isinstance(text, bytes) else text.encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def sign_by_hand(header: str, payload: str, secret: bytes = SECRET.encode()) -> str:
    """An HS256 token of texts that no library would write."""
    signed = f"{encode(header)}.{encode(payload)}"
    return f"{signed}.{encode(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


def hs256(**changes: Any) -> str:
    return sign(claims_of(**changes), OctKey.import_key(SECRET), "HS256", typ="JWT")


def secret_config(**changes: Any) -> JwtTokenConfig:
    keys = {"shared_secret": SecretStr(SECRET), "algorithms": ["HS256"], "groups_claim": "groups"}
    return JwtTokenConfig(**{"kind": "jwt", "issuer": ISSUER, "audience": AUDIENCE} | keys | changes)


def pem_config(key: Any, *algorithms: str, **changes: Any) -> JwtTokenConfig:
    pem = SecretStr(key.as_pem(private=False).decode())
    return secret_config(shared_secret=None, public_key=pem, algorithms=algorithms, **changes)


def jwks_config(*algorithms: str, **changes: Any) -> JwtTokenConfig:
    settings = {"shared_secret": None, "jwks_url": JWKS_URL, "algorithms": algorithms or ("RS256",)}
    return secret_config(**settings | changes)


def openid_config(*algorithms: str, **changes: Any) -> OpenIdTokenConfig:
    given = {"algorithms": algorithms} if algorithms else {}
    settings = {"kind": "openid", "issuer": ISSUER, "audience": AUDIENCE, "groups_claim": "groups"}
    return OpenIdTokenConfig(**settings | given | changes)


def bearer(token: str) -> Credentials:
    return Credentials(authorization=(f"Bearer {token}",))


def a_verifier(*configs: TokenConfig, **how: Any) -> TokenVerifier:
    return TokenVerifier(configs or [secret_config()], clock=lambda: NOW, **how)


async def refusal(token: str, verifier: TokenVerifier | None = None) -> str:
    """The public reason for which the token is refused."""
    with pytest.raises(NotAuthenticated) as refused:
        await (verifier or a_verifier()).verify(bearer(token))
    reason = str(refused.value)
    assert not any(part in reason for part in token.split(".") if len(part) > 3), "the reason quotes the token"
    assert SECRET not in reason
    return reason


class KeyServer:
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
        return a_verifier(jwks_config(*algorithms), transport=self.transport, monotonic_s=lambda: self.now_s)

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url)
        return self.answer(request)

    def _key_set(self, request: httpx.Request) -> httpx.Response:
        keys = self._attacker_keys if request.url.host == "evil.example.com" else self.keys
        return httpx.Response(200, json={"keys": [key.as_dict(private=False) for key in keys]})


class OpenIdProvider(KeyServer):
    """An issuer that describes itself, truthfully or not."""

    def __init__(self, *keys: Any, issuer: str = ISSUER, **description: Any) -> None:
        super().__init__(*keys)
        self.issuer = issuer
        self.description: dict[str, Any] = {"issuer": issuer, "jwks_uri": f"{issuer}/keys"} | description
        self.describe: Callable[[httpx.Request], httpx.Response] = self._described

    @property
    def paths_asked(self) -> list[str]:
        return [url.path.removeprefix(httpx.URL(self.issuer).path) for url in self.asked]

    def verifier(self, *algorithms: str) -> TokenVerifier:
        config = openid_config(*algorithms, issuer=self.issuer)
        return a_verifier(config, transport=self.transport, monotonic_s=lambda: self.now_s)

    def _handle(self, request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith(DESCRIPTION):
            return super()._handle(request)
        self.asked.append(request.url)
        return self.describe(request)

    def _described(self, _: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=self.description)
