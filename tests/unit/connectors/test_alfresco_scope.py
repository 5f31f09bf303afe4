"""Which trees a scope walks, which files belong to it, and how each other file is accounted for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from connectors.alfresco import AlfrescoConfig, AlfrescoConnector
from connectors.alfresco.scope.resolving import ResolvedScope, resolve_scope
from connectors.alfresco.simulator import World, served_world
from connectors.alfresco.wire.client import AlfrescoClient
from vocabulary.documents import Checkpoint, Skipped, Upsert
from vocabulary.errors import CheckpointInvalid, ScopeMissing


@pytest.fixture
def world() -> World:
    """Three sites, one of each visibility, with a file each, and one file in the shared folder."""
    world = World(name="scope")
    for site, visibility in (("pub", "PUBLIC"), ("mod", "MODERATED"), ("priv", "PRIVATE")):
        world.add_site(site, visibility=visibility)
        world.add_file(world.document_library(site), f"{site}.txt", b"a", aspects=["acme:in"])
    world.add_file(world.shared, "shared.txt", b"a", aspects=["acme:in"])
    return world


@pytest.fixture
def url(world: World) -> Iterator[str]:
    with served_world(world) as base_url:
        yield base_url


def config(url: str, **settings: Any) -> AlfrescoConfig:
    auth = {"kind": "basic", "username": "admin", "password": SecretStr("admin")}
    return AlfrescoConfig.model_validate({"url": url, "auth": auth, **settings})


async def crawl(url: str, **settings: Any) -> tuple[list[str], Counter[str]]:
    """The titles that arrive, in order, and how many were skipped for which reason."""
    async with AlfrescoConnector("onprem", config(url, **settings)) as connector:
        changes = [change async for change in connector.crawl(None)]
    titles = [change.document.title for change in changes if isinstance(change, Upsert)]
    return sorted(titles), Counter(change.reason for change in changes if isinstance(change, Skipped))


async def resolved(url: str, **settings: Any) -> ResolvedScope:
    async with AlfrescoClient(config(url, **settings)) as client:
        return await resolve_scope(client, config(url, **settings))


# -- visibility --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("visibility", "titles"),
    [
        (["PUBLIC"], ["pub.txt"]),
        (["PRIVATE", "MODERATED"], ["mod.txt", "priv.txt"]),
        ([], ["mod.txt", "priv.txt", "pub.txt"]),
    ],
)
async def test_sites_are_restricted_by_their_visibility(url: str, visibility: list[str], titles: list[str]) -> None:
    assert await crawl(url, sites="all", site_visibility=visibility) == (titles, {})
    assert await crawl(url, sites=["pub", "mod", "priv"], site_visibility=visibility) == (titles, {})


async def test_outside_the_trees_of_sites_the_visibility_is_asked_of_each_file(url: str) -> None:
    found = await crawl(url, folders=["/Company Home"], site_visibility=["PUBLIC"])
    assert found == (["pub.txt", "shared.txt"], {"site-visibility": 2})
    assert await crawl(url, aspects=["acme:in"], site_visibility=["PUBLIC"]) == found


async def test_a_site_of_a_type_of_its_own_has_a_visibility_too(world: World, url: str) -> None:
    """As the records management site has; it is told by its place."""
    world.define_type("acme:site", parent="st:site")
    world.nodes[world.sites["priv"].node_id].node_type = "acme:site"
    found = await crawl(url, folders=["/Company Home"], site_visibility=["PUBLIC", "MODERATED"])
    assert found == (["mod.txt", "pub.txt", "shared.txt"], {"site-visibility": 1})


async def test_a_site_that_turns_private_leaves_the_scope_without_an_error(world: World, url: str) -> None:
    world.set_site_visibility("pub", "PRIVATE")
    assert await crawl(url, sites="all", site_visibility=["PUBLIC"]) == ([], {})


async def test_a_file_of_a_site_that_is_closed_is_told_apart_from_one_elsewhere(world: World, url: str) -> None:
    scope = await resolved(url, sites="all", site_visibility=["PUBLIC"])
    reasons = {name: scope.covers(await node_of(url, world, name)) for name in ("pub.txt", "priv.txt", "shared.txt")}
    assert reasons == {"pub.txt": "", "priv.txt": "site-visibility", "shared.txt": "out-of-scope"}


async def node_of(url: str, world: World, name: str) -> Any:
    (node_id,) = [node.id for node in world.nodes.values() if node.name == name]
    async with AlfrescoClient(config(url, sites="all")) as client:
        return await client.node(node_id)


# -- aspects -----------------------------------------------------------------------------------------------------------


async def test_an_aspect_may_ask_for_a_value_of_a_property(world: World, url: str) -> None:
    for state in ("draft", "published", "final"):
        world.add_file(world.shared, state, b"a", aspects=["acme:doc"], properties={"acme:state": state})
    world.add_file(world.shared, "no state", b"a", aspects=["acme:doc"])
    world.add_file(world.shared, "no aspect", b"a", properties={"acme:state": "published"})
    wanted = {"name": "acme:doc", "property": "acme:state"}
    one = await crawl(url, folders=["Shared"], aspects=[wanted | {"equals": "published"}])
    assert one == (["published"], {"aspect": 5})
    two = await crawl(url, folders=["Shared"], aspects=["acme:in", wanted | {"in": ["published", "final"]}])
    assert two == (["final", "published", "shared.txt"], {"aspect": 3})


async def test_an_aspect_can_exclude(world: World, url: str) -> None:
    world.add_file(world.shared, "held", b"a", aspects=["acme:in", "acme:hold"], properties={"acme:until": 2030})
    world.add_file(world.shared, "free", b"a", aspects=["acme:in", "acme:hold"])
    held = {"name": "acme:hold", "property": "acme:until", "exists": True}
    found = await crawl(url, folders=["Shared"], aspects=["acme:in"], exclude_aspects=[held])
    assert found == (["free", "shared.txt"], {"excluded-aspect": 1})


async def test_an_aspect_that_comes_or_goes_moves_the_file_into_or_out_of_scope(world: World, url: str) -> None:
    (file,) = [node for node in world.nodes.values() if node.name == "shared.txt"]
    scope = await resolved(url, folders=["Shared"], aspects=["acme:in"])
    assert scope.covers(await node_of(url, world, "shared.txt")) == ""
    world.remove_aspect(file, "acme:in")
    assert scope.covers(await node_of(url, world, "shared.txt")) == "aspect"


# -- several scopes ----------------------------------------------------------------------------------------------------


async def test_several_scopes_add_up_and_each_narrows_only_itself(world: World, url: str) -> None:
    world.add_file(world.document_library("pub"), "plain.txt", b"a")
    world.add_file(world.shared, "plain shared.txt", b"a")
    scopes = [{"sites": ["pub"], "aspects": ["acme:in"]}, {"folders": ["Shared"]}]
    expected = (["plain shared.txt", "pub.txt", "shared.txt"], {"aspect": 1})
    assert await crawl(url, scopes=scopes) == expected
    assert await crawl(url, **scopes[0], scopes=scopes[1:]) == expected


async def test_a_file_in_several_scopes_is_delivered_once(world: World, url: str) -> None:
    inner = world.add_folder(world.shared, "inner")
    world.add_file(inner, "inner.txt", b"a")
    scopes = [{"folders": ["Shared"], "aspects": ["acme:in"]}, {"folders": ["Shared/inner"]}, {"aspects": ["acme:in"]}]
    titles, reasons = await crawl(url, scopes=scopes)
    assert (titles, reasons) == (["inner.txt", "mod.txt", "priv.txt", "pub.txt", "shared.txt"], {})


async def test_what_is_in_no_scope_has_the_reason_of_the_scope_that_holds_it(url: str) -> None:
    scopes = [{"sites": ["pub"], "aspects": ["acme:other"]}, {"folders": ["Shared"], "exclude_aspects": ["acme:in"]}]
    assert await crawl(url, scopes=scopes) == ([], {"aspect": 1, "excluded-aspect": 1})


@pytest.mark.parametrize(
    "scopes",
    [
        [{"folders": ["Shared"]}, {"sites": ["no-such"]}],
        [{"folders": ["Shared"]}, {"folders": ["no such"]}],
    ],
)
async def test_one_scope_that_leads_nowhere_is_an_error_of_all(url: str, scopes: list[Any]) -> None:
    with pytest.raises(ScopeMissing):
        await crawl(url, scopes=scopes)


@pytest.mark.parametrize(
    "settings",
    [
        {"scopes": [{}]},
        {"scopes": [{"exclude_aspects": ["acme:in"]}]},
        {"scopes": [{"folders": ["Shared"]}], "exclude_aspects": ["acme:in"]},
        {"scopes": [{"folders": ["Shared"]}], "site_visibility": ["PUBLIC"]},
        {"sites": "all", "site_visibility": ["public"]},
        {"aspects": [{"name": "acme:in", "equals": 1}]},
        {"aspects": [{"property": "acme:in", "equals": 1}]},
        {"aspects": [{"name": "in"}]},
    ],
)
def test_scopes_that_cannot_be_meant_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"scopes|site_visibility|aspects|what to crawl"):
        config("https://alfresco.example.com", **settings)


# -- rules -------------------------------------------------------------------------------------------------------------


async def test_rules_filter_what_the_scope_holds_and_count_it(world: World, url: str) -> None:
    archive = world.add_folder(world.shared, "Archive")
    world.add_file(archive, "old.txt", b"a")
    world.add_file(world.shared, "big.txt", b"a" * 100)
    world.add_file(world.shared, "photo.png", b"a", mime_type="image/png")
    found = await crawl(
        url,
        folders=["Shared"],
        include=[{"name": "*.txt"}],
        exclude=["/Company Home/Shared/archive/**", {"min_bytes": 100}],
    )
    assert found == (["shared.txt"], {"exclude.0": 1, "exclude.1": 1, "not-included": 1})


async def test_check_tells_the_rules_under_the_names_that_runs_count(url: str) -> None:
    settings = config(url, folders=["Shared"], include=["*.txt"], exclude=["*.tmp", {"min_bytes": 9}])
    async with AlfrescoConnector("onprem", settings) as connector:
        told = {result.subject: result.message for result in await connector.check()}
    assert told["exclude.0"] == 'path = "*.tmp"'
    assert told["exclude.1"] == "min_bytes = 9"
    assert told["include.0"] == 'path = "*.txt"'


# -- walks -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changed",
    [
        {"scopes": [{"folders": ["Shared"]}]},
        {"site_visibility": ["PUBLIC"]},
        {"exclude_aspects": ["acme:in"]},
        {"include": ["*.txt"]},
        {"exclude": ["*.txt"]},
    ],
)
async def test_a_checkpoint_of_other_rules_is_refused(url: str, changed: dict[str, Any]) -> None:
    async with AlfrescoConnector("onprem", config(url, sites=["pub"])) as before:
        (checkpoint,) = [change async for change in before.crawl(None) if isinstance(change, Checkpoint)]
    async with AlfrescoConnector("onprem", config(url, sites=["pub"], **changed)) as after:
        with pytest.raises(CheckpointInvalid):
            _ = [change async for change in after.crawl(checkpoint)]


async def test_second_parents_add_nothing_however_many_they_are(world: World, url: str) -> None:
    folders = [world.add_folder(world.shared, f"folder {number}") for number in range(20)]
    files = [world.add_file(folders[0], f"{number:03}.txt", b"a") for number in range(150)]
    for folder in folders[1:]:
        for file in files:
            world.add_secondary_child(folder, file)
    world.add_secondary_child(folders[1], folders[2])
    titles, reasons = await crawl(url, folders=["Shared"])
    assert (titles, reasons) == ([*(file.name for file in files), "shared.txt"], {})
    assert await crawl(url, folders=["Shared/folder 7"]) == ([], {})


async def test_the_libraries_of_many_sites_are_found_and_each_site_is_asked_once(world: World, url: str) -> None:
    for number in range(230):
        world.add_site(f"s{number:03}", document_library=number % 2 == 0)
    scope = await resolved(url, scopes=[{"sites": "all"}, {"sites": "all", "aspects": ["acme:in"]}])
    assert len(scope.roots) == 3 + 115
    assert len(world.request_log.with_path("/containers/documentLibrary")) == 3 + 230
    assert len(world.request_log) == 3 + 233 + 118  # the list of sites, their containers, the libraries
