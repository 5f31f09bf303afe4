"""The trashcan on the wire: who sees what, and how things come back from it or do not."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest
from simulator_client import SteppingClock, a_world, client, entries, names

from connectors.alfresco.simulator.model import Node


class Bin:
    """A folder with a file, deleted by alice; then a file of bob's, deleted by bob."""

    def __init__(self) -> None:
        self.clock = SteppingClock()
        self.world = a_world(clock=self.clock)
        self.folder = self.world.add_folder(self.world.shared, "folder", creator="alice")
        self.inner = self.world.add_file(self.folder, "inner.txt", b"text")
        self.loose = self.world.add_file(self.world.shared, "loose.txt", b"text", creator="bob")
        for node, who in ((self.folder, "alice"), (self.loose, "bob")):
            self.clock.advance(timedelta(minutes=1))
            self.world.delete(node, by=who)

    async def ask(self, method: str, path: str, user: str = "admin", **options: object) -> httpx.Response:
        async with client(self.world, user) as http:
            return await http.request(method, path, **options)  # type: ignore[arg-type]

    async def restore(self, node: Node, user: str = "admin", **options: object) -> httpx.Response:
        return await self.ask("POST", f"/deleted-nodes/{node.id}/restore", user, **options)


@pytest.fixture
def trash() -> Bin:
    return Bin()


async def test_the_trashcan_lists_tops_newest_first(trash: Bin) -> None:
    answer = await trash.ask("GET", "/deleted-nodes")
    assert names(answer) == ["loose.txt", "folder"]
    first = entries(answer)[0]
    assert first["archivedByUser"] == {"id": "bob", "displayName": "Bob"}
    assert first["archivedAt"] == "2024-05-01T09:32:00.123+0000"
    assert not {"parentId", "path", "properties"} & first.keys()


async def test_deleted_at_one_moment_the_last_comes_first(trash: Bin) -> None:
    for name in ("a", "b"):
        trash.world.delete(trash.world.add_folder(trash.world.shared, name))
    assert names(await trash.ask("GET", "/deleted-nodes")) == ["b", "a", "loose.txt", "folder"]


async def test_pages_and_includes_work_as_elsewhere(trash: Bin) -> None:
    answer = await trash.ask("GET", "/deleted-nodes?maxItems=1&include=aspectNames,path,permissions")
    assert answer.json()["list"]["pagination"]["hasMoreItems"] is True
    assert entries(answer)[0]["aspectNames"] == ["cm:auditable"]


async def test_people_see_what_they_deleted(trash: Bin) -> None:
    assert names(await trash.ask("GET", "/deleted-nodes", "alice")) == ["folder"]
    assert (await trash.ask("GET", f"/deleted-nodes/{trash.folder.id}", "alice")).status_code == 200
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/restore")):
        refused = await trash.ask(method, f"/deleted-nodes/{trash.loose.id}{path}", "alice")
        assert refused.status_code == 403


async def test_a_deleted_node_is_shown_with_its_properties(trash: Bin) -> None:
    entry = (await trash.ask("GET", f"/deleted-nodes/{trash.folder.id}")).json()["entry"]
    assert (entry["name"], entry["aspectNames"], "parentId" in entry) == ("folder", ["cm:auditable"], False)


@pytest.mark.parametrize("which", ["inner", "nowhere"])
async def test_only_tops_have_an_entry(trash: Bin, which: str) -> None:
    node_id = trash.inner.id if which == "inner" else which
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/restore")):
        assert (await trash.ask(method, f"/deleted-nodes/{node_id}{path}")).status_code == 404


async def test_a_restored_tree_is_where_it_was(trash: Bin) -> None:
    answer = await trash.restore(trash.folder, "alice")
    assert answer.status_code == 200
    assert answer.json()["entry"]["parentId"] == trash.world.shared.id
    assert names(await trash.ask("GET", f"/nodes/{trash.folder.id}/children")) == ["inner.txt"]
    assert names(await trash.ask("GET", "/deleted-nodes")) == ["loose.txt"]


async def test_a_tree_can_be_restored_elsewhere(trash: Bin) -> None:
    other = trash.world.add_folder(trash.world.shared, "other")
    answer = await trash.restore(trash.loose, json={"targetParentId": other.id})
    assert answer.json()["entry"]["parentId"] == other.id
    assert names(await trash.ask("GET", f"/nodes/{other.id}/children")) == ["loose.txt"]


async def test_what_stands_in_the_way_of_a_restoration_is_said(trash: Bin) -> None:
    trash.world.add_file(trash.world.shared, "LOOSE.txt", b"")
    assert (await trash.restore(trash.loose)).status_code == 409
    assert (await trash.restore(trash.loose, json={"targetParentId": "nowhere"})).status_code == 404
    file = trash.world.add_file(trash.world.shared, "no folder", b"")
    assert (await trash.restore(trash.loose, json={"targetParentId": file.id})).status_code == 422
    assert (await trash.restore(trash.loose, content=b"[")).status_code == 400
    closed = trash.world.add_folder(trash.world.root, "closed")
    assert (await trash.restore(trash.loose, "bob", json={"targetParentId": closed.id})).status_code == 403
    assert names(await trash.ask("GET", "/deleted-nodes")) == ["loose.txt", "folder"]


async def test_a_tree_whose_folder_is_gone_cannot_come_back_there(trash: Bin) -> None:
    await trash.restore(trash.folder)
    trash.world.delete(trash.inner)
    trash.world.delete(trash.folder)
    assert (await trash.restore(trash.inner)).status_code == 404
    assert (await trash.restore(trash.inner, json={"targetParentId": trash.world.shared.id})).status_code == 200


async def test_a_purged_tree_is_gone_for_good(trash: Bin) -> None:
    assert (await trash.ask("DELETE", f"/deleted-nodes/{trash.folder.id}", "alice")).status_code == 204
    assert names(await trash.ask("GET", "/deleted-nodes")) == ["loose.txt"]
    assert (await trash.restore(trash.folder)).status_code == 404
