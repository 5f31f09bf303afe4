"""One `[[tokens]]` entry: who may vouch for readers, by which proof, and under which names.

A configuration that could be fooled is refused at the start: an algorithm that does not belong to the kind of key, a
secret that can be guessed, a private key where a public one is meant, an issuer whose keys would travel in the clear.
"""

from __future__ import annotations

import ipaddress
from enum import StrEnum
from typing import Annotated, Literal, Self, TypeAlias

import httpx
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, IPvAnyNetwork, StringConstraints, model_validator

from connectors.configured_path import ConfiguredPath
from connectors.secret_reference import Secret
from service.tokens.keys import KeyUnusable, import_pem, import_secret
from vocabulary.errors import SettingInvalid

_Text = Annotated[str, StringConstraints(min_length=1)]
# Neither a colon, which ends the name in the header (RFC 7617 §2), nor anything that a log could misread.
_CallerName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=64)]

MIN_CALLER_KEY_CHARACTERS = 32  # of a random text in base64 these are 192 bits


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
    if not parts.host or parts.scheme not in {"http", "https"} or parts.userinfo:
        raise ValueError("must be an https URL")
    if parts.scheme == "http" and not _is_loopback(parts.host):
        raise ValueError("must be an https URL (http only to this machine itself)")
    return url


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _discoverable(issuer: str) -> str:
    """An issuer is asked for its description at its own address. Source: OpenID Connect Discovery 1.0 §3."""
    _fetchable(issuer)
    if "?" in issuer or "#" in issuer:
        raise ValueError("must be an https URL without a query and a fragment")
    return issuer


class _TokenConfig(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class JwtTokenConfig(_TokenConfig):
    """Signed tokens of one issuer; without any key, the issuer is asked where its keys are."""

    kind: Literal["jwt"]
    issuer: _Text  # equal to the token's `iss`, letter by letter; also the scope of its groups
    audience: _Text  # must be the token's `aud`, or one of them
    algorithms: tuple[Algorithm, ...] = Field(min_length=1)
    jwks_url: Annotated[str, AfterValidator(_fetchable)] | None = None
    public_key: Secret | None = None  # PEM; not secret, but kept in a file like one
    shared_secret: Secret | None = None
    ca_certificate: ConfiguredPath | None = None
    user_claim: _Text = "email"
    groups_claim: _Text | None = None

    @property
    def keys_url(self) -> str | None:
        """Where the keys are published; None: the issuer says where."""
        return self.jwks_url

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        given = [name for name in ("jwks_url", "public_key", "shared_secret") if getattr(self, name) is not None]
        if len(given) > 1:
            raise SettingInvalid("issuer: give only one of jwks_url, public_key and shared_secret")
        symmetric = self.shared_secret is not None
        if any(algorithm.is_symmetric is not symmetric for algorithm in self.algorithms):
            key = given[0] if given else "an issuer without shared_secret"
            raise SettingInvalid(f"algorithms: {key} does not go with {', '.join(self.algorithms)}")
        if given:
            self._check_key(given[0])
        else:
            self._check_discovery()
        return self

    def _check_key(self, setting: str) -> None:
        try:
            if self.shared_secret is not None:
                import_secret(self.shared_secret.get_secret_value(), self.algorithms)
            elif self.public_key is not None:
                import_pem(self.public_key.get_secret_value(), self.algorithms)
        except KeyUnusable as unusable:
            raise SettingInvalid(f"{setting}: {unusable}") from None  # the cause may quote the key

    def _check_discovery(self) -> None:
        try:
            _discoverable(self.issuer)
        except ValueError as error:
            raise SettingInvalid(
                f"issuer: {error} where it is to say itself where its keys are; or give one of jwks_url, public_key "
                "and shared_secret"
            ) from None


class OpenIdTokenConfig(_TokenConfig):
    """Signed tokens of an OpenID provider, which says itself where its keys are."""

    kind: Literal["openid"]
    issuer: Annotated[str, AfterValidator(_discoverable)]  # as in JwtTokenConfig
    audience: _Text
    algorithms: tuple[Algorithm, ...] = Field(default=(Algorithm.RS256,), min_length=1)  # what every provider can
    ca_certificate: ConfiguredPath | None = None
    user_claim: _Text = "email"
    groups_claim: _Text | None = None

    @property
    def keys_url(self) -> None:
        """The issuer says where its keys are published."""

    @model_validator(mode="after")
    def _asymmetric(self) -> Self:
        if any(algorithm.is_symmetric for algorithm in self.algorithms):
            raise SettingInvalid(f"algorithms: published keys do not go with {', '.join(self.algorithms)}")
        return self


class TrustedCallerConfig(_TokenConfig):
    """A program that may name readers without a token of theirs."""

    name: _CallerName
    key: Secret
    networks: tuple[IPvAnyNetwork, ...] = ()  # where its connections may come from; none: anywhere

    @model_validator(mode="after")
    def _hard_to_guess(self) -> Self:
        if len(self.key.get_secret_value()) < MIN_CALLER_KEY_CHARACTERS:
            raise SettingInvalid(f"key: must be at least {MIN_CALLER_KEY_CHARACTERS} characters long")
        return self


class JsonTokenConfig(_TokenConfig):
    """Unsigned statements of trusted callers about their readers."""

    kind: Literal["json"]
    issuer: _Text  # equal to the statement's `iss`, letter by letter; also the scope of its groups
    trusted_callers: tuple[TrustedCallerConfig, ...] = Field(min_length=1)
    user_claim: _Text = "email"
    groups_claim: _Text | None = None


TokenConfig: TypeAlias = Annotated[JwtTokenConfig | OpenIdTokenConfig | JsonTokenConfig, Field(discriminator="kind")]
