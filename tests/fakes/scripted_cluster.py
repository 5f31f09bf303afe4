"""A cluster that answers as a test tells it to: what a real one does only when it is in trouble, or far away."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Answer = Callable[[int, str], Mapping[str, Any]]  # number of the request from 0, id of the row: status and error

STORED: Mapping[str, Any] = {"status": 201}
FULL: Mapping[str, Any] = {"status": 429, "error": {"type": "rejected_execution_exception", "reason": "queue is full"}}
BLOCKED: Mapping[str, Any] = {
    "status": 429,
    "error": {"type": "cluster_block_exception", "reason": "disk usage exceeded flood-stage watermark"},
}
UNREADABLE: Mapping[str, Any] = {"status": 400, "error": {"type": "mapper_parsing_exception", "reason": "no number"}}


@dataclass
class ScriptedCluster:
    """Answers each row by `answer`; requests above `most_bytes` get `too_much`, those in `refused` their own."""

    answer: Answer = lambda _number, _row: STORED
    most_bytes: int = 1 << 30
    too_much: int = 413
    refused: Mapping[int, int] = field(default_factory=dict)
    requests: list[list[str]] = field(default_factory=list)  # the ids of each
    sizes: list[int] = field(default_factory=list)
    signed: list[str] = field(default_factory=list)  # the header by which each request signed in
    tls: ssl.SSLContext | None = None
    delay_s: float = 0.0
    url: str = ""

    async def _info(self, request: web.Request) -> web.Response:
        await asyncio.sleep(self.delay_s)
        number = len(self.signed)
        self.signed.append(request.headers.get("Authorization", ""))
        if (status := self.refused.get(number, 200)) != 200:
            return web.json_response({"error": {"type": "refused", "reason": "as told"}}, status=status)
        return web.json_response({"version": {"distribution": "opensearch", "number": "3.5.0"}})

    async def _bulk(self, request: web.Request) -> web.Response:
        body = await request.read()
        number = len(self.sizes)
        self.sizes.append(len(body))
        ids = [meta["_id"] for line in body.splitlines() for meta in _metas(json.loads(line))]
        self.requests.append(ids)
        status = self.too_much if len(body) > self.most_bytes else self.refused.get(number, 200)
        if status != 200:
            return web.json_response({"error": {"type": "refused", "reason": "as told"}}, status=status)
        return web.json_response({"items": [{"index": {"_id": each, **self.answer(number, each)}} for each in ids]})

    @asynccontextmanager
    async def running(self) -> AsyncIterator[ScriptedCluster]:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_post("/{index}/_bulk", self._bulk)
        app.router.add_get("/", self._info)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self.tls)
        await site.start()
        host, port = runner.addresses[0][:2]
        self.url = f"{'https' if self.tls else 'http'}://{host}:{port}"
        try:
            yield self
        finally:
            await runner.cleanup()


def _metas(line: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [line[action] for action in ("index", "delete") if action in line]
