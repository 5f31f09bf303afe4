"""The HTTP application: routes, error answers and headers around services that are already open.

Opens and closes nothing: whoever made the services (`wiring.py`) closes them after the server has stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version

from fastapi import FastAPI

from service.admin.administration import Administration
from service.http_errors import handle_errors
from service.reader import Readers
from service.response_headers import ResponseHeaders
from service.routes.admin import admin_routers
from service.routes.health import Probe, health_router
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
) -> FastAPI:
    """Build the application.

    `people` is the address of the demo's people for the search page; empty: none. Without `administration` there is no
    admin API, not even a refusal.
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
    app.include_router(query_router(service, readers))
    app.include_router(health_router(probes))
    for router in () if administration is None else admin_routers(administration):
        app.include_router(router)
    app.include_router(search_page_router(service.indexes.values(), people=people))
    return app
