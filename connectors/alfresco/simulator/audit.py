"""The audit application `CMISChangeLog`: what one can learn about changes through the audit API, and what not.

While it is enabled it records created, updated and deleted nodes and permissions that were set, each with the node that
the call was about. It hears of service calls only: neither moves and restorations (they are mapped to nothing) nor what
the repository does by itself, such as counting comments or touching a folder, leave an entry; nor do the nodes below a
deleted folder. Entry ids grow and have gaps.

Source: alfresco-audit-cmis.xml, CMISChangeLogDataExtractor, NodeRefSerializer; both switches from repository.properties
(`audit.enabled=true`, `audit.cmischangelog.enabled=false`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from connectors.alfresco.simulator.change_log import ChangeKind, ChangeLog, Transaction
from connectors.alfresco.simulator.content_model import ContentModel

CHANGE_LOG = "CMISChangeLog"

_VALUE_KEYS: Mapping[ChangeKind, str] = {
    ChangeKind.CREATED: f"/{CHANGE_LOG}/CREATED/result/value",
    ChangeKind.UPDATED: f"/{CHANGE_LOG}/UPDATED/args/nodeRef/value",
    ChangeKind.DELETED: f"/{CHANGE_LOG}/DELETED/node/value",
    ChangeKind.SECURITY: f"/{CHANGE_LOG}/SECURITY/args/nodeRef/value",
}


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One recorded change; `object_id` is what CMIS calls the node."""

    id: int
    user: str
    created_at: datetime
    value_key: str
    node_id: str
    object_id: str


class AuditTrail:
    """The audit service of one repository, with its one application."""

    def __init__(self, changes: ChangeLog, model: ContentModel) -> None:
        self._model = model
        self._entries: list[AuditEntry] = []
        self.records_changes = False  # True: the application CMISChangeLog is enabled
        changes.subscribe(self._hear)

    def __iter__(self) -> Iterator[AuditEntry]:
        """Yield the entries in the order of their ids, which is that of their dates."""
        return iter(list(self._entries))

    def _hear(self, transaction: Transaction) -> None:
        key = _VALUE_KEYS.get(transaction.kind)
        if not self.records_changes or key is None or not self._is_of_cmis(transaction.node_type):
            return
        version = ";1.0" if self._model.holds_content(transaction.node_type) else ""
        node_id = transaction.node_id
        entry = AuditEntry(
            transaction.id, transaction.by, transaction.committed_at, key, node_id, f"{node_id}{version}"
        )
        self._entries.append(entry)

    def _is_of_cmis(self, node_type: str) -> bool:
        """Return whether CMIS knows such a node as a document or folder; links are neither."""
        return self._model.holds_content(node_type) or self._model.is_container(node_type)
