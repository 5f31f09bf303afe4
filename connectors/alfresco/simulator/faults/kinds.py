"""The faults: each takes the place of an application for one request, and may still let it answer.

Those that break the connection need a real one: serve the world with `running_simulator`, not through ASGI alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TypeAlias
from urllib.parse import parse_qs

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connectors.alfresco.simulator.paging import read_paging
from connectors.alfresco.simulator.wire import ApiError, ErrorWriter, JsonAnswer, login_form, unauthorized

Behaviour: TypeAlias = Callable[[ASGIApp, Scope, Receive, Send], Awaitable[None]]

CONNECTION = "simulator.connection"  # the ASGI extension by which a fault reaches its connection; see server.py

_errors = ErrorWriter()


@dataclass(frozen=True, slots=True)
class Fault:
    """A way to go wrong, and its name in the request log."""

    name: str
    apply: Behaviour


# -- answers that are not the repository's -----------------------------------------------------------------------------


def busy(status: int = 429, *, retry_after_s: int | None = None, as_date: bool = False) -> Fault:
    """Answer as a gateway that has too much to do, 429 or 503, with `Retry-After` in seconds or as a date."""

    def answer(_: Scope) -> Response:
        headers = {} if retry_after_s is None else {"Retry-After": _retry_after(retry_after_s, as_date=as_date)}
        return _web_page(status, "Too busy", headers)

    return _instead(str(status), answer)


def fail(status: int = 500) -> Fault:
    """Answer with an error of the repository's own, such as 500."""
    return _instead(str(status), lambda _: _error(ApiError(status, "framework.exception.ApiDefault", "It failed")))


def refuse(status: int) -> Fault:
    """Answer 401 or 403 as the repository does, whoever asks: with `first` and `last`, a storm of refusals."""
    if status == 401:
        return _instead("401", lambda _: _error(unauthorized()))
    denied = ApiError(status, "framework.exception.PermissionDenied", "Permission was denied")
    return _instead(str(status), lambda _: _error(denied))


def not_found() -> Fault:
    """Answer 404 as the repository does for what it does not know."""
    error = ApiError(404, "framework.exception.EntityNotFound", "The entity was not found")
    return _instead("404", lambda _: _error(error))


def proxy_page(status: int) -> Fault:
    """Answer with a proxy's error page, which says nothing about the repository."""
    return _instead(f"page {status}", lambda _: _web_page(status, "Something is wrong here", {}))


def login_page(status: int = 200) -> Fault:
    """Answer with the web page of a single sign-on, 200 or 401, whatever was asked for."""
    return _instead(f"login page {status}", lambda _: login_form(status, {}))


def empty_list() -> Fault:
    """Answer that a list has no entries at all."""
    return _instead("empty list", _empty_page)


# -- answers in their own time -----------------------------------------------------------------------------------------


def delay(seconds: float) -> Fault:
    """Answer later; nothing else waits for it."""

    async def apply(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(seconds)
        await app(scope, receive, send)

    return Fault(f"delay {seconds:g} s", apply)


def stall(seconds: float) -> Fault:
    """Fall silent in the middle of the body, then go on."""

    async def apply(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        start, body = await _answer_of(app, scope, receive)
        half = len(body) // 2
        await send(start)
        await send({"type": "http.response.body", "body": body[:half], "more_body": True})
        await asyncio.sleep(seconds)
        await send({"type": "http.response.body", "body": body[half:]})

    return Fault(f"stall {seconds:g} s", apply)


# -- answers that arrive in part ---------------------------------------------------------------------------------------


def break_off(share: float = 0.5) -> Fault:
    """Send part of the body under its full `Content-Length`, then close the connection."""
    return _broken("broken off", share, abruptly=False)


def reset(share: float = 0.5) -> Fault:
    """Send part of the body, then drop the connection without a farewell; with share 0, before the first byte."""
    return _broken("reset", share, abruptly=True)


def cut_short(share: float = 0.5) -> Fault:
    """Send part of the body as if it were all, as a proxy with a limit does."""

    async def apply(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        start, body = await _answer_of(app, scope, receive)
        part = body[: int(len(body) * share)]
        headers = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
        await send({**start, "headers": [*headers, (b"content-length", str(len(part)).encode())]})
        await send({"type": "http.response.body", "body": part})

    return Fault("cut short", apply)


# -- a repository that changes meanwhile -------------------------------------------------------------------------------


def call(function: Callable[[], object], name: str = "call") -> Fault:
    """Call a function before the repository answers: to change the world, or to end all logins at this moment."""

    async def apply(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        function()
        await app(scope, receive, send)

    return Fault(name, apply)


def shift_pages(by: int) -> Fault:
    """Let all pages but the first begin `by` entries later, which misses some, or, below zero, earlier."""

    async def apply(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"]["page_shift"] = by
        await app(scope, receive, send)

    return Fault(f"shift {by:+d}", apply)


# ----------------------------------------------------------------------------------------------------------------------


def _instead(name: str, answer: Callable[[Scope], Response]) -> Fault:
    """Return a fault that answers in place of the application."""

    async def apply(_: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        await answer(scope)(scope, receive, send)

    return Fault(name, apply)


def _broken(name: str, share: float, *, abruptly: bool) -> Fault:
    async def apply(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        connection = scope.get("extensions", {}).get(CONNECTION)
        if connection is None:
            raise RuntimeError(f"{name!r} needs a real connection: serve the world with running_simulator")
        start, body = await _answer_of(app, scope, receive)
        if share > 0:
            await send(start)
            await send({"type": "http.response.body", "body": body[: int(len(body) * share)], "more_body": True})
        if abruptly:
            connection.abort()
        else:
            connection.close()
        while (await receive())["type"] != "http.disconnect":
            pass  # the rest of a request's body

    return Fault(name, apply)


async def _answer_of(app: ASGIApp, scope: Scope, receive: Receive) -> tuple[Message, bytes]:
    """Return the start of the application's answer and its whole body."""
    messages: list[Message] = []

    async def keep(message: Message) -> None:
        messages.append(message)

    await app(scope, receive, keep)
    return messages[0], b"".join(message.get("body", b"") for message in messages[1:])


def _error(error: ApiError) -> Response:
    return _errors.write(error, now=datetime.now(UTC))


def _web_page(status: int, title: str, headers: dict[str, str]) -> Response:
    page = f"<!DOCTYPE html><html><head><title>{status} {title}</title></head><body>{title}</body></html>"
    return Response(page.encode(), status, {**headers, "Content-Type": "text/html;charset=UTF-8"})


def _retry_after(seconds: int, *, as_date: bool) -> str:
    """Write the header in either form of RFC 9110 §10.2.3; a date counts from now, in whole seconds, rounded up."""
    if not as_date:
        return str(seconds)
    return format_datetime((datetime.now(UTC) + timedelta(seconds=seconds + 1)).replace(microsecond=0), usegmt=True)


def _empty_page(scope: Scope) -> Response:
    query = {name: values[0] for name, values in parse_qs(scope["query_string"].decode("latin-1")).items()}
    pagination = read_paging(query).pagination(count=0, total=0, show_total=True)
    return JsonAnswer({"list": {"pagination": pagination, "entries": []}})
