"""Signed tokens: JSON Web Tokens of the configured issuers.

In comes the text of a token, out come the claims of its bearer. The issuer named in the token only chooses the
configuration; key and algorithms are the configuration's. What can be read in two ways (duplicate names, critical
extensions, an audience that is missing) is refused. Sources: RFC 7519, RFC 7515, RFC 8725.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
from joserfc.errors import JoseError
from joserfc.jwa import JWSAlgModel
from joserfc.jws import JWSRegistry, deserialize_compact
from joserfc.jwt import JWTClaimsRegistry

from acl import ReaderClaims
from service.tokens.claims import check_claims, claims_registry, reader_of
from service.tokens.config import Algorithm, JwtTokenConfig, OpenIdTokenConfig
from service.tokens.fetching import DocumentUnavailable
from service.tokens.keys import KeysUnavailable, SigningKeys, SingleKey, fits, import_pem, import_secret
from service.tokens.published import PublishedKeys
from service.tokens.strict_json import read_encoded_object
from vocabulary.errors import NotAuthenticated
from vocabulary.ports import CheckResult

_MAX_TOKEN_BYTES = 16_384  # twice what a header line may hold at common proxies
# RFC 8725 §3.11: a token made for another use (logout, proof of possession, security event) vouches for nobody.
_TYPES = frozenset({"jwt", "at+jwt", "application/jwt", "application/at+jwt"})


@dataclass(frozen=True, slots=True)
class _Issuer:
    config: JwtTokenConfig | OpenIdTokenConfig
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


class SignedTokens:
    """Verifies tokens of distinct issuers. Fetches published keys when they are first needed."""

    def __init__(
        self,
        configs: Iterable[JwtTokenConfig | OpenIdTokenConfig],
        *,
        transport: httpx.AsyncBaseTransport | None,
        clock: Callable[[], datetime],
        monotonic_s: Callable[[], float],
    ) -> None:
        self._issuers = {
            config.issuer: _Issuer(
                config=config,
                keys=_keys(config, transport, monotonic_s),
                claims=claims_registry(issuer=config.issuer, audience=config.audience, clock=clock),
                signatures=_Signatures(algorithms=list(config.algorithms), strict_check_header=False),
            )
            for config in configs
        }

    async def verify(self, token: str) -> ReaderClaims:
        """Return what a token proves of its bearer.

        Raises:
            NotAuthenticated: it proves nothing; the message may be shown to the caller.
        """
        header, claims = _read(token)
        issuer = self._issuer(claims)
        _check_header(header, issuer.config.algorithms)
        await _check_signature(token, header, issuer)
        check_claims(claims, issuer.claims)
        return reader_of(claims, issuer.config)

    async def check(self) -> Sequence[CheckResult]:
        """Fetch the keys of every issuer that publishes them. A failure is a result, not an error."""
        return [
            await _check_published(issuer.keys, issuer.config)
            for issuer in self._issuers.values()
            if isinstance(issuer.keys, PublishedKeys)
        ]

    def _issuer(self, claims: Mapping[str, Any]) -> _Issuer:
        name = claims.get("iss")
        issuer = self._issuers.get(name) if isinstance(name, str) else None
        if issuer is None:
            raise NotAuthenticated("the token's issuer is not accepted here", reason="issuer")
        return issuer


def _keys(
    config: JwtTokenConfig | OpenIdTokenConfig,
    transport: httpx.AsyncBaseTransport | None,
    monotonic_s: Callable[[], float],
) -> SigningKeys:
    if isinstance(config, JwtTokenConfig) and config.shared_secret is not None:
        return SingleKey(import_secret(config.shared_secret.get_secret_value(), config.algorithms))
    if isinstance(config, JwtTokenConfig) and config.public_key is not None:
        return SingleKey(import_pem(config.public_key.get_secret_value(), config.algorithms))
    return PublishedKeys(config, transport=transport, clock_s=monotonic_s)


async def _check_published(keys: PublishedKeys, config: JwtTokenConfig | OpenIdTokenConfig) -> CheckResult:
    subject = f"tokens of {config.issuer}"
    try:
        published = await keys.fetch()
    except DocumentUnavailable as error:
        return CheckResult(subject, passed=False, message=str(error))
    usable = sum(any(fits(key, algorithm) for algorithm in config.algorithms) for key in published)
    counted = f"{usable or 'no'} {'key' if usable == 1 else 'keys'} for {', '.join(config.algorithms)}"
    return CheckResult(subject, passed=usable > 0, message=f"the issuer publishes {counted}")


def _read(token: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Header and claims as they are written, before anything vouches for them."""
    if len(token) > _MAX_TOKEN_BYTES:
        raise NotAuthenticated("the token is too long", reason="malformed")
    parts = token.split(".")
    if not token.isascii() or len(parts) != 3 or not all(parts):
        raise NotAuthenticated("not a signed token", reason="malformed")
    try:
        return read_encoded_object(parts[0]), read_encoded_object(parts[1])
    except ValueError:
        raise NotAuthenticated("not a signed token", reason="malformed") from None


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
