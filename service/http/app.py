"""The HTTP application: routes, error answers and headers around services that are already open.

Opens and closes nothing: whoever made the services (`wiring.py`) closes them after the server has stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from service.admin.administration import Administration
from service.admin.key_config import Scope
from service.http.errors import handle_errors
from service.http.headers import ResponseHeaders
from service.metrics import Metrics, QueryMetrics
from service.models.access import ModelAccess
from service.reader import Readers
from service.routes.admin import admin_routers
from service.routes.embeddings import embeddings_router
from service.routes.health import Probe, health_router
from service.routes.inference import inference_routers
from service.routes.metrics import metrics_router
from service.routes.query import query_router
from service.routes.search_page import search_page_router
from service.search import SearchService

_DESCRIPTION = """
Every answer is made for the bearer of the token: hits, totals, facets, excerpts, spelling and suggestions come from
documents that this person may read at the source, and nothing else. Errors are problem documents (RFC 9457).
"""


def create_app(
    service: SearchService,
    readers: Readers,
    *,
    probes: Mapping[str, Probe],
    people: str = "",
    administration: Administration | None = None,
    models: ModelAccess | None = None,
    metrics: Metrics | None = None,
    are_metrics_open: bool = False,
) -> FastAPI:
    """Build the application.

    `people` is the address of the demo's people for the search page; empty: none. Without `administration` there is no
    admin API, not even a refusal; without `models` neither `/v1` nor `/v2`. `metrics` are told to whoever asks where
    they are open, and otherwise to administrators.
    """
    app = FastAPI(
        title="Sightline",
        version=version("sightline"),
        description=_DESCRIPTION,
        docs_url=None,  # own page, without scripts from elsewhere: routes/search_page.py
        redoc_url=None,
        redirect_slashes=False,
    )
    app.add_middleware(ResponseHeaders)
    handle_errors(app)
    queries = metrics.queries if metrics else QueryMetrics(CollectorRegistry(), indexes=service.indexes)
    app.include_router(query_router(service, readers, queries))
    app.include_router(health_router(probes))
    for router in () if administration is None else admin_routers(administration):
        app.include_router(router)
    for router in () if models is None else (embeddings_router(models), *inference_routers(models, probes)):
        app.include_router(router)
    if metrics is not None and are_metrics_open:
        app.include_router(metrics_router(metrics))
    elif metrics is not None and administration is not None:
        app.include_router(metrics_router(metrics, door=administration.administrators.require(Scope.METRICS)))
    app.include_router(search_page_router(service.indexes.values(), people=people))
    return app


def create_metrics_app(metrics: Metrics) -> FastAPI:
    """Build an application that tells its metrics and nothing else: for programs that answer no queries."""
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    app.add_middleware(ResponseHeaders)
    handle_errors(app)
    app.include_router(metrics_router(metrics))
    return app
