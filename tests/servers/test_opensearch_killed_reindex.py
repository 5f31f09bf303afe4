"""An OpenSearch that is killed while an index is built anew on it: the old index answers again as soon as the server
does, the next attempt goes on with the copy, and nothing is lost or there twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa

from indexer.reindexing import LiveIndex, PlaceStore, Reindexing, Standing, next_generation
from indexer.state.tables import create_tables
from tests.fakes.documents import NUMBERING
from tests.servers.mortal_opensearch import MortalOpenSearch
from tests.servers.opensearch_places import CLUSTER, SOURCE, PlacesOnServer, book, found, rows
from vocabulary.access import AclId
from vocabulary.documents import DocumentId
from vocabulary.errors import IndexBusy
from vocabulary.indexing import Delete, IndexOperation, Readmit

pytestmark = [pytest.mark.opensearch, pytest.mark.timeout(900)]

INDEX, DOCUMENTS = CLUSTER.index, 200
# What a sync writes meanwhile; one that fails is sent again, as the sync's patience does.
WRITES: list[IndexOperation] = [
    book("b001", "changed meanwhile"),
    book("new", "written meanwhile"),
    Readmit(DocumentId(SOURCE, "b002"), AclId(9), None),
    Delete(DocumentId(SOURCE, "b003")),
]


@dataclass
class Library:
    """An index on the server, and a reindex of it that kills the server at a given moment."""

    cluster: MortalOpenSearch
    keeper: PlacesOnServer
    store: PlaceStore
    live: LiveIndex
    writes: list[asyncio.Task[object]] = field(default_factory=list)

    def reindexing(self, is_the_moment: Callable[[Standing], bool] = lambda _: False) -> Reindexing:
        def watch(standing: Standing) -> None:
            if is_the_moment(standing):
                self.writes.append(asyncio.create_task(self.live.apply(WRITES)))
                asyncio.get_running_loop().call_later(0.05, self.cluster.kill)

        return Reindexing(INDEX, (SOURCE,), NUMBERING, self.store, self.keeper, watch)


@pytest.fixture
async def library(cluster: MortalOpenSearch, alias: str, tmp_path: Path) -> AsyncIterator[Library]:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'state.db'}", connect_args={"timeout": 30})
    create_tables(engine)
    store = PlaceStore(engine)
    keeper = PlacesOnServer(tmp_path, cluster.server, cluster.proxy.url, alias)
    async with LiveIndex(INDEX, store, keeper.open) as live:
        await live.adopt(NUMBERING)
        for first in range(0, DOCUMENTS, 10):  # no more at once than this server takes
            await live.apply([book(f"b{number:03}", f"volume {number}") for number in range(first, first + 10)])
        yield Library(cluster, keeper, store, live)
    engine.dispose()


@pytest.mark.parametrize(
    "is_the_moment",
    [lambda standing: standing.copied == 64, lambda standing: standing.is_filled],
    ids=["in the middle of the copy", "when all is copied"],
)
async def test_a_reindex_of_a_killed_server_is_gone_on_with_and_loses_nothing(
    library: Library, is_the_moment: Callable[[Standing], bool]
) -> None:
    with pytest.raises(IndexBusy):
        while True:  # where the copy was done before the server died, another one is begun
            await library.reindexing(is_the_moment).build(next_generation(await library.store.read(INDEX)))
            await library.reindexing().drop()
    await asyncio.gather(*library.writes, return_exceptions=True)
    with pytest.raises(IndexBusy):
        await found(library.live, "volume")
    begun = await library.store.read(INDEX)

    await asyncio.to_thread(library.cluster.start)
    library.keeper.server = library.cluster.server
    assert await found(library.live, "100") == ["b100"]
    await library.live.apply(WRITES)
    assert begun.copied > 0
    copied: list[int] = []
    resuming = Reindexing(
        INDEX, (SOURCE,), NUMBERING, library.store, library.keeper, lambda standing: copied.append(standing.copied)
    )
    answers = await resuming.build(next_generation(await library.store.read(INDEX)))
    assert (answers.copy.documents, answers.lists_differing) == (DOCUMENTS, 0)
    assert all(each > begun.copied for each in copied)  # it went on

    expected = {f"b{number:03}": (1, f"volume {number}") for number in range(DOCUMENTS)}
    expected |= {"b001": (1, "changed meanwhile"), "new": (1, "written meanwhile"), "b002": (9, "volume 2")}
    del expected["b003"]
    assert await rows(library.live) == expected
    assert (await library.live.statistics()).documents == len(expected)
    [place] = library.keeper.leads_to()
    assert place == f"{library.keeper.alias}-{(await library.store.read(INDEX)).place.generation:06}"
    assert await found(library.live, "meanwhile") == ["b001", "new"]
