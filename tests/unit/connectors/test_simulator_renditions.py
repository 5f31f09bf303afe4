"""Renditions of the simulated repository, as RenditionsImpl answers."""

from __future__ import annotations

import pytest
from simulator_client import a_world, client, entries, ids

from connectors.alfresco.simulator import World
from connectors.alfresco.simulator.model import Node


@pytest.fixture
def world() -> World:
    return a_world()


@pytest.fixture
def drawing(world: World) -> Node:
    return world.add_file(world.shared, "plan.dwg", b"drawing", mime_type="image/vnd.dwg")


async def test_a_rendition_is_described_before_and_after_it_is_made(world: World, drawing: Node) -> None:
    async with client(world) as http:
        before = (await http.get(f"/nodes/{drawing.id}/renditions/pdf")).json()["entry"]
        world.render(drawing, "pdf", b"%PDF-1.7")
        after = (await http.get(f"/nodes/{drawing.id}/renditions/pdf")).json()["entry"]
    named = {"mimeType": "application/pdf", "mimeTypeName": "Adobe PDF Document"}
    assert before == {"id": "pdf", "status": "NOT_CREATED", "content": named}
    described = named | {"sizeInBytes": 8, "encoding": "UTF-8"}
    assert after == {"id": "pdf", "status": "CREATED", "content": described}


async def test_all_renditions_are_listed_by_name_or_by_status(world: World, drawing: Node) -> None:
    world.render(drawing, "pdf", b"%PDF-1.7")
    async with client(world) as http:
        listed = await http.get(f"/nodes/{drawing.id}/renditions")
        made = await http.get(f"/nodes/{drawing.id}/renditions", params={"where": "(status='CREATED')"})
        missing = await http.get(f"/nodes/{drawing.id}/renditions", params={"where": "(status='NOT_CREATED')"})
    assert ids(listed) == ["avatar", "avatar32", "doclib", "imgpreview", "medium", "pdf"]
    assert ids(made) == ["pdf"]
    assert {one["status"] for one in entries(missing)} == {"NOT_CREATED"}


async def test_content_comes_under_the_name_of_the_rendition(world: World, drawing: Node) -> None:
    world.render(drawing, "pdf", b"%PDF-1.7")
    async with client(world) as http:
        answer = await http.get(f"/nodes/{drawing.id}/renditions/pdf/content")
        part = await http.get(f"/nodes/{drawing.id}/renditions/pdf/content", headers={"Range": "bytes=1-3"})
    assert (answer.status_code, answer.content) == (200, b"%PDF-1.7")
    assert answer.headers["content-type"] == "application/pdf;charset=UTF-8"
    assert 'filename="pdf"' in answer.headers["content-disposition"]
    assert (part.status_code, part.content) == (206, b"PDF")


async def test_making_one_does_not_touch_the_file_and_new_bytes_undo_it(world: World, drawing: Node) -> None:
    modified_at = drawing.modified_at
    world.render(drawing, "pdf", b"%PDF-1.7")
    assert drawing.modified_at == modified_at
    world.set_content(drawing, b"redrawn")
    async with client(world) as http:
        described = await http.get(f"/nodes/{drawing.id}/renditions/pdf")
        content = await http.get(f"/nodes/{drawing.id}/renditions/pdf/content")
    assert described.json()["entry"]["status"] == "NOT_CREATED"
    assert content.status_code == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nodes/{file}/renditions/unknown", 404),
        ("/nodes/{file}/renditions/unknown/content", 404),
        ("/nodes/{file}/renditions/pdf?where=(status='CREATED')", 404),
        ("/nodes/{file}/renditions?where=(status='MADE')", 400),
        ("/nodes/{folder}/renditions", 400),
        ("/nodes/{folder}/renditions/pdf/content", 400),
        ("/nodes/{lost}/renditions", 400),
        ("/nodes/{lost}/renditions/pdf", 400),
        ("/nodes/{lost}/renditions/pdf/content", 404),
        ("/nodes/nowhere/renditions/pdf", 404),
    ],
)
async def test_what_cannot_be_had_is_refused(world: World, drawing: Node, path: str, status: int) -> None:
    lost = world.add_file(world.shared, "lost.txt", None)
    names = {"file": drawing.id, "folder": world.shared.id, "lost": lost.id}
    async with client(world) as http:
        assert (await http.get(path.format(**names))).status_code == status


async def test_renditions_of_what_one_may_not_read_are_not_shown(world: World, drawing: Node) -> None:
    world.render(drawing, "pdf", b"%PDF-1.7")
    world.set_permissions(drawing, inherit=False, entries=[])
    async with client(world, "alice") as http:
        for path in ("", "/pdf", "/pdf/content"):
            assert (await http.get(f"/nodes/{drawing.id}/renditions{path}")).status_code == 403


def test_a_file_without_content_has_nothing_to_render(world: World) -> None:
    with pytest.raises(ValueError, match="no content"):
        world.render(world.add_file(world.shared, "lost.txt", None), "pdf", b"%PDF-1.7")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"id": "medium"}, 202),
        ([{"id": "pdf"}, {"id": "doclib, medium"}], 202),
        ({"id": "pdf"}, 409),
        ({"id": "medium,poster"}, 404),
        ({"id": ""}, 400),
        ("pdf", 400),
    ],
)
async def test_making_one_can_be_asked_for(world: World, drawing: Node, body: object, status: int) -> None:
    world.render(drawing, "pdf", b"%PDF-1.7")
    async with client(world) as http:
        assert (await http.post(f"/nodes/{drawing.id}/renditions", json=body)).status_code == status


async def test_where_making_is_off_what_was_made_is_still_there(world: World, drawing: Node) -> None:
    world.render(drawing, "pdf", b"%PDF-1.7")
    world.renditions_enabled = False
    async with client(world) as http:
        assert (await http.post(f"/nodes/{drawing.id}/renditions", json={"id": "medium"})).status_code == 501
        assert (await http.get(f"/nodes/{drawing.id}/renditions/pdf/content")).status_code == 200
        status = (await http.get("http://alfresco/alfresco/api/discovery")).json()["entry"]["repository"]["status"]
    assert status["isThumbnailGenerationEnabled"] is False
