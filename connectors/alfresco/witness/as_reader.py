"""The source's own decision: a node asked for as the reader, where the settings hold the reader's credentials.

200, 403 and 404 are the server's word on reading. Its search is stricter in one thing, the denied owner; so where the
reader owns the node, only a hit of the search counts for a yes.
"""

from __future__ import annotations

from connectors.alfresco.wire.exchange import Exchange
from connectors.alfresco.witness.facts import GONE, REFUSED, Silence, is_found, node_facts
from vocabulary.errors import CredentialsRejected
from vocabulary.statements import Standpoint, Statement, Verdict

_DENIED = Statement(Verdict.DENIED, Standpoint.READER)
_ALLOWED = Statement(Verdict.ALLOWED, Standpoint.READER)
_GONE = Statement(Verdict.GONE, Standpoint.READER)


async def statement_as_reader(exchange: Exchange, node_id: str, user: str) -> Statement | None:
    """Ask with the reader's own account; None where its answer settles nothing, be it that the account is refused."""
    try:
        node = await node_facts(exchange, node_id, with_permissions=False)
        if isinstance(node, Silence):
            return _DENIED if node is REFUSED else _GONE if node is GONE else None
        if node.owner != user:
            return _ALLOWED
        return _ALLOWED if await is_found(exchange, node_id) is True else None
    except CredentialsRejected:
        return None  # a closed account among others; the rules tell
