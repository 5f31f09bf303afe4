"""One credential for all requests of a client: obtained by the first, renewed by one while the others wait.

In comes a `CredentialSource`, one per kind of sign-in; out goes the value of the Authorization header. Invariants: at
most one sign-in is under way; a refused credential is renewed once, whoever met the refusal; a credential that the
server refused as soon as it was made is not renewed again, and a failed sign-in is not repeated at once, so that
neither wrong settings nor a server that refuses everything start a storm (or lock the account).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx

from vocabulary.errors import RetryableError, SightlineError

_PAUSE_AFTER_FAILURE_S = (
    1.0  # who waited for a failed sign-in shares its failure; the retry layer's first wait is as long
)
_NEW_FOR_S = 30.0  # a new credential that is refused within this time was refused for another reason than its age


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that has been read whole."""

    response: httpx.Response
    body: bytes


@dataclass(frozen=True, slots=True)
class Credential:
    """What a request shows; `fresh_s` is how long it should be used, None if only a refusal can tell."""

    authorization: str = field(repr=False)
    fresh_s: float | None = None


class Send(Protocol):
    """Sends one request to the source's own server, in the slot of the request that needs the credential."""

    async def __call__(
        self, method: str, path: str, *, json: Any = None, credential: Credential | None = None
    ) -> Answer: ...


class CredentialSource(Protocol):
    """One kind of sign-in."""

    @property
    def renewable(self) -> bool:
        """Whether a refused credential may be followed by a better one."""
        ...

    @property
    def hint(self) -> str:
        """What to check when the server refuses the credential."""
        ...

    def describe(self) -> str:
        """How we sign in, for people; more is known once a credential was obtained."""
        ...

    async def obtain(self, send: Send) -> Credential:
        """Sign in; raises what `faults` makes of a refusal."""
        ...

    async def give_back(self, credential: Credential, send: Send) -> None:
        """Sign out, if there is such a thing."""
        ...


class SignIn:
    """The credential that a client's requests share."""

    def __init__(self, source: CredentialSource, *, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._clock_s = clock_s
        self._lock = asyncio.Lock()
        self._credential: Credential | None = None
        self._obtained_at_s = float("-inf")
        self._was_accepted = False
        self._failure: SightlineError | None = None
        self._failed_at_s = float("-inf")

    @property
    def hint(self) -> str:
        return self._source.hint

    def describe(self) -> str:
        return self._source.describe()

    async def credential(self, send: Send) -> Credential:
        """Return what to show now, signing in where nothing is at hand or its time runs out."""
        return await self._get(send, refused=None)

    async def renewed(self, refused: Credential, send: Send) -> Credential | None:
        """Return another credential than the one that the server refused; None if another would not help."""
        if not self._source.renewable or self._was_refused_when_new(refused):
            return None
        return await self._get(send, refused=refused)

    def accepted(self, credential: Credential) -> None:
        """Note that the server took it."""
        self._was_accepted = self._was_accepted or credential is self._credential

    async def end(self, send: Send) -> None:
        """Sign out."""
        if self._credential is not None:
            await self._source.give_back(self._credential, send)
        self._credential = None

    async def _get(self, send: Send, *, refused: Credential | None) -> Credential:
        async with self._lock:
            current = self._credential
            if current is not None and current is not refused and not self._is_stale(current):
                return current
            if self._failure is not None and self._clock_s() - self._failed_at_s < self._pause_s(self._failure):
                raise self._failure
            return await self._obtain(send)

    async def _obtain(self, send: Send) -> Credential:
        began_at_s = self._clock_s()  # its time runs from before the request, so that ours never runs longer
        try:
            credential = await self._source.obtain(send)
        except SightlineError as failure:
            self._failure, self._failed_at_s = failure, self._clock_s()
            raise
        self._credential, self._obtained_at_s = credential, began_at_s
        self._was_accepted, self._failure = False, None
        return credential

    def _is_stale(self, credential: Credential) -> bool:
        return credential.fresh_s is not None and self._clock_s() - self._obtained_at_s >= credential.fresh_s

    def _was_refused_when_new(self, refused: Credential) -> bool:
        is_new = self._clock_s() - self._obtained_at_s < _NEW_FOR_S
        return refused is self._credential and is_new and not self._was_accepted

    @staticmethod
    def _pause_s(failure: SightlineError) -> float:
        asked_s = failure.retry_after_s if isinstance(failure, RetryableError) else None
        return max(_PAUSE_AFTER_FAILURE_S, asked_s or 0.0)
