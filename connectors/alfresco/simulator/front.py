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
        app, faults = self._faults.strike(self._app, scope)
        answer = _Answer(self._log, scope, faults)

        async def noting_send(message: Message) -> None:
            answer.note(message)
            await send(self._dated(message))

        with self._log.one_more_in_flight():
            try:
                await app(scope, receive, noting_send)
            finally:
                answer.write_down()

    def _dated(self, message: Message) -> Message:
        if message["type"] != "http.response.start":
            return message
        date = format_datetime(self._now(), usegmt=True).encode()
        return {**message, "headers": [*message["headers"], (b"date", date)]}


class _Answer:
    """What is known of one answer: written down once, before its last byte leaves, so whoever has it finds it there."""

    def __init__(self, log: RequestLog, scope: Scope, faults: tuple[str, ...]) -> None:
        self._log = log
        self._scope = scope
        self._faults = faults
        self._began_s = time.monotonic()
        self._status, self._sent_bytes = 0, 0
        self._is_written = False

    def note(self, message: Message) -> None:
        self._status = message.get("status", self._status)
        self._sent_bytes += len(message.get("body", b""))
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self.write_down()

    def write_down(self) -> None:
        if self._is_written:
            return
        self._is_written = True
        self._log.add(
            LoggedRequest(
                method=self._scope["method"],
                path=self._scope["path"],
                query=self._scope["query_string"].decode("latin-1"),
                user=self._scope["state"].get("user"),
                status=self._status,
                sent_bytes=self._sent_bytes,
                faults=self._faults,
                took_s=time.monotonic() - self._began_s,
            )
        )
