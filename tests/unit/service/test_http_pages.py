"""The search page, the API page and the health of the service."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import sqlalchemy as sa

import service.pages as pages_folder
from service.http.errors import MEDIA_TYPE
from tests.unit.service.http_world import HttpWorld, rule, served

PAGES = Path(next(iter(pages_folder.__path__)))


class References(HTMLParser):
    """What a page loads, and whether any script or style is written into it."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.inline: list[str] = []
        self._within = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._within = tag
        if tag in {"script", "img", "link"}:
            self.loaded.append(given.get("src") or given.get("href") or "")
        self.inline += [name for name in given if name.startswith("on") or name == "style"]

    def handle_data(self, data: str) -> None:
        if self._within in {"script", "style"} and data.strip():
            self.inline.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._within = ""


@pytest.mark.parametrize("address", ["/", "/docs"])
async def test_a_page_loads_only_files_of_its_own_and_holds_no_script(world: HttpWorld, address: str) -> None:
    answer = await world.client.get(address)
    assert answer.headers["content-type"].startswith("text/html")
    found = References()
    found.feed(answer.text)
    assert found.inline == []
    assert len(found.loaded) >= 3
    for reference in found.loaded:
        assert (await world.client.get(f"/{reference}")).status_code == 200


@pytest.mark.parametrize("script", sorted(path.name for path in PAGES.glob("*.js")))
def test_scripts_write_text_and_never_markup(script: str) -> None:
    text = (PAGES / script).read_text(encoding="utf-8")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|localStorage|cookie =", text)


@pytest.mark.parametrize("script", sorted(path.name for path in PAGES.glob("*.js")))
async def test_scripts_import_only_from_beside_them(world: HttpWorld, script: str) -> None:
    answer = await world.client.get(f"/pages/{script}")
    assert answer.headers["content-type"].startswith("text/javascript")
    for imported in re.findall(r'^import .* from "(.*)";$', answer.text, flags=re.MULTILINE):
        assert (await world.client.get(f"/pages/{imported}")).status_code == 200
    assert "import(" not in answer.text


async def test_the_page_offers_every_index_with_its_access(world: HttpWorld) -> None:
    page = (await world.client.get("/")).text
    assert '<option value="private" data-access="token">' in page
    assert '<option value="open" data-access="public">' in page


async def test_people_are_offered_only_where_the_demo_says_so(world: HttpWorld, engine: sa.Engine) -> None:
    assert 'data-people=""' in (await world.client.get("/")).text
    assert (await world.client.get("/demo/people.json")).status_code == 404
    async with served(engine, {"private": [rule("hr")]}, people="demo/people.json") as demo:
        assert 'data-people="demo/people.json"' in (await demo.client.get("/")).text


@pytest.mark.parametrize("name", ["search.html", "nothing.js", "..%2fcli.py", "%2e%2e/settings.py"])
async def test_no_other_file_is_served(world: HttpWorld, name: str) -> None:
    assert (await world.client.get(f"/pages/{name}")).status_code == 404


async def test_a_living_process_says_so(world: HttpWorld) -> None:
    answer = await world.client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


async def test_a_service_is_ready_when_every_probe_passes(engine: sa.Engine) -> None:
    async def passes() -> None:
        return None

    async def fails() -> None:
        raise OSError("/srv/secret/path")

    async with served(engine, {}, probes={"state": passes}) as ready:
        answer = await ready.client.get("/readyz")
        assert (answer.status_code, answer.json()) == (200, {"status": "ready"})
    async with served(engine, {}, probes={"state": passes, "model": fails}) as unready:
        answer = await unready.client.get("/readyz")
        assert (answer.status_code, answer.headers["content-type"]) == (503, MEDIA_TYPE)
        assert answer.json()["detail"] == "not ready: model"
        assert "secret" not in answer.text
