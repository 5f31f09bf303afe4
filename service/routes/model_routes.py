"""What the routes of `/v1` and `/v2` have in common: their key, and how each protocol tells its refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Depends
from fastapi.security import HTTPBearer
from pydantic import BaseModel

from service.models.callers import ModelCallers
from service.routes.model_errors import Refusal, guarded

_model_key = HTTPBearer(auto_error=False, scheme_name="ModelKey", description="A key of `[[models.keys]]`")

_REFUSALS = {
    400: "The request cannot be understood, or the model cannot read a text whole",
    401: "No key, or an unknown one",
    404: "There is no such model, or no such version of it",
    413: "The body is too large",
    503: "Too many requests at once, or the model does not answer now",
}


def model_router(
    prefix: str, callers: ModelCallers, *, spelled: Callable[[Refusal], dict[str, Any]], error: type[BaseModel]
) -> APIRouter:
    """Make a router that only holders of a key pass; its refusals are `spelled` in one protocol's form, `error`."""
    return APIRouter(
        prefix=prefix,
        route_class=guarded(callers, spelled),
        tags=["models"],
        dependencies=[Depends(_model_key)],
        responses={status: {"description": words, "model": error} for status, words in _REFUSALS.items()},
    )
