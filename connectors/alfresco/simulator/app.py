"""The ASGI application: which path leads to which resource, who may enter, and how errors leave.

Every answer is written to the world's request log. Resources are plain functions from a `Call` to an answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, Router
from starlette.types import Message, Receive, Scope, Send

from connectors.alfresco.simulator.call import Call, Handler
from connectors.alfresco.simulator.request_log import LoggedRequest
from connectors.alfresco.simulator.routes import (
    children,
    comments,
    content,
    discovery,
    groups,
    nodes,
    people,
    sites,
    tickets,
)
from connectors.alfresco.simulator.wire import ApiError, ErrorWriter, login_page, unauthorized
from connectors.alfresco.simulator.world import World

_CORE = "/alfresco/api/{network}/public/alfresco/versions/1"
_AUTHENTICATION = "/alfresco/api/{network}/public/authentication/versions/1"
_DEFAULT_NETWORK = "-default-"

_RESOURCES: Sequence[tuple[str, str, Handler]] = (
    ("GET", "/alfresco/api/discovery", discovery.get_repository),
    ("GET", f"{_AUTHENTICATION}/tickets/{{ticket_id}}", tickets.get_ticket),
    ("DELETE", f"{_AUTHENTICATION}/tickets/{{ticket_id}}", tickets.delete_ticket),
    ("GET", f"{_CORE}/sites", sites.list_sites),
    ("GET", f"{_CORE}/sites/{{site_id}}", sites.get_site),
    ("GET", f"{_CORE}/sites/{{site_id}}/containers", sites.list_containers),
    ("GET", f"{_CORE}/sites/{{site_id}}/containers/{{container_id}}", sites.get_container),
    ("GET", f"{_CORE}/sites/{{site_id}}/members", sites.list_members),
    ("GET", f"{_CORE}/sites/{{site_id}}/members/{{person_id}}", sites.get_member),
    ("GET", f"{_CORE}/sites/{{site_id}}/group-members", sites.list_group_members),
    ("GET", f"{_CORE}/nodes/{{node_id}}", nodes.get_node),
    ("GET", f"{_CORE}/nodes/{{node_id}}/parents", nodes.list_parents),
    ("GET", f"{_CORE}/nodes/{{node_id}}/children", children.list_children),
    ("GET", f"{_CORE}/nodes/{{node_id}}/content", content.get_content),
    ("GET", f"{_CORE}/nodes/{{node_id}}/comments", comments.list_comments),
    ("GET", f"{_CORE}/people", people.list_people),
    ("GET", f"{_CORE}/people/{{person_id}}", people.get_person),
    ("GET", f"{_CORE}/people/{{person_id}}/groups", people.list_person_groups),
    ("GET", f"{_CORE}/groups", groups.list_groups),
    ("GET", f"{_CORE}/groups/{{group_id}}", groups.get_group),
    ("GET", f"{_CORE}/groups/{{group_id}}/members", groups.list_members),
)
_WITHOUT_LOGIN: Sequence[tuple[str, str, Handler]] = (
    ("GET", f"{_CORE}/probes/{{probe_id}}", discovery.get_probe),
    ("POST", f"{_AUTHENTICATION}/tickets", tickets.create_ticket),
)


class Simulator:
    """One simulated repository as an ASGI application."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._errors = ErrorWriter()
        self._router = Router(routes=list(self._routes()), redirect_slashes=False, default=self._no_such_resource)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"the simulator speaks HTTP, not {scope['type']}")
        scope["state"] = {}
        status, sent_bytes = 0, 0

        async def counting_send(message: Message) -> None:
            nonlocal status, sent_bytes
            status = message.get("status", status)
            sent_bytes += len(message.get("body", b""))
            await send(message)

        await self._router(scope, receive, counting_send)
        self.world.request_log.add(
            LoggedRequest(
                method=scope["method"],
                path=scope["path"],
                query=scope["query_string"].decode("latin-1"),
                user=scope["state"].get("user"),
                status=status,
                sent_bytes=sent_bytes,
            )
        )

    def _routes(self) -> Sequence[BaseRoute]:
        with_login = [self._route(*resource, needs_login=True) for resource in _RESOURCES]
        without = [self._route(*resource, needs_login=False) for resource in _WITHOUT_LOGIN]
        return [*without, *with_login]

    def _route(self, method: str, path: str, handler: Handler, *, needs_login: bool) -> Route:
        async def endpoint(request: Request) -> Response:
            body = await request.body()
            try:
                return handler(self._call(request, body, needs_login=needs_login))
            except ApiError as error:
                return self._refuse(error)

        return Route(path, endpoint, methods=[method])

    def _call(self, request: Request, body: bytes, *, needs_login: bool) -> Call:
        """Recognise the network, then the caller."""
        if request.path_params.get("network", _DEFAULT_NETWORK) != _DEFAULT_NETWORK:
            raise unauthorized()
        caller = None
        if needs_login:
            authorization = request.headers.get("Authorization")
            caller = self.world.login.authenticate(request.query_params.get("alf_ticket"), authorization)
            request.state.user = caller.user
        return Call(
            self.world, caller, request.method, dict(request.path_params), request.query_params, request.headers, body
        )

    def _refuse(self, error: ApiError) -> Response:
        if error.status == 401 and self.world.login_page_is_html:
            return login_page(error)
        return self._errors.write(error, now=self.world.now())

    async def _no_such_resource(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = ApiError(404, "framework.exception.NotFound", f"Unable to locate resource {scope['path']}")
        await self._refuse(error)(scope, receive, send)


def create_app(world: World) -> Simulator:
    """Return the application that serves this world."""
    return Simulator(world)
