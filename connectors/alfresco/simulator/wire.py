"""How answers look on the wire: what is left out of JSON, how dates are written, and what an error says.

Source: JacksonHelper (NON_EMPTY), ErrorResponse, AlfrescoRuntimeException (log numbers) of the community repository.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import count
from uuid import uuid4

from starlette.responses import Response

STACK_TRACE_NOTICE = (
    "For security reasons the stack trace is no longer displayed, but the property is kept for previous versions"
)
DESCRIPTION_URL = "https://api-explorer.alfresco.com"
_NO_CACHE = {"Cache-Control": "no-cache", "Pragma": "no-cache"}
_JSON = "application/json;charset=UTF-8"


class Bean(dict[str, object]):
    """A JSON object without its empty properties: no null, empty string, empty array or empty map.

    `False` and `0` are written, and a bean stays even when nothing is left in it.
    """

    def __init__(self, **properties: object) -> None:
        for name, value in properties.items():
            if value or not _is_empty(value):
                self[name] = value


def filled(values: Mapping[str, object]) -> dict[str, object]:
    """Return a map without its empty values, as a bean would write it."""
    return {name: value for name, value in values.items() if value or not _is_empty(value)}


def _is_empty(value: object) -> bool:
    if isinstance(value, Bean):
        return False
    return value is None or (isinstance(value, str | list | tuple | dict) and len(value) == 0)


def timestamp(moment: datetime) -> str:
    """Write a moment in UTC with milliseconds and an offset without colon: `2024-05-01T09:30:00.123+0000`."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}+0000"


class JsonAnswer(Response):
    """A JSON body with the headers of ResponseWriter."""

    def __init__(self, body: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        super().__init__(text.encode(), status, {**_NO_CACHE, "Content-Type": _JSON, **(headers or {})})


class ApiError(Exception):
    """An answer other than success; `key` is the error's message id, or free text where the repository throws that."""

    def __init__(self, status: int, key: str, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.key = key
        self.message = message
        self.headers = dict(headers or {})


def entity_not_found(entity_id: str) -> ApiError:
    return ApiError(404, "framework.exception.EntityNotFound", f"The entity with id: {entity_id} was not found")


def relationship_not_found(entity_id: str, related_id: str) -> ApiError:
    message = f"The entity with id: {entity_id} does not have a relationship to: {related_id}"
    return ApiError(404, "framework.exception.RelationshipNotFound", message)


def permission_denied() -> ApiError:
    return ApiError(403, "framework.exception.PermissionDenied", "Permission was denied")


def unsupported_operation() -> ApiError:
    return ApiError(405, "framework.exception.UnsupportedResourceOperation", "The operation is unsupported")


def invalid_argument(message: str) -> ApiError:
    return ApiError(400, "framework.exception.ApiDefault", message)


def unauthorized(
    message: str = "Authentication failed for Web Script org/alfresco/api/ResourceWebScript.get",
) -> ApiError:
    challenge = {"WWW-Authenticate": 'Basic realm="Alfresco -default- tenant"'}
    return ApiError(401, "framework.exception.ApiDefault", message, headers=challenge)


class ErrorWriter:
    """Writes error bodies, each with the next log number of this server."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def write(self, error: ApiError, *, now: datetime) -> JsonAnswer:
        number = f"{now.month - 1:02d}{now.day:02d}{next(self._numbers):04d}"  # month zero-based, as Java counts
        body = {
            "errorKey": error.key,
            "statusCode": error.status,
            "briefSummary": f"{number} {error.message}",
            "stackTrace": STACK_TRACE_NOTICE,
            "descriptionURL": DESCRIPTION_URL,
            "logId": str(uuid4()),
        }
        return JsonAnswer({"error": body}, status=error.status, headers=error.headers)


def login_form(status: int, headers: Mapping[str, str]) -> Response:
    """Return the web page that a proxy with single sign-on shows to whoever is not logged in."""
    page = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body><form></form></body></html>"
    return Response(page, status, {**headers, "Content-Type": "text/html;charset=UTF-8"})
