"""`GET /nodes/{id}/versions`, `/{version}` and its content. Source: NodeVersionsRelation."""

from __future__ import annotations

from starlette.responses import Response

from connectors.alfresco.simulator.call import Call
from connectors.alfresco.simulator.model import Node
from connectors.alfresco.simulator.routes.content import content_answer
from connectors.alfresco.simulator.routes.nodes import renderer, requested_node
from connectors.alfresco.simulator.version_history import Version
from connectors.alfresco.simulator.wire import ApiError, Bean, entity_not_found

_OF_LIVING_NODES = ("parentId", "createdAt", "createdByUser")


def list_versions(call: Call) -> Response:
    """List a node's versions, newest first; a node without versions has an empty list."""
    versions, render = call.world.versions.of(requested_node(call)), renderer(call)
    return call.page(versions, lambda version: _version_bean(version, render.listed(version.node)))


def get_version(call: Call) -> Response:
    version = _requested_version(call, requested_node(call))
    return call.entry(_version_bean(version, renderer(call).single(version.node)))


def get_content(call: Call) -> Response:
    node = _requested_version(call, requested_node(call)).node
    if node.content is None:
        raise ApiError(404, "framework.exception.NotFound", f"Unable to locate content for node ref {node.id}")
    return content_answer(call, node.content, name=node.name, modified_at=node.modified_at)


def _requested_version(call: Call, node: Node) -> Version:
    label = call.path_parameters["version_id"]
    found = next((version for version in call.world.versions.of(node) if version.label == label), None)
    if found is None:
        raise entity_not_found(f"{node.id}-{label}")
    return found


def _version_bean(version: Version, bean: Bean) -> Bean:
    """Render a version: its label is its id, and of the node there is only what a version has of it."""
    shown = {name: value for name, value in bean.items() if name not in _OF_LIVING_NODES}
    return Bean(**{**shown, "id": version.label}, versionComment=version.comment)
