"""The addresses of the identity provider: token endpoint, published keys, discovery.

Each is there with and without `/auth` before it, as in older and newer Keycloaks. Errors have the bodies of RFC 6749
§5.2.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote_plus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from connectors.alfresco.simulator.front import Front
from connectors.alfresco.simulator.identity.provider import IdentityProvider, TokenRefused

_PREFIXES = ("/realms/", "/auth/realms/")
_NOT_KEPT = {"Cache-Control": "no-store", "Pragma": "no-cache"}  # RFC 6749 §5.1
_FORM = "application/x-www-form-urlencoded"


def is_identity_path(path: str) -> bool:
    """Return whether a request is for the provider, where it shares an address with the repository."""
    return path.startswith(_PREFIXES)


def create_identity_app(provider: IdentityProvider) -> ASGIApp:
    """Return the application that serves a provider by itself, with a log and faults of its own."""
    return Front(IdentityEndpoints(provider), log=provider.request_log, faults=provider.faults, now=provider.now)


class IdentityEndpoints:
    """One provider as an ASGI application."""

    def __init__(self, provider: IdentityProvider) -> None:
        self.provider = provider
        realm, protocol = "{realm}", "{realm}/protocol/openid-connect"
        self._router = Router(redirect_slashes=False)
        for prefix in _PREFIXES:
            self._router.add_route(f"{prefix}{protocol}/token", self._token, methods=["POST"])
            self._router.add_route(f"{prefix}{protocol}/certs", self._keys, methods=["GET"])
            self._router.add_route(
                f"{prefix}{realm}/.well-known/openid-configuration", self._discovery, methods=["GET"]
            )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._router(scope, receive, send)

    async def _token(self, request: Request) -> Response:
        if refusal := self._other_realm(request):
            return refusal
        try:
            form = _form(request.headers.get("Content-Type", ""), await request.body())
            client = _client(request.headers.get("Authorization"), form)
            return JSONResponse(self.provider.answer(form, client), headers=_NOT_KEPT)
        except TokenRefused as refused:
            body = {"error": refused.error, "error_description": refused.description}
            return JSONResponse(body, refused.status, headers=_NOT_KEPT)

    async def _keys(self, request: Request) -> Response:
        return self._other_realm(request) or JSONResponse(self.provider.published_keys())

    async def _discovery(self, request: Request) -> Response:
        if refusal := self._other_realm(request):
            return refusal
        realm_url = str(request.url).removesuffix("/.well-known/openid-configuration")
        return JSONResponse(
            {
                "issuer": self.provider.issuer,
                "token_endpoint": f"{realm_url}/protocol/openid-connect/token",
                "jwks_uri": f"{realm_url}/protocol/openid-connect/certs",
                "grant_types_supported": ["client_credentials", "password", "refresh_token"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            }
        )

    def _other_realm(self, request: Request) -> Response | None:
        if request.path_params["realm"] == self.provider.realm:
            return None
        return JSONResponse({"error": "Realm does not exist"}, 404)


def _form(content_type: str, body: bytes) -> Mapping[str, str]:
    """Read the parameters of a form; what is sent empty counts as left out, and nothing may come twice (§3.2)."""
    if content_type.partition(";")[0].strip().lower() != _FORM:
        return {}
    pairs = parse_qsl(body.decode("utf-8", "replace"))
    form = dict(pairs)
    if len(form) != len(pairs):
        raise TokenRefused(400, "invalid_request", "duplicated parameter")
    return form


def _client(authorization: str | None, form: Mapping[str, str]) -> tuple[str, str]:
    """Return the client's id and secret, from the header (§2.3.1: form-encoded before base64) or else the body."""
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.casefold() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        client_id, _, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise TokenRefused(400, "invalid_request", "unreadable client credentials") from None
    return unquote_plus(client_id), unquote_plus(secret)
