"""`GET /nodes/{id}`, `/parents`, and how a path parameter becomes a node that the caller may read."""

from __future__ import annotations

from starlette.responses import Response

from connectors.alfresco.simulator.call import Call
from connectors.alfresco.simulator.model import Node
from connectors.alfresco.simulator.node_json import NodeRenderer
from connectors.alfresco.simulator.wire import entity_not_found, permission_denied


def get_node(call: Call) -> Response:
    return call.entry(renderer(call).single(requested_node(call)))


def list_parents(call: Call) -> Response:
    """List the folders that hold the node, the primary one first."""
    node = requested_node(call)
    call.where.allow({"isPrimary", "assocType"})
    only_primary = call.where.flag("isPrimary")
    world = call.world
    holders = [] if node.parent_id is None else [node.parent_id]
    parents = [
        world.nodes[folder_id]
        for folder_id in [*holders, *node.secondary_parents]
        if only_primary is None or only_primary == (folder_id == node.parent_id)
    ]
    readable = [parent for parent in parents if world.access.may_read(call.user, parent)]
    render = renderer(call)
    return call.page(readable, lambda parent: render.parent(parent, node))


def renderer(call: Call) -> NodeRenderer:
    return NodeRenderer(call.world, call.user, call.include)


def requested_node(call: Call) -> Node:
    """Return the node that the path and `relativePath` name.

    Raises:
        ApiError: 404 for an unknown id and for whatever `relativePath` does not reach, 403 for a node that exists
            but is not the caller's to read.
    """
    node_id = call.path_parameters["node_id"]
    node = _by_alias(call, node_id) or call.world.nodes.get(node_id)
    if node is None:
        raise entity_not_found(node_id)
    if not call.world.access.may_read(call.user, node):
        raise permission_denied()
    relative_path = call.parameters.get("relativePath", "").strip("/")
    return _descend(call, node, relative_path) if relative_path else node


def _by_alias(call: Call, alias: str) -> Node | None:
    world = call.world
    if alias == "-root-":
        return world.root
    if alias == "-shared-":
        return world.shared
    if alias == "-my-":
        return world.child_named(world.user_homes, call.user)
    return None


def _descend(call: Call, start: Node, relative_path: str) -> Node:
    node = start
    for name in relative_path.split("/"):
        child = call.world.child_named(node, name)
        if child is None or not call.world.access.may_read(call.user, child):
            raise entity_not_found(relative_path)
        node = child
    return node
