"""How changes, permissions and search crawls behave where the index lags, pages shift and dates coincide."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from connectors.alfresco import AlfrescoConfig, AlfrescoConnector
from connectors.alfresco.simulator import World, served_world
from connectors.alfresco.simulator.faults import fail
from connectors.alfresco.simulator.model import Node
from connectors.alfresco.simulator.search_index import FROZEN
from connectors.alfresco.streams.pages_ahead import LONGEST_WAIT_S, PagesAhead
from connectors.alfresco.streams.position import PendingFolder
from connectors.alfresco.wire.client import RecordPage
from connectors.alfresco.wire.records import Node as RepositoryNode
from tests.fakes.known_documents import Known
from vocabulary.access import Principal
from vocabulary.documents import AclRead, Change, Checkpoint, DocumentId, Removed, Skipped, Upsert
from vocabulary.errors import RunAborted, SourceUnavailable

SOURCE = "onprem"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
TAG = "awskendra:indexControl"


@pytest.fixture
def world() -> World:
    world = World(name="streams")
    with world.at(LONG_AGO):
        folder = world.add_folder(world.shared, "F")
        other = world.add_folder(world.shared, "G")
        for number in range(5):
            world.add_file(folder, f"{number}.txt", b"text")
        world.add_file(world.add_folder(other, "H"), "deep.txt", b"text")
    return world


@pytest.fixture
def url(world: World) -> Iterator[str]:
    with served_world(world) as base_url:
        yield base_url


@asynccontextmanager
async def connected(url: str, **settings: Any) -> AsyncIterator[AlfrescoConnector]:
    auth = {"kind": "basic", "username": "admin", "password": SecretStr("admin")}
    defaults: dict[str, Any] = {"url": url, "auth": auth, "folders": ["Shared"], "index_lag_s": 0, "page_size": 3}
    async with AlfrescoConnector(SOURCE, AlfrescoConfig.model_validate(defaults | settings)) as connector:
        yield connector


async def crawl(url: str, **settings: Any) -> list[Change]:
    async with connected(url, **settings) as connector:
        return [change async for change in connector.crawl(None)]


async def known_now(url: str) -> Known:
    return Known([change.document for change in await crawl(url) if isinstance(change, Upsert)])


async def changes(url: str, known: Known, *, since: datetime, **settings: Any) -> list[Change]:
    async with connected(url, **settings) as connector:
        position = json.loads((await connector.mark()).position) | {"since": since.isoformat()}
        return [change async for change in connector.changes(Checkpoint(json.dumps(position)), known)]


def titles(changes: Sequence[Change]) -> set[str]:
    return {change.document.title for change in changes if isinstance(change, Upsert)}


def gone(changes: Sequence[Change]) -> set[str]:
    return {change.document_id.native_id for change in changes if isinstance(change, Removed)}


def of(world: World, name: str) -> Node:
    return next(node for node in world.subtree(world.shared) if node.name == name)


A_WHILE_AGO = datetime.now(UTC) - timedelta(hours=1)

# -- changes -----------------------------------------------------------------------------------------------------------


async def test_a_moved_file_is_brought_from_its_new_folder_and_not_taken_for_gone(world: World, url: str) -> None:
    known = await known_now(url)
    world.move(of(world, "3.txt"), of(world, "H"))
    found = await changes(url, known, since=A_WHILE_AGO)
    moved = next(change.document for change in found if isinstance(change, Upsert) and change.document.title == "3.txt")
    assert moved.lineage[-1] == of(world, "H").id
    assert gone(found) == set()


async def test_a_moved_folder_is_walked_at_its_new_place(world: World, url: str) -> None:
    known = await known_now(url)
    world.move(of(world, "H"), of(world, "F"))
    assert titles(await changes(url, known, since=A_WHILE_AGO)) == {"deep.txt"}


async def test_a_permanent_deletion_is_seen_by_the_folder_that_it_touched(world: World, url: str) -> None:
    known = await known_now(url)
    lost = {of(world, "3.txt").id, of(world, "deep.txt").id}
    world.delete(of(world, "3.txt"), permanent=True)
    world.delete(of(world, "H"), permanent=True)
    found = await changes(url, known, since=A_WHILE_AGO)
    assert gone(found) == lost
    assert titles(found) == set()


async def test_what_left_the_scope_is_skipped_for_it(world: World, url: str) -> None:
    known = await known_now(url)
    file = of(world, "3.txt")
    world.move(file, world.guest_home)
    skipped = [change for change in await changes(url, known, since=A_WHILE_AGO) if isinstance(change, Skipped)]
    assert [(each.document_id.native_id, each.reason) for each in skipped] == [(file.id, "out-of-scope")]


async def test_an_index_that_knows_nothing_yet_deletes_nothing(world: World, url: str) -> None:
    known = await known_now(url)
    world.search_lag = FROZEN
    world.delete(of(world, "3.txt"))
    found = await changes(url, known, since=A_WHILE_AGO)
    assert (gone(found), titles(found)) == (set(), set())


async def test_every_reading_overlaps_the_last_one_by_the_lag_of_the_index(world: World, url: str) -> None:
    known = await known_now(url)
    world.set_content(of(world, "3.txt"), b"other")
    in_a_minute = datetime.now(UTC) + timedelta(minutes=1)
    assert "3.txt" not in titles(await changes(url, known, since=in_a_minute))
    assert "3.txt" in titles(await changes(url, known, since=in_a_minute, index_lag_s=300))


# -- more hits than a page, and dates that coincide --------------------------------------------------------------------


async def test_all_that_was_modified_in_one_instant_is_brought(world: World, url: str) -> None:
    known = await known_now(url)
    with world.at(A_WHILE_AGO + timedelta(minutes=1)):
        for number in range(20):
            world.add_file(of(world, "H"), f"new {number}.txt", b"text")
    assert titles(await changes(url, known, since=A_WHILE_AGO)) >= {f"new {number}.txt" for number in range(20)}


async def test_more_of_one_instant_than_can_be_paged_through_is_an_error_and_no_loss(
    world: World, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.alfresco.streams.time_slices._DEPTH", 9)
    known = await known_now(url)
    with world.at(A_WHILE_AGO + timedelta(minutes=1)):
        for number in range(20):
            world.add_file(of(world, "H"), f"new {number}.txt", b"text")
    with pytest.raises(RunAborted, match="the same cm:modified"):
        await changes(url, known, since=A_WHILE_AGO)


async def test_a_file_younger_than_the_index_knows_skips_nothing_behind_it(world: World, url: str) -> None:
    """It is found where its old date stands, and shows a new one: no date from which to go on."""
    known = await known_now(url)
    for number in range(5):
        with world.at(A_WHILE_AGO + timedelta(minutes=30 + number)):
            world.set_content(of(world, f"{number}.txt"), b"other")
    world.search_lag = FROZEN
    world.set_content(of(world, "0.txt"), b"once more")
    found = await changes(url, known, since=A_WHILE_AGO, index_lag_s=300, page_size=1)
    assert titles(found) == {f"{number}.txt" for number in range(5)}


async def test_lately_modified_files_that_are_paged_through_are_asked_for_again(world: World, url: str) -> None:
    """What the index learns meanwhile moves them past the edge of a page."""
    known = await known_now(url)
    for number in range(5):
        world.set_content(of(world, f"{number}.txt"), b"other")
    found = await changes(url, known, since=A_WHILE_AGO, index_lag_s=300)
    assert titles(found) == {f"{number}.txt" for number in range(5)}
    assert isinstance(found[-1], Checkpoint)
    assert datetime.fromisoformat(json.loads(found[-1].position)["since"]) == A_WHILE_AGO


# -- found by search ---------------------------------------------------------------------------------------------------


def tag(world: World, *names: str) -> None:
    with world.at(LONG_AGO):
        for name in names:
            world.add_aspect(of(world, name), TAG)


async def test_a_search_crawl_brings_what_a_walk_brings(world: World, url: str) -> None:
    tag(world, "1.txt", "3.txt", "4.txt", "0.txt", "deep.txt")
    scope: dict[str, Any] = {"folders": [], "aspects": [TAG]}
    walked = {c.document.id: c.document for c in await crawl(url, **scope) if isinstance(c, Upsert)}
    found = {c.document.id: c.document for c in await crawl(url, find_by="search", **scope) if isinstance(c, Upsert)}
    assert found == walked
    assert len(found) == 5


async def test_a_hit_that_lost_its_aspect_meanwhile_is_judged_by_the_node_and_not_by_the_index(
    world: World, url: str
) -> None:
    tag(world, "1.txt", "3.txt")
    world.search_lag = FROZEN
    world.remove_aspect(of(world, "3.txt"), TAG)
    found = await crawl(url, find_by="search", folders=[], aspects=[TAG])
    assert titles(found) == {"1.txt"}
    assert [change.reason for change in found if isinstance(change, Skipped)] == ["aspect"]


async def test_a_search_crawl_is_resumed_from_its_last_date(world: World, url: str) -> None:
    tag(world, "1.txt", "3.txt")
    scope: dict[str, Any] = {"folders": [], "aspects": [TAG], "find_by": "search"}
    async with connected(url, **scope) as connector:
        last = [change async for change in connector.crawl(None)][-1]
        assert isinstance(last, Checkpoint)
        later = world.add_file(of(world, "F"), "later.txt", b"text", aspects=[TAG])
        again = [change async for change in connector.crawl(last)]
    assert later.id in {change.document.id.native_id for change in again if isinstance(change, Upsert)}


async def test_absence_from_a_search_proves_nothing(url: str) -> None:
    async with connected(url, folders=[], aspects=[TAG], find_by="search") as connector:
        assert not connector.absence_is_proof
    async with connected(url) as connector:
        assert connector.absence_is_proof


# -- permissions and single documents ----------------------------------------------------------------------------------


async def test_a_list_above_everything_is_told_before_any_page_of_files_is_asked_for(world: World, url: str) -> None:
    world.set_permissions(of(world, "F"), inherit=False, entries=[("admin", "Consumer")])
    world.request_log.clear()
    async with connected(url) as connector:
        async for change in connector.permissions(None):
            if isinstance(change, AclRead) and change.acl.key == f"node:{of(world, 'F').id}":
                break
    listings = list(world.request_log.with_path("/children"))
    assert listings
    assert all("isFolder%3Dtrue" in request.query for request in listings)


async def test_a_revisited_document_that_may_not_be_read_any_more_is_no_deletion(world: World, url: str) -> None:
    world.add_person("crawler", password="crawler")
    world.set_permissions(of(world, "F"), inherit=False, entries=[])
    auth = {"kind": "basic", "username": "crawler", "password": SecretStr("crawler")}
    async with connected(url, auth=auth) as connector:
        ids = [DocumentId(SOURCE, of(world, "3.txt").id)]
        found = [change async for change in connector.revisit(ids)]
    assert [(type(change), change.reason) for change in found if isinstance(change, Skipped)] == [
        (Skipped, "access-refused")
    ]


# -- pages asked for ahead ---------------------------------------------------------------------------------------------


async def test_several_pages_are_asked_for_at_once_and_each_only_once(world: World, url: str) -> None:
    with world.at(LONG_AGO):
        for number in range(30):
            world.add_file(of(world, "F"), f"more {number}.txt", b"text")
        for number in range(6):
            world.add_file(world.add_folder(of(world, "G"), f"folder {number}"), "a.txt", b"text")
    world.faults.latency_s = 0.02
    world.request_log.clear()
    found = titles(await crawl(url))
    assert len(found) == 5 + 1 + 30 + 1
    assert world.request_log.most_in_flight > 2
    asked = [(request.path, request.query) for request in world.request_log.with_path("/children")]
    assert len(asked) == len(set(asked))


async def test_an_error_of_a_page_asked_for_ahead_shows_in_its_place(world: World, url: str) -> None:
    world.faults.add(fail(503), path=f"/nodes/{of(world, 'G').id}/children")
    found: list[Change] = []
    with pytest.raises(SourceUnavailable):
        async with connected(url) as connector:
            async for change in connector.crawl(None):
                found.append(change)  # noqa: PERF401 - what came before the error counts
    assert titles(found) == {f"{number}.txt" for number in range(5)}
    last = [change for change in found if isinstance(change, Checkpoint)][-1]
    world.faults.clear()
    async with connected(url) as connector:
        assert titles([change async for change in connector.crawl(last)]) == {"deep.txt"}


async def test_the_list_of_a_tree_is_read_before_its_page_is_asked_for_ahead(world: World, url: str) -> None:
    """Else it would admit to a document that was listed, and has left the tree since, whom it admits only by now."""
    closed = of(world, "H")
    world.set_permissions(closed, inherit=False, entries=[("admin", "Consumer")])
    found: list[Change] = []
    async with connected(url, folders=["Shared/F", "Shared/G/H"]) as connector:
        async for change in connector.crawl(None):
            if not found:
                await _asked_for_a_page_of(world, closed)
                world.move(of(world, "deep.txt"), world.guest_home)
                world.set_permissions(closed, inherit=False, entries=[("GROUP_EVERYONE", "Consumer")])
            found.append(change)
    deep = next(each.document for each in found if isinstance(each, Upsert) and each.document.title == "deep.txt")
    assert deep.acl is not None
    assert deep.acl.allow == {Principal.user(SOURCE, "admin")}


async def _asked_for_a_page_of(world: World, folder: Node) -> None:
    async with asyncio.timeout(10):
        while not list(world.request_log.with_path(f"/nodes/{folder.id}/children")):
            await asyncio.sleep(0.01)


async def test_a_page_that_waited_long_is_asked_for_again() -> None:
    asked: list[str] = []
    now_s = 0.0

    async def read(folder: PendingFolder) -> RecordPage[RepositoryNode]:
        asked.append(folder.id)
        return RecordPage((), has_more=False, total=0)

    async with aclosing(PagesAhead(read, at_once=2, clock_s=lambda: now_s)) as ahead:
        ahead.ask_for([PendingFolder(id="a"), PendingFolder(id="b")])
        await ahead.take(PendingFolder(id="a"))
        now_s = LONGEST_WAIT_S + 1
        await ahead.take(PendingFolder(id="b"))
    assert asked == ["a", "b", "b"]
