"""Where each mode of a source stands, inside the caller's transaction.

Of a full walk and a permissions sweep there is a position while the pass is unfinished; a complete full walk leaves one
for changes, and every reading of changes moves it on.
"""

from __future__ import annotations

import uuid
from typing import Any

import sqlalchemy as sa

from indexer.state.leases import lock_sources
from indexer.state.tables import IN_DOUBT, ledger, positions, source_state
from vocabulary.ports import SyncMode


def of(source: str, mode: SyncMode) -> sa.ColumnElement[bool]:
    """The condition that picks the position of one mode."""
    return (positions.c.source == source) & (positions.c.mode == mode)


def take(connection: sa.Connection, source: str, mode: SyncMode) -> tuple[sa.Row[Any], bool]:
    """The mode's position, made where it is missing, and whether a pass is gone on with.

    Every reading of changes is a pass of its own, and so is whatever reached no checkpoint: what was met before it is
    met again, for it may be elsewhere by now. An unfinished permissions sweep ends with a run of another mode: what
    that run met it would take for unmet; a rescoring meets nothing.
    """
    if mode not in {SyncMode.PERMISSIONS, SyncMode.RESCORE}:
        connection.execute(sa.delete(positions).where(of(source, SyncMode.PERMISSIONS)))
    mine = sa.select(positions).where(of(source, mode))
    found = connection.execute(mine).first()
    resumed = found is not None and found.checkpoint is not None and mode is not SyncMode.CHANGES
    new_pass = {"walk": uuid.uuid4().hex}
    if found is None:
        connection.execute(sa.insert(positions).values(source=source, mode=mode, **new_pass))
    elif not resumed:
        connection.execute(sa.update(positions).where(of(source, mode)).values(new_pass))
    return connection.execute(mine).one(), resumed


def unfinished_full_walk(connection: sa.Connection, source: str) -> str | None:
    """The full walk under way, its run or an interrupted one."""
    return connection.execute(sa.select(positions.c.walk).where(of(source, SyncMode.FULL))).scalar()


def close(connection: sa.Connection, source: str, mode: SyncMode) -> None:
    """End a complete pass. A full walk hands its mark on: what happened since is read as changes."""
    if mode is SyncMode.CHANGES:
        return
    finished = connection.execute(sa.select(positions).where(of(source, mode))).one()
    connection.execute(sa.delete(positions).where(of(source, mode)))
    if finished.mark is not None:
        connection.execute(sa.delete(positions).where(of(source, SyncMode.CHANGES)))
        place = {"source": source, "mode": SyncMode.CHANGES, "walk": finished.walk, "checkpoint": finished.mark}
        connection.execute(sa.insert(positions).values(place))


def doubt_index(connection: sa.Connection, index_id: str) -> None:
    """Doubt all rows that speak of an index, and forget how far its sources have been read."""
    sources = lock_sources(connection, index_id)
    held = ledger.c.source.in_(sources) & ledger.c.in_index
    connection.execute(sa.update(ledger).where(held).values(IN_DOUBT))
    connection.execute(sa.delete(positions).where(positions.c.source.in_(sources)))


def forget_source(connection: sa.Connection, source: str, *, index_id: str) -> None:
    """Forget rows and positions that speak of another index than this one."""
    connection.execute(sa.delete(ledger).where(ledger.c.source == source))
    connection.execute(sa.delete(positions).where(positions.c.source == source))
    connection.execute(sa.update(source_state).where(source_state.c.source == source).values(index_id=index_id))
