"""From a request to the administrator who sent it: the one door of the admin API.

Who asks, and whether the key opens this, is settled before a byte of the body is read: without the right key nobody
learns what a body should look like, nor which indexes and sources there are.

Source: RFC 6750 §3 (WWW-Authenticate).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer

from service.admin.key_config import AdminKeyConfig, Scope
from service.api_keys import KnownKeys
from service.http.bearer import bearer_token
from service.http.errors import problem_answer
from service.routes.body_limit import within_limit
from vocabulary.errors import NotAuthenticated, ScopeLacking

MAX_BODY_BYTES = 1 << 16  # of a request: a question is recorded as it was asked

PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: problem_answer("The request cannot be understood"),
    401: problem_answer("No administrator's key, or an unknown one"),
    403: problem_answer("The key does not open this"),
    "default": problem_answer("Any other failure"),
}
_admin_key = HTTPBearer(auto_error=False, scheme_name="AdminKey", description="A key of `[[admin.keys]]`")


@dataclass(frozen=True, slots=True)
class Administrator:
    """Who acts, as the log of acts names them, and what they may do."""

    name: str
    scopes: frozenset[Scope]


class Administrators:
    """Knows the keys of the settings."""

    def __init__(self, keys: Sequence[AdminKeyConfig]) -> None:
        self._known = KnownKeys((entry, Administrator(entry.name, frozenset(entry.scopes))) for entry in keys)

    def identify(self, key: str) -> Administrator | None:
        """Say whose key it is; None: nobody's."""
        return self._known.holder(key)

    def admit(self, authorization: Sequence[str], scope: Scope) -> Administrator:
        """Let the sender of these `Authorization` headers pass whose key opens the scope.

        Raises:
            NotAuthenticated: there is no key, or several, or an unknown one.
            ScopeLacking: the key opens other things.
        """
        administrator = self.identify(bearer_token(authorization, wanted="an administrator's key"))
        if administrator is None:
            raise NotAuthenticated("not an administrator's key")
        if scope not in administrator.scopes:
            raise ScopeLacking(f"the key lacks the scope {scope}")
        return administrator

    def require(self, scope: Scope) -> Callable[[Request], Awaitable[Administrator]]:
        """Make a dependency of a route that is not under /admin; it gives the administrator.

        Raises (when the route is called): what `admit` raises.
        """

        async def admitted(request: Request) -> Administrator:
            return self.admit(request.headers.getlist("authorization"), scope)

        return admitted

    def router(self, scope: Scope) -> APIRouter:
        """Make a router for routes under /admin that a key with the scope opens, and nothing else does.

        Its routes take the administrator as a parameter of type `CurrentAdministrator`.
        """
        administrators = self

        class SettlesAdministratorFirst(APIRoute):
            def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
                answer = super().get_route_handler()

                async def settle_administrator_then_answer(request: Request) -> Response:
                    authorization = request.headers.getlist("authorization")
                    request.state.administrator = administrators.admit(authorization, scope)
                    limited = within_limit(request.receive, max_bytes=MAX_BODY_BYTES)
                    return await answer(Request(request.scope, limited))

                return settle_administrator_then_answer

        return APIRouter(
            prefix="/admin",
            route_class=SettlesAdministratorFirst,
            tags=["administration"],
            responses=PROBLEMS,
            dependencies=[Depends(_admin_key)],
        )


async def _settled(request: Request) -> Administrator:
    administrator: Administrator = request.state.administrator
    return administrator


CurrentAdministrator = Annotated[Administrator, Depends(_settled)]
"""Who sent the request, for the routes of `Administrators.router`."""
