"""What the ledger knows of the tree of one source: the `KnownDocuments` of its connector."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from urllib.parse import quote, unquote

import sqlalchemy as sa

from indexer.ledger import spelled_lineage
from indexer.tables import ledger

_LAST = chr(0x10FFFF)  # sorts behind every other character


class LedgerTree:
    """The documents of one source that the index holds, by the folders in which they were last met."""

    def __init__(self, engine: sa.Engine, source: str) -> None:
        self._engine = engine
        self._held = (ledger.c.source == source) & ledger.c.in_index

    async def directly_in(self, lineage: Sequence[str]) -> Sequence[str]:
        """Ids of the documents that lie directly in the folder at the end of the lineage."""
        return await asyncio.to_thread(self._ids, ledger.c.lineage == spelled_lineage(lineage))

    async def folders_in(self, lineage: Sequence[str]) -> Sequence[str]:
        """Ids of its subfolders with a document anywhere below; one look-up in the index for each."""
        return await asyncio.to_thread(self._folders_in, spelled_lineage(lineage))

    async def below(self, folder_id: str) -> Sequence[str]:
        """Ids of the documents anywhere below a folder, wherever it lay then. Reads every row of the source."""
        somewhere = ledger.c.lineage.contains(f"/{quote(folder_id, safe='')}/", autoescape=True)
        return await asyncio.to_thread(self._ids, somewhere)

    def _ids(self, place: sa.ColumnElement[bool]) -> list[str]:
        with self._engine.connect() as connection:
            return list(connection.execute(sa.select(ledger.c.native_id).where(self._held & place)).scalars())

    def _folders_in(self, folder: str) -> list[str]:
        found: list[str] = []
        behind = folder
        with self._engine.connect() as connection:
            while True:
                ahead = (ledger.c.lineage > behind) & (ledger.c.lineage < folder + _LAST)
                nearest = sa.select(sa.func.min(ledger.c.lineage)).where(self._held & ahead)
                lineage = connection.execute(nearest).scalar()
                if lineage is None:
                    return found
                name = lineage[len(folder) :].partition("/")[0]
                found.append(unquote(name))
                behind = f"{folder}{name}/{_LAST}"
