"""Operations to versioned rows of the index.

A cluster has no transactions over documents: a batch that breaks off may have been carried out in part, and its replay
completes it. What makes that harmless is the version of every write: it grows with the lease that the writer holds, and
with every batch under that lease, so that whatever arrives late (a request that timed out and was sent again, a writer
that slept and lost its lease) is turned away by the index itself, deletions included.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from indexer.backends.opensearch.access_clause import stored_acl_id
from indexer.backends.opensearch.attribute_keys import uncompared
from indexer.backends.opensearch.bulk import BulkSender, Outcome, Row, Verdict, delete_row, index_row
from indexer.backends.opensearch.client import Connection
from indexer.backends.opensearch.documents import (
    compared,
    described,
    description_from,
    id_of,
    scored,
    scoring_of,
    texts_of,
    with_passages,
    with_toxicity,
)
from indexer.backends.opensearch.faults import is_found
from indexer.backends.opensearch.folding import Change, Hidden, Readmitted, Redescribed, Removed, Replaced, folded
from indexer.backends.opensearch.mapping import Field
from indexer.backends.opensearch.state import StateDocument
from indexer.search.analysis import analyzer
from indexer.search.matching import fields_of, toxicity_of, worst_of
from indexer.search.toxicity import texts_sha256
from vocabulary.access import HIDDEN_ACL
from vocabulary.documents import DocumentId
from vocabulary.errors import IndexBusy
from vocabulary.indexing import Description, IndexOperation, Put, Refusal, Scoring

_log = logging.getLogger(__name__)

# A fence is a moment in milliseconds; batches are counted in the bits below it. More than a million batches under one
# lease run into the next millisecond, in which no other lease began.
_BATCH_BITS = 20


class Versions:
    """Gives out the version of every batch: above all that were given under this fence, and under lower ones."""

    def __init__(self) -> None:
        self._last: dict[int, int] = {}

    def next(self, fence: int) -> int:
        version = self._last.get(fence, fence << _BATCH_BITS) + 1
        self._last[fence] = version
        return version


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """A stored document: its version, and the fields that were asked for."""

    version: int
    body: Mapping[str, Any]


class Writer:
    """Carries out batches on the index behind an alias, one after the other."""

    def __init__(
        self,
        connection: Connection,
        state: StateDocument,
        *,
        languages: Sequence[str],
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._connection = connection
        self._state = state
        self._sender = BulkSender(connection)
        self._versions = Versions()
        self._clock_ns = clock_ns
        self._last_stored_at = 0
        self._analyzer = analyzer(tuple(languages))

    async def apply(self, operations: Sequence[IndexOperation], *, fence: int) -> dict[DocumentId, Refusal]:
        """Carry out a batch; return what was not done, by document.

        Raises:
            IndexBusy: the cluster cannot take it now, or all was hidden meanwhile; a replay completes the batch.
        """
        changes = folded(operations)
        version = self._versions.next(fence)
        epoch = (await self._state.read()).epoch
        stored = await self._stored(changes)
        rows, refused = await asyncio.to_thread(self._rows, changes, stored, version=version, epoch=epoch)
        outcomes = await self._sender.send(list(rows.values()))
        refused |= await self._settle(rows, outcomes, version)
        await self._connection.call(lambda client: client.indices.refresh(index=self._connection.config.handle))
        if (await self._state.read()).epoch != epoch:
            raise IndexBusy("all documents of the index were hidden meanwhile")
        return refused

    async def _stored(self, changes: Sequence[Change]) -> dict[DocumentId, Stored]:
        """Read what the changed documents hold now, no more of it than is needed."""
        known = [each for each in changes if not isinstance(each.ending, Removed) or each.needs_stored]
        found = await self._read([{"_id": id_of(each.document_id), "_source": _needed(each)} for each in known])
        return {change.document_id: stored for change, stored in zip(known, found, strict=True) if stored is not None}

    async def _read(self, asked: Sequence[Mapping[str, Any]]) -> list[Stored | None]:
        """Read documents as they are now; None for one that is not stored.

        Raises:
            IndexBusy: of some the cluster cannot say now whether they are stored.
        """
        if not asked:
            return []
        answer = await self._connection.call(
            lambda client: client.mget(index=self._connection.config.handle, body={"docs": asked})
        )
        return [
            Stored(item["_version"], item.get("_source", {})) if is_found(item) else None for item in answer["docs"]
        ]

    def _rows(
        self, changes: Sequence[Change], stored: Mapping[DocumentId, Stored], *, version: int, epoch: int
    ) -> tuple[dict[DocumentId, Row], dict[DocumentId, Refusal]]:
        rows: dict[DocumentId, Row] = {}
        refused: dict[DocumentId, Refusal] = {}
        for change in changes:
            found = stored.get(change.document_id)
            if change.is_missing or (change.needs_stored and found is None):
                refused[change.document_id] = Refusal.MISSING
            elif change.is_changed or (found is not None and _of_other_texts(change, found)):
                refused[change.document_id] = Refusal.CHANGED
            if found is not None and found.version >= version:
                refused[change.document_id] = Refusal.SUPERSEDED
                continue
            row_id = id_of(change.document_id)
            if isinstance(change.ending, Removed):
                rows[change.document_id] = delete_row(row_id, version)
            elif (body := self._body(change, found, epoch)) is not None:
                rows[change.document_id] = index_row(row_id, version, body)
        return rows, refused

    def _body(self, change: Change, found: Stored | None, epoch: int) -> Mapping[str, Any] | None:
        """Return the document as it is to be stored; None where there is nothing to change."""
        if isinstance(change.ending, Replaced):
            stored_at = self._next_moment() if found is None else found.body[Field.STORED_AT.value]
            return self._whole(change.ending.put) | {Field.EPOCH.value: epoch, Field.STORED_AT.value: stored_at}
        if found is None:
            return None
        body = self._ended(change, self._rescored(change, found.body), epoch)
        return None if body is found.body else body

    def _whole(self, put: Put) -> dict[str, Any]:
        passages = with_passages(put.passages, analyzer=self._analyzer)
        described = self._described(put.description, toxicity_of(put.passages), put.scoring)
        return described | passages | scored(put.scoring)

    def _rescored(self, change: Change, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the stored document with the last scores that are of its texts."""
        texts = texts_sha256(texts_of(body)) if change.rescores else ""
        fitting = [each for each in change.rescores if each.texts_sha256 == texts]
        if not fitting:
            return body
        rescore = fitting[-1]
        rescored = {**body, **with_toxicity(body, rescore.toxicity), **scored(rescore.scoring)}
        return rescored | compared(
            description_from(body),
            toxicity_0_1=worst_of(rescore.toxicity),
            categories=rescore.scoring.categories,
            analyzer=self._analyzer,
        )

    def _ended(self, change: Change, body: Mapping[str, Any], epoch: int) -> Mapping[str, Any]:
        """Return a stored document as the change leaves it, its passages apart."""
        match change.ending:
            case Redescribed(description):
                redescribed = self._described(description, body[Field.TOXICITY.value], scoring_of(body))
                return {**body, **redescribed, Field.EPOCH.value: epoch}
            case Readmitted(acl_id, owner):
                spelled = None if owner is None else str(owner)
                admitted = {
                    Field.ACL_ID.value: stored_acl_id(acl_id),
                    Field.OWNER.value: spelled,
                    Field.EPOCH.value: epoch,
                }
                return {**body, **admitted}
            case Hidden():
                return {**body, Field.ACL_ID.value: int(HIDDEN_ACL)}
        return body

    def _described(self, description: Description, toxicity_0_1: float, scoring: Scoring) -> dict[str, Any]:
        fields = fields_of(description, toxicity_0_1=toxicity_0_1, categories=scoring.categories)
        if lost := uncompared(fields):
            _log.warning("%s: too long to filter, count or sort by: %s", description.document_id, ", ".join(lost))
        return described(description, toxicity_0_1=toxicity_0_1, categories=scoring.categories, analyzer=self._analyzer)

    def _next_moment(self) -> int:
        """Return a number that grows with each new document, also from one program's run to the next."""
        self._last_stored_at = max(self._last_stored_at + 1, self._clock_ns())
        return self._last_stored_at

    async def _settle(
        self, rows: Mapping[DocumentId, Row], outcomes: Mapping[str, Outcome], version: int
    ) -> dict[DocumentId, Refusal]:
        """Look at what did not go well. Of a document that could not be stored, no older copy may be found either."""
        by_verdict = {
            verdict: [document_id for document_id, row in rows.items() if outcomes[row.id].verdict is verdict]
            for verdict in (Verdict.REJECTED, Verdict.CONFLICT)
        }
        rejected = by_verdict[Verdict.REJECTED]
        for document_id in rejected:
            _log.error("%s was rejected by OpenSearch: %s", document_id, outcomes[rows[document_id].id].reason)
        await self._withdraw([rows[each].id for each in rejected], version)
        superseded = await self._superseded({each: rows[each] for each in by_verdict[Verdict.CONFLICT]}, version)
        return dict.fromkeys(rejected, Refusal.REJECTED) | dict.fromkeys(superseded, Refusal.SUPERSEDED)

    async def _superseded(self, conflicting: Mapping[DocumentId, Row], version: int) -> list[DocumentId]:
        """Return those that a later writer has stored or deleted; the others are this batch's own, sent twice."""
        found = await self._read([{"_id": row.id, "_source": False} for row in conflicting.values()])
        return [
            document_id
            for (document_id, row), stored in zip(conflicting.items(), found, strict=True)
            if (not row.deletes if stored is None else stored.version > version)
        ]

    async def _withdraw(self, row_ids: Sequence[str], version: int) -> None:
        outcomes = await self._sender.send([delete_row(row_id, version) for row_id in row_ids])
        if any(outcome.verdict is Verdict.REJECTED for outcome in outcomes.values()):
            raise IndexBusy("OpenSearch keeps documents that are to be withdrawn")


def _of_other_texts(change: Change, found: Stored) -> bool:
    """Whether a rescore on the way was of other texts than the stored ones."""
    if not change.rescores:
        return False
    texts = texts_sha256(texts_of(found.body))
    return any(each.texts_sha256 != texts for each in change.rescores)


def _needed(change: Change) -> Any:
    is_rewritten = isinstance(change.ending, Replaced | Removed) and not change.rescores
    return [Field.STORED_AT.value] if is_rewritten else True
