"""Extract: reads the content of the documents that need it and cuts text and comments into passages.

Several documents at a time; a document that cannot be read ends in a named state and never stops the others. Content
that proves to be the same bytes as before keeps its passages.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from indexer.channel import Channel, ChannelClosed
from indexer.content import Spool, SpooledContent
from indexer.extraction.blocks import Reason
from indexer.passages import CutPassage, cut_passages
from indexer.planning import NO_CONTENT, Need
from indexer.retrying import standing_failure, with_failure
from indexer.state.ledger import LedgerRow, spelled_lineage
from indexer.walk import Walk
from indexer.work import Prepared, Task
from vocabulary.documents import DocumentState, ExtractedText, PassageKind
from vocabulary.errors import ContentUnavailable, SkippedDocument

_NO_TEXT = ExtractedText(())


class ExtractStage:
    """The second stage of a walk."""

    def __init__(self, walk: Walk, tasks: Channel[Task], prepared: Channel[Prepared]) -> None:
        self._walk = walk
        self._tasks = tasks
        self._prepared = prepared

    async def run(self) -> None:
        async with asyncio.TaskGroup() as readers:
            for _ in range(self._walk.limits.read_at_once):
                readers.create_task(self._read_all())
        await self._prepared.close()

    async def _read_all(self) -> None:
        limits, policy = self._walk.limits, self._walk.policy
        with Spool(self._walk.ports.connector, policy=policy, max_bytes=limits.content_bytes) as spool:
            while True:
                try:
                    task = await self._tasks.get()
                except ChannelClosed:
                    return
                await self._prepared.put(await self._prepare(task, spool))

    async def _prepare(self, task: Task, spool: Spool) -> Prepared:
        if task.plan.need is Need.DESCRIPTION:
            return self._described(task)
        if task.plan.need is Need.COMMENTS:
            return await self._keep_body(task, reason="comments")
        if task.plan.content_version == NO_CONTENT:
            return await self._cut(task, _NO_TEXT, sha256=None, reason="no-content")
        try:
            return await self._read(task, spool)
        except ContentUnavailable as error:
            return await self._unavailable(task, error.reason)
        except SkippedDocument as error:
            return await self._unreadable(task, error.reason)

    async def _read(self, task: Task, spool: Spool) -> Prepared:
        content = await spool.content(task.document.id)
        self._walk.tally.bytes_read += content.size_bytes
        if self._is_known(task, content):
            return await self._keep_body(_without_failure(task), reason="same-content")
        try:
            text = await self._walk.ports.extractor.extract(content.path, mime_type=task.document.mime_type)
        except SkippedDocument as error:
            if error.reason != Reason.UNSUPPORTED:
                raise
            return await self._cut(task, _NO_TEXT, sha256=content.sha256, reason=error.reason)
        return await self._cut(task, text, sha256=content.sha256, reason="")

    def _is_known(self, task: Task, content: SpooledContent) -> bool:
        """Whether the index holds the passages of exactly these bytes, cut and embedded as they would be now."""
        known = task.previous
        if known is None or not known.in_index or known.recipe != self._walk.recipe:
            return False
        return known.content_sha256 == content.sha256

    def _described(self, task: Task) -> Prepared:
        """Write the description and keep every passage."""
        return Prepared(task, self._kept_row(task, reason=""), keeps_passages=True)

    def _kept_row(self, task: Task, *, reason: str) -> LedgerRow:
        """The row of a document whose body stays as it is; a failure that is not to be tried now stays one."""
        failure = standing_failure(task.previous)
        if not failure or task.previous is None:
            return self._row(task, DocumentState.METADATA_ONLY, reason, sha256=_known_sha256(task))
        row = self._row(task, DocumentState.FAILED, failure, sha256=_known_sha256(task))
        return replace(row, failures=task.previous.failures, retry_at=task.previous.retry_at)

    async def _keep_body(self, task: Task, *, reason: str) -> Prepared:
        """Keep the passages of the content; cut the comments anew if they changed."""
        if task.previous is not None and task.previous.comments_sha256 == task.plan.comments_sha256:
            described = self._described(task)
            return replace(described, row=replace(described.row, reason=described.row.reason or reason))
        stored = await self._walk.stored_passages(task.document.id)
        kept = tuple(piece for piece in stored if piece.passage.kind is PassageKind.BODY)
        cut = await self._cut_passages(task, _NO_TEXT, first_ordinal=len(kept))
        return Prepared(task, self._kept_row(task, reason=reason), cut, kept)

    async def _cut(self, task: Task, text: ExtractedText, *, sha256: str | None, reason: str) -> Prepared:
        cut = await self._cut_passages(task, text)
        state = DocumentState.TRUNCATED if text.truncated else DocumentState.INDEXED
        if not any(piece.passage.kind is PassageKind.BODY for piece in cut):
            state = DocumentState.NO_TEXT
        return Prepared(task, self._row(task, state, reason, sha256=sha256), cut)

    async def _unavailable(self, task: Task, reason: str) -> Prepared:
        """The source did not give the bytes now: keep the old passages, if any, and try again later."""
        row = self._failed(task, reason)
        if task.previous is not None and task.previous.in_index:
            held = task.previous  # the passages of body and comments stay those of the row before
            kept = replace(
                row,
                recipe=held.recipe,
                content_sha256=held.content_sha256,
                comments_sha256=held.comments_sha256,
            )
            return Prepared(task, kept, keeps_passages=True)
        return Prepared(task, row, await self._cut_passages(task, _NO_TEXT))

    async def _unreadable(self, task: Task, reason: str) -> Prepared:
        """The bytes give no text: the document is found by title and comments; passages of older bytes go."""
        return Prepared(task, self._failed(task, reason), await self._cut_passages(task, _NO_TEXT))

    def _failed(self, task: Task, reason: str) -> LedgerRow:
        row = self._row(task, DocumentState.FAILED, reason, sha256=None)
        return with_failure(row, task.previous, self._walk.clock())

    async def _cut_passages(self, task: Task, text: ExtractedText, *, first_ordinal: int = 0) -> tuple[CutPassage, ...]:
        enricher = self._walk.ports.enricher
        cut: Sequence[CutPassage] = await asyncio.to_thread(
            cut_passages,
            text,
            task.document.comments,
            tokenise=enricher.tokenise,
            max_tokens=enricher.max_tokens,
        )
        return tuple(_renumbered(piece, first_ordinal) for piece in cut)

    def _row(self, task: Task, state: DocumentState, reason: str, *, sha256: str | None) -> LedgerRow:
        return LedgerRow(
            native_id=task.document.id.native_id,
            state=state,
            reason=reason,
            in_index=True,
            content_version=task.plan.content_version,
            content_sha256=sha256,
            comments_sha256=task.plan.comments_sha256,
            description_sha256=task.plan.description_sha256,
            recipe=self._walk.recipe,
            acl_id=int(task.acl_id),
            owner=str(task.document.owner) if task.document.owner is not None else None,
            lineage=spelled_lineage(task.document.lineage),
            toxicity_version=task.previous.toxicity_version if task.previous is not None else None,
            toxicity_rule=task.previous.toxicity_rule if task.previous is not None else None,
        )


def _known_sha256(task: Task) -> str | None:
    return task.previous.content_sha256 if task.previous is not None else None


def _without_failure(task: Task) -> Task:
    """The task as if its content had never failed to be read: it has been read now."""
    if task.previous is None:
        return task
    return replace(task, previous=replace(task.previous, state=DocumentState.UNCHANGED, failures=0, retry_at=None))


def _renumbered(piece: CutPassage, first_ordinal: int) -> CutPassage:
    if not first_ordinal:
        return piece
    return replace(piece, passage=replace(piece.passage, ordinal=piece.passage.ordinal + first_ordinal))
