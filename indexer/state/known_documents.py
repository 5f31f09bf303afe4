"""What the ledger knows of the tree of one source: the `KnownDocuments` of its connector."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote

import sqlalchemy as sa

from indexer.state.ledger import spelled_lineage
from indexer.state.tables import ledger
from vocabulary.access import HIDDEN_ACL, Acl, AclId
from vocabulary.numbering import AclNumbering

_LAST = chr(0x10FFFF)  # sorts behind every other character
_LOOKUP_SIZE = 500  # values in one IN list; SQLite takes 32,766 parameters, PostgreSQL 65,535


class LedgerTree:
    """The documents of one source that the index holds, by the folders in which they were last met."""

    def __init__(self, engine: sa.Engine, source: str, acls: AclNumbering) -> None:
        self._engine = engine
        self._source = source
        self._acls = acls
        self._held = (ledger.c.source == source) & ledger.c.in_index

    async def directly_in(self, lineage: Sequence[str]) -> Sequence[str]:
        """Ids of the documents that lie directly in the folder at the end of the lineage."""
        return await asyncio.to_thread(self._ids, ledger.c.lineage == spelled_lineage(tuple(lineage)))

    async def folders_in(self, lineage: Sequence[str]) -> Sequence[str]:
        """Ids of its subfolders with a document anywhere below; one look-up in the index for each."""
        return await asyncio.to_thread(self._folders_in, spelled_lineage(tuple(lineage)))

    async def below(self, *folder_ids: str) -> Sequence[str]:
        """Ids of the documents anywhere below one of the folders, wherever it lay then.

        Reads the place of every folder of the source once, whatever the number of folders asked for.
        """
        return await asyncio.to_thread(self._below, frozenset(folder_ids)) if folder_ids else []

    async def held(self, document_ids: Collection[str]) -> Sequence[str]:
        """Those of the ids that are documents in the index."""
        return await asyncio.to_thread(self._matching, ledger.c.native_id, list(document_ids))

    async def under_other_lists(self, lineage: Sequence[str], acl: Acl | None) -> Sequence[str]:
        """Ids of the documents directly in the folder that are not under this list; None: that are not hidden."""
        acl_id = HIDDEN_ACL
        if acl is not None:
            known = (await self._acls.look_up(self._source, [acl]))[acl.key].id
            if known is None:
                return await self.directly_in(lineage)
            acl_id = known
        elsewhere = ledger.c.acl_id.is_distinct_from(int(acl_id))
        return await asyncio.to_thread(self._ids, (ledger.c.lineage == spelled_lineage(tuple(lineage))) & elsewhere)

    async def list_keys(self) -> Sequence[str]:
        """Keys of the lists that documents are under."""
        return list((await self._keys()).values())

    async def under_lists(self, keys: Collection[str]) -> Sequence[str]:
        """Ids of the documents that are under one of the lists."""
        wanted = set(keys)
        ids = [int(acl_id) for acl_id, key in (await self._keys()).items() if key in wanted]
        return await asyncio.to_thread(self._matching, ledger.c.acl_id, ids)

    async def _keys(self) -> Mapping[AclId, str]:
        """The lists that documents are under."""

        def used() -> list[AclId]:
            with self._engine.connect() as connection:
                found = connection.execute(sa.select(ledger.c.acl_id).where(self._held).distinct()).scalars()
                return [AclId(acl_id) for acl_id in found if acl_id is not None]

        return await self._acls.keys(self._source, await asyncio.to_thread(used))

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

    def _below(self, folder_ids: frozenset[str]) -> list[str]:
        wanted = {quote(folder_id, safe="") for folder_id in folder_ids}
        with self._engine.connect() as connection:
            places = connection.execute(sa.select(ledger.c.lineage).where(self._held).distinct()).scalars()
            lineages = [lineage for lineage in places if not wanted.isdisjoint(lineage.split("/"))]
        return self._matching(ledger.c.lineage, lineages)

    def _matching(self, column: sa.ColumnElement[Any], values: Sequence[str | int]) -> list[str]:
        """Ids of the documents whose column has one of the values."""
        found: list[str] = []
        with self._engine.connect() as connection:
            for piece in _in_pieces(values):
                wanted = sa.select(ledger.c.native_id).where(self._held & column.in_(piece))
                found += connection.execute(wanted).scalars()
        return found


def _in_pieces(values: Sequence[str | int]) -> Iterator[Sequence[str | int]]:
    for start in range(0, len(values), _LOOKUP_SIZE):
        yield values[start : start + _LOOKUP_SIZE]
