"""From a token to what it proves: the one place where a reader's word is believed.

In comes the text of a JSON Web Token, out come the claims of its bearer, or `NotAuthenticated` with a short public
reason. The issuer named in the token only chooses the configuration; key and algorithms are the configuration's. What
can be read in two ways (duplicate names, critical extensions, an audience that is missing) is refused.
Sources: RFC 7519, RFC 7515, RFC 8725.
"""

from __future__ import annotations

import base64
import binascii
import json
import time
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeGuard

import httpx
from joserfc.errors import ClaimError, ExpiredTokenError, JoseError, MissingClaimError
from joserfc.jwa import JWSAlgModel
from joserfc.jws import JWSRegistry, deserialize_compact
from joserfc.jwt import JWTClaimsRegistry

from acl import ReaderClaims
from service.token_config import Algorithm, JwtTokenConfig
from service.token_keys import KeysUnavailable, PublishedKeys, SigningKeys, SingleKey, import_pem, import_secret
from vocabulary.errors import NotAuthenticated, SettingInvalid

_MAX_TOKEN_BYTES = 16_384  # twice what a header line may hold at common proxies
_LEEWAY_S = 60  # clocks of issuer and service may differ by this much
# RFC 8725 §3.11: a token made for another use (logout, proof of possession, security event) vouches for nobody.
_TYPES = frozenset({"jwt", "at+jwt", "application/jwt", "application/at+jwt"})


@dataclass(frozen=True, slots=True)
class _Issuer:
    config: JwtTokenConfig
    keys: SigningKeys
    claims: JWTClaimsRegistry
    signatures: JWSRegistry


class _Signatures(JWSRegistry):
    """The library's signature check, for one allow-list."""

    max_header_length = _MAX_TOKEN_BYTES  # the whole token is limited already

    def get_alg(self, name: str) -> JWSAlgModel:
        """Look up an allowed algorithm; `EdDSA`, which most issuers still write for Ed25519, without a warning."""
        if name == Algorithm.EDDSA and name in (self.allowed or ()):
            return self.algorithms[name]
        return super().get_alg(name)


