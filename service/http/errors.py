"""Errors as HTTP answers: RFC 9457 problem documents, one table from error to status and public words.

Every answer that is not a success is `application/problem+json`, a wrong path and a broken server included. A public
text never comes from an exception unless its class is in the table as the caller's own mistake: paths, SQL and
document text stay in the log, under the same id that the answer carries.

Source: RFC 9457 (problem details), RFC 6750 §3 (WWW-Authenticate).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from service.http.bearer import challenge
from service.http.headers import HEADERS
from service.http.validation_errors import mistakes
from vocabulary.errors import (
    AuditUnderWay,
    DocumentUnknown,
    IndexBusy,
    IndexUnknown,
    NoSyncUnderWay,
    NotAllowed,
    NotAuthenticated,
    NumberingMismatch,
    QueryInvalid,
    RetryableError,
    ReviewOutdated,
    RunUnknown,
    ScopeLacking,
    SightlineError,
    SourceUnknown,
    SyncUnderWay,
)

MEDIA_TYPE = "application/problem+json"

_TYPE_PREFIX = "urn:sightline:problem:"
_RETRY_AFTER_S = 5.0  # where the error does not say: a lock is gone by then, a killed node after some more tries

_log = logging.getLogger(__name__)


class InvalidPart(BaseModel):
    """One part of the request that cannot be understood."""

    pointer: str = Field(
        description="JSON pointer into the request body; of a request without one, into its parameters",
        examples=["#/page/size"],
    )
    detail: str = Field(examples=["should be less than or equal to 100"])


class Problem(BaseModel):
    """An answer that is not a success, as RFC 9457 describes it."""

    type: str = Field(examples=["urn:sightline:problem:query-invalid"])
    title: str = Field(examples=["The query cannot be understood"])
    status: int = Field(examples=[400])
    detail: str | None = None
    instance: str = Field(description="names this one occurrence; the server's log has the same name")
    errors: list[InvalidPart] | None = None


@dataclass(frozen=True, slots=True)
class _Kind:
    status: HTTPStatus
    slug: str
    title: str
    tells_message: bool = False  # whether the error's own words are for the caller


_KINDS: Mapping[type[SightlineError], _Kind] = {
    QueryInvalid: _Kind(HTTPStatus.BAD_REQUEST, "query-invalid", "The query cannot be understood", tells_message=True),
    NotAuthenticated: _Kind(
        HTTPStatus.UNAUTHORIZED, "not-authenticated", "A valid token is needed", tells_message=True
    ),
    ScopeLacking: _Kind(HTTPStatus.FORBIDDEN, "scope-lacking", "The key does not open this", tells_message=True),
    NotAllowed: _Kind(HTTPStatus.FORBIDDEN, "not-allowed", "Not allowed"),
    DocumentUnknown: _Kind(HTTPStatus.NOT_FOUND, "document-unknown", "There is no such document"),
    IndexUnknown: _Kind(HTTPStatus.NOT_FOUND, "index-unknown", "There is no such index"),
    SourceUnknown: _Kind(HTTPStatus.NOT_FOUND, "source-unknown", "There is no such source"),
    RunUnknown: _Kind(HTTPStatus.NOT_FOUND, "run-unknown", "There is no such run"),
    SyncUnderWay: _Kind(
        HTTPStatus.CONFLICT, "sync-under-way", "The source is being synced already", tells_message=True
    ),
    AuditUnderWay: _Kind(
        HTTPStatus.CONFLICT, "audit-under-way", "The source is being audited already", tells_message=True
    ),
    NoSyncUnderWay: _Kind(HTTPStatus.CONFLICT, "no-sync-under-way", "There is nothing to stop", tells_message=True),
    ReviewOutdated: _Kind(
        HTTPStatus.CONFLICT, "review-outdated", "The document has changed since it was looked at", tells_message=True
    ),
    IndexBusy: _Kind(HTTPStatus.SERVICE_UNAVAILABLE, "busy", "The index is busy; try again"),
    RetryableError: _Kind(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "Not available now; try again"),
    NumberingMismatch: _Kind(HTTPStatus.SERVICE_UNAVAILABLE, "not-ready", "The index must be synced before it answers"),
}
_QUERY_INVALID = _KINDS[QueryInvalid]
_REQUEST_INVALID = _Kind(  # of administrators, who mostly ask no query
    HTTPStatus.BAD_REQUEST, "request-invalid", "The request cannot be understood", tells_message=True
)
_INTERNAL = _Kind(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "The server failed to answer")


def handle_errors(app: FastAPI) -> None:
    """Give every way in which a request can fail its answer."""
    app.add_exception_handler(SightlineError, _answer_own_error)
    app.add_exception_handler(RequestValidationError, _answer_invalid_request)
    app.add_exception_handler(HTTPException, _answer_http_error)
    app.add_exception_handler(Exception, _answer_unexpected)


def problem_answer(description: str) -> dict[str, Any]:
    """Describe a problem among the answers of a route, for OpenAPI."""
    return {"description": description, "model": Problem, "content": {MEDIA_TYPE: {}}}


def known_problems() -> frozenset[tuple[int, str]]:
    """Name every status and problem type that errors of our own become."""
    kinds = (*_KINDS.values(), _REQUEST_INVALID, _INTERNAL)
    return frozenset((int(kind.status), f"{_TYPE_PREFIX}{kind.slug}") for kind in kinds)


def problem_slug(error: BaseException) -> str:
    """Name the problem that an error is answered with, as the last part of its type."""
    if isinstance(error, RequestValidationError):
        return _QUERY_INVALID.slug
    if isinstance(error, HTTPException):
        return _slug(HTTPStatus(error.status_code))
    return (_kind_of(error) or _INTERNAL).slug


def _kind_of(error: BaseException) -> _Kind | None:
    return next((_KINDS[cls] for cls in type(error).__mro__ if cls in _KINDS), None)


def _slug(status: HTTPStatus) -> str:
    return status.phrase.lower().replace(" ", "-")


def problem_response(
    status: HTTPStatus,
    slug: str,
    *,
    title: str,
    detail: str | None = None,
    errors: Sequence[InvalidPart] | None = None,
    instance: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Build one problem document."""
    problem = Problem(
        type=f"{_TYPE_PREFIX}{slug}",
        title=title,
        status=status,
        detail=detail,
        instance=instance or _new_instance(),
        errors=list(errors) if errors else None,
    )
    content = problem.model_dump(exclude_none=True)
    return JSONResponse(content, status_code=status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


async def _answer_own_error(request: Request, error: Exception) -> JSONResponse:
    kind = _kind_of(error)
    if kind is None:
        return await _answer_unexpected(request, error)
    if kind is _QUERY_INVALID:
        kind = _invalid_kind(request)
    instance = _new_instance()
    if kind.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.warning("%s %s: %s: %s", instance, request.url.path, type(error).__name__, error)
    return problem_response(
        kind.status,
        kind.slug,
        title=kind.title,
        detail=str(error) or None if kind.tells_message else None,
        instance=instance,
        headers=_headers(kind, error),
    )


def _invalid_kind(request: Request) -> _Kind:
    """What a request is told that cannot be understood."""
    return _REQUEST_INVALID if request.url.path.startswith("/admin/") else _QUERY_INVALID


def _headers(kind: _Kind, error: Exception) -> dict[str, str]:
    if isinstance(error, NotAuthenticated):
        return {"WWW-Authenticate": challenge(error)}
    if isinstance(error, RetryableError):
        wait_s = _RETRY_AFTER_S if error.retry_after_s is None else error.retry_after_s
        return {"Retry-After": str(max(1, round(wait_s)))}
    return {}


async def _answer_invalid_request(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - what it was registered for
    kind = _invalid_kind(request)
    return problem_response(
        kind.status,
        kind.slug,
        title=kind.title,
        errors=_invalid_parts(error, dict(request.query_params)),
    )


def _invalid_parts(error: RequestValidationError, parameters: Mapping[str, str]) -> list[InvalidPart]:
    if any(detail["type"] == "json_invalid" for detail in error.errors()):
        return [InvalidPart(pointer="#", detail="not valid JSON")]
    if isinstance(error.body, bytes):  # nobody read it as JSON, because its header does not say so
        return [InvalidPart(pointer="#", detail="send JSON, with the header Content-Type: application/json")]
    written = parameters if error.body is None else error.body
    within = [
        {**detail, "loc": detail["loc"][1:]} for detail in error.errors()
    ]  # the first part says "body" or "query"
    return [
        InvalidPart(pointer="#" + "".join(f"/{_escaped(part)}" for part in wrong.place), detail=wrong.words)
        for wrong in mistakes(within, written)
    ]


def _escaped(part: str) -> str:
    """Spell a step of a JSON pointer (RFC 6901 §3); half a character, which no answer can hold, as a question mark."""
    return part.encode("utf-8", "replace").decode("utf-8").replace("~", "~0").replace("/", "~1")


async def _answer_http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - what it was registered for
    status = HTTPStatus(error.status_code)
    return problem_response(status, _slug(status), title=status.phrase, headers=error.headers)


async def _answer_unexpected(request: Request, error: Exception) -> JSONResponse:
    instance = _new_instance()
    _log.error("%s %s %s failed", instance, request.method, request.url.path, exc_info=error)
    # answered outside of all middleware, which would add the headers
    return problem_response(_INTERNAL.status, _INTERNAL.slug, title=_INTERNAL.title, instance=instance, headers=HEADERS)


def _new_instance() -> str:
    return uuid4().urn
