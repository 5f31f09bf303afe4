"""One `[[tokens]]` entry: who may vouch for readers, with which key, and under which names.

A configuration that could be fooled is refused at the start: an algorithm that does not belong to the kind of key, a
secret that can be guessed, a private key where a public one is meant.
"""

from __future__ import annotations

import ipaddress
from enum import StrEnum
from typing import Annotated, Literal, Self

import httpx
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from connectors.secret_reference import Secret
from service.token_keys import KeyUnusable, import_pem, import_secret
from vocabulary.errors import SettingInvalid

_Text = Annotated[str, StringConstraints(min_length=1)]


class Algorithm(StrEnum):
    """Signature algorithms that can be allowed. Source: RFC 7518 §3.1, RFC 8037, RFC 9864."""

    HS256 = "HS256"
    HS384 = "HS384"
    HS512 = "HS512"
    RS256 = "RS256"
    RS384 = "RS384"
    RS512 = "RS512"
    PS256 = "PS256"
    PS384 = "PS384"
    PS512 = "PS512"
    ES256 = "ES256"
    ES384 = "ES384"
    ES512 = "ES512"
    EDDSA = "EdDSA"
    ED25519 = "Ed25519"

    @property
    def is_symmetric(self) -> bool:
        return self.value.startswith("HS")


def _fetchable(url: str) -> str:
    """Keys that travel in the clear can be swapped on the way; to a loopback address there is no way."""
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL:
        raise ValueError("must be an https URL") from None
    if not parts.host or parts.scheme not in {"http", "https"}:
        raise ValueError("must be an https URL")
    if parts.scheme == "http" and not _is_loopback(parts.host):
        raise ValueError("must be an https URL (http only to this machine itself)")
    return url


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class JwtTokenConfig(BaseModel):
    """Signed tokens of one issuer."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kind: Literal["jwt"]
    issuer: _Text  # equal to the token's `iss`, letter by letter; also the scope of its groups
    audience: _Text  # must be the token's `aud`, or one of them
    jwks_url: Annotated[str, AfterValidator(_fetchable)] | None = None
    public_key: Secret | None = None  # PEM; not secret, but kept in a file like one
    shared_secret: Secret | None = None
    algorithms: tuple[Algorithm, ...] = Field(min_length=1)
    user_claim: _Text = "email"
    groups_claim: _Text | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        given = [name for name in ("jwks_url", "public_key", "shared_secret") if getattr(self, name) is not None]
        if len(given) != 1:
            raise SettingInvalid("issuer: give exactly one of jwks_url, public_key and shared_secret")
        symmetric = self.shared_secret is not None
        if any(algorithm.is_symmetric is not symmetric for algorithm in self.algorithms):
            raise SettingInvalid(f"algorithms: {given[0]} does not go with {', '.join(self.algorithms)}")
        self._check_key(given[0])
        return self

    def _check_key(self, setting: str) -> None:
        try:
            if self.shared_secret is not None:
                import_secret(self.shared_secret.get_secret_value(), self.algorithms)
            elif self.public_key is not None:
                import_pem(self.public_key.get_secret_value(), self.algorithms)
        except KeyUnusable as unusable:
            raise SettingInvalid(f"{setting}: {unusable}") from None  # the cause may quote the key
