"""Documents drawn at random from what an index holds, for an audit: evenly, and list by list.

Drawn evenly, a sample says something of all documents; drawn list by list, the one document under a list of its own
has the same chance as the hundred thousand under another. The same random source draws the same documents.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

import sqlalchemy as sa

from indexer.state.tables import ledger

_ROWS_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class DrawnDocument:
    """A document that the index holds, and the list that it is under as far as the ledger knows."""

    native_id: str
    acl_id: int | None


@dataclass(frozen=True, slots=True)
class DrawnDocuments:
    """Documents in the order in which they were drawn; one may be there several times."""

    evenly: list[DrawnDocument]
    by_list: list[DrawnDocument]


class DocumentDraw:
    """Draws from the ledger of one source, which is read twice from end to end."""

    def __init__(self, engine: sa.Engine, source: str) -> None:
        self._engine = engine
        self._held = (ledger.c.source == source) & ledger.c.in_index

    async def draw(self, rng: Random, *, evenly: int, by_list: int) -> DrawnDocuments:
        """Draw so many documents in either way; none at all where the index holds none."""
        return await asyncio.to_thread(self._draw, rng, evenly, by_list)

    def _draw(self, rng: Random, evenly: int, by_list: int) -> DrawnDocuments:
        with self._engine.connect() as connection:
            sizes = self._sizes(connection)
            total = sum(sizes.values())
            if not total:
                return DrawnDocuments([], [])
            even_places = [rng.randrange(total) for _ in range(evenly)]
            lists = [rng.choice(list(sizes)) for _ in range(by_list)]
            list_places = [(acl_id, rng.randrange(sizes[acl_id])) for acl_id in lists]
            return self._at_places(connection, even_places, list_places)

    def _sizes(self, connection: sa.Connection) -> dict[int | None, int]:
        """How many documents are under each list, in the order of the lists."""
        counted = sa.select(ledger.c.acl_id, sa.func.count()).where(self._held).group_by(ledger.c.acl_id)
        rows = [(acl_id, int(count)) for acl_id, count in connection.execute(counted)]
        return dict(sorted(rows, key=lambda row: -1 if row[0] is None else row[0]))

    def _at_places(
        self, connection: sa.Connection, even: list[int], by_list: list[tuple[int | None, int]]
    ) -> DrawnDocuments:
        """The documents at these places: of all, and of those under a list. One that left meanwhile is left out."""
        wanted, wanted_of_list = set(even), set(by_list)
        found: dict[int, DrawnDocument] = {}
        found_of_list: dict[tuple[int | None, int], DrawnDocument] = {}
        met: Counter[int | None] = Counter()
        for place, document in enumerate(self._all(connection)):
            of_list = (document.acl_id, met[document.acl_id])
            met[document.acl_id] += 1
            if place in wanted:
                found[place] = document
            if of_list in wanted_of_list:
                found_of_list[of_list] = document
        return DrawnDocuments(
            [found[place] for place in even if place in found],
            [found_of_list[place] for place in by_list if place in found_of_list],
        )

    def _all(self, connection: sa.Connection) -> Iterable[DrawnDocument]:
        everything = sa.select(ledger.c.native_id, ledger.c.acl_id).where(self._held).order_by(ledger.c.native_id)
        rows = connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(everything)
        return (DrawnDocument(row.native_id, row.acl_id) for row in rows)
