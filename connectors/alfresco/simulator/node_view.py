"""Nodes by id as they are at one instant, and what follows from them alone.

The living repository is one such view; what a late search index still holds of it is another. Whoever judges, matches
or describes nodes takes a view, so that both are read by the same rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy

from connectors.alfresco.simulator.model import Node, UnsettledAcl
from connectors.alfresco.simulator.permissions import Right


class NodeView:
    """A forest of nodes whose parents are in it, too."""

    nodes: dict[str, Node]
    roles: dict[str, frozenset[Right]]
    acl_generation: int  # grows with every change that can alter what someone may do
    unsettled_acls: dict[str, UnsettledAcl]  # folder -> what its descendants still go by

    def ancestors(self, node: Node) -> Iterator[Node]:
        """Yield the primary parents, nearest first, up to and including the root."""
        parent_id = node.parent_id
        while parent_id is not None:
            parent = self.nodes[parent_id]
            yield parent
            parent_id = parent.parent_id

    def children(self, folder: Node) -> list[Node]:
        """Return the children, primary and secondary, in no order."""
        return [self.nodes[child_id] for child_id in list(folder.children.values()) if child_id in self.nodes]

    def subtree(self, top: Node) -> Iterator[Node]:
        """Yield the node and all primary descendants, parents first."""
        waiting = [top]
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(child for child in self.children(node) if child.parent_id == node.id)

    def owner(self, node: Node) -> str | None:
        """Return who owns the node: `cm:owner` where it is ownable (possibly nobody), else its creator."""
        if "cm:ownable" not in node.aspects:
            return node.creator
        return str(node.properties.get("cm:owner") or "") or None


def aspects(node: Node) -> list[str]:
    """Return the node's aspects, those included that every node or its properties imply."""
    titled = ["cm:titled"] if {"cm:title", "cm:description"} & node.properties.keys() else []
    return list(dict.fromkeys(["cm:auditable", *titled, *node.aspects]))


def frozen_copy(node: Node) -> Node:
    """Return a node that stays as it is while the original changes; content and entries never change in place."""
    twin = copy(node)
    twin.aspects = list(node.aspects)
    twin.properties = dict(node.properties)
    twin.comments = list(node.comments)
    twin.children = dict(node.children)
    twin.secondary_parents = dict(node.secondary_parents)
    twin.renditions = dict(node.renditions)
    return twin
