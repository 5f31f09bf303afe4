"""An index moved to a real OpenSearch and back, and built anew there, while it is written."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import sqlalchemy as sa

from indexer.reindexing import LiveIndex, PlaceStore, Reindexing, Standing, next_generation
from indexer.state.runs import RunStore
from indexer.state.tables import create_tables
from tests.fakes.documents import NUMBERING
from tests.servers.opensearch import OpenSearchServer
from tests.servers.opensearch_places import CLUSTER, FILE, SOURCE, PlacesOnServer, book, found, rows
from vocabulary.access import AclId
from vocabulary.documents import DocumentId
from vocabulary.indexing import Hide, Readmit
from vocabulary.ports import SyncMode

pytestmark = [pytest.mark.opensearch, pytest.mark.timeout(600)]

DOCUMENTS = 150


async def test_an_index_moves_to_the_cluster_is_built_anew_there_and_moves_back(
    opensearch: OpenSearchServer, tmp_path: Path
) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'state.db'}", connect_args={"timeout": 30})
    create_tables(engine)
    store = PlaceStore(engine)
    keeper = PlacesOnServer(tmp_path, opensearch, opensearch.url, opensearch.new_alias())
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
