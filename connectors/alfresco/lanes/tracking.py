"""Index tracking as a lane: every node that a transaction touched, and every list that somebody changed.

It sees what an index sees: nodes below a deleted folder one by one, moves, restorations, and what was deleted for good.
A changed list is found by a node that is under it and was touched since; the repository touches nodes only where they
get another list, so an edited one is mostly found by none. Then every list that documents are under is read again.
Source: SOLRTrackingComponentImpl; ADMAccessControlListDAO.updateChangedAcls touches no node.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from connectors.alfresco.config import LaneName
from connectors.alfresco.lanes.lane import ChangedList, News
from connectors.alfresco.lanes.places import moment_of
from connectors.alfresco.lanes.solr_api import MOST_AT_ONCE, ChangeSet, Readers, SolrApi, TrackedNode, Transaction
from connectors.alfresco.wire.client import AlfrescoClient
from vocabulary.errors import SightlineError
from vocabulary.ports import CheckResult

_SPACES_STORE = "workspace://SpacesStore/"
_COMMITTED_AFTER = timedelta(minutes=1)  # a commit's time is taken a moment before it shows
_NODES_AT_ONCE = 1_000  # of several transactions, looked at together
_MOST_NODES = 100_000  # of one transaction: about 15 MB; what touches more is left to the walk
_MOST_LISTS = 10_000  # changed since the last run: where it is more, all are read again without asking which

_TOO_LARGE = f"lane-{LaneName.TRACKING}: transaction-too-large"


class TrackingLane:
    """What one server tells its search index."""

    name = LaneName.TRACKING

    def __init__(self, client: AlfrescoClient, secret: SecretStr) -> None:
        self._solr = SolrApi(client, secret)

    async def check(self) -> CheckResult:
        subject = f"lane {self.name}"
        try:
            await self._solr.transactions(since_ms=0)
        except SightlineError as fault:
            return CheckResult(subject, passed=False, message=f"{fault}; or take it out of `lanes`")
        return CheckResult(subject, passed=True, message="every change is seen as the search index sees it")

    async def news(self, place: str | None, *, since: datetime, now: datetime) -> AsyncIterator[News]:
        begin = moment_of(place) if place is not None else since
        settled = max(begin, now - _COMMITTED_AFTER)
        changed = await self._changed_lists(begin)
        # While a changed list waits for its node there is no place behind which it would not be missed.
        waits = changed is None or bool(changed)
        left = dict(changed or {})
        async for batch in self._batches(begin):
            reached = begin if waits else min(batch[-1].at, settled)
            yield await self._told(batch, changed or {}, left, place=reached.isoformat())
        latest = now if changed is None else max(left.values(), default=None)
        yield News(settled.isoformat(), lists_changed_at=latest)

    async def secured_since(self, moment: datetime, *, now: datetime) -> Mapping[str, datetime]:
        changed = await self._changed_lists(moment)
        found: dict[str, datetime] = {}
        if changed:
            async for batch in self._batches(moment):
                for node in await self._nodes(batch):
                    if node.acl_id in changed and (node_id := _node_id(node)):
                        found.setdefault(node_id, changed[node.acl_id])
        return found

    async def _told(
        self, batch: Sequence[Transaction], changed: Mapping[int, datetime], left: dict[int, datetime], *, place: str
    ) -> News:
        """The nodes of some transactions; the changed lists among theirs are taken from those that are `left`."""
        nodes = await self._nodes(batch)
        touched = {node_id: node for node in nodes if node.status == "u" and (node_id := _node_id(node))}
        gone = {node_id for node in nodes if node.status == "d" and (node_id := _node_id(node))}
        under = {node_id: acl_id for node_id, node in touched.items() if (acl_id := node.acl_id) is not None}
        examples = {acl_id: node_id for node_id, acl_id in under.items() if acl_id in changed}
        readers = await self._solr.readers(list(examples)) if examples else {}
        for acl_id in examples:
            left.pop(acl_id, None)
        is_too_large = any(_size(transaction) > _MOST_NODES for transaction in batch)
        return News(
            place,
            touched=frozenset(touched),
            gone=frozenset(gone),
            relisted={
                node_id: _changed_list(changed[acl_id], readers.get(acl_id)) for acl_id, node_id in examples.items()
            },
            notices=(_TOO_LARGE,) if is_too_large else (),
        )

    async def _nodes(self, batch: Sequence[Transaction]) -> Sequence[TrackedNode]:
        asked = [each.id for each in batch if 0 < _size(each) <= _MOST_NODES]
        return await self._solr.nodes(asked) if asked else ()

    async def _changed_lists(self, since: datetime) -> dict[int, datetime] | None:
        """The lists that were changed since a moment, and when; None: too many to say."""
        found: dict[int, datetime] = {}
        async for change_sets in self._change_sets(since):
            at = {each.id: each.at for each in change_sets}
            from_id = 0
            while True:
                acls = await self._solr.acls(list(at), from_id=from_id)
                found |= {acl.id: at.get(acl.acl_change_set_id, since) for acl in acls}
                if len(found) > _MOST_LISTS:
                    return None
                if len(acls) < MOST_AT_ONCE:
                    break
                from_id = acls[-1].id + 1
        return found

    async def _change_sets(self, since: datetime) -> AsyncIterator[Sequence[ChangeSet]]:
        since_ms, seen = _milliseconds(since), set[int]()
        while True:
            page = await self._solr.change_sets(since_ms=since_ms)
            if fresh := [each for each in page if each.id not in seen]:
                yield fresh
            if len(page) < MOST_AT_ONCE:
                return
            since_ms = page[-1].commit_time_ms if fresh else since_ms + 1
            seen = {each.id for each in page if each.commit_time_ms == since_ms}

    async def _batches(self, since: datetime) -> AsyncIterator[Sequence[Transaction]]:
        """The transactions since a moment, in pieces whose nodes are looked at together."""
        since_ms, seen = _milliseconds(since), set[int]()
        while True:
            page = await self._solr.transactions(since_ms=since_ms)
            fresh = [each for each in page if each.id not in seen]
            for batch in _pieces(fresh):
                yield batch
            if len(page) < MOST_AT_ONCE:
                return
            since_ms = page[-1].commit_time_ms if fresh else since_ms + 1
            seen = {each.id for each in page if each.commit_time_ms == since_ms}


def _changed_list(changed_at: datetime, readers: Readers | None) -> ChangedList:
    return ChangedList(changed_at, readers.readers, readers.denied) if readers else ChangedList(changed_at)


def _pieces(transactions: Sequence[Transaction]) -> Iterator[Sequence[Transaction]]:
    """Cut where the nodes are many; a larger transaction stands alone."""
    piece: list[Transaction] = []
    for transaction in transactions:
        if piece and sum(map(_size, piece)) + _size(transaction) > _NODES_AT_ONCE:
            yield piece
            piece = []
        piece.append(transaction)
    if piece:
        yield piece


def _size(transaction: Transaction) -> int:
    return transaction.updates + transaction.deletes


def _node_id(node: TrackedNode) -> str:
    """The id of a node of the store that people see; empty for one of another store."""
    return node.node_ref.removeprefix(_SPACES_STORE) if node.node_ref.startswith(_SPACES_STORE) else ""


def _milliseconds(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp() * 1000)
