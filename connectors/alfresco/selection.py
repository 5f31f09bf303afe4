"""Which of the nodes that a crawl meets become documents, and the reason of each that does not. Pure.

The reasons are a small set of fixed words: they are counted, reported and exported as metric labels. What no reader
may be promised (links, which are met again at their target, and records, whose rules of access the API does not
show) goes first, then the scope.
"""

from __future__ import annotations

from connectors.alfresco.records import Node
from connectors.alfresco.scope import ResolvedScope


def reason_to_skip(node: Node, scope: ResolvedScope) -> str:
    """The reason why a met node is not delivered; empty for a document."""
    if node.is_link:
        return "link"
    if not node.is_file:
        return "not-a-file"
    if _is_record(node):
        return "record"
    return scope.covers(node)


def _is_record(node: Node) -> bool:
    """Whether records management rules over the node, by rules that `permissions` does not show."""
    return node.node_type.startswith("rma:") or any(name.startswith("rma:") for name in node.aspect_names)
