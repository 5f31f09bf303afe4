"""The ASGI application: which path leads to which resource, who may enter, and how errors leave.

Resources are plain functions from a `Call` to an answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from connectors.alfresco.simulator.call import Call, Handler
from connectors.alfresco.simulator.front import Front
from connectors.alfresco.simulator.identity import IdentityEndpoints, is_identity_path
from connectors.alfresco.simulator.routes import (
    audit,
    children,
    comments,
    content,
    deleted_nodes,
    discovery,
    groups,
    nodes,
    people,
    renditions,
    search,
    share,
    sites,
    tickets,
    tracking,
    versions,
)
from connectors.alfresco.simulator.wire import ApiError, ErrorWriter, login_form, unauthorized, unsupported_operation
from connectors.alfresco.simulator.world import World

_CORE = "/alfresco/api/{network}/public/alfresco/versions/1"
_AUTHENTICATION = "/alfresco/api/{network}/public/authentication/versions/1"
_SEARCH = "/alfresco/api/{network}/public/search/versions/1"
_TRACKING = "/alfresco/service/api/solr"
_DEFAULT_NETWORK = "-default-"

_WITH_LOGIN: Mapping[str, Mapping[str, Handler]] = {
    "/alfresco/api/discovery": {"GET": discovery.get_repository},
    f"{_AUTHENTICATION}/tickets/{{ticket_id}}": {"GET": tickets.get_ticket, "DELETE": tickets.delete_ticket},
    f"{_CORE}/sites": {"GET": sites.list_sites},
    f"{_CORE}/sites/{{site_id}}": {"GET": sites.get_site},
    f"{_CORE}/sites/{{site_id}}/containers": {"GET": sites.list_containers},
    f"{_CORE}/sites/{{site_id}}/containers/{{container_id}}": {"GET": sites.get_container},
    f"{_CORE}/sites/{{site_id}}/members": {"GET": sites.list_members},
    f"{_CORE}/sites/{{site_id}}/members/{{person_id}}": {"GET": sites.get_member},
    f"{_CORE}/sites/{{site_id}}/group-members": {"GET": sites.list_group_members},
    f"{_CORE}/nodes/{{node_id}}": {"GET": nodes.get_node},
    f"{_CORE}/nodes/{{node_id}}/parents": {"GET": nodes.list_parents},
    f"{_CORE}/nodes/{{node_id}}/children": {"GET": children.list_children},
    f"{_CORE}/nodes/{{node_id}}/content": {"GET": content.get_content},
    f"{_CORE}/nodes/{{node_id}}/renditions": {"GET": renditions.list_renditions, "POST": renditions.request_rendition},
    f"{_CORE}/nodes/{{node_id}}/renditions/{{rendition_id}}": {"GET": renditions.get_rendition},
    f"{_CORE}/nodes/{{node_id}}/renditions/{{rendition_id}}/content": {"GET": renditions.get_rendition_content},
    f"{_CORE}/nodes/{{node_id}}/comments": {"GET": comments.list_comments},
    f"{_CORE}/nodes/{{node_id}}/versions": {"GET": versions.list_versions},
    f"{_CORE}/nodes/{{node_id}}/versions/{{version_id}}": {"GET": versions.get_version},
    f"{_CORE}/nodes/{{node_id}}/versions/{{version_id}}/content": {"GET": versions.get_content},
    f"{_CORE}/deleted-nodes": {"GET": deleted_nodes.list_deleted},
    f"{_CORE}/deleted-nodes/{{node_id}}": {"GET": deleted_nodes.get_deleted, "DELETE": deleted_nodes.purge},
    f"{_CORE}/deleted-nodes/{{node_id}}/restore": {"POST": deleted_nodes.restore},
    f"{_CORE}/audit-applications": {"GET": audit.list_applications},
    f"{_CORE}/audit-applications/{{application_id}}": {"GET": audit.get_application, "PUT": audit.update_application},
    f"{_CORE}/audit-applications/{{application_id}}/audit-entries": {"GET": audit.list_entries},
    f"{_CORE}/audit-applications/{{application_id}}/audit-entries/{{entry_id}}": {"GET": audit.get_entry},
    f"{_CORE}/people": {"GET": people.list_people},
    f"{_CORE}/people/{{person_id}}": {"GET": people.get_person},
    f"{_CORE}/people/{{person_id}}/groups": {"GET": people.list_person_groups},
    f"{_CORE}/groups": {"GET": groups.list_groups},
    f"{_CORE}/groups/{{group_id}}": {"GET": groups.get_group},
    f"{_CORE}/groups/{{group_id}}/members": {"GET": groups.list_members},
    f"{_SEARCH}/search": {"POST": search.search},
}
_WITHOUT_LOGIN: Mapping[str, Mapping[str, Handler]] = {
    "/share/page/document-details": {"GET": share.get_document_details},
    f"{_CORE}/probes/{{probe_id}}": {"GET": discovery.get_probe},
    f"{_AUTHENTICATION}/tickets": {"POST": tickets.create_ticket},
    f"{_TRACKING}/transactions": {"GET": tracking.list_transactions},
    f"{_TRACKING}/nodes": {"POST": tracking.list_nodes},
    f"{_TRACKING}/metadata": {"POST": tracking.list_metadata},
    f"{_TRACKING}/aclchangesets": {"GET": tracking.list_change_sets},
    f"{_TRACKING}/acls": {"POST": tracking.list_acls},
    f"{_TRACKING}/aclsReaders": {"POST": tracking.list_readers},
}
_ANY_METHOD = ("DELETE", "GET", "PATCH", "POST", "PUT")  # what a resource has no handler for, it refuses with 405


class Simulator:
    """One simulated repository as an ASGI application."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._errors = ErrorWriter()
        self._identity: IdentityEndpoints | None = None
        self._router = Router(routes=list(self._routes()), redirect_slashes=False, default=self._no_such_resource)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        provider = self.world.identity_provider
        if provider is None or not is_identity_path(scope["path"]):
            await self._router(scope, receive, send)
            return
        if self._identity is None or self._identity.provider is not provider:
            self._identity = IdentityEndpoints(provider)
        await self._identity(scope, receive, send)

    def _routes(self) -> Sequence[BaseRoute]:
        with_login = [self._route(*resource, needs_login=True) for resource in _WITH_LOGIN.items()]
        without = [self._route(*resource, needs_login=False) for resource in _WITHOUT_LOGIN.items()]
        return [*without, *with_login]

    def _route(self, path: str, handlers: Mapping[str, Handler], *, needs_login: bool) -> Route:
        async def endpoint(request: Request) -> Response:
            body = await request.body()
            await self.world.login.prepare(request.headers.get("Authorization"))
            try:
                call = self._call(request, body, needs_login=needs_login)
                handler = handlers.get("GET" if request.method == "HEAD" else request.method)
                if handler is None:
                    raise unsupported_operation()
                return handler(call)
            except ApiError as error:
                return self._refuse(error)

        return Route(path, endpoint, methods=_ANY_METHOD)

    def _call(self, request: Request, body: bytes, *, needs_login: bool) -> Call:
        """Recognise the network, then the caller."""
        if request.path_params.get("network", _DEFAULT_NETWORK) != _DEFAULT_NETWORK:
            raise unauthorized()
        caller = None
        if needs_login:
            authorization = request.headers.get("Authorization")
            ticket = next(
                iter(request.query_params.getlist("alf_ticket")), None
            )  # the first value counts, as everywhere
            caller = self.world.login.authenticate(ticket, authorization)
            request.state.user = caller.user
        return Call(
            self.world,
            caller,
            request.method,
            dict(request.path_params),
            request.query_params,
            request.headers,
            body,
            page_shift=getattr(request.state, "page_shift", 0),
        )

    def _refuse(self, error: ApiError) -> Response:
        if error.status == 401 and self.world.login_page_is_html:
            return login_form(error.status, error.headers)
        return self._errors.write(error, now=self.world.now())

    async def _no_such_resource(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = ApiError(404, "framework.exception.NotFound", f"Unable to locate resource {scope['path']}")
        await self._refuse(error)(scope, receive, send)


def create_app(world: World) -> ASGIApp:
    """Return the application that serves this world, behind its faults, and keeps its request log."""
    return Front(Simulator(world), log=world.request_log, faults=world.faults, now=world.real_now)
