"""The resources by which a search index follows the repository, as far as the tracking lane needs them.

They are internal: no part of the public API, guarded by a secret that the repository shares with its index instead of
by an account. The secret travels to the configured server only, as everything does. Answers carry no envelopes.
Source: TransactionsGet, NodesGet, AclChangeSetsGet, AclsGet, AclsReadersGet; solr-common-SqlMap.xml for the orders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, TypeAdapter
from pydantic.alias_generators import to_camel

from connectors.alfresco.lanes.lane import LaneUnusable
from connectors.alfresco.wire.client import AlfrescoClient, read_answer
from connectors.alfresco.wire.request_counts import RequestKind
from vocabulary.errors import CredentialsRejected

_SOLR = "/alfresco/service/api/solr"
_SECRET = "X-Alfresco-Search-Secret"  # noqa: S105 - the header's name

MOST_AT_ONCE = 1000  # transactions, change sets or ACLs of one answer; the server's own default is 1024

BodyT = TypeVar("BodyT", bound=BaseModel)


class _Told(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True, hide_input_in_errors=True
    )


class _Committed(_Told):
    id: int
    commit_time_ms: int

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(self.commit_time_ms / 1000, UTC)


class Transaction(_Committed):
    """A transaction, with how many nodes it was the last one to touch."""

    updates: int = 0
    deletes: int = 0


class ChangeSet(_Committed):
    """A transaction that changed lists."""


class TrackedNode(_Told):
    """A node of any store with the list that applies to it; `status` is `u`, or `d` for a deleted one."""

    node_ref: str
    status: str
    acl_id: int | None = None


class TrackedAcl(_Told):
    id: int
    acl_change_set_id: int


class Readers(_Told):
    """Whom a list admits and whom it denies, as the repository itself computes it for its index."""

    acl_id: int
    readers: frozenset[str] = frozenset()
    denied: frozenset[str] = frozenset()


class _Transactions(_Told):
    transactions: tuple[Transaction, ...]
    max_txn_id: int | None = None


class _Nodes(_Told):
    nodes: tuple[TrackedNode, ...]


class _ChangeSets(_Told):
    change_sets: tuple[ChangeSet, ...] = Field(alias="aclChangeSets")


class _Acls(_Told):
    acls: tuple[TrackedAcl, ...]


class _AclsReaders(_Told):
    acls_readers: tuple[Readers, ...]


_TRANSACTIONS = TypeAdapter(_Transactions)
_NODES = TypeAdapter(_Nodes)
_CHANGE_SETS = TypeAdapter(_ChangeSets)
_ACLS = TypeAdapter(_Acls)
_READERS = TypeAdapter(_AclsReaders)


class SolrApi:
    """The calls, each of one answer.

    Raises (from every call): `LaneUnusable` where the server does not know the secret or has no such resource, and
    whatever a request raises.
    """

    def __init__(self, client: AlfrescoClient, secret: SecretStr) -> None:
        self._client = client
        self._secret = secret

    async def transactions(self, *, since_ms: int) -> Sequence[Transaction]:
        """The first transactions that were committed at a moment or later, in the order of their commits."""
        told = await self._get(_TRANSACTIONS, "transactions", {"fromCommitTime": since_ms, "maxResults": MOST_AT_ONCE})
        if told.max_txn_id is None:  # a repository has transactions from its first minute on
            raise LaneUnusable("the repository tells no index anything: its search is switched off", reason="disabled")
        return told.transactions

    async def nodes(self, transaction_ids: Sequence[int]) -> Sequence[TrackedNode]:
        """The nodes that these transactions were the last ones to touch."""
        return (await self._post(_NODES, "nodes", {"txnIds": list(transaction_ids)})).nodes

    async def change_sets(self, *, since_ms: int) -> Sequence[ChangeSet]:
        """The first change sets that were committed at a moment or later, in the order of their commits."""
        asked = {"fromTime": since_ms, "maxResults": MOST_AT_ONCE}
        return (await self._get(_CHANGE_SETS, "aclchangesets", asked)).change_sets

    async def acls(self, change_set_ids: Sequence[int], *, from_id: int) -> Sequence[TrackedAcl]:
        """The first lists, by number, that these change sets were the last ones to change."""
        asked = {"fromId": from_id, "maxResults": MOST_AT_ONCE}
        return (await self._post(_ACLS, "acls", {"aclChangeSetIds": list(change_set_ids)}, asked)).acls

    async def readers(self, acl_ids: Sequence[int]) -> Mapping[int, Readers]:
        """Whom lists admit and deny, by number; a list that counts for nothing any more is missing."""
        told = (await self._post(_READERS, "aclsReaders", {"aclIds": list(acl_ids)})).acls_readers
        return {each.acl_id: each for each in told}

    async def _get(self, shape: TypeAdapter[BodyT], name: str, parameters: Mapping[str, int]) -> BodyT:
        return await self._ask(shape, "GET", name, parameters)

    async def _post(
        self, shape: TypeAdapter[BodyT], name: str, body: Mapping[str, Any], parameters: Mapping[str, int] | None = None
    ) -> BodyT:
        return await self._ask(shape, "POST", name, parameters or {}, body)

    async def _ask(
        self,
        shape: TypeAdapter[BodyT],
        method: str,
        name: str,
        parameters: Mapping[str, int],
        body: Mapping[str, Any] | None = None,
    ) -> BodyT:
        try:
            answer = await self._client.exchange.answer(
                method,
                f"{_SOLR}/{name}",
                kind=RequestKind.LISTING,
                parameters={key: str(value) for key, value in parameters.items()},
                json=body,
                headers={_SECRET: self._secret.get_secret_value()},
            )
        except CredentialsRejected as cause:
            raise LaneUnusable("the server wants another sign-in for its index", reason="refused") from cause
        match answer.response.status_code:
            case 403:
                message = "the server does not know the secret: set `tracking_secret` to its solr.sharedSecret"
                raise LaneUnusable(f"{message}, with solr.secureComms=secret there", reason="refused")
            case 404:
                raise LaneUnusable("the server has no resources for an index to follow it", reason="disabled")
            case _:
                return read_answer(shape, answer)
