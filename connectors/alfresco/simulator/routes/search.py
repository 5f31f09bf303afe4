"""`POST /search`: hits as living nodes.

A hit whose node is gone, or not the caller's to read, is counted and then left out of the page.

Source: ResultMapper and SearchApiWebscript of the community repository.
"""

from __future__ import annotations

from starlette.responses import Response

from connectors.alfresco.simulator.call import Call, narrowed
from connectors.alfresco.simulator.model import Node
from connectors.alfresco.simulator.node_json import NodeRenderer
from connectors.alfresco.simulator.search_request import SearchRequest, read_request
from connectors.alfresco.simulator.wire import Bean, JsonAnswer


def search(call: Call) -> Response:
    """Answer with a page of the nodes that match."""
    request = read_request(call.body)
    found = call.world.search.find(call.user, request.search)
    entries = _entries(call, request, found.node_ids)
    show_total = not call.world.hides_total_items
    pagination = request.paging.pagination(count=len(entries), total=found.total, show_total=show_total)
    listing: dict[str, object] = {"pagination": {**pagination, "hasMoreItems": found.has_more}}
    if found.last_transaction_id is not None:  # the database has nothing to say about the index
        listing["context"] = Bean(consistency=Bean(lastTxId=found.last_transaction_id))
    return JsonAnswer({"list": {**listing, "entries": entries}})


def _entries(call: Call, request: SearchRequest, node_ids: list[str]) -> list[dict[str, Bean]]:
    render = NodeRenderer(call.world, call.user, request.include)
    living = [node for node_id in node_ids if (node := call.world.nodes.get(node_id)) is not None]
    return [
        {"entry": narrowed(_hit(render, node), request.fields, request.include)}
        for node in living
        if call.world.access.may_read(call.user, node)
    ]


def _hit(render: NodeRenderer, node: Node) -> Bean:
    hit = render.listed(node)
    hit["location"] = "nodes"
    hit["search"] = Bean(score=1.0)  # nothing that is understood here has another
    return hit
