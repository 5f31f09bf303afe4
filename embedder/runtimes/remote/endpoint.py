"""One HTTP endpoint, asked with patience and distrust.

Asked again, with growing waits or those that the endpoint asks for: what did not arrive, was too much (429) or a
passing fault (5xx). A request has a time as a whole, since bytes that drip are no silence. Everything else is one clear
error. Texts and key go to the configured address and to no other: no redirect is followed, nothing of the surroundings
(proxies, `.netrc`) has a say, certificates are verified. An answer costs no more memory than so many vectors take.
"""

from __future__ import annotations

import asyncio
import json
import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from typing import Any, TypeAlias

import httpx
import tenacity

from embedder.config import RemoteConfig
from vocabulary.errors import ModelUnavailable, SettingInvalid

_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 30.0  # doubling, with full jitter
_LONGEST_ASKED_WAIT_S = 300.0  # of a `Retry-After`
_PASSING = frozenset({408, 424, 425, 429, 500, 502, 503, 504})  # 424: of text-embeddings-inference, a failed batch
_TOO_LARGE = 413
_SPARE_CONNECTIONS = 4  # for queries, which wait for no batch


class AskedTooMuch(Exception):
    """The endpoint does not take so many texts, or so many bytes, at once."""


class _PassingFault(Exception):
    """The endpoint may answer if it is asked again."""

    def __init__(self, words: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(words)
        self.retry_after_s = retry_after_s


Sleep: TypeAlias = Callable[[float], Awaitable[None]]


class Endpoint:
    """An open client of one endpoint. Opened by `open_endpoint`."""

    def __init__(self, client: httpx.AsyncClient, url: str, *, total_timeout_s: float, sleep: Sleep) -> None:
        self._client = client
        self._total_timeout_s = total_timeout_s
        self._sleep = sleep
        self._url = url.rstrip("/")

    async def ask(self, path: str, question: Any, *, attempts: int, max_bytes: int) -> Any:
        """Send a question as JSON and return the answer, parsed.

        Raises:
            AskedTooMuch: fewer texts, or shorter ones, may be answered.
            ModelUnavailable: it was not answered as often as it was asked, or was refused.
        """
        body = json.dumps(question, ensure_ascii=False).encode()
        retrying = tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(attempts),
            wait=_wait_s,
            retry=tenacity.retry_if_exception_type(_PassingFault),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return await retrying(self._ask_once, path, body, max_bytes)
        except _PassingFault as fault:
            words = f"{self._url}: {fault}, asked {attempts} times"
            raise ModelUnavailable(words, retry_after_s=fault.retry_after_s) from fault

    async def _ask_once(self, path: str, body: bytes, max_bytes: int) -> Any:
        try:
            async with (
                asyncio.timeout(self._total_timeout_s),
                self._client.stream("POST", self._url + path, content=body) as response,
            ):
                self._require_answer(response)
                return json.loads(await _within(max_bytes, response))
        except TimeoutError as error:
            words = f"no whole answer within {self._total_timeout_s:g} s (embedder.remote.total_timeout_s)"
            raise _PassingFault(words) from error
        except httpx.TransportError as error:  # time-outs and resets among them
            raise _PassingFault(type(error).__name__) from error
        except (ValueError, RecursionError, httpx.HTTPError) as error:  # of our own words, of JSON, of an odd response
            words = str(error) if isinstance(error, _AnswerRefused) else "the answer is no JSON"
            raise ModelUnavailable(f"{self._url}: {words}") from error

    def _require_answer(self, response: httpx.Response) -> None:
        status = response.status_code
        if status == _TOO_LARGE:
            raise AskedTooMuch
        if status in _PASSING:
            raise _PassingFault(f"status {status}", retry_after_s=_retry_after_s(response))
        if response.has_redirect_location:
            raise _AnswerRefused(f"status {status}: redirects are not followed")
        if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise _AnswerRefused(f"status {status}: embedder.remote.api_key is missing there, or not admitted")
        if status != httpx.codes.OK:
            raise _AnswerRefused(f"status {status}")
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise _AnswerRefused("packed, though asked not to be")  # a few bytes may unpack to gigabytes


class _AnswerRefused(ValueError):
    """An answer that is not looked into; the message says why."""


@asynccontextmanager
async def open_endpoint(
    config: RemoteConfig, *, transport: httpx.AsyncBaseTransport | None = None, sleep: Sleep = asyncio.sleep
) -> AsyncIterator[Endpoint]:
    """Open a client; nothing is sent before the first question.

    Raises:
        SettingInvalid: the certificate of the authority cannot be read.
    """
    headers = {"Content-Type": "application/json", "Accept": "application/json", "Accept-Encoding": "identity"}
    if config.api_key is not None:
        headers["Authorization"] = f"Bearer {config.api_key.get_secret_value()}"
    client = httpx.AsyncClient(
        transport=transport,
        verify=_trusted(config),
        timeout=config.timeout_s,
        limits=httpx.Limits(max_connections=config.concurrency + _SPARE_CONNECTIONS),
        follow_redirects=False,
        trust_env=False,
        headers=headers,
    )
    async with client:
        yield Endpoint(client, config.url, total_timeout_s=config.total_timeout_s, sleep=sleep)


def _trusted(config: RemoteConfig) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=config.ca_certificate)
    except OSError as error:
        raise SettingInvalid(f"embedder.remote.ca_certificate: {config.ca_certificate} cannot be read") from error


async def _within(max_bytes: int, response: httpx.Response) -> bytes:
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > max_bytes:
            raise _AnswerRefused(f"more than {max_bytes} bytes")
    return bytes(body)


def _wait_s(state: tenacity.RetryCallState) -> float:
    ceiling_s = min(_FIRST_WAIT_S * 2 ** (state.attempt_number - 1), _LONGEST_WAIT_S)
    fault = state.outcome.exception() if state.outcome is not None else None
    asked_s = fault.retry_after_s if isinstance(fault, _PassingFault) else None
    jittered_s = random.uniform(0.0, ceiling_s)  # noqa: S311 - jitter, not a secret
    return max(jittered_s, min(asked_s or 0.0, _LONGEST_ASKED_WAIT_S))


def _retry_after_s(response: httpx.Response) -> float | None:
    """Read `Retry-After`: seconds, or a moment by the clock of the one who answers. Source: RFC 9110 §10.2.3."""
    said = response.headers.get("Retry-After", "")
    if said.isascii() and said.isdigit():
        return float(said)
    try:
        wait = parsedate_to_datetime(said) - parsedate_to_datetime(response.headers.get("Date", ""))
    except (TypeError, ValueError):
        return None
    return max(0.0, wait.total_seconds())
