"""Which of the nodes that a crawl meets become documents, and the reason of each that does not. Pure.

The reasons are a small set of fixed words: they are counted, reported and exported as metric labels. What no reader
may be promised (links, which are met again at their target, and nodes with rules of access that the API does not
show) goes first, then what is outside the scope and its rules.
"""

from __future__ import annotations

from connectors.alfresco.scope.protected import protected_kinds
from connectors.alfresco.scope.resolving import ResolvedScope
from connectors.alfresco.wire.records import Node


def reason_to_skip(node: Node, scope: ResolvedScope) -> str:
    """The reason why a met node is not delivered; empty for a document."""
    if node.is_link:
        return "link"
    if not node.is_file:
        return "not-a-file"
    for kind in protected_kinds(node):
        if kind not in scope.admitted_kinds:
            return kind.value
    return scope.covers(node)
