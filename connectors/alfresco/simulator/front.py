"""What stands before every simulated server: its faults, and the log of what was asked and answered."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connectors.alfresco.simulator.faults import Faults
from connectors.alfresco.simulator.request_log import LoggedRequest, RequestLog


class Front:
    """Passes requests through the faults to an application, and writes down how they ended."""

    def __init__(self, app: ASGIApp, *, log: RequestLog, faults: Faults) -> None:
        self._app = app
        self._log = log
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"the simulator speaks HTTP, not {scope['type']}")
        scope["state"] = {}
        status, sent_bytes, began_s = 0, 0, time.monotonic()

        async def counting_send(message: Message) -> None:
            nonlocal status, sent_bytes
            status = message.get("status", status)
            sent_bytes += len(message.get("body", b""))
            await send(message)

        app, faults = self._faults.strike(self._app, scope)
        with self._log.one_more_in_flight():
            try:
                await app(scope, receive, counting_send)
            finally:
                self._log.add(
                    LoggedRequest(
                        method=scope["method"],
                        path=scope["path"],
                        query=scope["query_string"].decode("latin-1"),
                        user=scope["state"].get("user"),
                        status=status,
                        sent_bytes=sent_bytes,
                        faults=faults,
                        took_s=time.monotonic() - began_s,
                    )
                )
