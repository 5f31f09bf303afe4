"""Nodes to which rules of access apply that the API does not show: records, and content with security marks. Pure.

Records management and its Enterprise part judge a reader by capabilities, clearance and marks besides the node's own
`permissions`. Whoever is admitted there may still be shut out, so such nodes are left out unless an operator says
otherwise. They are told by the prefixes of their type and aspects, and the modules by the words of their ids.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum

from connectors.alfresco.wire.records import Module, Node


class ProtectedKind(StrEnum):
    """A kind of protected node; the word is the reason under which it is counted."""

    RECORD = "record"
    SECURITY_MARK = "security-mark"


# recordsModel.xml; `clf` is the classification model of RM 2.4 to 2.7, `sc` the security controls that followed it
# (RecordsManagementService and the record search of Share name its properties).
_PREFIXES: Mapping[ProtectedKind, frozenset[str]] = {
    ProtectedKind.RECORD: frozenset({"rma"}),
    ProtectedKind.SECURITY_MARK: frozenset({"sc", "clf"}),
}
_RECORDS_MANAGEMENT = frozenset({"rm", "records", "governance", "ags"})
_ENTERPRISE = "enterprise"  # alfresco-rm-enterprise-repo is the part with security marks


def protected_kinds(node: Node) -> Iterator[ProtectedKind]:
    """The kinds that a node is of."""
    prefixes = {name.partition(":")[0] for name in (node.node_type, *node.aspect_names)}
    for kind, protected in _PREFIXES.items():
        if not protected.isdisjoint(prefixes):
            yield kind


def modules_with_own_rules(modules: Collection[Module]) -> list[tuple[Module, str]]:
    """The installed modules that bring such rules, each with what it rules over."""
    found = []
    for module in modules:
        words = set(module.id.lower().replace("-", "_").replace(".", "_").split("_"))
        if not words.isdisjoint(_RECORDS_MANAGEMENT):
            found.append((module, "records and security marks" if _ENTERPRISE in words else "records"))
    return found
