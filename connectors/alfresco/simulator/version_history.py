"""The versions of files: each a frozen copy of its node, made when a versionable node gets other content.

The first version, 1.0, is made when a node becomes versionable, and each new content makes the next minor one, unless
`cm:autoVersion` is false on the node. A changed property makes none (`cm:autoVersionOnUpdateProps` is off by default).
The node shows its version by `cm:versionLabel` and `cm:versionType`.

Source: VersionableAspect.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from connectors.alfresco.simulator.change_log import ChangeKind, Transaction
from connectors.alfresco.simulator.model import Node
from connectors.alfresco.simulator.node_view import frozen_copy
from connectors.alfresco.simulator.tree import NodeTree

VersionType: TypeAlias = Literal["MAJOR", "MINOR"]

_VERSIONABLE = "cm:versionable"
_PROPERTIES = ("cm:versionLabel", "cm:versionType")


@dataclass(frozen=True, slots=True)
class Version:
    """A node as it was."""

    label: str
    node: Node
    comment: str = ""


class VersionHistory:
    """The version service of one repository."""

    def __init__(self, tree: NodeTree) -> None:
        self._tree = tree
        self._versions: dict[str, list[Version]] = {}
        tree.changes.subscribe(self._hear)

    def of(self, node: Node) -> list[Version]:
        """Return a node's versions, newest first."""
        return self._versions.get(node.id, [])[::-1]

    def _hear(self, transaction: Transaction) -> None:
        node = self._tree.nodes.get(transaction.node_id)
        if node is None or transaction.kind not in {ChangeKind.CREATED, ChangeKind.UPDATED}:
            return
        if _VERSIONABLE not in node.aspects:
            self._forget(node)
            return
        versions = self._versions.setdefault(node.id, [])
        if not versions:
            self._add(node, "1.0", "MAJOR", "Initial version")
        elif node.content is not versions[-1].node.content and _makes_versions(node):
            major, _, minor = versions[-1].label.partition(".")
            self._add(node, f"{major}.{int(minor) + 1}", "MINOR")

    def _add(self, node: Node, label: str, version_type: VersionType, comment: str = "") -> None:
        node.properties.update(dict(zip(_PROPERTIES, (label, version_type), strict=True)))
        self._versions[node.id].append(Version(label, frozen_copy(node), comment))

    def _forget(self, node: Node) -> None:
        """Drop the versions of a node that is not versionable any more."""
        if self._versions.pop(node.id, None) is not None:
            for name in _PROPERTIES:
                node.properties.pop(name, None)


def _makes_versions(node: Node) -> bool:
    return str(node.properties.get("cm:autoVersion", True)).casefold() == "true"
