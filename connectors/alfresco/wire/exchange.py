"""Requests to one Alfresco server and their answers: signed in, at the server's pace, counted, within limits.

In goes a path of the API, out comes the answer's body or its stream, or one of our errors. Invariants: every request
has its timeouts and passes the pace; redirects are never followed, so what the Authorization header carries reaches
only the configured host; a refused sign-in is renewed once per request; nothing else is retried here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from types import TracebackType
from typing import Any, Self

import httpx

from connectors.alfresco.config import AlfrescoConfig
from connectors.alfresco.wire.auth_config import BasicAuth, OAuth2Auth, TicketAuth
from connectors.alfresco.wire.body import ACCEPTED_ENCODINGS, read_body
from connectors.alfresco.wire.credentials import Password, Tickets
from connectors.alfresco.wire.faults import retry_after_s, transport_fault, unauthorized
from connectors.alfresco.wire.oauth2 import AccessTokens
from connectors.alfresco.wire.pace import Pace, Slot
from connectors.alfresco.wire.request_counts import RequestCounter, RequestCounts, RequestKind
from connectors.alfresco.wire.sign_in import Answer, Credential, CredentialSource, SignIn
from connectors.alfresco.wire.tls import tls_context
from vocabulary.errors import SightlineError, SourceUnavailable

CORE = "/alfresco/api/-default-/public/alfresco/versions/1"

_OVERLOAD = frozenset({429, 503})  # the server, or what stands before it, has too much to do
_TOO_SLOW = frozenset({408, 504})  # it said itself that somebody waited too long
_PATIENCE = 10  # a whole answer may take that many read timeouts: ten minutes at the default, for 64 MiB
_SIGN_OUT_S = 5.0  # nobody waits long for a courtesy


class Exchange:
    """Signed-in requests to one server; an async context manager around one pool of connections."""

    def __init__(self, config: AlfrescoConfig, *, pace: Pace | None = None) -> None:
        self._config = config
        self._pace = pace or Pace(most=config.max_connections, per_second=config.requests_per_second)
        self._counter = RequestCounter()
        self._sign_in = SignIn(_credential_source(config, self._counter))

    async def __aenter__(self) -> Self:
        config = self._config
        self._http = httpx.AsyncClient(
            base_url=config.url,
            verify=tls_context(config.url, config.ca_certificate, setting="ca_certificate"),
            follow_redirects=False,
            headers={"Accept": "application/json", "Accept-Encoding": ACCEPTED_ENCODINGS},
            # The pace queues; within it a connection is always free.
            timeout=httpx.Timeout(config.read_timeout_s, connect=config.connect_timeout_s, pool=None),
            limits=httpx.Limits(max_connections=config.max_connections),
            trust_env=False,  # neither .netrc credentials nor proxies that nobody configured here
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._sign_out()
        finally:
            await self._http.aclose()

    @property
    def counts(self) -> RequestCounts:
        return self._counter.totals(retries_avoided=self._pace.held_back)

    def describe_sign_in(self) -> str:
        """How requests are signed in, for people."""
        return self._sign_in.describe()

    async def answer(
        self,
        method: str,
        path: str,
        *,
        kind: RequestKind,
        parameters: Mapping[str, str] | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request and read its answer whole, whatever its status; only a 401 is raised."""
        request = self._http.build_request(method, path, params=parameters, json=json, headers=headers)
        async with self._opened(request, kind) as response:
            return Answer(response, await self.read(response))

    def stream(self, path: str, *, kind: RequestKind) -> AbstractAsyncContextManager[httpx.Response]:
        """Send a GET for bytes as they are, and hold its place until the context is left."""
        # Unencoded, so that Content-Length is the length of the file; an empty file is a 200 of length 0.
        headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
        return self._opened(self._http.build_request("GET", path, headers=headers), kind)

    async def read(self, response: httpx.Response) -> bytes:
        """Read what is left of an answer that is no content."""
        within_s = self._config.read_timeout_s * _PATIENCE
        return await read_body(response, operation=operation_of(response.request), within_s=within_s)

    @asynccontextmanager
    async def _opened(self, request: httpx.Request, kind: RequestKind) -> AsyncIterator[httpx.Response]:
        async with self._slot() as slot:
            response = await self._signed_in(request, kind, slot)
            async with self._closing(response, kind):
                yield response

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[Slot]:
        async with self._pace.slot() as slot:
            try:
                yield slot
            except SourceUnavailable as fault:
                if isinstance(fault.__cause__, httpx.TimeoutException | TimeoutError):
                    slot.overloaded()
                raise

    @asynccontextmanager
    async def _closing(self, response: httpx.Response, kind: RequestKind) -> AsyncIterator[httpx.Response]:
        try:
            yield response
        finally:
            self._counter.received(kind, response.num_bytes_downloaded)
            await response.aclose()

    async def _signed_in(self, request: httpx.Request, kind: RequestKind, slot: Slot) -> httpx.Response:
        """Send with the credential, and once more with a renewed one if that is refused; gives the open answer."""
        send_unsigned = partial(self._send_unsigned, slot)
        credential = await self._sign_in.credential(send_unsigned)
        response = await self._send(request, kind, slot, credential)
        if response.status_code == 401:
            refusal = await self._refusal(response, kind)
            renewed = await self._sign_in.renewed(credential, send_unsigned)
            if renewed is None:
                raise refusal
            credential = renewed
            response = await self._send(request, kind, slot, credential)
            if response.status_code == 401:
                raise await self._refusal(response, kind)
        if response.is_success:
            self._sign_in.accepted(credential)
        return response

    async def _refusal(self, response: httpx.Response, kind: RequestKind) -> SightlineError:
        async with self._closing(response, kind):
            body = await self.read(response)
        return unauthorized(response, body, operation_of(response.request), hint=self._sign_in.hint)

    async def _send(
        self, request: httpx.Request, kind: RequestKind, slot: Slot, credential: Credential | None
    ) -> httpx.Response:
        await slot.turn()
        if credential is not None:
            request.headers["Authorization"] = credential.authorization
        self._counter.sent(kind)
        try:
            response = await self._http.send(request, stream=True)
        except httpx.HTTPError as cause:
            raise transport_fault(cause, operation_of(request)) from cause
        if response.status_code in _OVERLOAD or response.status_code in _TOO_SLOW:
            slot.overloaded(retry_after_s=retry_after_s(response))
        return response

    async def _send_unsigned(
        self, slot: Slot, method: str, path: str, *, json: Any = None, credential: Credential | None = None
    ) -> Answer:
        """Send what signs in or out, in the place of the request that needs it."""
        request = self._http.build_request(method, path, json=json)
        response = await self._send(request, RequestKind.SIGN_IN, slot, credential)
        async with self._closing(response, RequestKind.SIGN_IN):
            return Answer(response, await self.read(response))

    async def _sign_out(self) -> None:
        """Sign out as a courtesy: what a server cannot be told now ends by itself."""
        with suppress(SightlineError, TimeoutError):
            async with asyncio.timeout(_SIGN_OUT_S), self._slot() as slot:
                await self._sign_in.end(partial(self._send_unsigned, slot))


def operation_of(request: httpx.Request) -> str:
    """A request in messages: its method and its path below the API's base."""
    return f"{request.method} {request.url.path.removeprefix(CORE)}"


def _credential_source(config: AlfrescoConfig, counter: RequestCounter) -> CredentialSource:
    match config.auth:
        case BasicAuth():
            return Password(config.auth)
        case TicketAuth():
            return Tickets(config.auth)
        case OAuth2Auth():
            return AccessTokens(config.auth, config, counter=counter)
