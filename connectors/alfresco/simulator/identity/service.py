"""The repository's identity-service subsystem: whom a Bearer token stands for.

A token is believed if one of the trusted keys signed it, it has not expired, and it names the expected issuer, where
one is expected. The user is a claim of it, `preferred_username` unless configured otherwise. Source:
IdentityServiceRemoteUserMapper and AccessTokenToDecodedTokenUserMapper of the community repository.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Literal

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, KeySet
from joserfc.jws import extract_compact
from joserfc.jwt import JWTClaimsRegistry

from connectors.alfresco.simulator.model import Person

_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
_FETCH_TIMEOUT_S = 5.0
_FETCH_PAUSE_S = 5.0  # between two fetches of the keys, whatever tokens name


def public_key(pem: str, kind: Literal["RSA", "EC"] = "RSA") -> KeySet:
    """Return the keys of an issuer that is known by one public key in PEM form."""
    return KeySet([JWKRegistry.import_key(pem, kind)])


@dataclass(kw_only=True)
class IdentityService:
    """Whom the repository believes; needs `keys`, or `jwks_url` to fetch them from when they are first asked for."""

    keys: Callable[[], KeySet] | None = None
    jwks_url: str | None = None
    jwks_tls: ssl.SSLContext | bool = True  # which authorities may vouch for the host of `jwks_url`
    issuer: str | None = None  # the only one accepted; None: any, if the key is right
    principal_claim: str = "preferred_username"  # identity-service.principal-attribute
    create_person: Callable[[str], Person] | None = None  # what makes an account for an unknown user; None: refused
    now: Callable[[], datetime] | None = None
    _fetched: KeySet = field(default_factory=lambda: KeySet([]), init=False)
    _next_fetch_at_s: float = field(default=float("-inf"), init=False)
    _seen: set[bytes] = field(default_factory=set, init=False)
    _ended: set[bytes] = field(default_factory=set, init=False)

    async def fetch_keys(self, token: str) -> None:
        """Fetch the issuer's keys if the token names one that is not known yet."""
        if self.jwks_url is None or self._knows_key_of(token) or time.monotonic() < self._next_fetch_at_s:
            return
        try:  # requests that come meanwhile fetch, too: none is refused for a key that is on its way
            async with httpx.AsyncClient(verify=self.jwks_tls, timeout=_FETCH_TIMEOUT_S) as http:
                answer = await http.get(self.jwks_url)
            self._fetched = KeySet.import_key_set(answer.raise_for_status().json())
        except (httpx.HTTPError, JoseError, ValueError, KeyError, TypeError):
            return  # without the key, the token is refused
        finally:
            self._next_fetch_at_s = time.monotonic() + _FETCH_PAUSE_S

    def user_of(self, token: str) -> str | None:
        """Return the name in a token that can be believed, else None."""
        keys = self._keys()
        if not keys or _digest(token) in self._ended:
            return None
        try:
            claims = jwt.decode(token, keys, algorithms=_ALGORITHMS).claims
            self._registry().validate(claims)
        except (JoseError, ValueError):
            return None
        self._seen.add(_digest(token))
        user = claims.get(self.principal_claim)
        return user if isinstance(user, str) and user else None

    def end_all(self) -> None:
        """Believe no token any more that was used so far, as when the provider ends all sessions."""
        self._ended |= self._seen

    def _keys(self) -> KeySet:
        return self._fetched if self.keys is None else self.keys()

    def _registry(self) -> JWTClaimsRegistry:
        now = self.now
        clock = None if now is None else lambda: int(now().timestamp())
        if self.issuer is None:
            return JWTClaimsRegistry(now=clock, exp={"essential": True})
        return JWTClaimsRegistry(now=clock, exp={"essential": True}, iss={"essential": True, "value": self.issuer})

    def _knows_key_of(self, token: str) -> bool:
        try:
            key_id = extract_compact(token.encode()).headers().get("kid")
        except (JoseError, ValueError):
            return True  # not a token: no fetched key will change that
        return any(key.kid == key_id for key in self._fetched)


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()
