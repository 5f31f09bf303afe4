"""`PATH:"/app:company_home/st:sites/cm:hr//*"`: nodes by the way that leads to them.

A step is the qualified name of a child, encoded as ISO 9075 does (`_x0020_` is a blank), or `*` for any child. `//`
before the last step means any depth, and `//.` the node itself with all below it. The prefix of a step is not looked
at: the repository's own folders have one of their own, everything else is `cm:`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from connectors.alfresco.simulator.model import Node
from connectors.alfresco.simulator.node_view import NodeView

# Names in paths of the folders that every installation has (bootstrap/spaces.xml), which are not their cm:name.
_BOOTSTRAP_NAMES: Mapping[str, str] = {
    "company_home": "company home",
    "dictionary": "data dictionary",
    "guest_home": "guest home",
    "shared": "shared",
    "sites": "sites",
    "user_homes": "user homes",
}
_ENCODED = re.compile(r"_x([0-9A-Fa-f]{4})_")


def nodes_on_path(view: NodeView, path: str) -> set[str]:
    """Return the ids of the nodes that the path names; none for a path that leads nowhere."""
    first, *steps = path.removeprefix("/").split("/")
    found = [node for node in view.nodes.values() if node.parent_id is None and _is_called(node, first)]
    is_deep = False
    for step in steps:
        if step == "":
            is_deep = True
            continue
        candidates = found if step == "." else _children(view, found)
        if is_deep:
            candidates = _with_all_below(view, candidates)
        found = candidates if step in {"*", "."} else [node for node in candidates if _is_called(node, step)]
        is_deep = False
    return {node.id for node in found}


def _children(view: NodeView, folders: Iterable[Node]) -> list[Node]:
    return [child for folder in folders for child in view.children(folder)]


def _with_all_below(view: NodeView, nodes: Iterable[Node]) -> list[Node]:
    found: dict[str, Node] = {}
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if node.id not in found:
            found[node.id] = node
            waiting.extend(view.children(node))
    return list(found.values())


def _is_called(node: Node, step: str) -> bool:
    name = _ENCODED.sub(lambda code: chr(int(code[1], 16)), step.rpartition(":")[2]).casefold()
    return node.name.casefold() in {name, _BOOTSTRAP_NAMES.get(name, name)}
