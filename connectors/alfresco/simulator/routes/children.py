"""`GET /nodes/{id}/children`: which children are listed, for whom, and in which order.

Source: NodesImpl.listChildren.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeAlias

from starlette.responses import Response

from connectors.alfresco.simulator.call import Call
from connectors.alfresco.simulator.content_model import NEVER_LISTED
from connectors.alfresco.simulator.model import Node
from connectors.alfresco.simulator.routes.nodes import renderer, requested_node
from connectors.alfresco.simulator.wire import invalid_argument

SortKey: TypeAlias = Callable[[Node], str | int | datetime]

_WHERE_NAMES = frozenset({"isFile", "isFolder", "isPrimary", "nodeType", "assocType"})
_CONSTANT_NAMES = frozenset(
    {"isFolder", "name", "nodeType", "createdAt", "createdByUser"}
)  # a name: without a renaming
_SUBTYPES = "INCLUDESUBTYPES"


def list_children(call: Call) -> Response:
    """List the children that the caller may read, folders first and by name unless ordered otherwise."""
    folder = requested_node(call)
    if not call.world.content_model.is_container(folder.node_type):
        raise invalid_argument(f"NodeId of folder is expected: {folder.id}")
    is_wanted, order = _filter(call, folder), _order(call)

    def arrange(children: list[Node]) -> list[Node]:
        listed = [node for node in children if node.node_type not in NEVER_LISTED and is_wanted(node)]
        listed.sort(key=lambda node: (node.name.casefold(), node.id))
        for key, descends in reversed(order):
            listed.sort(key=key, reverse=descends)
        return listed

    children = call.world.listings.listing(
        folder,
        call.user,
        (call.parameters.get("where"), call.parameters.get("orderBy")),
        is_by_values=not {name for name, _ in call.order_by()} <= _CONSTANT_NAMES,
        arrange=arrange,
    )
    render = renderer(call)
    source = render.single(folder) if call.flag("includeSource") else None
    return call.page(children, lambda node: render.child(node, folder), source=source)


def _filter(call: Call, folder: Node) -> Callable[[Node], bool]:
    """Return what `where` asks for; isFile, isFolder and nodeType exclude each other."""
    where, model = call.where, call.world.content_model
    where.allow(_WHERE_NAMES)
    is_file, is_folder, is_primary = where.flag("isFile"), where.flag("isFolder"), where.flag("isPrimary")
    node_type, assoc_type = where.text("nodeType"), where.text("assocType")
    if is_file and is_folder:
        raise invalid_argument(
            "Invalid filter (isFile=true and isFolder=true) - a node cannot be both a file and a folder"
        )
    if node_type is not None and (is_file is not None or is_folder is not None):
        raise invalid_argument("Invalid filter - nodeType and isFile/isFolder are mutually exclusive")
    has_type = _type_filter(call, node_type)

    def wanted(node: Node) -> bool:
        return (
            (is_file is None or is_file == model.looks_like_file(node.node_type))
            and (is_folder is None or is_folder == model.looks_like_folder(node.node_type))
            and (is_primary is None or is_primary == (node.parent_id == folder.id))
            and assoc_type in {None, "cm:contains"}
            and has_type(node)
        )

    return wanted


def _type_filter(call: Call, text: str | None) -> Callable[[Node], bool]:
    """Return the test on the node's type, which may include the types below it."""
    if text is None:
        return lambda _: True
    name, _, modifier = text.partition(" ")
    model = call.world.content_model
    if modifier.strip().upper() not in {"", _SUBTYPES} or not model.knows(name):
        raise invalid_argument(f"Unknown filter nodeType: {text}")
    if modifier:
        return lambda node: model.is_a(node.node_type, name)
    return lambda node: node.node_type == name


def _order(call: Call) -> list[tuple[SortKey, bool]]:
    """Return what to sort by before the name decides, and whether each key descends."""
    model = call.world.content_model
    is_folder: SortKey = lambda node: not model.looks_like_folder(node.node_type)  # noqa: E731 - one key among others
    keys: dict[str, SortKey] = {
        "isFolder": is_folder,
        "name": lambda node: node.name.casefold(),
        "nodeType": lambda node: node.node_type,
        "mimeType": lambda node: node.content.mime_type if node.content else "",
        "sizeInBytes": lambda node: node.content.size if node.content else 0,
        "createdAt": lambda node: node.created_at,
        "modifiedAt": lambda node: node.modified_at,
        "createdByUser": lambda node: node.creator,
        "modifiedByUser": lambda node: node.modifier,
    }
    asked = call.order_by()
    if not asked:
        return [(is_folder, False)]
    return [(keys.get(name) or _property_key(name), descends) for name, descends in asked]


def _property_key(name: str) -> SortKey:
    """Return the sort key of a prefixed property; other unknown names are an error."""
    if ":" not in name:
        raise invalid_argument(f"Invalid sort field: {name}")
    return lambda node: str(node.properties.get(name, ""))
