"""Access tokens of an identity provider, as a repository with an identity service takes them.

Settings come in; a token request goes to `token_url` (its form and the client's authentication are made by authlib),
and out of the answer comes a Bearer credential that is renewed before it expires. Invariants: the client's secret and
the person's password are sent to `token_url` and nowhere else; redirects are not followed; a renewal asks anew, because
client credentials bring no refresh token, and that of a password grant would only be one more secret to keep.
Source: RFC 6749 §2.3.1, §4.3, §4.4 and §5; RFC 6750 §2.1.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote_plus

import httpx
from authlib.oauth2 import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_token_request
from pydantic import BaseModel, Field, ValidationError

from connectors.alfresco.config import AlfrescoConfig
from connectors.alfresco.wire.auth_config import OAuth2Auth
from connectors.alfresco.wire.body import read_body
from connectors.alfresco.wire.faults import transport_fault
from connectors.alfresco.wire.request_counts import RequestCounter, RequestKind
from connectors.alfresco.wire.sign_in import Answer, Credential, Send
from connectors.alfresco.wire.tls import tls_context
from connectors.alfresco.wire.token_faults import IDENTITY_PROVIDER, OPERATION, token_refusal, unusable_token

_MAX_ANSWER_BYTES = 2**20  # a token with many claims has some ten kilobytes
_WITHIN_S = 30.0  # a token is signed in milliseconds, and all requests of the source wait for it

# Renewed when a fifth of its life is left, at most half a minute: time for the request that carries it, for waiting in
# a queue before, and for clocks that differ. Half a minute alone would renew short tokens all the time.
_MARGIN_SHARE = 0.2
_LONGEST_MARGIN_S = 30.0

_FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
# Unpacked answers have the size that was sent; a token is too small to gain from gzip.
_UNENCODED = {"Accept-Encoding": "identity"}


class _Token(BaseModel, frozen=True, hide_input_in_errors=True):
    # Source: RFC 6750 §2.1, b64token. Anything else would be no header.
    access_token: Annotated[str, Field(pattern=r"^[A-Za-z0-9._~+/-]+=*$", repr=False)]
    token_type: str
    expires_in: float | None = None


class AccessTokens:
    """The access tokens of one client, or of a person by way of it."""

    renewable = True
    hint = (
        "it does not take the access token; check that its identity service trusts the provider of `auth.token_url`, "
        "and that it knows the account of `auth.client_id` (or `auth.username`)"
    )

    def __init__(self, auth: OAuth2Auth, source: AlfrescoConfig, *, counter: RequestCounter) -> None:
        self._auth = auth
        self._ca_certificate = auth.token_ca_certificate or source.ca_certificate
        self._timeout = httpx.Timeout(source.read_timeout_s, connect=source.connect_timeout_s)
        self._counter = counter
        self._life_s: float | None = None

    def describe(self) -> str:
        auth = self._auth
        life = "of unstated life" if self._life_s is None else f"that lives {self._life_s:.0f} s"
        host = httpx.URL(auth.token_url).host
        return f"with an access token of {host} {life} (grant {auth.grant}, client {auth.client_id})"

    async def obtain(self, send: Send) -> Credential:
        answer = await self._ask()
        if answer.response.status_code != 200:
            raise token_refusal(answer, self._auth)
        try:
            token = _Token.model_validate_json(answer.body)
        except ValidationError:
            raise unusable_token(answer) from None
        if token.token_type.lower() != "bearer":
            raise unusable_token(answer)
        self._life_s = token.expires_in if token.expires_in is not None and token.expires_in > 0 else None
        return Credential(f"Bearer {token.access_token}", fresh_s=_fresh_s(self._life_s))

    async def give_back(self, credential: Credential, send: Send) -> None:
        """A token ends by itself, soon."""

    async def _ask(self) -> Answer:
        headers, body = token_request(self._auth)
        self._counter.sent(RequestKind.SIGN_IN)
        tls = tls_context(self._auth.token_url, self._ca_certificate, setting=IDENTITY_PROVIDER.ca_setting)
        # A client for each request: there are minutes between two of them.
        async with httpx.AsyncClient(
            verify=tls, timeout=self._timeout, follow_redirects=False, trust_env=False
        ) as http:
            request = http.build_request("POST", self._auth.token_url, headers=headers | _UNENCODED, content=body)
            try:
                response = await http.send(request, stream=True)
            except httpx.HTTPError as cause:
                raise transport_fault(cause, OPERATION, IDENTITY_PROVIDER) from cause
            try:
                return Answer(response, await self._read(response))
            finally:
                self._counter.received(RequestKind.SIGN_IN, response.num_bytes_downloaded)
                await response.aclose()

    async def _read(self, response: httpx.Response) -> bytes:
        return await read_body(
            response, operation=OPERATION, within_s=_WITHIN_S, max_bytes=_MAX_ANSWER_BYTES, peer=IDENTITY_PROVIDER
        )


def token_request(auth: OAuth2Auth) -> tuple[dict[str, str], str]:
    """Make the headers and the body of a token request."""
    person = {}
    if auth.username is not None and auth.password is not None:
        person = {"username": auth.username, "password": auth.password.get_secret_value()}
    body = prepare_token_request(auth.grant, scope=auth.scope, audience=auth.audience, **person)
    _url, headers, body = _client(auth).prepare("POST", auth.token_url, dict(_FORM), body)
    return headers, body


def _client(auth: OAuth2Auth) -> ClientAuth:
    if auth.client_secret is None:
        return ClientAuth(auth.client_id, None, "none")
    secret = auth.client_secret.get_secret_value()
    if auth.client_auth == "body":
        return ClientAuth(auth.client_id, secret, "client_secret_post")
    # Both are form-encoded before they are joined (RFC 6749 §2.3.1), which the library leaves to its caller.
    return ClientAuth(quote_plus(auth.client_id), quote_plus(secret), "client_secret_basic")


def _fresh_s(life_s: float | None) -> float | None:
    return None if life_s is None else life_s - min(life_s * _MARGIN_SHARE, _LONGEST_MARGIN_S)
