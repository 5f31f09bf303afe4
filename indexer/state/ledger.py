"""The ledger: one row per document that a crawl ever met, with what the index holds of it.

It decides what need not be read again, and what a complete walk did not meet. Before the index is written, the rows
concerned are put in doubt; only after the index has acknowledged it they say what it holds. A run that dies between
the two costs a second reading, never a document, and leaves nothing in the index that no row speaks of.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from indexer.state.leases import require_lease
from indexer.state.ledger_counts import LedgerCounts
from indexer.state.runs import RunTicket
from indexer.state.tables import IN_DOUBT, ledger, positions, run_documents, upsert
from vocabulary.access import HIDDEN_ACL, AclId
from vocabulary.documents import Checkpoint, DocumentState

_LOOKUP_SIZE = 500  # ids in one IN list; SQLite takes 32,766 parameters, PostgreSQL 65,535
_NO_WALK = ""  # the walk of a row that none has met yet


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """What is known of one document. None among the fields from `content_version` on: unknown, so it is written again.

    Without a recipe, everything is in doubt, even whether the index holds the document. `failures` counts how often in
    a row the content of this version could not be read; `retry_at` (epoch seconds) is when to try again.
    `toxicity_version` is what scored its passages, `toxicity_rule` the rule by which it was judged.
    """

    native_id: str
    state: DocumentState
    reason: str = ""
    in_index: bool = False
    content_version: str | None = None
    content_sha256: str | None = None
    comments_sha256: str | None = None
    description_sha256: str | None = None
    recipe: str | None = None
    acl_id: int | None = None
    owner: str | None = None
    lineage: str = ""
    failures: int = 0
    retry_at: float | None = None
    toxicity_version: str | None = None
    toxicity_rule: str | None = None


_ROW_FIELDS = tuple(field.name for field in fields(LedgerRow))


@dataclass(frozen=True, slots=True)
class MetRow:
    """A stored row, the full walk that last met its document, and the last pass of any mode that did.

    `run` is the run that last changed the row, other than by meeting the document; None: nobody noted it.
    """

    row: LedgerRow
    walk: str
    met_in: str
    run: int | None = None


@lru_cache(maxsize=1024)  # one folder's documents come together
def spelled_lineage(lineage: tuple[str, ...]) -> str:
    """The folders' ids as one text that sorts like the tree: `/outermost/…/innermost/`."""
    return "".join(f"/{quote(folder_id, safe='')}" for folder_id in lineage) + "/" if lineage else ""


