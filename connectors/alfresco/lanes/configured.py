"""Which lanes a source has, by its settings, in the order in which they are read: revocations first."""

from __future__ import annotations

from connectors.alfresco.config import AlfrescoConfig, LaneName
from connectors.alfresco.lanes.audit import AuditLane
from connectors.alfresco.lanes.lane import Lane
from connectors.alfresco.lanes.tracking import TrackingLane
from connectors.alfresco.lanes.trashcan import TrashcanLane
from connectors.alfresco.wire.client import AlfrescoClient


def configured_lanes(client: AlfrescoClient, config: AlfrescoConfig) -> tuple[Lane, ...]:
    """Make the lanes that the settings name."""
    lanes: list[Lane] = []
    if LaneName.AUDIT in config.lanes:
        lanes.append(AuditLane(client))
    if LaneName.TRACKING in config.lanes and config.tracking_secret is not None:
        lanes.append(TrackingLane(client, config.tracking_secret))
    if LaneName.DELETED_NODES in config.lanes:
        lanes.append(TrashcanLane(client))
    return tuple(lanes)
