"""The keys that token signatures are checked with: a shared secret, a public key, or an issuer's published set.

Keys come from the configuration or from the configured URL, never from a token. A published set is kept for a while;
an unknown key id has it fetched again, but not more often than once in a while, so that made-up ids cost nothing.
"""

from __future__ import annotations

import asyncio
import json
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

import httpx
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, JWKRegistry, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

Key: TypeAlias = OctKey | RSAKey | ECKey | OKPKey
_Key = TypeVar("_Key", bound=Key)

# Rotation publishes the new key ahead of its use and withdraws the old one later: minutes are soon enough for both.
_FRESH_S = 900.0
# An issuer that is down for longer than a night cannot vouch for anybody any more.
_USABLE_S = 43_200.0
_PAUSE_S = 30.0  # between two fetches for unknown key ids: 120 an hour at most, whatever anybody sends
_PAUSE_AFTER_FAILURE_S = 5.0
_TIMEOUT_S = 5.0
_MAX_SET_BYTES = 262_144  # a key is below 4 KiB with its certificate chain


class KeyUnusable(Exception):
    """The text is no key that the algorithms could be used with. The message never quotes it."""


class KeysUnavailable(Exception):
    """The issuer's keys could not be fetched."""


class SigningKeys(Protocol):
    """Where the key of a token is looked up."""

    async def find(self, *, key_id: str | None, algorithm: str) -> Key | None:
        """Return the one key that the issuer signs with under this id, or None.

        Raises:
            KeysUnavailable: nobody can say now.
        """
        ...


class SingleKey:
    """The only key of an issuer, whatever id its tokens name."""

    def __init__(self, key: Key) -> None:
        self._key = key

    async def find(self, *, key_id: str | None, algorithm: str) -> Key | None:
        return self._key


class PublishedKeys:
    """An issuer's key set behind a URL. Source: RFC 7517 §5."""

    def __init__(
        self,
        url: str,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._transport = transport
        self._clock_s = clock_s
        self._lock = asyncio.Lock()
        self._keys: tuple[Key, ...] = ()
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

    def _age_s(self) -> float:
        return self._clock_s() - self._fetched_at_s

    async def _fetch_if_due(self) -> None:
        """Fetch the set unless somebody just did or tried; a failure keeps the keys there are."""
        if self._clock_s() < self._next_fetch_at_s:
            return
        try:
            self._keys = await self._fetch()
        except (httpx.HTTPError, TimeoutError, ValueError):
            self._next_fetch_at_s = self._clock_s() + _PAUSE_AFTER_FAILURE_S
        else:
            self._fetched_at_s = self._clock_s()
            self._next_fetch_at_s = self._fetched_at_s + _PAUSE_S

    async def _fetch(self) -> tuple[Key, ...]:
        # no redirects: keys come from the configured place or not at all
        client = httpx.AsyncClient(transport=self._transport, timeout=_TIMEOUT_S, follow_redirects=False)
        async with asyncio.timeout(_TIMEOUT_S), client, client.stream("GET", self._url) as response:
            if response.status_code != httpx.codes.OK:
                raise ValueError(f"status {response.status_code}")
            body = bytearray()
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > _MAX_SET_BYTES:
                    raise ValueError("more than a key set")
        return _import_set(bytes(body))

    def _pick(self, key_id: str | None, algorithm: str) -> Key | None:
        """The one fitting key; without an id in the token, the only fitting one of the whole set."""
        named = (key for key in self._keys if key_id is None or key.kid == key_id)
        fitting = [key for key in named if _fits(key, algorithm)]
        return fitting[0] if len(fitting) == 1 else None


def import_secret(secret: str, algorithms: Sequence[str]) -> OctKey:
    """Make a key of a shared secret, at least as long as the hash. Source: RFC 7518 §3.2.

    Raises:
        KeyUnusable: too short, or not a secret but a public key.
    """
    needed_bytes = max(int(algorithm.removeprefix("HS")) // 8 for algorithm in algorithms)
    if len(secret.encode()) < needed_bytes:
        raise KeyUnusable(f"must be at least {needed_bytes} bytes long for {', '.join(algorithms)}")
    try:
        return _strictly(lambda: OctKey.import_key(secret))
    except (JoseError, SecurityWarning, ValueError):
        raise KeyUnusable("this is an asymmetric key; give it as public_key") from None


def import_pem(pem: str, algorithms: Sequence[str]) -> Key:
    """Make a key of a PEM text that all the algorithms can be used with.

    Raises:
        KeyUnusable: it is not PEM, a private key, too weak, or of another kind than an algorithm needs.
    """
    key_type = JWSRegistry.algorithms[algorithms[0]].key_type
    try:
        key = _strictly(lambda: JWKRegistry.import_key(pem, key_type))
    except SecurityWarning:
        raise KeyUnusable("the key is too weak") from None
    except (JoseError, ValueError, TypeError):
        raise KeyUnusable(f"not a public key in PEM form that {algorithms[0]} can be used with") from None
    if key.is_private:
        raise KeyUnusable("this is the private key; give the public one")
    if not all(_fits(key, algorithm) for algorithm in algorithms):
        raise KeyUnusable(f"the key does not go with {', '.join(algorithms)}")
    return key


def _import_set(body: bytes) -> tuple[Key, ...]:
    """Read a key set; keys of a kind that is unknown or unsafe are left out."""
    try:
        document = json.loads(body)
    except RecursionError:
        raise ValueError("not a key set") from None
    if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
        raise ValueError("not a key set")
    imported = (_import_published(data) for data in document["keys"])
    return tuple(key for key in imported if key is not None)


def _import_published(data: Any) -> Key | None:
    if not isinstance(data, dict):
        return None
    try:
        key = _strictly(lambda: JWKRegistry.import_key(data))
    except (JoseError, SecurityWarning, ValueError, TypeError, KeyError):
        return None
    return None if isinstance(key, OctKey) else key  # a published secret is none


def _fits(key: Key, algorithm: str) -> bool:
    """Whether kind, curve, use and named algorithm of the key allow checking such a signature."""
    try:
        JWSRegistry.algorithms[algorithm].check_key(key)
        key.check_key_op("verify")
    except JoseError:
        return False
    return algorithm != "EdDSA" or key.get("crv") == "Ed25519"


def _strictly(import_key: Callable[[], _Key]) -> _Key:
    """Take the library's warnings about weak keys for refusals."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", SecurityWarning)
        return import_key()