class Ledger(LedgerCounts):
    """The document rows of all sources in the state store."""

    async def look_up(self, source: str, native_ids: Sequence[str]) -> Mapping[str, MetRow]:
        """The rows of the given documents; unknown ones are missing from the answer."""
        return await asyncio.to_thread(self._look_up, source, native_ids)

    def _look_up(self, source: str, native_ids: Sequence[str]) -> dict[str, MetRow]:
        found: dict[str, MetRow] = {}
        with self._engine.connect() as connection:
            for start in range(0, len(native_ids), _LOOKUP_SIZE):
                some = native_ids[start : start + _LOOKUP_SIZE]
                wanted = sa.select(ledger).where((ledger.c.source == source) & ledger.c.native_id.in_(some))
                for row in connection.execute(wanted):
                    found[row.native_id] = _met_row(row)
        return found

    async def require_lease(self, ticket: RunTicket) -> None:
        """Make sure that the run still holds its source, before it tells others what it has read.

        Raises:
            RunInProgress: the lease was lost to another run.
        """

        def require() -> None:
            with self._engine.connect() as connection:
                require_lease(connection, source=ticket.source, runner=ticket.runner)

        await asyncio.to_thread(require)

    async def doubt(self, ticket: RunTicket, native_ids: Sequence[str]) -> None:
        """Note, before the index is written, that nobody knows what it holds of these until they are settled.

        Raises:
            RunInProgress: the lease was lost to another run; the index must not be written.
        """
        if native_ids:
            await asyncio.to_thread(self._doubt, ticket, native_ids)

    def _doubt(self, ticket: RunTicket, native_ids: Sequence[str]) -> None:
        doubtful = asdict(LedgerRow("", DocumentState.FAILED, "interrupted", in_index=True))
        doubtful |= {"source": ticket.source, "walk": _NO_WALK}
        rows = [doubtful | {"native_id": native_id} for native_id in native_ids]  # `met_in` is left as it is, or empty
        with self._engine.begin() as connection:
            require_lease(connection, source=ticket.source, runner=ticket.runner)
            statement = upsert(connection, ledger).on_conflict_do_update(
                index_elements=["source", "native_id"], set_=IN_DOUBT
            )
            connection.execute(statement, rows)

    async def doubt_all(self, source: str) -> None:
        """Note that nobody knows what the index holds of the whole source."""
        held = (ledger.c.source == source) & ledger.c.in_index
        await asyncio.to_thread(self._execute, sa.update(ledger).where(held).values(IN_DOUBT))

    async def settle(
        self,
        ticket: RunTicket,
        rows: Sequence[LedgerRow],
        *,
        unchanged: Sequence[str] = (),
        removed: Sequence[str],
        checkpoint: Checkpoint | None,
    ) -> None:
        """Record how documents ended, forget the removed ones and move the checkpoint, in one transaction.

        Of unchanged ones nothing but the meeting is noted.

        Raises:
            RunInProgress: the lease was lost to another run; nothing is recorded.
        """
        await asyncio.to_thread(self._settle, ticket, rows, unchanged, removed, checkpoint)

    def _settle(
        self,
        ticket: RunTicket,
        rows: Sequence[LedgerRow],
        unchanged: Sequence[str],
        removed: Sequence[str],
        checkpoint: Checkpoint | None,
    ) -> None:
        with self._engine.begin() as connection:
            require_lease(connection, source=ticket.source, runner=ticket.runner)
            if rows:
                kept = [] if ticket.full_walk is not None else ["walk"]
                self._upsert(connection, ledger, [_stored(ticket, row) for row in rows], kept=kept)
            self._note_met(connection, ticket, unchanged)
            listed = [_listed(ticket, row) for row in rows if row.state is not DocumentState.UNCHANGED]
            gone = [_listed(ticket, LedgerRow(native_id, DocumentState.DELETED)) for native_id in removed]
            if listed or gone:
                self._upsert(connection, run_documents, listed + gone)
            for native_id in removed:
                connection.execute(
                    sa.delete(ledger).where((ledger.c.source == ticket.source) & (ledger.c.native_id == native_id))
                )
            if checkpoint is not None:
                self._save_checkpoint(connection, ticket, checkpoint)

    def _note_met(self, connection: sa.Connection, ticket: RunTicket, native_ids: Sequence[str]) -> None:
        marks = {"met_in": ticket.walk, "state": DocumentState.UNCHANGED, "reason": ""}
        if ticket.full_walk is not None:
            marks |= {"walk": ticket.full_walk}
        for start in range(0, len(native_ids), _LOOKUP_SIZE):
            some = ledger.c.native_id.in_(native_ids[start : start + _LOOKUP_SIZE])
            connection.execute(sa.update(ledger).where((ledger.c.source == ticket.source) & some).values(marks))

    def _upsert(
        self, connection: sa.Connection, table: sa.Table, values: list[dict[str, Any]], *, kept: Sequence[str] = ()
    ) -> None:
        statement = upsert(connection, table)
        keys = [column.name for column in table.primary_key.columns]
        keys_and_kept = [*keys, *kept]
        updated = {
            column.name: statement.excluded[column.name] for column in table.columns if column.name not in keys_and_kept
        }
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=updated), values)

    def _save_checkpoint(self, connection: sa.Connection, ticket: RunTicket, checkpoint: Checkpoint) -> None:
        mine = (positions.c.source == ticket.source) & (positions.c.mode == ticket.mode)
        connection.execute(sa.update(positions).where(mine).values(checkpoint=checkpoint.position))

    async def forget_unmet(self, source: str, walk: str) -> None:
        """Drop the rows of documents that were never in the index and that the walk did not meet."""
        stale = (ledger.c.source == source) & (ledger.c.walk != walk) & ~ledger.c.in_index
        await asyncio.to_thread(self._execute, sa.delete(ledger).where(stale))

    async def doubt_access(self, ticket: RunTicket, native_ids: Sequence[str]) -> None:
        """Note, before the index is told to hide these documents, that nobody knows who may find them.

        Met again, their description is written anew; not met again, they are hidden again.

        Raises:
            RunInProgress: the lease was lost to another run; the index must not be written.
        """
        await asyncio.to_thread(self._note_access, ticket, native_ids, None)

    async def mark_hidden(self, ticket: RunTicket, native_ids: Sequence[str], *, reason: str) -> None:
        """Note that the index hides these documents, and why: met again, their description is written anew.

        A failure keeps its own reason, by which it is tried again.

        Raises:
            RunInProgress: the lease was lost to another run.
        """
        has_failed = ledger.c.state == DocumentState.FAILED
        why = {
            "state": sa.case((has_failed, ledger.c.state), else_=DocumentState.HIDDEN.value),
            "reason": sa.case((has_failed, ledger.c.reason), else_=reason),
        }
        await asyncio.to_thread(self._note_access, ticket, native_ids, HIDDEN_ACL, why)

    def _note_access(
        self,
        ticket: RunTicket,
        native_ids: Sequence[str],
        acl_id: AclId | None,
        why: Mapping[str, sa.ColumnElement[Any]] = MappingProxyType({}),
    ) -> None:
        noted = (ledger.c.source == ticket.source) & ledger.c.native_id.in_(native_ids)
        access = {"description_sha256": None, "acl_id": acl_id, "run": ticket.run_id, **why}
        with self._engine.begin() as connection:
            require_lease(connection, source=ticket.source, runner=ticket.runner)
            connection.execute(sa.update(ledger).where(noted).values(access))

    def _execute(self, statement: sa.Delete | sa.Update) -> None:
        with self._engine.begin() as connection:
            connection.execute(statement)


def _met_row(row: sa.Row[Any]) -> MetRow:
    values = dict(row._mapping)
    walk, met_in, run = values.pop("walk"), values.pop("met_in"), values.pop("run")
    values.pop("source")
    values["state"] = DocumentState(values["state"])
    return MetRow(LedgerRow(**values), walk, met_in, run)


def _stored(ticket: RunTicket, row: LedgerRow) -> dict[str, Any]:
    # Not `asdict`, which copies every value: a hundred thousand rows a run.
    values = {name: getattr(row, name) for name in _ROW_FIELDS}
    marks = {"walk": ticket.full_walk or _NO_WALK, "met_in": ticket.walk, "run": ticket.run_id}
    return values | {"source": ticket.source, **marks}


def _listed(ticket: RunTicket, row: LedgerRow) -> dict[str, Any]:
    return {"run_id": ticket.run_id, "native_id": row.native_id, "state": row.state, "reason": row.reason}
