"""Where the link of a search result leads in a simulated repository, which has no Share."""

from __future__ import annotations

import re

import httpx
from simulator_client import a_world, client

from connectors.alfresco.simulator import World


async def page_of(world: World, node_id: str) -> httpx.Response:
    async with client(world, user=None) as http:
        address = "http://alfresco/share/page/document-details"
        return await http.get(address, params={"nodeRef": f"workspace://SpacesStore/{node_id}"})


async def test_the_link_of_a_result_leads_on_to_the_content_for_who_may_read_it() -> None:
    world = a_world()
    file = world.add_file(world.shared, "plan.txt", b"the plan", "text/plain")
    world.set_permissions(file, inherit=False, entries=[("alice", "Consumer")])
    content = re.search('href="([^"]+)"', (await page_of(world, file.id)).text)
    assert content is not None
    answers = {}
    for user in (None, "alice", "bob"):
        async with client(world, user) as http:
            answers[user] = await http.get(f"http://alfresco{content[1]}")
    assert [answers[user].status_code for user in (None, "alice", "bob")] == [401, 200, 403]
    assert answers["alice"].content == b"the plan"
    assert answers[None].headers["WWW-Authenticate"].startswith("Basic ")


async def test_the_page_tells_nothing_of_a_node_and_writes_an_id_as_an_address() -> None:
    world = a_world()
    file = world.add_file(world.shared, "secret plan.txt", b"the plan", "text/plain")
    there = await page_of(world, file.id)
    nowhere = await page_of(world, "nowhere")
    assert (there.status_code, nowhere.status_code) == (200, 200)
    assert there.text.replace(file.id, "") == nowhere.text.replace("nowhere", "")
    assert "<script>" not in (await page_of(world, '"><script>')).text
