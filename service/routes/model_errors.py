"""How `/v1` and `/v2` refuse: the door before the body is read, and each protocol's own form of an error.

Programs that were written for these protocols read their errors, and no problem documents. What is told is decided as
everywhere (`service/http/errors.py`): only words of ours about the caller's own mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from service.http.bearer import challenge
from service.http.validation_errors import mistakes
from service.models.callers import ModelCallers
from service.models.desk import CallerGone
from service.routes.body_limit import within_limit
from vocabulary.errors import ModelUnknown, NotAuthenticated, QueryInvalid, RetryableError, SightlineError

MAX_BODY_BYTES = 4 << 20  # two thousand passages of 254 tokens, as text, take about 2 MiB

_RETRY_AFTER_S = 5.0  # where the error does not say
_CALLER_GONE = 499  # nobody reads it; the log of requests shows it, as those of other servers do

_Endpoint = Callable[[Request], Coroutine[Any, Any, Response]]


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error as every protocol can tell it. `part` names the part of the body that it is about."""

    status: int
    message: str
    code: str
    part: str | None = None
    retry_after_s: float | None = None


def openai_error(refusal: Refusal) -> dict[str, Any]:
    """Spell an error as the OpenAI API does."""
    kind = "invalid_request_error" if refusal.status < HTTPStatus.INTERNAL_SERVER_ERROR else "server_error"
    return {"error": {"message": refusal.message, "type": kind, "param": refusal.part, "code": refusal.code}}


def inference_error(refusal: Refusal) -> dict[str, Any]:
    """Spell an error as the Open Inference Protocol does."""
    return {"error": refusal.message}


def guarded(callers: ModelCallers, spelled: Callable[[Refusal], dict[str, Any]]) -> type[APIRoute]:
    """Make a kind of route that only holders of a key pass, and whose errors are spelled in one protocol's way."""

    class SettlesCallerFirst(APIRoute):
        def get_route_handler(self) -> _Endpoint:
            answer = super().get_route_handler()

            async def settle_caller_then_answer(request: Request) -> Response:
                try:
                    callers.admit(request.headers.getlist("authorization"))
                    limited = within_limit(request.receive, max_bytes=MAX_BODY_BYTES)
                    return await answer(Request(request.scope, limited))
                except CallerGone:
                    return Response(status_code=_CALLER_GONE)
                except (SightlineError, RequestValidationError, HTTPException) as error:
                    refusal = _refusal(error)
                    return JSONResponse(spelled(refusal), status_code=refusal.status, headers=_headers(refusal, error))

            return settle_caller_then_answer

    return SettlesCallerFirst


def _refusal(error: Exception) -> Refusal:
    match error:
        case NotAuthenticated():
            return Refusal(HTTPStatus.UNAUTHORIZED, str(error), "invalid_api_key")
        case ModelUnknown():
            return Refusal(HTTPStatus.NOT_FOUND, str(error), "model_not_found", part="model")
        case QueryInvalid():
            return Refusal(HTTPStatus.BAD_REQUEST, str(error), "invalid_input", part="input")
        case RetryableError():
            wait_s = error.retry_after_s or _RETRY_AFTER_S
            return Refusal(
                HTTPStatus.SERVICE_UNAVAILABLE, "not available now; try again", "unavailable", retry_after_s=wait_s
            )
        case RequestValidationError():
            return _invalid(error)
        case HTTPException():
            status = HTTPStatus(error.status_code)
            return Refusal(status, status.phrase.lower(), status.phrase.lower().replace(" ", "_"))
        case _:
            raise error


def _invalid(error: RequestValidationError) -> Refusal:
    """Name the first thing that is wrong with a body; these protocols have room for one."""
    if any(detail["type"] == "json_invalid" for detail in error.errors()) or isinstance(error.body, bytes):
        return Refusal(
            HTTPStatus.BAD_REQUEST, "send JSON, with the header Content-Type: application/json", "invalid_json"
        )
    within = [{**detail, "loc": detail["loc"][1:]} for detail in error.errors()]
    wrong = mistakes(within, error.body)[0]
    part = ".".join(wrong.place)
    return Refusal(HTTPStatus.BAD_REQUEST, f"{part}: {wrong.words}", "invalid_value", part=part)


def _headers(refusal: Refusal, error: Exception) -> dict[str, str]:
    if isinstance(error, NotAuthenticated):
        return {"WWW-Authenticate": challenge(error)}
    if refusal.retry_after_s is not None:
        return {"Retry-After": str(max(1, round(refusal.retry_after_s)))}
    return {}
