"""`GET /metrics`: what is measured, for Prometheus."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Depends, Request, Response

from service.metrics import Metrics


def metrics_router(metrics: Metrics, *, door: Callable[[Request], Awaitable[object]] | None = None) -> APIRouter:
    """Tell the metrics to whoever passes the door; without one, to whoever asks."""
    router = APIRouter(tags=["operations"])
    doors = [] if door is None else [Depends(door)]

    @router.get("/metrics", summary="What is measured, for Prometheus", response_class=Response, dependencies=doors)
    async def scrape(request: Request) -> Response:
        text, media_type = await metrics.exposition(request.headers.get("accept", ""))
        return Response(text, headers={"Content-Type": media_type})

    return router
