"""JSON documents that an issuer publishes, fetched from an address that the configuration leads to.

Invariants: no redirect is followed, nothing of the surroundings (proxies, `.netrc`) has a say, certificates are
verified, and a slow or a large answer costs no more than its limit: bytes count as they come, and none is unpacked.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from service.tokens.strict_json import read_object

_TIMEOUT_S = 5.0  # a whole answer; readers with an unknown key id wait for it
_UNPACKED = {"Accept": "application/json", "Accept-Encoding": "identity"}


class DocumentUnavailable(Exception):
    """The address gave no usable document; the message says why, for the log."""


class DocumentFetcher:
    """Fetches documents of one issuer."""

    def __init__(self, *, ca_certificate: Path | None, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._ca_certificate = ca_certificate
        self._transport = transport

    async def fetch(self, url: str, *, max_bytes: int) -> Mapping[str, Any]:
        """Fetch one JSON object.

        Raises:
            DocumentUnavailable: the address did not answer, or not with a JSON object within the limits.
        """
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                return read_object(await self._read(url, max_bytes))
        except TimeoutError:
            raise DocumentUnavailable(f"{url}: no whole answer within {_TIMEOUT_S:.0f} s") from None
        except (httpx.HTTPError, OSError) as error:  # OSError: also a certificate file that cannot be read
            raise DocumentUnavailable(f"{url}: {type(error).__name__}") from error
        except ValueError as error:
            raise DocumentUnavailable(f"{url}: {error}") from error

    async def _read(self, url: str, max_bytes: int) -> bytes:
        client = httpx.AsyncClient(
            transport=self._transport,
            verify=ssl.create_default_context(cafile=self._ca_certificate),
            timeout=_TIMEOUT_S,
            follow_redirects=False,  # a document comes from the configured place or not at all
            trust_env=False,
            headers=_UNPACKED,
        )
        async with client, client.stream("GET", url) as response:
            if response.status_code != httpx.codes.OK:
                raise ValueError(f"status {response.status_code}")
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise ValueError("packed, though asked not to be")  # a few bytes may unpack to gigabytes
            return await _within(max_bytes, response)


async def _within(max_bytes: int, response: httpx.Response) -> bytes:
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > max_bytes:
            raise ValueError(f"more than {max_bytes} bytes")
    return bytes(body)