class TokenVerifier:
    """Verifies tokens of the configured issuers. Fetches published keys when they are first needed."""

    def __init__(
        self,
        configs: Iterable[JwtTokenConfig],
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raise `SettingInvalid` where two configurations name one issuer: its tokens would be read in two ways."""
        self._issuers: dict[str, _Issuer] = {}
        for config in configs:
            if config.issuer in self._issuers:
                raise SettingInvalid(f"issuer: {config.issuer} is configured twice")
            self._issuers[config.issuer] = _Issuer(
                config=config,
                keys=_keys(config, transport, monotonic_s),
                claims=_claims_registry(config, clock),
                signatures=_Signatures(algorithms=list(config.algorithms), strict_check_header=False),
            )

    async def verify(self, token: str) -> ReaderClaims:
        """Return what a token proves of its bearer.

        Raises:
            NotAuthenticated: it proves nothing; the message may be shown to the caller.
        """
        header, claims = _read(token)
        issuer = self._issuer(claims)
        _check_header(header, issuer.config.algorithms)
        await _check_signature(token, header, issuer)
        _check_claims(claims, issuer.claims)
        return _reader(claims, issuer.config)

    def _issuer(self, claims: Mapping[str, Any]) -> _Issuer:
        name = claims.get("iss")
        issuer = self._issuers.get(name) if isinstance(name, str) else None
        if issuer is None:
            raise NotAuthenticated("the token's issuer is not accepted here", reason="issuer")
        return issuer


def _keys(
    config: JwtTokenConfig, transport: httpx.AsyncBaseTransport | None, monotonic_s: Callable[[], float]
) -> SigningKeys:
    if config.shared_secret is not None:
        return SingleKey(import_secret(config.shared_secret.get_secret_value(), config.algorithms))
    if config.public_key is not None:
        return SingleKey(import_pem(config.public_key.get_secret_value(), config.algorithms))
    if config.jwks_url is not None:
        return PublishedKeys(config.jwks_url, transport=transport, clock_s=monotonic_s)
    raise SettingInvalid("issuer: no key is configured")


def _claims_registry(config: JwtTokenConfig, clock: Callable[[], datetime]) -> JWTClaimsRegistry:
    return JWTClaimsRegistry(
        now=lambda: int(clock().timestamp()),
        leeway=_LEEWAY_S,
        iss={"essential": True, "value": config.issuer},
        aud={"essential": True, "value": config.audience},
        exp={"essential": True},
    )


def _read(token: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Header and claims as they are written, before anything vouches for them."""
    if len(token) > _MAX_TOKEN_BYTES:
        raise NotAuthenticated("the token is too long", reason="malformed")
    parts = token.split(".")
    if not token.isascii() or len(parts) != 3 or not all(parts):
        raise NotAuthenticated("not a signed token", reason="malformed")
    return _read_object(parts[0]), _read_object(parts[1])


def _read_object(part: str) -> Mapping[str, Any]:
    try:
        text = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
        value = json.loads(text, object_pairs_hook=_without_duplicates, parse_constant=_refuse)
    except (binascii.Error, ValueError, RecursionError):
        raise NotAuthenticated("not a signed token", reason="malformed") from None
    if not isinstance(value, dict):
        raise NotAuthenticated("not a signed token", reason="malformed")
    return value


def _without_duplicates(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Of two values for one name, each reader may believe another: RFC 7519 §4 lets us refuse both."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name occurs twice")
    return members


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _check_header(header: Mapping[str, Any], allowed: Sequence[Algorithm]) -> None:
    if header.get("alg") not in allowed:
        raise NotAuthenticated("the token's algorithm is not accepted from this issuer", reason="algorithm")
    if "crit" in header or "b64" in header:
        raise NotAuthenticated("the token asks for an extension that is not supported", reason="extension")
    if not isinstance(header.get("kid"), str | None):
        raise NotAuthenticated("not a signed token", reason="malformed")
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise NotAuthenticated("the token is not made for signing in", reason="purpose")


async def _check_signature(token: str, header: Mapping[str, Any], issuer: _Issuer) -> None:
    try:
        key = await issuer.keys.find(key_id=header.get("kid"), algorithm=header["alg"])
    except KeysUnavailable:
        raise NotAuthenticated("the issuer's keys cannot be had at present", reason="keys-unavailable") from None
    if key is None:
        raise NotAuthenticated("the token is signed with an unknown key", reason="key")
    try:
        deserialize_compact(token, key, registry=issuer.signatures)
    except (JoseError, ValueError):
        raise NotAuthenticated("the token's signature does not verify", reason="signature") from None


def _check_claims(claims: Mapping[str, Any], registry: JWTClaimsRegistry) -> None:
    try:
        registry.validate(dict(claims))
    except ExpiredTokenError:
        raise NotAuthenticated("the token has expired", reason="expired") from None
    except MissingClaimError:
        raise NotAuthenticated("the token lacks a claim: exp, iss and aud are required", reason="claims") from None
    except ClaimError as error:
        raise NotAuthenticated(f"the token's claim {error.claim!r} is not acceptable", reason="claims") from None


def _reader(claims: Mapping[str, Any], config: JwtTokenConfig) -> ReaderClaims:
    user = claims.get(config.user_claim)
    if not _is_name(user):
        raise NotAuthenticated("the token names no user", reason="user")
    # some issuers write it as text; without the claim, the issuer's other means of verifying are trusted
    if config.user_claim == "email" and claims.get("email_verified", True) not in (True, "true"):
        raise NotAuthenticated("the token's e-mail address is not verified", reason="address")
    return ReaderClaims(user=user, groups=_groups(claims, config.groups_claim), issuer=config.issuer)


def _groups(claims: Mapping[str, Any], claim: str | None) -> tuple[str, ...]:
    """The token's groups, each once; a single name stands for a list of one."""
    value = claims.get(claim, []) if claim is not None else []
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(_is_name(name) for name in names):
        raise NotAuthenticated("the token's groups cannot be read", reason="groups")
    return tuple(dict.fromkeys(names))


def _is_name(value: object) -> TypeGuard[str]:
    """Text that a directory could hold: neither control characters nor halves of characters."""
    return isinstance(value, str) and bool(value) and not any(unicodedata.category(c) in {"Cc", "Cs"} for c in value)
