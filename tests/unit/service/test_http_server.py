"""What a server writes into the log of the requests that it answers."""

from __future__ import annotations

import logging

import httpx
import pytest
from fastapi import FastAPI

from service.http.server import listen, port_of, serving


async def test_requests_are_logged_without_what_was_asked(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A server that logs no requests, such as the simulated Alfresco's, silences them for its whole process.
    monkeypatch.setattr(logging.getLogger("uvicorn.access"), "propagate", True)
    app = FastAPI()
    listening = listen("127.0.0.1", 0)
    with caplog.at_level(logging.INFO, logger="uvicorn.access"):
        async with serving(app, listening, access_log=True), httpx.AsyncClient(trust_env=False) as client:
            await client.get(f"http://127.0.0.1:{port_of(listening)}/somewhere?user=ann@example.com&q=merger")
    (told,) = {record.getMessage() for record in caplog.records if record.name == "uvicorn.access"}
    assert told.endswith('"GET /somewhere HTTP/1.1" 404')
