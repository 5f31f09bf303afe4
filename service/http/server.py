"""An HTTP server inside a program that has other things to open and close: listening, serving, stopping in order.

Signals stay with the program: it cancels its main task, the contexts unwind, and the server drains before what it
serves from is closed.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.types import ASGIApp

from vocabulary.errors import SightlineError

_BACKLOG = 2048  # connections waiting to be accepted; what uvicorn itself would ask for
DRAIN_S = 5  # a query takes well under a second; what still runs after this is cut off


class AddressUnavailable(SightlineError):
    """The address cannot be listened on."""


def listen(host: str, port: int) -> socket.socket:
    """Open a listening socket; port 0 takes any free one.

    Raises:
        AddressUnavailable: the port is taken, or the host is not one of this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named so that asyncio turns Nagle's algorithm off; else each small answer waits some 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise AddressUnavailable(f"cannot listen on {host}:{port}: {(error.strerror or str(error)).lower()}") from error
    return listening


def listen_nearby(host: str, port: int) -> socket.socket:
    """Open a listening socket on the port or, where it is taken, on any free one.

    Raises:
        AddressUnavailable: the host is not one of this machine's.
    """
    try:
        return listen(host, port)
    except AddressUnavailable:
        return listen(host, 0)


def port_of(listening: socket.socket) -> int:
    """Name the port that a socket listens on."""
    port: int = listening.getsockname()[1]
    return port


@asynccontextmanager
async def serving(
    app: ASGIApp, listening: socket.socket, *, access_log: bool = False
) -> AsyncIterator[asyncio.Task[None]]:
    """Serve until the context ends, then drain. Yields the server's task; it ends early only by failing."""
    logging.getLogger("uvicorn.access").addFilter(_without_query_string)  # the same filter twice counts once
    server = _Server(
        uvicorn.Config(
            app,
            log_config=None,  # the program's own logging; requests are logged without headers and query strings
            access_log=access_log,
            lifespan="off",
            proxy_headers=False,  # a caller's address is that of its connection, whatever its headers say
            server_header=False,
            timeout_graceful_shutdown=DRAIN_S,
        )
    )
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn has a flag and no event
            await asyncio.sleep(0.01)
        yield task
    finally:
        server.should_exit = True
        await task


@contextmanager
def cancelled_by_signals() -> Iterator[None]:
    """Cancel the current task when the program is asked to stop, by Ctrl-C or by its supervisor."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - called from a coroutine
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, task.cancel)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


def _without_query_string(record: logging.LogRecord) -> bool:
    """Leave out what people type, and whom administrators ask about."""
    if isinstance(record.args, tuple):
        record.args = tuple(each.partition("?")[0] if isinstance(each, str) else each for each in record.args)
    return True


class _Server(uvicorn.Server):
    """A server that leaves the signals alone: uvicorn's own handlers would end it before what surrounds it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
