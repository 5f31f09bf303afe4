"""An issuer's published keys, kept for a while.

An unknown key id has the set fetched again, but not more often than once in a while, so that made-up ids cost nothing;
an issuer that fails is asked ever more rarely. A reader whose key is known does not wait behind another's fetch.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

import httpx

from service.tokens.config import JwtTokenConfig, OpenIdTokenConfig
from service.tokens.discovery import discover_keys_url
from service.tokens.fetching import DocumentFetcher, DocumentUnavailable
from service.tokens.keys import Key, KeysUnavailable, fits, import_set

# Rotation publishes the new key ahead of its use and withdraws the old one later: minutes are soon enough for both.
_FRESH_S = 900.0
# An issuer that is down for longer than a night cannot vouch for anybody any more.
_USABLE_S = 43_200.0
_PAUSE_S = 30.0  # between two fetches for unknown key ids: 120 an hour at most, whatever anybody sends
_FIRST_PAUSE_AFTER_FAILURE_S = 5.0  # doubled with each further failure
_LONGEST_PAUSE_AFTER_FAILURE_S = 60.0  # so that an issuer that is back is believed again within a minute
_MAX_SET_BYTES = 262_144  # a key is below 4 KiB with its certificate chain

_log = logging.getLogger(__name__)


class PublishedKeys:
    """The keys of one issuer, at its `jwks_url` or where its own description says. Source: RFC 7517 §5."""

    def __init__(
        self,
        config: JwtTokenConfig | OpenIdTokenConfig,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer = config.issuer
        self._keys_url = config.keys_url
        self._fetcher = DocumentFetcher(ca_certificate=config.ca_certificate, transport=transport)
        self._clock_s = clock_s
        self._lock = asyncio.Lock()
        self._keys: tuple[Key, ...] = ()
        self._failures = 0
        self._fetched_at_s = float("-inf")
        self._next_fetch_at_s = float("-inf")

    async def find(self, *, key_id: str | None, algorithm: str) -> Key | None:
        key = self._pick(key_id, algorithm)
        is_stale = self._age_s() >= _FRESH_S
        if key is None or (is_stale and not self._lock.locked()):  # who has a key does not wait behind a fetch
            async with self._lock:
                await self._fetch_if_due()
            key = self._pick(key_id, algorithm)
        if self._age_s() >= _USABLE_S:
            raise KeysUnavailable
        return key

    async def fetch(self) -> tuple[Key, ...]:
        """Fetch the set now, by what the issuer says now of where it is.

        Raises:
            DocumentUnavailable: there is no key set to be had.
        """
        url = self._keys_url or await discover_keys_url(self._issuer, self._fetcher)
        document = await self._fetcher.fetch(url, max_bytes=_MAX_SET_BYTES)
        try:
            return import_set(document)
        except ValueError as error:
            raise DocumentUnavailable(f"{url}: {error}") from error

    def _age_s(self) -> float:
        return self._clock_s() - self._fetched_at_s

    async def _fetch_if_due(self) -> None:
        """Fetch the set unless somebody just did or tried; a failure keeps the keys there are."""
        if self._clock_s() < self._next_fetch_at_s:
            return
        try:
            self._keys = await self.fetch()
        except DocumentUnavailable as error:
            self._failures += 1
            pause_s = _FIRST_PAUSE_AFTER_FAILURE_S * 2 ** (self._failures - 1)
            self._next_fetch_at_s = self._clock_s() + min(pause_s, _LONGEST_PAUSE_AFTER_FAILURE_S)
            _log.warning("no keys of the issuer %s: %s", self._issuer, error)
        else:
            self._failures = 0
            self._fetched_at_s = self._clock_s()
            self._next_fetch_at_s = self._fetched_at_s + _PAUSE_S

    def _pick(self, key_id: str | None, algorithm: str) -> Key | None:
        """The one fitting key; without an id in the token, the only fitting one of the whole set."""
        named = (key for key in self._keys if key_id is None or key.kid == key_id)
        fitting = [key for key in named if fits(key, algorithm)]
        return fitting[0] if len(fitting) == 1 else None
