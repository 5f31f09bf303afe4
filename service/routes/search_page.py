"""The search page at `/` and the API page at `/docs`: static files; into the first the indexes' names are written."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path
from string import Template

from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse, HTMLResponse

from service.search import ServedIndex

_FOLDER = Path(__file__).resolve().parents[1] / "pages"
_FILES = {
    "search.css": "text/css",
    "search.js": "text/javascript",
    "dom.js": "text/javascript",
    "facets.js": "text/javascript",
    "results.js": "text/javascript",
    "suggestions.js": "text/javascript",
    "api.css": "text/css",
    "api.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}


def search_page_router(indexes: Iterable[ServedIndex], *, people: str = "") -> APIRouter:
    """Serve the page. `people` is the address of a list of people with tokens, which only the demo has."""
    router = APIRouter(include_in_schema=False)
    template = Template((_FOLDER / "search.html").read_text(encoding="utf-8"))
    page = template.substitute(options="".join(_option(index) for index in indexes), people=escape(people))
    api_page = (_FOLDER / "api.html").read_text(encoding="utf-8")

    @router.get("/")
    async def search_page() -> HTMLResponse:
        return HTMLResponse(page)

    @router.get("/docs")
    async def api_description() -> HTMLResponse:
        return HTMLResponse(api_page)

    @router.get("/pages/{name}")
    async def page_file(name: str) -> FileResponse:
        if name not in _FILES:
            raise HTTPException(404)
        return FileResponse(_FOLDER / name, media_type=_FILES[name])

    return router


def _option(index: ServedIndex) -> str:
    return f'<option value="{escape(index.name)}" data-access="{index.access}">{escape(index.name)}</option>'
