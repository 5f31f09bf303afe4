"""Where an OpenID provider publishes its keys, by its own description. Source: OpenID Connect Discovery 1.0 §3, §4.

The description is asked for at the configured issuer's address, must name that very issuer, and may lead to keys of the
issuer's own origin only: whatever it says, no other host, port or scheme is ever asked. A provider that keeps its keys
elsewhere is configured by its `jwks_url`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from service.tokens.fetching import DocumentFetcher, DocumentUnavailable

_MAX_DESCRIPTION_BYTES = 65_536  # Keycloak's has 7 KB, those of the public providers 1 to 3 KB


def description_url(issuer: str) -> str:
    """Return the address of the provider's description."""
    return f"{issuer.removesuffix('/')}/.well-known/openid-configuration"


async def discover_keys_url(issuer: str, fetcher: DocumentFetcher) -> str:
    """Ask the issuer where its keys are.

    Raises:
        DocumentUnavailable: it does not say, says it of another issuer, or names an address that is not its own.
    """
    url = description_url(issuer)
    description = await fetcher.fetch(url, max_bytes=_MAX_DESCRIPTION_BYTES)
    if description.get("issuer") != issuer:
        raise DocumentUnavailable(f"{url}: describes another issuer (`issuer` must be equal letter by letter)")
    return _own_keys_url(description, issuer, url)


def _own_keys_url(description: Mapping[str, Any], issuer: str, url: str) -> str:
    named = description.get("jwks_uri")
    try:
        keys_url = httpx.URL(named) if isinstance(named, str) else None
    except httpx.InvalidURL:
        keys_url = None
    if keys_url is None:
        raise DocumentUnavailable(f"{url}: names no usable jwks_uri")
    if keys_url.userinfo or _origin(keys_url) != _origin(httpx.URL(issuer)):
        raise DocumentUnavailable(f"{url}: its jwks_uri is not at the issuer's own address; configure jwks_url instead")
    return str(keys_url)


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    """Scheme, host and port; httpx drops a scheme's default port."""
    return url.scheme, url.host, url.port
