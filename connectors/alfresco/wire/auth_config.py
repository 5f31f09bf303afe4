"""Who we are at an Alfresco server: the `auth` table of a source, one model for each kind of sign-in.

Frozen; unknown keys are refused; secrets come by reference, and no error or `repr` shows one.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias

import httpx
from pydantic import AfterValidator, Field, model_validator

from connectors.alfresco.scope.setting_types import Name, SettingsTable
from connectors.configured_path import ConfiguredPath
from connectors.secret_reference import Secret


def _token_url(text: str) -> str:
    """Take an address with or without a query (RFC 6749 §3.2), and nothing that could hold credentials."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError(
            "expected an address such as https://idp.example.com/realms/acme/protocol/openid-connect/token"
        )
    if url.userinfo or url.fragment:
        raise ValueError("expected the bare address; credentials belong into client_id and client_secret")
    return text


TokenUrl = Annotated[str, AfterValidator(_token_url)]


class BasicAuth(SettingsTable):
    """A user name and password, sent with every request.

    The account needs ReadPermissions on what it crawls: an administrator, or a member of the administrators' group.
    """

    kind: Literal["basic"]
    username: Name
    password: Secret


class TicketAuth(SettingsTable):
    """A user name and password, sent once for a ticket that stands for them until it dies."""

    kind: Literal["ticket"]
    username: Name
    password: Secret


class OAuth2Auth(SettingsTable):
    """An access token of an identity provider, asked for with a client's own secret or with a person's password."""

    kind: Literal["oauth2"]
    token_url: TokenUrl
    token_ca_certificate: ConfiguredPath | None = None  # PEM file; default: the source's ca_certificate
    grant: Literal["client_credentials", "password"] = "client_credentials"
    client_id: Name
    client_secret: Secret | None = None  # a public client has none, and only the password grant is open to it
    client_auth: Literal["basic", "body"] = "basic"  # every provider must take basic: RFC 6749 §2.3.1
    scope: Name | None = None  # several are separated by blanks
    audience: Name | None = None  # for whom the token is; some providers give none that others take without it
    username: Name | None = None  # of the password grant
    password: Secret | None = None

    @model_validator(mode="after")
    def _has_what_the_grant_needs(self) -> Self:
        person = {"username": self.username, "password": self.password}
        if self.grant == "password" and (missing := [key for key, value in person.items() if value is None]):
            raise ValueError(f'grant "password" requires {" and ".join(missing)}')
        if self.grant == "client_credentials" and (needless := [key for key in person if person[key] is not None]):
            raise ValueError(f'grant "client_credentials" takes no {" and no ".join(needless)}')
        if self.grant == "client_credentials" and self.client_secret is None:
            raise ValueError('grant "client_credentials" requires client_secret')
        return self


Auth: TypeAlias = Annotated[BasicAuth | TicketAuth | OAuth2Auth, Field(discriminator="kind")]
