"""Places of an index on a server and in a file, for tests that build an index anew, and what such an index holds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from indexer.backends.embedded import EmbeddedBackend
from indexer.backends.opensearch.backend import OpenSearchBackend
from indexer.backends.opensearch.config import IndexOptions, OpenSearchConfig
from indexer.backends.opensearch.lifecycle import point_alias, remove_index
from indexer.reindexing import LiveIndex, OpenedPlace, Place
from tests.fakes.documents import description, hashed_vector, names, reader
from tests.fakes.plain_rooms import DIMENSIONS, HashingEnricher
from tests.servers.opensearch import OpenSearchServer
from vocabulary.documents import CLEAN, EnrichedPassage, Passage, PassageKind
from vocabulary.indexing import Put
from vocabulary.ports import SearchBackend
from vocabulary.search import Query, SearchMode

SOURCE = "wiki"
FILE, CLUSTER = Place("books"), Place("cluster")


@dataclass
class PlacesOnServer:
    """`books` is in a file, `cluster` on the server, asked by this address."""

    folder: Path
    server: OpenSearchServer
    url: str
    alias: str

    def config(self, place: Place) -> OpenSearchConfig:
        options = IndexOptions(replicas=0)
        return OpenSearchConfig(urls=(self.url,), alias=self.alias, generation=place.generation, options=options)

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
    """What the index holds, by document: the list that it is under, and its text."""
    return {
        each.put.description.document_id.native_id: (
            int(each.put.description.acl_id),
            " ".join(passage.passage.text for passage in each.put.passages),
        )
        for each in await live.stored_documents(limit=1_000)
    }


async def found(live: LiveIndex, text: str) -> list[str]:
    return names(await live.search(Query(text, mode=SearchMode.KEYWORD, size=100), None, reader(1)))
