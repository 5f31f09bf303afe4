"""Which lanes a source has, by its settings, in the order in which they are read: revocations first."""

from __future__ import annotations

from connectors.alfresco.client import AlfrescoClient
from connectors.alfresco.config import AlfrescoConfig, LaneName
from connectors.alfresco.lanes.audit import AuditLane
from connectors.alfresco.lanes.lane import Lane
from connectors.alfresco.lanes.trashcan import TrashcanLane


def configured_lanes(client: AlfrescoClient, config: AlfrescoConfig) -> tuple[Lane, ...]:
    """Make the lanes that the settings name."""
    lanes: dict[LaneName, Lane] = {LaneName.AUDIT: AuditLane(client), LaneName.DELETED_NODES: TrashcanLane(client)}
    return tuple(lane for name, lane in lanes.items() if name in config.lanes)
