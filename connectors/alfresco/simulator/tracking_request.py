"""What a request to the tracking resources asks for: numbers in its parameters and in its JSON body."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeAlias

from connectors.alfresco.simulator.call import Call

Json: TypeAlias = dict[str, Any]

_MAX_RESULTS = 1024  # where a request names no maxResults


class WrongRequest(Exception):
    """A request that a web script refuses with 400."""


def milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def parameter(call: Call, name: str) -> int | None:
    """Return a number among the query parameters, or None without it."""
    text = call.parameters.get(name)
    if text is None:
        return None
    try:
        return int(text)
    except ValueError:
        raise WrongRequest(f'For input string: "{text}"') from None


def max_results(call: Call) -> int:
    asked = parameter(call, "maxResults")
    return _MAX_RESULTS if asked is None else asked


def window(call: Call, *names: str) -> Callable[[int, datetime], bool]:
    """Return the test for an id and a time; `names` are from id, to id, from time, to time, ends being exclusive."""
    from_id, to_id, from_ms, to_ms = (parameter(call, name) for name in names)

    def wanted(number: int, moment: datetime) -> bool:
        return (
            (from_id is None or number >= from_id)
            and (to_id is None or number < to_id)
            and (from_ms is None or milliseconds(moment) >= from_ms)
            and (to_ms is None or milliseconds(moment) < to_ms)
        )

    return wanted


def body(call: Call) -> Json:
    try:
        sent = json.loads(call.body)
    except ValueError:
        sent = None
    if not isinstance(sent, dict):
        raise WrongRequest("Invalid JSON")
    return sent


def number(sent: Json, name: str, default: int) -> int:
    """Return a number of the body, or the default without it."""
    value = sent.get(name, default)
    if not isinstance(value, int):
        raise WrongRequest(f"JSONObject[{name!r}] is not a number")
    return value


def numbers(sent: Json, name: str) -> list[int]:
    """Return a list of numbers of the body that must be there and hold some."""
    values = sent.get(name)
    if values is None:
        raise WrongRequest(f"Parameter '{name}' not provided in request content.")
    if not isinstance(values, list) or not all(isinstance(value, int) for value in values):
        raise WrongRequest(f"JSONObject[{name!r}] is not a list of numbers")
    if not values:
        raise WrongRequest(f"Parameter '{name}' must hold from 1 or more IDs.")
    return values
