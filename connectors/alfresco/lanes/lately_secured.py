"""Where in a scope somebody changed who may read within the last hour: what a permissions sweep looks at first.

The sweep reads every list anyway. What a lane says here only puts the changed ones first, so it need not be complete,
and nothing is remembered of it: lists of the last hour are put first by each sweep of that hour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from connectors.alfresco.lanes.lane import Lane
from connectors.alfresco.lanes.lane_reading import NOT_THE_LANES_FAULT, notice
from connectors.alfresco.scope.resolving import ResolvedScope
from connectors.alfresco.wire.client import AlfrescoClient
from connectors.alfresco.wire.concurrency import all_of
from connectors.alfresco.wire.faults import AccessRefused, NodeMissing
from connectors.alfresco.wire.records import Node
from vocabulary.documents import Notice
from vocabulary.errors import SightlineError

_LATELY = timedelta(hours=1)
_MOST_NODES = 100  # the latest ones; where more was changed, the sweep itself is no slower


@dataclass(frozen=True, slots=True)
class LatelySecured:
    """The changed folders of a scope, none inside another, and files beside them, each with when it was changed."""

    folders: Mapping[str, datetime] = field(default_factory=dict)
    files: tuple[tuple[Node, datetime], ...] = ()
    notices: tuple[Notice, ...] = ()


async def lately_secured(
    lanes: Sequence[Lane], client: AlfrescoClient, scope: ResolvedScope, *, now: datetime
) -> LatelySecured:
    """Ask all lanes; one that cannot tell gives a notice."""
    told: dict[str, datetime] = {}
    notices = []
    for lane in lanes:
        try:
            told |= await lane.secured_since(now - _LATELY, now=now)
        except NOT_THE_LANES_FAULT:
            raise
        except SightlineError as fault:
            notices.append(notice(lane, fault))
    latest = sorted(told, key=lambda node_id: told[node_id], reverse=True)[:_MOST_NODES]
    nodes = [node for node in await all_of(_node(client, node_id) for node_id in latest) if node is not None]
    folders = _in_scope(nodes, told, scope)
    topmost = {node.id: at for node, at in folders.values() if folders.keys().isdisjoint(node.lineage)}
    files = [(node, told[node.id]) for node in nodes if not node.is_subfolder and scope.encloses(node)]
    beside = [(node, at) for node, at in files if topmost.keys().isdisjoint(node.lineage)]
    return LatelySecured(topmost, tuple(beside), tuple(notices))


async def _node(client: AlfrescoClient, node_id: str) -> Node | None:
    try:
        return await client.node(node_id)
    except (NodeMissing, AccessRefused):
        return None


def _in_scope(
    nodes: Sequence[Node], told: Mapping[str, datetime], scope: ResolvedScope
) -> dict[str, tuple[Node, datetime]]:
    """The folders of the scope that are concerned: changed ones, and those that inherit from one above the scope."""
    found: dict[str, tuple[Node, datetime]] = {}
    for node in nodes:
        if node.is_subfolder:
            concerned = [node] if scope.encloses(node) else scope.roots_below(node)
            found |= {each.id: (each, told[node.id]) for each in concerned if each.id not in found}
    return found
