"""Serves simulated repositories over HTTP: on fixed ports for a demo, on a free port inside a test.

All ports of one call are served by one uvicorn server, which hands each request to the application of the port that
it came in on; so one interrupt ends them all. Faults reach the connection of their request through an ASGI extension.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from connectors.alfresco.simulator.app import create_app
from connectors.alfresco.simulator.faults.kinds import CONNECTION
from connectors.alfresco.simulator.world import World

LOOPBACK = "127.0.0.1"
_START_TIMEOUT_S = 10.0  # a start takes some milliseconds; more than this is a failure, not a delay
_POLL_S = 0.005
_TICK_S = 0.1  # uvicorn's own
_BACKLOG = 128  # connections waiting to be accepted; a crawler holds some ten


@dataclass(frozen=True, slots=True)
class Tls:
    """What a server proves itself with: a certificate chain and its private key, as PEM files."""

    certificate: Path
    key: Path


async def serve(worlds: Mapping[int, World], *, host: str = LOOPBACK) -> None:
    """Serve each world on its port until interrupted.

    Raises:
        OSError: a port is taken.
    """
    with ExitStack() as stack:
        sockets = [stack.enter_context(closing(_listen(host, port))) for port in worlds]
        await _server({port: create_app(world) for port, world in worlds.items()}).serve(sockets)


@contextmanager
def served_world(world: World, *, port: int = 0, tls: Tls | None = None) -> Iterator[str]:
    """Serve a world from a thread of its own; gives the base URL, on a free port unless one is named."""
    with served_app(create_app(world), name=world.name, port=port, tls=tls) as base_url:
        yield base_url


@contextmanager
def served_app(app: ASGIApp, *, name: str, port: int = 0, tls: Tls | None = None) -> Iterator[str]:
    """Serve any application in the same way, such as an identity provider by itself."""
    with closing(_listen(LOOPBACK, port)) as listening:
        chosen = int(listening.getsockname()[1])
        server = _server({chosen: app}, tls)
        thread = threading.Thread(target=server.run, args=([listening],), name=f"simulated-{name}", daemon=True)
        thread.start()
        try:
            _wait_until_started(server, thread)
            yield f"{'http' if tls is None else 'https'}://{LOOPBACK}:{chosen}"
        finally:
            server.stop()
            thread.join()


@asynccontextmanager
async def running_simulator(world: World, *, port: int = 0, tls: Tls | None = None) -> AsyncIterator[str]:
    """Serve a world for the time of the context; gives the base URL. See `served_world`."""
    async with running_app(create_app(world), name=world.name, port=port, tls=tls) as base_url:
        yield base_url


@asynccontextmanager
async def running_app(app: ASGIApp, *, name: str, port: int = 0, tls: Tls | None = None) -> AsyncIterator[str]:
    """Serve any application for the time of the context. See `served_app`."""
    running = served_app(app, name=name, port=port, tls=tls)
    base_url = await asyncio.to_thread(running.__enter__)
    try:
        yield base_url
    finally:
        await asyncio.to_thread(running.__exit__, None, None, None)


class _ByPort:
    """Hands a request to the application of the port on which it arrived."""

    def __init__(self, apps: Mapping[int, ASGIApp]) -> None:
        self._apps = dict(apps)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._apps[scope["server"][1]](scope, receive, send)


class _Protocol(H11Protocol):
    """HTTP/1.1 whose requests carry their connection, so that a fault can break it."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        application = self.app

        async def with_connection(scope: Any, receive: Any, send: Any) -> None:
            extensions = {**scope.get("extensions", {}), CONNECTION: self.transport}
            await application({**scope, "extensions": extensions}, receive, send)

        self.app = with_connection


class _Server(uvicorn.Server):
    """A server that stops at once.

    uvicorn looks for the order ten times a second, and then waits as long again: most of what a test of a few requests
    would take.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._told = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def stop(self) -> None:
        """Give the order, from any thread, once the server has started."""
        self.should_exit = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._told.set)

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(0):  # for signals, which set the flag alone
            with suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), _TICK_S)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for listening in sockets or []:
            listening.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        while (self.server_state.connections or self.server_state.tasks) and not self.force_exit:  # noqa: ASYNC110 - no event
            await asyncio.sleep(_POLL_S)
        for server in self.servers:
            await server.wait_closed()


def _server(apps: Mapping[int, ASGIApp], tls: Tls | None = None) -> _Server:
    config = uvicorn.Config(
        _ByPort(apps),
        http=_Protocol,
        lifespan="off",
        ws="none",
        log_level="warning",
        access_log=False,
        date_header=False,  # `Front` sends the repository's own
        ssl_certfile=tls.certificate if tls else None,
        ssl_keyfile=tls.key if tls else None,
    )
    return _Server(config)


def _listen(host: str, port: int) -> socket.socket:
    # The protocol is named so that asyncio turns Nagle's algorithm off; else each small answer waits some 40 ms.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError:
        listening.close()
        raise
    listening.setblocking(False)
    return listening


def _wait_until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("the simulated server did not start")
        time.sleep(_POLL_S)
