"""`/alfresco/service/api/solr/…`: the internal resources by which Solr follows the repository.

Guarded by a secret in the header `X-Alfresco-Search-Secret` instead of a login; closed unless `World.tracking.secret`
is set. These are web scripts, not part of the public API: no `list` and `entry` around what they tell, empty lists and
texts are written, and errors have a body of their own.

Source: TransactionsGet, NodesGet, NodesMetaDataGet, AclChangeSetsGet, AclsGet, AclsReadersGet, solr.lib.ftl and
SOLRAuthenticationFilter of the community repository.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from functools import wraps

from starlette.responses import Response

from connectors.alfresco.simulator.call import Call, Handler
from connectors.alfresco.simulator.content_model import NAMESPACES
from connectors.alfresco.simulator.index_tracking import TrackedNode
from connectors.alfresco.simulator.model import Node
from connectors.alfresco.simulator.node_view import aspects
from connectors.alfresco.simulator.tracking_request import (
    Json,
    WrongRequest,
    body,
    max_results,
    milliseconds,
    number,
    numbers,
    parameter,
    window,
)
from connectors.alfresco.simulator.wire import JsonAnswer

_GUARD_HEADER = "X-Alfresco-Search-Secret"
_STORE = "workspace://SpacesStore/"
_FORBIDDEN = (
    b"<!doctype html><html><head><title>HTTP Status 403</title></head><body>Authentication failure</body></html>"
)


def _guarded(tell: Callable[[Call], Json]) -> Handler:
    """Return the resource that tells this to whoever knows the secret."""

    @wraps(tell)
    def resource(call: Call) -> Response:
        secret = call.world.tracking.secret
        sent = call.headers.get(_GUARD_HEADER, "")
        if secret is None or not secrets.compare_digest(sent.encode(), secret.encode()):
            return Response(_FORBIDDEN, 403, {"Content-Type": "text/html;charset=utf-8"})
        try:
            return JsonAnswer(tell(call))
        except WrongRequest as error:
            status = {"code": 400, "name": "Bad Request", "description": "Request sent by the client was incorrect."}
            return JsonAnswer({"status": status, "message": str(error)}, status=400)

    return resource


@_guarded
def list_transactions(call: Call) -> Json:
    """Tell the transactions with how many nodes each touched last; `maxTxnId` and `toCommitTime` are exclusive."""
    transactions = call.world.tracking.transactions()
    wanted = window(call, "minTxnId", "maxTxnId", "fromCommitTime", "toCommitTime")
    shown = [one for one in transactions if wanted(one.id, one.committed_at)][: max_results(call)]
    latest = {"maxTxnCommitTime": milliseconds(transactions[-1].committed_at), "maxTxnId": transactions[-1].id}
    return {"transactions": [_transaction(call, one.id, one.committed_at) for one in shown], **latest}


def _transaction(call: Call, transaction_id: int, committed_at: datetime) -> Json:
    nodes = call.world.tracking.nodes_of(transaction_id)
    deletes = sum(node.acl is None for node in nodes)
    return {
        "id": transaction_id,
        "commitTimeMs": milliseconds(committed_at),
        "updates": len(nodes) - deletes,
        "deletes": deletes,
    }


@_guarded
def list_nodes(call: Call) -> Json:
    """Tell the nodes of transactions: of those that are named, or of a range whose end is exclusive."""
    asked = body(call)
    first, end = number(asked, "fromTxnId", 1), number(asked, "toTxnId", call.world.changes.last_id + 1)
    transactions = sorted(numbers(asked, "txnIds")) if "txnIds" in asked else range(first, end)
    nodes = [node for one in transactions for node in call.world.tracking.nodes_of(one)]
    from_node, limit = number(asked, "fromNodeId", 0), number(asked, "maxResults", 0) or len(nodes)
    return {"nodes": [_node(node) for node in nodes if node.number >= from_node][:limit]}


def _node(node: TrackedNode) -> Json:
    acl = {} if node.acl is None else {"aclId": node.acl}
    status = "d" if node.acl is None else "u"
    known = {"id": node.number, "nodeRef": _STORE + node.id, "txnId": node.transaction_id, "status": status}
    return {**known, **acl, "tenant": ""}


@_guarded
def list_metadata(call: Call) -> Json:
    """Tell of living nodes what was not switched off: type, ACL, transaction, aspects, properties, ancestors, owner."""
    asked = body(call)
    found = [call.world.tracking.node(node_number) for node_number in numbers(asked, "nodeIds")]
    limit = number(asked, "maxResults", 0) or len(found)
    return {"nodes": [_metadata(call, asked, *one) for one in found if one is not None][:limit]}


def _metadata(call: Call, asked: Json, node: Node, tracked: TrackedNode) -> Json:
    ancestors = [_STORE + ancestor.id for ancestor in call.world.ancestors(node)]
    parts: dict[str, Json] = {
        "includeNodeRef": {"nodeRef": _STORE + node.id},
        "includeType": {"type": node.node_type},
        "includeAclId": {"aclId": tracked.acl},
        "includeTxnId": {"txnId": tracked.transaction_id},
        "includeProperties": {"properties": _properties(node)},
        "includeAspects": {"aspects": aspects(node)},
        "includePaths": {"ancestors": ancestors} if ancestors else {},
        "includeOwner": {"owner": call.world.owner(node) or ""},
    }
    told: Json = {"id": tracked.number, "tenantDomain": ""}
    for switch, part in parts.items():
        told.update(part if asked.get(switch, True) else {})
    return told


def _properties(node: Node) -> Json:
    """Tell the properties that every node has, by their full names."""
    values = {
        "name": node.name,
        "creator": node.creator,
        "created": _iso(node.created_at),
        "modifier": node.modifier,
        "modified": _iso(node.modified_at),
    }
    return {f"{{{NAMESPACES['cm']}}}{name}": value for name, value in values.items()}


@_guarded
def list_change_sets(call: Call) -> Json:
    """Tell the change sets with how many ACLs each altered last."""
    tracking = call.world.tracking
    change_sets = tracking.change_sets()
    wanted = window(call, "fromId", "toId", "fromTime", "toTime")
    shown = [one for one in change_sets if wanted(one.id, one.committed_at)][: max_results(call)]
    return {
        "aclChangeSets": [
            {"id": one.id, "commitTimeMs": milliseconds(one.committed_at), "aclCount": len(tracking.acls_of(one.id))}
            for one in shown
        ],
        "maxChangeSetCommitTime": milliseconds(change_sets[-1].committed_at),
        "maxChangeSetId": change_sets[-1].id,
    }


@_guarded
def list_acls(call: Call) -> Json:
    """Tell which ACLs belong to change sets."""
    change_sets = numbers(body(call), "aclChangeSetIds")
    acls = [(acl, one) for one in change_sets for acl in call.world.tracking.acls_of(one)]
    from_id = parameter(call, "fromId") or 0
    shown = sorted(pair for pair in acls if pair[0] >= from_id)[: max_results(call)]
    return {"acls": [{"id": acl, "aclChangeSetId": change_set} for acl, change_set in shown]}


@_guarded
def list_readers(call: Call) -> Json:
    """Tell whom ACLs admit and whom they shut out."""
    told = []
    for acl in numbers(body(call), "aclIds"):
        if (found := call.world.tracking.readers(acl)) is not None:
            change_set, verdicts = found
            lists = {"readers": sorted(verdicts.readers), "denied": sorted(verdicts.denied)}
            told.append({"aclId": acl, "aclChangeSetId": change_set, "tenantDomain": "", **lists})
    return {"aclsReaders": told}


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
