"""What the ledger knows of how documents were judged, and what it notes when stored ones are judged anew.

Nothing here says that a document was met: a walk that goes on later would take what it has not met for met, or the
other way round.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import sqlalchemy as sa

from indexer.state.leases import require_lease
from indexer.state.ledger import Ledger, LedgerRow
from indexer.state.runs import RunTicket
from indexer.state.tables import ledger, run_documents, upsert
from vocabulary.documents import DocumentState

_IS_CERTAIN = ledger.c.recipe.is_not(None)
_ROW = [ledger.c[field.name] for field in fields(LedgerRow)]
# What nobody knows of a document while its scores or its mark are being written, and perhaps whether it is shown. Under
# which list it would be stays known: without, nobody could show again what was let go of.
_IN_DOUBT = {"toxicity_version": None, "toxicity_rule": None, "description_sha256": None}


class JudgedRows:
    """The ledger's rows of one state store, as far as they speak of toxicity."""

    def __init__(self, rows: Ledger) -> None:
        self._engine = rows.engine

    async def judged_otherwise(
        self, source: str, *, rule: str, model: str | None, after: str = "", limit: int
    ) -> list[LedgerRow]:
        """Rows of indexed documents, in the order of their ids, that another rule has judged, or none that is known.

        With a model, those that another one scored as well, unless they are in doubt: a sync reads these again.
        """
        is_other = ledger.c.toxicity_rule.is_distinct_from(rule)
        if model is not None:
            is_other = is_other | (_IS_CERTAIN & ledger.c.toxicity_version.is_distinct_from(model))
        held = (ledger.c.source == source) & ledger.c.in_index
        wanted = sa.select(*_ROW).where(held & is_other & (ledger.c.native_id > after))
        return await asyncio.to_thread(self._read, wanted.order_by(ledger.c.native_id).limit(limit))

    async def rows(self, source: str, native_ids: Sequence[str]) -> list[LedgerRow]:
        """Rows of those of the documents that are indexed and not in doubt, in the order of their ids."""
        wanted = sa.select(*_ROW).where(_certain(source) & ledger.c.native_id.in_(native_ids))
        return await asyncio.to_thread(self._read, wanted.order_by(ledger.c.native_id))

    async def count_scored_otherwise(self, source: str, model: str) -> int:
        """How many indexed documents another model has scored."""
        is_other = ledger.c.toxicity_version.is_distinct_from(model)
        counted = sa.select(sa.func.count()).where(_certain(source) & is_other)

        def read() -> int:
            with self._engine.connect() as connection:
                return int(connection.execute(counted).scalar_one())

        return await asyncio.to_thread(read)

    async def count_by_model(self, source: str) -> dict[str, int]:
        """How many indexed documents each model has scored, by its name and version; none, by the empty name."""
        model = sa.func.coalesce(ledger.c.toxicity_version, "").label("model")
        counted = sa.select(model, sa.func.count()).where(_certain(source)).group_by(model).order_by(model)

        def read() -> dict[str, int]:
            with self._engine.connect() as connection:
                return {row[0]: row[1] for row in connection.execute(counted)}

        return await asyncio.to_thread(read)

    async def doubt(self, ticket: RunTicket, native_ids: Sequence[str]) -> None:
        """Note, before the index is written, that nobody knows how these documents are judged, and who finds them.

        Killed before `note`, they are judged again, and a sync that meets them writes their description anew.

        Raises:
            RunInProgress: the lease was lost to another run; the index must not be written.
        """
        if native_ids:
            which = (ledger.c.source == ticket.source) & ledger.c.native_id.in_(native_ids)
            doubtful = sa.update(ledger).where(which).values(_IN_DOUBT)
            await asyncio.to_thread(self._write, ticket, lambda connection: connection.execute(doubtful))

    async def note(
        self, ticket: RunTicket, rows: Sequence[LedgerRow], *, endings: Mapping[str, tuple[DocumentState, str]]
    ) -> None:
        """Note how documents were judged, and how the run's own documents ended, with the reason; none are listed
        where they are not the run's.

        Raises:
            RunInProgress: the lease was lost to another run; nothing is noted.
        """

        def note(connection: sa.Connection) -> None:
            _note(connection, ticket, rows)
            _list(connection, ticket, endings)

        await asyncio.to_thread(self._write, ticket, note)

    def _write(self, ticket: RunTicket, work: Any) -> None:
        with self._engine.begin() as connection:
            require_lease(connection, source=ticket.source, runner=ticket.runner)
            work(connection)

    def _read(self, wanted: sa.Select[Any]) -> list[LedgerRow]:
        with self._engine.connect() as connection:
            return [_row(row) for row in connection.execute(wanted)]


def _certain(source: str) -> sa.ColumnElement[bool]:
    return (ledger.c.source == source) & ledger.c.in_index & _IS_CERTAIN


def _row(row: sa.Row[Any]) -> LedgerRow:
    values = dict(row._mapping)
    values["state"] = DocumentState(values["state"])
    return LedgerRow(**values)


def _note(connection: sa.Connection, ticket: RunTicket, rows: Sequence[LedgerRow]) -> None:
    if not rows:
        return
    mine = (ledger.c.source == ticket.source) & (ledger.c.native_id == sa.bindparam("which"))
    names = ("state", "reason", *_IN_DOUBT)
    noted = sa.update(ledger).where(mine).values({name: sa.bindparam(f"new_{name}") for name in names})
    connection.execute(
        noted.values(run=ticket.run_id),
        [{"which": row.native_id} | {f"new_{name}": getattr(row, name) for name in names} for row in rows],
    )


def _list(connection: sa.Connection, ticket: RunTicket, endings: Mapping[str, tuple[DocumentState, str]]) -> None:
    listed = [
        {"run_id": ticket.run_id, "native_id": native_id, "state": state, "reason": reason}
        for native_id, (state, reason) in endings.items()
        if state is not DocumentState.UNCHANGED
    ]
    if listed:
        statement = upsert(connection, run_documents)
        ended = {name: statement.excluded[name] for name in ("state", "reason")}
        connection.execute(statement.on_conflict_do_update(index_elements=["run_id", "native_id"], set_=ended), listed)
