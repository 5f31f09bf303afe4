"""Whether the process lives, and whether it can answer: for orchestrators and load balancers.

Neither tells an outsider more than that: no names of files, no counts, no versions.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from service.http.errors import MEDIA_TYPE, Problem, problem_response

PROBE_TIMEOUT_S = 5.0  # orchestrators give up after about that long

_log = logging.getLogger(__name__)

Probe = Callable[[], Awaitable[object]]


class Alive(BaseModel):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Ready(BaseModel):
    """Queries can be answered."""

    status: Literal["ready"] = "ready"


def health_router(probes: Mapping[str, Probe]) -> APIRouter:
    """Answer from the probes: each is awaited and fails by raising."""
    router = APIRouter(tags=["health"])

    @router.get("/healthz", summary="Does the process live?")
    async def healthz() -> Alive:
        return Alive()

    @router.get(
        "/readyz",
        summary="Can queries be answered?",
        response_model=Ready,
        responses={503: {"description": "Not yet", "model": Problem, "content": {MEDIA_TYPE: {}}}},
    )
    async def readyz() -> Ready | JSONResponse:
        verdicts = await asyncio.gather(*(passes(name, probe) for name, probe in probes.items()))
        failed = [name for name, passed in zip(probes, verdicts, strict=True) if not passed]
        if not failed:
            return Ready()
        detail = f"not ready: {', '.join(failed)}"
        return problem_response(HTTPStatus.SERVICE_UNAVAILABLE, "not-ready", title="Not ready", detail=detail)

    return router


async def passes(name: str, probe: Probe) -> bool:
    """Try one probe, and log why it fails if it does."""
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            await probe()
    except Exception:  # noqa: BLE001 - whatever it is, the answer is "not ready", and the log says why
        _log.warning("readiness of %s failed", name, exc_info=True)
        return False
    return True
