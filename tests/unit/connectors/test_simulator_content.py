"""A file's bytes and its comments on the wire."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime

import httpx
import pytest
from simulator_client import SteppingClock, a_world, client, entries

from connectors.alfresco.simulator import World
from connectors.alfresco.simulator.model import Node

TEXT = bytes(range(100))


def world_with(data: bytes | None, name: str = "file.bin") -> tuple[World, Node]:
    world = a_world()
    return world, world.add_file(world.shared, name, data, "application/octet-stream")


async def content_of(
    world: World, node: Node, headers: dict[str, str] | None = None, query: str = ""
) -> httpx.Response:
    async with client(world, "alice") as http:
        return await http.get(f"/nodes/{node.id}/content{query}", headers=headers or {})


async def test_content_comes_with_the_documented_headers() -> None:
    world, file = world_with(TEXT, "Überblick – 1.bin")
    answer = await content_of(world, file)
    assert (answer.status_code, answer.content) == (200, TEXT)
    wanted = {
        "content-type": "application/octet-stream;charset=UTF-8",
        "content-length": "100",
        "accept-ranges": "bytes",
        "content-range": "bytes 0-99/100",
        "etag": '"1714555800123"',
        "last-modified": "Wed, 01 May 2024 09:30:00 GMT",
        "content-disposition": 'attachment; filename="?berblick ? 1.bin"; '
        "filename*=UTF-8''%C3%9Cberblick%20%E2%80%93%201.bin",
    }
    assert {name: answer.headers[name] for name in wanted} == wanted


async def test_without_attachment_there_is_no_disposition() -> None:
    world, file = world_with(TEXT)
    assert "content-disposition" not in (await content_of(world, file, query="?attachment=false")).headers


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [
        ("bytes=1-10", 1, 10),
        ("bytes=90-", 90, 99),
        ("bytes=90-500", 90, 99),
        ("bytes=-7", 93, 99),
        ("bytes=-500", 0, 99),
    ],
)
async def test_a_range_gives_this_part(wanted: str, first: int, last: int) -> None:
    world, file = world_with(TEXT)
    answer = await content_of(world, file, {"Range": wanted})
    assert (answer.status_code, answer.content) == (206, TEXT[first : last + 1])
    assert answer.headers["content-range"] == f"bytes {first}-{last}/100"


@pytest.mark.parametrize("wanted", ["bytes=100-", "bytes=200-300", "bytes=7-3", "bytes=-0", "bytes=-"])
async def test_a_range_outside_the_file_is_416(wanted: str) -> None:
    world, file = world_with(TEXT)
    answer = await content_of(world, file, {"Range": wanted})
    assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */100")


@pytest.mark.parametrize("wanted", ["lines=1-2", "bytes=1-2,5-6", "bytes=x-y"])
async def test_other_ranges_give_the_whole_file(wanted: str) -> None:
    world, file = world_with(TEXT)
    assert (await content_of(world, file, {"Range": wanted})).content == TEXT


async def test_an_unmodified_file_is_304_in_whole_seconds() -> None:
    world, file = world_with(TEXT)
    second = file.modified_at.replace(microsecond=0)
    unchanged = await content_of(world, file, {"If-Modified-Since": format_datetime(second, usegmt=True)})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    earlier = format_datetime(second - timedelta(seconds=1), usegmt=True)
    assert (await content_of(world, file, {"If-Modified-Since": earlier})).status_code == 200
    assert (await content_of(world, file, {"If-Modified-Since": "yesterday"})).status_code == 200


async def test_an_etag_is_sent_but_not_compared() -> None:
    world, file = world_with(TEXT)
    etag = (await content_of(world, file)).headers["etag"]
    assert (await content_of(world, file, {"If-None-Match": etag})).status_code == 200


async def test_an_empty_file_is_an_empty_answer() -> None:
    world, file = world_with(b"")
    answer = await content_of(world, file)
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "0")
    assert (await content_of(world, file, {"Range": "bytes=0-"})).status_code == 416


async def test_lost_content_is_404_and_absent_from_the_node() -> None:
    world, file = world_with(None)
    answer = await content_of(world, file)
    assert answer.status_code == 404
    assert "Unable to locate content" in answer.json()["error"]["briefSummary"]
    async with client(world) as http:
        entry = (await http.get(f"/nodes/{file.id}")).json()["entry"]
    assert (entry["isFile"], "content" in entry) == (True, False)


async def test_a_folder_has_no_content() -> None:
    world = a_world()
    assert (await content_of(world, world.shared)).status_code == 400


async def test_new_content_has_another_validator_and_size() -> None:
    clock = SteppingClock()
    world = a_world(clock=clock)
    file = world.add_file(world.shared, "file.txt", b"old")
    before = await content_of(world, file)
    clock.advance()
    world.set_content(file, b"newer")
    after = await content_of(world, file)
    assert before.headers["etag"] != after.headers["etag"]
    assert after.content == b"newer"


async def test_comments_come_newest_first_and_in_pages() -> None:
    clock = SteppingClock()
    world = a_world(clock=clock)
    file = world.add_file(world.shared, "file.txt", b"")
    for number in range(3):
        clock.advance()
        world.add_comment(file, "bob", f"<p>{number}</p>")
    async with client(world, "alice") as http:
        first = await http.get(f"/nodes/{file.id}/comments?maxItems=2")
        rest = await http.get(f"/nodes/{file.id}/comments?maxItems=2&skipCount=2")
    assert [entry["content"] for entry in entries(first) + entries(rest)] == ["<p>2</p>", "<p>1</p>", "<p>0</p>"]


async def test_a_comment_shows_people_edits_and_what_the_caller_may_do() -> None:
    clock = SteppingClock()
    world = a_world(clock=clock)
    file = world.add_file(world.shared, "file.txt", b"")
    comment = world.add_comment(file, "bob", "<p>First</p>")
    clock.advance()
    world.edit_comment(comment, "<p>Second</p>", by="admin")
    shown = {}
    for user in ("alice", "bob", "admin"):
        async with client(world, user) as http:
            shown[user] = entries(await http.get(f"/nodes/{file.id}/comments"))[0]
    entry = shown["alice"]
    assert (entry["content"], entry["edited"], "title" in entry) == ("<p>Second</p>", True, False)
    assert (entry["createdBy"]["email"], entry["modifiedBy"]["id"]) == ("bob@example.com", "admin")  # type: ignore[index]
    assert [shown[user]["canDelete"] for user in ("alice", "bob", "admin")] == [False, True, True]


async def test_folders_have_comments_links_have_none() -> None:
    world = a_world()
    link = world.add_link(world.root, "link", world.shared)
    async with client(world) as http:
        assert entries(await http.get(f"/nodes/{world.shared.id}/comments")) == []
        assert (await http.get(f"/nodes/{link.id}/comments")).status_code == 400


async def test_comments_of_a_removed_person_are_still_shown() -> None:
    world = a_world()
    file = world.add_file(world.shared, "file.txt", b"")
    world.add_comment(file, "bob", "<p>Bye</p>")
    world.remove_authority("bob")
    async with client(world) as http:
        comment = entries(await http.get(f"/nodes/{file.id}/comments"))[0]
    assert comment["createdBy"]["id"] == "bob"  # type: ignore[index]
