"""`POST /indexes/{index}/query`, `GET …/suggest` and `GET …/documents/{id}`: what the reader may see of an index.

Who asks is settled before a byte of the body is read: without a right to ask, nobody learns what a body should look
like or makes the server parse one.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Body, Depends, Path, Request, Response
from fastapi import Query as Parameter
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from fastapi.security.http import HTTPBase

from service.http.errors import problem_answer
from service.metrics import SUGGESTING, QueryMetrics
from service.reader import Readers
from service.routes.body_limit import within_limit
from service.routes.document_answer import DocumentAnswer, document_answer
from service.routes.query_answer import QueryAnswer, SuggestAnswer, answer_of, suggestions_of
from service.routes.query_request import MAX_TEXT, QueryBody
from service.search import SearchService, ServedIndex
from service.tokens import READER_HEADER, Credentials
from vocabulary.access import AccessFilter
from vocabulary.documents import DocumentId
from vocabulary.errors import DocumentUnknown

MAX_BODY_BYTES = 1 << 20  # a filter with a thousand values of a hundred characters takes a tenth of it

_EXAMPLES: dict[str, Any] = {
    "words": {"summary": "Words or a question", "value": {"query": "pillars of a sustainable architecture"}},
    "narrowed": {
        "summary": "With a filter, facets and a page",
        "value": {
            "query": "budget",
            "mode": "hybrid",
            "filter": {
                "and": [
                    {"in": {"field": "type", "values": ["xlsx", "csv"]}},
                    {"range": {"field": "modified_at", "gte": "2025-01-01"}},
                    {"not": {"equals": {"field": "site", "value": "archive"}}},
                ]
            },
            "facets": [
                "type",
                {"field": "author", "size": 5},
                {"field": "modified_at", "interval": "year", "name": "year"},
                {"field": "toxicity", "ranges": [{"lt": 0.5}, {"gte": 0.5}]},
            ],
            "page": {"size": 20},
        },
    },
    "browse": {
        "summary": "Everything, newest first",
        "value": {"query": "", "sort": {"field": "modified_at", "order": "desc"}},
    },
}
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: problem_answer("The query cannot be understood"),
    401: problem_answer("No token, or one that proves nothing"),
    404: problem_answer("There is no such index"),
    503: problem_answer("The index cannot answer now"),
    "default": problem_answer("Any other failure"),
}
_QUERY_PROBLEMS = _PROBLEMS | {
    403: problem_answer("The caller is known and may not have scores explained"),
    413: problem_answer("The body is too large"),
}
_MAX_SUGGESTIONS = 20
MAX_PASSAGES = 200
_Endpoint = Callable[[Request], Coroutine[Any, Any, Response]]
_IndexName = Annotated[str, Path(description="the index's name", examples=["private"])]
_bearer = HTTPBearer(auto_error=False, description="A reader's own token; not needed for a public index")
_trusted_caller = HTTPBase(
    scheme="basic",
    scheme_name="TrustedCaller",
    description=f"Name and key of a trusted caller, which names its reader in the header {READER_HEADER}",
    auto_error=False,
)


@dataclass(frozen=True, slots=True)
class Asker:
    """The index that is asked, and what the one who asks may see of it."""

    index: ServedIndex
    access: AccessFilter


def query_router(service: SearchService, readers: Readers, metrics: QueryMetrics) -> APIRouter:
    """Route queries to `service`, each under the filter that `readers` give for its token, and count them."""

    router = APIRouter(
        route_class=_settling_reader_first(service, readers, metrics),
        tags=["search"],
        dependencies=[Depends(_bearer), Depends(_trusted_caller)],
    )

    @router.post(
        "/indexes/{index}/query",
        summary="Search an index as the bearer of the token",
        responses=_QUERY_PROBLEMS,
    )
    async def query(
        request: Request,
        index: _IndexName,
        body: Annotated[QueryBody, Body(openapi_examples=_EXAMPLES)],
    ) -> QueryAnswer:
        asker: Asker = request.state.asker
        request.state.observed.mode = body.mode
        if body.explain:
            await readers.require_administrator(asker.index, credentials_of(request))
        page = await service.search(asker.index, body.as_query(), asker.access)
        return answer_of(page, query_id=uuid4().hex)

    @router.get(
        "/indexes/{index}/suggest",
        summary="Complete what the bearer of the token has begun to type",
        responses=_PROBLEMS,
    )
    async def suggest(
        request: Request,
        index: _IndexName,
        q: Annotated[str, Parameter(max_length=MAX_TEXT, description="what was typed", examples=["sustain"])],
        size: Annotated[int, Parameter(ge=1, le=_MAX_SUGGESTIONS)] = 8,
    ) -> SuggestAnswer:
        asker: Asker = request.state.asker
        request.state.observed.mode = SUGGESTING
        return suggestions_of(await service.suggest(asker.index, q, asker.access, size=size))

    @router.get(
        "/indexes/{index}/documents/{id:path}",
        summary="Show one document to the bearer of the token",
        responses=_PROBLEMS
        | {404: problem_answer("There is no such index or document, or the reader may not know of it")},
    )
    async def document(
        request: Request,
        index: _IndexName,
        document_id: Annotated[str, Path(alias="id", description="as in `document_id` of a result: `SOURCE/ID`")],
        first: Annotated[int, Parameter(ge=0, description="the passage to begin with, from 0")] = 0,
        passages: Annotated[int, Parameter(ge=0, le=MAX_PASSAGES, description="how many passages")] = 50,
    ) -> DocumentAnswer:
        asker: Asker = request.state.asker
        shown = await service.show(asker.index, _document_id(document_id), asker.access)
        return document_answer(shown, first=first, size=passages)

    return router


def _settling_reader_first(service: SearchService, readers: Readers, metrics: QueryMetrics) -> type[APIRoute]:
    """Return routes that know who asks before they read a body, and leave it in the request's state."""

    class SettlesReaderFirst(APIRoute):
        def get_route_handler(self) -> _Endpoint:
            answer = super().get_route_handler()

            async def settle_reader_then_answer(request: Request) -> Response:
                name = request.path_params["index"]
                with metrics.observed(name) as observed:
                    index = service.index(name)
                    access = await readers.of_request(index, credentials_of(request))
                    request.state.asker = Asker(index, access)
                    request.state.observed = observed
                    limited = within_limit(request.receive, max_bytes=MAX_BODY_BYTES)
                    return await answer(Request(request.scope, limited))

            return settle_reader_then_answer

    return SettlesReaderFirst


def credentials_of(request: Request) -> Credentials:
    """Take from a request what may say who sends it."""
    return Credentials(
        authorization=tuple(request.headers.getlist("authorization")),
        reader=tuple(request.headers.getlist(READER_HEADER)),
        peer=request.client.host if request.client is not None else None,
    )


def _document_id(spelled: str) -> DocumentId:
    try:
        return DocumentId.parse(spelled)
    except ValueError:
        raise DocumentUnknown("no such document") from None
