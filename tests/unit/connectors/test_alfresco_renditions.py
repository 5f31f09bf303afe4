"""Files that are read by their rendition: which, when it is there, when it is not, and how their version follows it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import respx
from pydantic import SecretStr, ValidationError

from connectors.alfresco import AlfrescoConfig, AlfrescoConnector
from connectors.alfresco.simulator import World, served_world
from connectors.alfresco.simulator.model import Node
from vocabulary.documents import Document, DocumentId, Upsert
from vocabulary.errors import ContentGone

READ_BY_PDF = {"name": "pdf", "mime_types": ["image/vnd.*", "application/acad"]}
DRAWING = "image/vnd.dwg"


@pytest.fixture
def world() -> World:
    return World(name="renditions")


@pytest.fixture
def drawing(world: World) -> Node:
    return world.add_file(world.shared, "plan.dwg", b"own bytes", mime_type=DRAWING)


@pytest.fixture
def url(world: World) -> Iterator[str]:
    with served_world(world) as base_url:
        yield base_url


def config(url: str, rendition: dict[str, Any] | None) -> AlfrescoConfig:
    auth = {"kind": "basic", "username": "admin", "password": SecretStr("admin")}
    return AlfrescoConfig.model_validate({"url": url, "auth": auth, "folders": ["Shared"], "rendition": rendition})


@asynccontextmanager
async def connected(url: str, rendition: dict[str, Any] | None = READ_BY_PDF) -> AsyncIterator[AlfrescoConnector]:
    async with AlfrescoConnector("onprem", config(url, rendition)) as connector:
        yield connector


async def crawl(url: str) -> dict[str, Document]:
    async with connected(url) as connector:
        changes = [change async for change in connector.crawl(None)]
    return {change.document.title: change.document for change in changes if isinstance(change, Upsert)}


async def read(url: str, node: Node, rendition: dict[str, Any] | None = READ_BY_PDF) -> bytes:
    async with connected(url, rendition) as connector:
        return await _bytes(connector, node.id)


async def _bytes(connector: AlfrescoConnector, node_id: str) -> bytes:
    async with connector.open_content(DocumentId("onprem", node_id)) as pieces:
        return b"".join([piece async for piece in pieces])


async def test_a_file_of_a_named_type_is_read_by_its_rendition_and_no_other(
    world: World, url: str, drawing: Node
) -> None:
    text = world.add_file(world.shared, "a.txt", b"text")
    for node in (drawing, text):
        world.render(node, "pdf", b"%PDF rendered")
    assert await read(url, drawing) == b"%PDF rendered"
    assert await read(url, text) == b"text"
    assert await read(url, drawing, None) == b"own bytes"


async def test_without_a_rendition_the_own_bytes_are_read_and_the_lack_is_told(
    world: World, url: str, drawing: Node
) -> None:
    world.add_file(world.shared, "a.txt", b"text")
    found = await crawl(url)
    assert (found["plan.dwg"].warnings, found["a.txt"].warnings) == (("no-rendition",), ())
    assert await read(url, drawing) == b"own bytes"
    world.render(drawing, "pdf", b"%PDF rendered")
    assert (await crawl(url))["plan.dwg"].warnings == ()


async def test_the_version_follows_the_rendition_although_the_file_does_not_change(
    world: World, url: str, drawing: Node
) -> None:
    versions = [(await crawl(url))["plan.dwg"].content_version]
    for data in (b"%PDF one", b"%PDF a longer one"):
        world.render(drawing, "pdf", data)
        versions.append((await crawl(url))["plan.dwg"].content_version)
    world.set_content(drawing, b"redrawn")
    versions.append((await crawl(url))["plan.dwg"].content_version)
    assert len(set(versions)) == 4
    assert (await crawl(url))["plan.dwg"].content_version == versions[-1]


async def test_the_document_stays_what_the_file_is(world: World, url: str, drawing: Node) -> None:
    world.render(drawing, "pdf", b"%PDF rendered")
    found = (await crawl(url))["plan.dwg"]
    assert (found.mime_type, found.size_bytes) == (DRAWING, len(b"own bytes"))


async def test_only_files_of_the_named_types_cost_a_request(world: World, url: str, drawing: Node) -> None:
    for number in range(5):
        world.add_file(world.shared, f"{number}.txt", b"a")
    await crawl(url)
    assert [request.path.split("/")[-3] for request in world.request_log.with_path("/renditions")] == [drawing.id]


@pytest.mark.parametrize("content", [None, b""])
async def test_lost_and_empty_files_are_no_stumbling_block(world: World, url: str, content: bytes | None) -> None:
    lost = world.add_file(world.shared, "lost.dwg", content, mime_type=DRAWING)
    assert "lost.dwg" in await crawl(url)
    if content is None:
        with pytest.raises(ContentGone):
            await read(url, lost)
    else:
        assert await read(url, lost) == b""


async def test_a_rendition_that_the_server_does_not_know_is_one_that_is_not_there(
    world: World, url: str, drawing: Node
) -> None:
    unknown = READ_BY_PDF | {"name": "nosuch"}
    async with connected(url, unknown) as connector:
        changes = [change async for change in connector.crawl(None)]
    [document] = [change.document for change in changes if isinstance(change, Upsert)]
    assert document.warnings == ("no-rendition",)
    assert await read(url, drawing, unknown) == b"own bytes"


async def test_a_rendition_that_vanishes_while_it_is_asked_for_gives_way_to_the_own_bytes(
    world: World, url: str, drawing: Node
) -> None:
    world.render(drawing, "pdf", b"%PDF rendered")
    async with connected(url) as connector:
        with respx.mock:
            missing = {"error": {"errorKey": "framework.exception.NotFound", "statusCode": 404, "briefSummary": "x"}}
            respx.route(path__regex=r"/renditions/pdf/content$").respond(404, json=missing)
            respx.route().pass_through()
            assert await _bytes(connector, drawing.id) == b"own bytes"


async def test_a_file_that_is_gone_has_no_content(world: World, url: str, drawing: Node) -> None:
    world.delete(drawing)
    with pytest.raises(ContentGone):
        await read(url, drawing)


@pytest.mark.parametrize(
    "rendition",
    [
        {"name": "pdf"},
        {"name": "pdf", "mime_types": []},
        {"name": "", "mime_types": ["image/*"]},
        {"name": "../content", "mime_types": ["image/*"]},
        {"name": "..", "mime_types": ["image/*"]},
        {"name": "pdf", "mime_types": ["image/a**"]},
        {"name": "pdf", "mime_types": ["image/*"], "when": "always"},
    ],
)
def test_settings_that_cannot_be_meant_are_refused(rendition: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        config("https://alfresco.example.com", rendition)
