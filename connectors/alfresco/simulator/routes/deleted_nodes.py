"""`GET /deleted-nodes`, `/deleted-nodes/{id}`, `POST …/restore` and `DELETE`: the trashcan.

Only the top of each deleted tree is there. Administrators see what anybody deleted, others what they deleted
themselves. Where a deleted node was is not shown: it has neither `parentId` nor, here, path, permissions or operations.

Source: DeletedNodesImpl, ArchivedNodesCannedQueryBuilder.
"""

from __future__ import annotations

import json

from starlette.responses import Response

from connectors.alfresco.simulator.call import Call
from connectors.alfresco.simulator.model import DeletedTree, Node
from connectors.alfresco.simulator.node_json import NodeRenderer
from connectors.alfresco.simulator.permissions import Right
from connectors.alfresco.simulator.routes.nodes import renderer
from connectors.alfresco.simulator.wire import (
    ApiError,
    Bean,
    entity_not_found,
    invalid_argument,
    permission_denied,
    timestamp,
)

_OF_LIVING_NODES = frozenset({"path", "permissions", "allowableOperations", "association"})


def list_deleted(call: Call) -> Response:
    """List the tops of deleted trees, newest first."""
    latest_first = list(call.world.trashcan.values())[::-1]
    visible = [tree for tree in latest_first if call.is_admin or tree.archived_by == call.user]
    visible.sort(key=lambda tree: tree.archived_at, reverse=True)
    render = _renderer(call)
    return call.page(visible, lambda tree: _archived(call, tree, render.listed(tree.top)))


def get_deleted(call: Call) -> Response:
    tree = _requested_tree(call)
    return call.entry(_archived(call, tree, _renderer(call).single(tree.top)))


def restore(call: Call) -> Response:
    """Bring a tree back to where it was, or into the folder that the body names; answer with the living node."""
    top = _requested_tree(call).top
    folder = _destination(call, top)
    if not call.world.access.may(call.user, folder, frozenset({Right.CREATE_CHILDREN})):
        raise permission_denied()
    if call.world.child_named(folder, top.name) is not None:
        raise ApiError(409, "framework.exception.ConstraintViolated", "Name already exists in target")
    node = call.world.restore(top.id, by=call.user, into=folder)
    return call.entry(renderer(call).single(node))


def purge(call: Call) -> Response:
    call.world.purge(_requested_tree(call).top.id)
    return Response(status_code=204)


def _requested_tree(call: Call) -> DeletedTree:
    """Return the tree whose top the path names; what lies below a deleted folder has no entry of its own."""
    node_id = call.path_parameters["node_id"]
    tree = call.world.trashcan.get(node_id)
    if tree is None:
        raise entity_not_found(node_id)
    if not call.is_admin and tree.archived_by != call.user:
        raise permission_denied()
    return tree


def _destination(call: Call, top: Node) -> Node:
    """Return the folder to restore to.

    Raises:
        ApiError: 404 where it is not there (any more), 422 where it is no folder.
    """
    folder_id = _target_in_body(call.body) or top.parent_id or ""
    folder = call.world.nodes.get(folder_id)
    if folder is None:
        raise ApiError(404, "framework.exception.NotFound", f"Invalid parent id workspace://SpacesStore/{folder_id}")
    if not call.world.content_model.is_container(folder.node_type):
        raise ApiError(422, "framework.exception.ApiDefault", "Restore failed due to an integrity error")
    return folder


def _target_in_body(body: bytes) -> str | None:
    if not body.strip():
        return None
    try:
        sent = json.loads(body)
    except ValueError:
        sent = None
    if not isinstance(sent, dict) or not isinstance(sent.get("targetParentId", ""), str):
        raise invalid_argument("Could not read content from HTTP request body")
    return sent.get("targetParentId")


def _renderer(call: Call) -> NodeRenderer:
    return NodeRenderer(call.world, call.user, call.include - _OF_LIVING_NODES)


def _archived(call: Call, tree: DeletedTree, bean: Bean) -> Bean:
    bean.pop("parentId", None)
    bean["archivedAt"] = timestamp(tree.archived_at)
    bean["archivedByUser"] = Bean(id=tree.archived_by, displayName=call.world.directory.display_name(tree.archived_by))
    return bean
