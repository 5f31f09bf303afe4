"""`GET /nodes/{id}/renditions`, `/{rendition}` and `/{rendition}/content`: other forms of a file's content.

`POST` asks for one to be made, and is accepted as by a transform service that is busy: nothing follows from it.

Every registered rendition is taken to suit every file that has content. One that was made of earlier bytes counts as
not made (RenditionService2Impl). There are no placeholders, and renditions are made by `World.render` only.
Source: RenditionsImpl.
"""

from __future__ import annotations

import json

from starlette.responses import Response

from connectors.alfresco.simulator.call import Call
from connectors.alfresco.simulator.content_model import MIME_TYPE_NAMES, RENDITION_MIME_TYPES
from connectors.alfresco.simulator.model import Node, Rendition
from connectors.alfresco.simulator.node_json import content_info
from connectors.alfresco.simulator.routes.content import content_answer
from connectors.alfresco.simulator.routes.nodes import requested_node
from connectors.alfresco.simulator.wire import ApiError, Bean, invalid_argument


def list_renditions(call: Call) -> Response:
    node = _file(call)
    if node.content is None:
        raise _no_content(node)
    call.where.allow({"status"})
    status = call.where.text("status")
    if status not in {None, "CREATED", "NOT_CREATED"}:
        raise invalid_argument(f"No enum constant {status}")
    beans = [_bean(node, name) for name in sorted(RENDITION_MIME_TYPES)]
    return call.page([bean for bean in beans if status in {None, bean["status"]}], lambda bean: bean)


def get_rendition(call: Call) -> Response:
    node, name = _file(call), call.path_parameters["rendition_id"]
    if _made(node, name) is None:
        if node.content is None:
            raise _no_content(node)
        if name not in RENDITION_MIME_TYPES:
            raise _not_found(f"{name} is not registered.")
        if call.where.text("status") == "CREATED":
            raise _not_found(f"The rendition with id: {name} was not found.")
    return call.entry(_bean(node, name))


def get_rendition_content(call: Call) -> Response:
    node, name = _file(call), call.path_parameters["rendition_id"]
    rendition = _made(node, name)
    if rendition is None:
        raise _not_found(f"Thumbnail was not found for [{name}]")
    return content_answer(call, rendition.content, name=name, modified_at=rendition.made_at)


def request_rendition(call: Call) -> Response:
    """Accept the wish for one rendition or several that are not all there yet."""
    if not call.world.renditions_enabled:
        raise ApiError(501, "framework.exception.DisabledService", "Rendition generation has been disabled.")
    node, names = _file(call), _names(call.body)
    if unknown := [name for name in names if name not in RENDITION_MIME_TYPES]:
        raise _not_found(f"Renditions not registered: {','.join(unknown)}")
    if all(_made(node, name) for name in names):
        message = f"All renditions requested already exist: {','.join(names)}"
        raise ApiError(409, "framework.exception.ConstraintViolated", message)
    return Response(status_code=202)


def _names(body: bytes) -> list[str]:
    """Return what the body names: one object or a list of them, each with one name or several behind commas."""
    try:
        sent = json.loads(body)
        wishes = sent if isinstance(sent, list) else [sent]
        names = [name.strip() for wish in wishes for name in wish["id"].split(",")]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise invalid_argument("Could not read content from HTTP request body") from None
    if not all(names):
        raise invalid_argument("Null rendition name supplied")
    return names


def _file(call: Call) -> Node:
    node = requested_node(call)
    if not call.world.content_model.holds_content(node.node_type):
        raise invalid_argument(f"Node id '{node.id}' does not represent a file.")
    return node


def _made(node: Node, name: str) -> Rendition | None:
    """The rendition, if it was made of the bytes that the file has now."""
    rendition = node.renditions.get(name)
    return rendition if rendition is not None and rendition.source is node.content else None


def _bean(node: Node, name: str) -> Bean:
    rendition = _made(node, name)
    if rendition is None:
        mime_type = RENDITION_MIME_TYPES[name]
        described = Bean(mimeType=mime_type, mimeTypeName=MIME_TYPE_NAMES.get(mime_type, mime_type))
        return Bean(id=name, content=described, status="NOT_CREATED")
    return Bean(id=name, content=content_info(rendition.content), status="CREATED")


def _no_content(node: Node) -> ApiError:
    return invalid_argument(f"Node id '{node.id}' has no content.")


def _not_found(message: str) -> ApiError:
    return ApiError(404, "framework.exception.NotFound", message)
