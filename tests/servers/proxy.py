"""A TCP proxy before a server: one lasting address, whatever port the server comes back on, and as slow as wanted."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

_PIECE = 1 << 16


@dataclass
class Proxy:
    """Passes bytes on in both directions; `target_port` and `delay_s` may change at any time."""

    target_port: int
    delay_s: float = 0.0  # of each piece of an answer
    port: int = 0
    _under_way: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, ready: threading.Event, stopped: asyncio.Event) -> None:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await stopped.wait()
        server.close()
        for each in self._under_way:
            each.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._connect(reader, writer))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(
            self._pass(reader, there_writer, slowly=False), self._pass(there_reader, writer, slowly=True)
        )

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, slowly: bool) -> None:
        """Pass on to the end; where one side is gone, the other is told so."""
        try:
            with suppress(OSError):
                while piece := await reader.read(_PIECE):
                    if slowly:
                        await asyncio.sleep(self.delay_s)
                    writer.write(piece)
                    await writer.drain()
        finally:
            writer.close()


@contextmanager
def running_proxy(target_port: int) -> Iterator[Proxy]:
    """Serve a proxy from a thread of its own."""
    proxy, ready = Proxy(target_port), threading.Event()
    loop, stopped = asyncio.new_event_loop(), asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(proxy.serve(ready, stopped)), name="proxy")
    thread.start()
    try:
        ready.wait()
        yield proxy
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join()
        loop.close()
