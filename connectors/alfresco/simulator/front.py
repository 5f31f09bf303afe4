"""What stands before every simulated server: its faults, its clock, and the log of what was asked and answered."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connectors.alfresco.simulator.faults import Faults
from connectors.alfresco.simulator.request_log import LoggedRequest, RequestLog


class Front:
    """Passes requests through the faults to an application, and writes down how they ended.

    Every answer carries the server's own time, which clients take for that of its nodes.
    """

    def __init__(self, app: ASGIApp, *, log: RequestLog, faults: Faults, now: Callable[[], datetime]) -> None:
        self._app = app
        self._log = log
        self._faults = faults
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"the simulator speaks HTTP, not {scope['type']}")
        scope["state"] = {}
        status, sent_bytes, began_s = 0, 0, time.monotonic()

        async def counting_send(message: Message) -> None:
            nonlocal status, sent_bytes
            status = message.get("status", status)
            sent_bytes += len(message.get("body", b""))
            await send(self._dated(message))

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

    def _dated(self, message: Message) -> Message:
        if message["type"] != "http.response.start":
            return message
        date = format_datetime(self._now(), usegmt=True).encode()
        return {**message, "headers": [*message["headers"], (b"date", date)]}
