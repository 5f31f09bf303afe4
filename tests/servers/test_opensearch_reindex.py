"""An index moved to a real OpenSearch and back, and built anew there, while it is written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from indexer.backends.embedded import EmbeddedBackend
from indexer.backends.opensearch.backend import OpenSearchBackend
from indexer.backends.opensearch.config import IndexOptions, OpenSearchConfig
from indexer.backends.opensearch.lifecycle import point_alias, remove_index
from indexer.reindexing import LiveIndex, OpenedPlace, Place, PlaceStore, Reindexing, Standing, next_generation
from indexer.state.runs import RunStore
from indexer.state.tables import create_tables
from tests.fakes.documents import NUMBERING, description, hashed_vector, names, reader
from tests.fakes.plain_rooms import DIMENSIONS, HashingEnricher
from tests.servers.opensearch import OpenSearchServer
from vocabulary.access import AclId
from vocabulary.documents import CLEAN, DocumentId, EnrichedPassage, Passage, PassageKind
from vocabulary.indexing import Hide, Put, Readmit
from vocabulary.ports import SearchBackend, SyncMode
from vocabulary.search import Query, SearchMode

pytestmark = [pytest.mark.opensearch, pytest.mark.timeout(600)]

SOURCE, DOCUMENTS = "wiki", 150
FILE, CLUSTER = Place("books"), Place("cluster")


@dataclass
class Places:
    """`books` is in a file, `cluster` on the server."""

    folder: Path
    server: OpenSearchServer
    alias: str

    def config(self, place: Place) -> OpenSearchConfig:
        options = IndexOptions(replicas=0)
        urls = (self.server.url,)
        return OpenSearchConfig(urls=urls, alias=self.alias, generation=place.generation, options=options)

    @asynccontextmanager
    async def open(self, place: Place) -> AsyncIterator[OpenedPlace]:
        async with AsyncExitStack() as opened:
            backend: SearchBackend
            if place.index == FILE.index:
                file = self.folder / f"books.{place.generation}"
                backend = await opened.enter_async_context(EmbeddedBackend(file, dimensions=DIMENSIONS))
            else:
                cluster = OpenSearchBackend(self.config(place), dimensions=DIMENSIONS)
                backend = await opened.enter_async_context(cluster)
            yield OpenedPlace(backend, HashingEnricher())

    async def announce(self, index: str, place: Place) -> None:
        if place.index == CLUSTER.index:
            await point_alias(self.config(place))

    async def remove(self, place: Place) -> None:
        if place.index == CLUSTER.index:
            await remove_index(self.config(place))
        else:
            (self.folder / f"books.{place.generation}").unlink()

    def leads_to(self) -> list[str]:
        """The indexes that the lasting alias leads to."""
        return sorted(self.server.call("GET", f"/_alias/{self.alias}").json())


def book(name: str, text: str, *, acl: int = 1) -> Put:
    passage = Passage(0, PassageKind.BODY, text, 0, len(text), len(text.split()))
    vector = hashed_vector(text, dimensions=DIMENSIONS)
    return Put(description(name, acl=acl), (EnrichedPassage(passage, vector, CLEAN),))


async def rows(live: LiveIndex) -> dict[str, tuple[int, str]]:
    return {
        each.put.description.document_id.native_id: (
            int(each.put.description.acl_id),
            " ".join(passage.passage.text for passage in each.put.passages),
        )
        for each in await live.stored_documents(limit=1_000)
    }


async def found(live: LiveIndex, text: str) -> list[str]:
    return names(await live.search(Query(text, mode=SearchMode.KEYWORD, size=100), None, reader(1)))


async def test_an_index_moves_to_the_cluster_is_built_anew_there_and_moves_back(
    opensearch: OpenSearchServer, tmp_path: Path
) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'state.db'}", connect_args={"timeout": 30})
    create_tables(engine)
    store = PlaceStore(engine)
    keeper = Places(tmp_path, opensearch, opensearch.new_alias())
    written: list[asyncio.Task[object]] = []

    async with LiveIndex("books", store, keeper.open) as live:
        await live.adopt(NUMBERING)
        await live.apply([book(f"b{number:03}", f"volume {number}") for number in range(DOCUMENTS)])
        run = await RunStore(engine).begin(SOURCE, SyncMode.FULL, index_id=live.index_id)  # under way all the time

        def write(standing: Standing) -> None:
            if standing.copied == 64:
                taken = [Readmit(DocumentId(SOURCE, "b000"), AclId(9), None), Hide(DocumentId(SOURCE, "b140"))]
                written.append(asyncio.create_task(live.apply(taken, fence=run.fence)))

        reindexing = Reindexing("books", (SOURCE,), NUMBERING, store, keeper, write)
        answers = await reindexing.build(CLUSTER)
        await asyncio.gather(*written)
        assert (answers.copy.documents, answers.lists_differing) == (DOCUMENTS, 0)
        assert keeper.leads_to() == [f"{keeper.alias}-000001"]
        moved = await rows(live)
        assert (moved["b000"][0], moved["b140"][0], len(moved)) == (9, 0, DOCUMENTS)

        # The run that was under way before the copy was begun writes on, over what was copied.
        assert await live.apply([book("b001", "written by the old run", acl=1)], fence=run.fence) == {}
        assert await found(live, "written") == ["b001"]

        await reindexing.drop()
        await reindexing.build(next_generation(await store.read("books")))
        assert keeper.leads_to() == [f"{keeper.alias}-000002"]
        assert await found(live, "written") == ["b001"]
        before = await rows(live)

        await live.apply([book("late", "after the switch"), Hide(DocumentId(SOURCE, "b002"))])
        await reindexing.go_back()
        assert keeper.leads_to() == [f"{keeper.alias}-000001"]
        assert await rows(live) == before | {"late": (1, "after the switch"), "b002": (0, before["b002"][1])}

        await reindexing.drop()
        await reindexing.build(FILE)
        assert await found(live, "after") == ["late"]
        assert len(await rows(live)) == DOCUMENTS + 1
        await reindexing.drop()
        assert not opensearch.call("GET", f"/_cat/indices/{keeper.alias}-*?format=json").json()
    engine.dispose()
