"""Versions of files: when one is made, and what it shows."""

from __future__ import annotations

import httpx
import pytest
from simulator_client import SteppingClock, a_world, client, entries, ids

from connectors.alfresco.simulator.model import Node


class Drafts:
    """A versionable file, made a minute ago."""

    def __init__(self) -> None:
        self.clock = SteppingClock()
        self.world = a_world(clock=self.clock)
        self.file = self.world.add_file(self.world.shared, "plan.txt", b"first", aspects=["cm:versionable"])
        self.clock.advance()

    async def ask(self, below: str = "", node: Node | None = None) -> httpx.Response:
        async with client(self.world, "alice") as http:
            return await http.get(f"/nodes/{(node or self.file).id}/versions{below}")

    async def labels(self) -> list[object]:
        return ids(await self.ask())

    def shown(self) -> tuple[object, object]:
        return self.file.properties.get("cm:versionLabel"), self.file.properties.get("cm:versionType")


@pytest.fixture
def drafts() -> Drafts:
    return Drafts()


async def test_a_versionable_file_begins_with_a_version(drafts: Drafts) -> None:
    (entry,) = entries(await drafts.ask())
    assert (entry["id"], entry["versionComment"]) == ("1.0", "Initial version")
    assert drafts.shown() == ("1.0", "MAJOR")


async def test_new_content_makes_the_next_version_and_nothing_else_does(drafts: Drafts) -> None:
    drafts.world.set_content(drafts.file, b"second", by="bob")
    drafts.world.set_properties(drafts.file, {"cm:title": "T"})
    drafts.world.add_comment(drafts.file, "alice", "<p/>")
    drafts.world.set_permissions(drafts.file, entries=[("alice", "Editor")])
    assert await drafts.labels() == ["1.1", "1.0"]
    assert drafts.shown() == ("1.1", "MINOR")


async def test_the_same_bytes_sent_again_are_a_version_too(drafts: Drafts) -> None:
    drafts.world.set_content(drafts.file, b"first")
    assert await drafts.labels() == ["1.1", "1.0"]


async def test_a_version_shows_the_node_as_it_was(drafts: Drafts) -> None:
    drafts.world.rename(drafts.file, "renamed.txt")
    drafts.world.set_content(drafts.file, b"second and longer", by="bob")
    second, first = entries(await drafts.ask("?include=properties,aspectNames"))
    assert (second["name"], second["modifiedByUser"]) == ("renamed.txt", {"id": "bob", "displayName": "Bob"})
    assert (first["name"], first["modifiedAt"]) == ("plan.txt", "2024-05-01T09:30:00.123+0000")
    assert [one["content"]["sizeInBytes"] for one in (second, first)] == [17, 5]  # type: ignore[index]
    assert [one["properties"] for one in (second, first)] == [
        {"cm:versionLabel": "1.1", "cm:versionType": "MINOR"},
        {"cm:versionLabel": "1.0", "cm:versionType": "MAJOR"},
    ]
    assert not {"parentId", "createdAt", "createdByUser"} & first.keys()


async def test_a_version_and_its_bytes_can_be_asked_for(drafts: Drafts) -> None:
    drafts.world.set_content(drafts.file, b"second")
    assert (await drafts.ask("/1.0")).json()["entry"]["id"] == "1.0"
    assert (await drafts.ask("/1.0/content")).content == b"first"
    assert (await drafts.ask("/2.0")).status_code == 404


async def test_versions_can_be_switched_off_on_the_node(drafts: Drafts) -> None:
    drafts.world.set_properties(drafts.file, {"cm:autoVersion": False})
    drafts.world.set_content(drafts.file, b"second")
    assert await drafts.labels() == ["1.0"]


async def test_versions_come_and_go_with_the_aspect(drafts: Drafts) -> None:
    drafts.world.remove_aspect(drafts.file, "cm:versionable")
    assert (await drafts.labels(), drafts.shown()) == ([], (None, None))
    drafts.world.add_aspect(drafts.file, "cm:versionable")
    assert (await drafts.labels(), drafts.shown()) == (["1.0"], ("1.0", "MAJOR"))


async def test_versions_outlive_the_trashcan(drafts: Drafts) -> None:
    drafts.world.set_content(drafts.file, b"second")
    drafts.world.delete(drafts.file)
    drafts.world.restore(drafts.file.id)
    assert await drafts.labels() == ["1.1", "1.0"]


async def test_a_file_without_versions_has_an_empty_list_and_a_hidden_one_none(drafts: Drafts) -> None:
    plain = drafts.world.add_file(drafts.world.shared, "plain.txt", b"")
    assert entries(await drafts.ask(node=plain)) == []
    drafts.world.set_permissions(drafts.file, inherit=False, entries=[])
    assert (await drafts.ask()).status_code == 403
