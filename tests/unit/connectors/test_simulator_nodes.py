"""Nodes and children of the simulated repository as the wire shows them."""

from __future__ import annotations

from collections.abc import Mapping

import httpx
import pytest
from simulator_client import SteppingClock, a_world, client, entries, ids, names

from connectors.alfresco.simulator import World
from connectors.alfresco.simulator.model import EVERYONE, Node

ALL = "permissions,path,aspectNames,properties,association,isLink"


def drawer() -> tuple[World, Node]:
    """Return a world and a folder with two folders, two files, a link to each kind and two hidden children."""
    clock = SteppingClock()
    world = a_world(clock=clock)
    folder = world.add_folder(world.root, "drawer")
    for name, size in (("b.txt", 3), ("A.txt", 5)):
        clock.advance()
        world.add_file(folder, name, b"x" * size, creator="bob" if name == "b.txt" else "alice")
    for name in ("z folder", "Y folder"):
        world.add_folder(folder, name)
    world.add_link(folder, "link to file", world.add_file(world.shared, "far.txt", b""))
    world.add_link(folder, "link to folder", world.shared)
    world.add_folder(folder, "hidden", node_type="cm:systemfolder")
    world.add_folder(folder, "forum", node_type="fm:forum")
    return world, folder


async def children_of(world: World, folder: Node, user: str = "admin", **parameters: str) -> httpx.Response:
    async with client(world, user) as http:
        return await http.get(f"/nodes/{folder.id}/children", params=parameters)


def field(answer: httpx.Response, name: str, of: str) -> object:
    """Return a field of the entry with the name `of`."""
    return next(entry.get(name) for entry in entries(answer) if entry["name"] == of)


async def get_entry(world: World, path: str, user: str = "admin") -> Mapping[str, object]:
    async with client(world, user) as http:
        answer = await http.get(path)
    assert answer.status_code == 200, answer.text
    entry: Mapping[str, object] = answer.json()["entry"]
    return entry


async def test_folders_come_first_then_names_without_case() -> None:
    world, folder = drawer()
    assert names(await children_of(world, folder)) == [
        "link to folder", "Y folder", "z folder", "A.txt", "b.txt", "link to file",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("order", "files"),
    [
        ("name DESC", ["b.txt", "A.txt"]),
        ("sizeInBytes", ["b.txt", "A.txt"]),
        ("sizeInBytes DESC", ["A.txt", "b.txt"]),
        ("createdAt desc", ["A.txt", "b.txt"]),
        ("modifiedAt", ["b.txt", "A.txt"]),
        ("createdByUser", ["A.txt", "b.txt"]),
        ("modifiedByUser DESC", ["b.txt", "A.txt"]),
        ("nodeType,name", ["A.txt", "b.txt"]),
        ("mimeType,isFolder,cm:title,name DESC", ["b.txt", "A.txt"]),
    ],
)
async def test_children_can_be_ordered(order: str, files: list[str]) -> None:
    world, folder = drawer()
    listed = names(await children_of(world, folder, where="(nodeType='cm:content')", orderBy=order))
    assert listed == files


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("(isFile=true)", {"A.txt", "b.txt", "link to file"}),
        ("(isFolder=true)", {"Y folder", "z folder", "link to folder"}),
        ("(isFile=false)", {"Y folder", "z folder", "link to folder"}),
        ("(isFile=true and isPrimary=true)", {"A.txt", "b.txt", "link to file"}),
        ("(nodeType='cm:folder')", {"Y folder", "z folder"}),
        ("(nodeType='cm:cmobject')", set()),
        ("(nodeType='cm:cmobject includeSubtypes' and isPrimary=false)", set()),
        ("(nodeType='cm:link INCLUDESUBTYPES')", {"link to file", "link to folder"}),
        ("(assocType='cm:contains' and nodeType='cm:content')", {"A.txt", "b.txt"}),
        ("(assocType='rn:rendition')", set()),
    ],
)
async def test_children_can_be_filtered(where: str, expected: set[str]) -> None:
    world, folder = drawer()
    assert set(names(await children_of(world, folder, where=where))) == expected


@pytest.mark.parametrize(
    "where",
    ["(isFile=true and isFolder=true)", "(nodeType='cm:content' and isFile=true)", "(nodeType='my:unknown')",
     "(nodeType='cm:content WITHSUBTYPES')", "(colour='red')"],
)  # fmt: skip
async def test_filters_that_contradict_themselves_are_refused(where: str) -> None:
    world, folder = drawer()
    assert (await children_of(world, folder, where=where)).status_code == 400


async def test_links_look_like_their_targets_but_are_links_without_content_and_children() -> None:
    world, folder = drawer()
    listed = await children_of(world, folder, include="isLink")
    assert field(listed, "isFile", "link to file") is field(listed, "isFolder", "link to folder") is True
    assert field(listed, "isLink", "link to file") is field(listed, "isLink", "link to folder") is True
    assert field(listed, "isLink", "A.txt") is False
    assert field(listed, "content", "link to file") is None
    async with client(world) as http:
        assert (await http.get(f"/nodes/{field(listed, 'id', 'link to file')}/content")).status_code == 400
        assert (await http.get(f"/nodes/{field(listed, 'id', 'link to folder')}/children")).status_code == 400


async def test_a_secondary_child_is_listed_in_both_folders_and_filtered_by_is_primary() -> None:
    world, folder = drawer()
    far = world.child_named(world.shared, "far.txt")
    assert far is not None
    world.add_secondary_child(folder, far)
    listed = await children_of(world, folder, include="association")
    assert field(listed, "association", "far.txt") == {"assocType": "cm:contains", "isPrimary": False}
    assert field(listed, "association", "A.txt") == {"assocType": "cm:contains", "isPrimary": True}
    assert field(listed, "parentId", "far.txt") == world.shared.id
    assert "far.txt" not in names(await children_of(world, folder, where="(isPrimary=true)"))
    assert names(await children_of(world, folder, where="(isPrimary=false)")) == ["far.txt"]


async def test_a_node_names_its_parents_the_primary_one_first() -> None:
    world, folder = drawer()
    far = world.child_named(world.shared, "far.txt")
    assert far is not None
    world.add_secondary_child(folder, far)
    async with client(world) as http:
        both = await http.get(f"/nodes/{far.id}/parents")
        primary = await http.get(f"/nodes/{far.id}/parents?where=(isPrimary=true)")
        assert names(await http.get("/nodes/-root-/parents")) == []
    assert names(both) == ["Shared", "drawer"]
    associations = [entry["association"] for entry in entries(both)]
    assert associations == [{"assocType": "cm:contains", "isPrimary": is_primary} for is_primary in (True, False)]
    assert names(primary) == ["Shared"]


async def test_lists_give_aspects_and_properties_only_when_included_a_single_node_always() -> None:
    world, folder = drawer()
    file = world.add_file(folder, "titled.txt", b"", aspects=["sys:hidden", "my:aspect"],
                          properties={"cm:title": "T", "cm:name": "n", "sys:node-dbid": 7})  # fmt: skip
    bare = await children_of(world, folder)
    assert field(bare, "aspectNames", "titled.txt") is field(bare, "properties", "titled.txt") is None
    full = await children_of(world, folder, include=ALL)
    single = await get_entry(world, f"/nodes/{file.id}")
    assert single["properties"] == field(full, "properties", "titled.txt") == {"cm:title": "T"}
    assert single["aspectNames"] == field(full, "aspectNames", "titled.txt")
    assert single["aspectNames"] == ["cm:auditable", "cm:titled", "my:aspect"]


@pytest.mark.parametrize("include", ["cm:title", "properties/cm:title"])
async def test_one_property_can_be_included_by_name(include: str) -> None:
    world, folder = drawer()
    world.add_file(folder, "titled.txt", b"", properties={"cm:title": "T", "cm:author": "A"})
    listed = await children_of(world, folder, include=include)
    assert field(listed, "properties", "titled.txt") == {"cm:title": "T"}


async def test_properties_show_people_dates_and_the_number_of_comments() -> None:
    world, folder = drawer()
    file = world.add_file(folder, "own.txt", b"", owner="alice", properties={"my:due": world.now()})
    comment = world.add_comment(file, "bob", "<p>Yes</p>")
    assert (await get_entry(world, f"/nodes/{file.id}"))["properties"] == {
        "my:due": "2024-05-01T09:32:00.123+0000",
        "cm:owner": {"id": "alice", "displayName": "Alice"},
        "fm:commentCount": 1,
    }
    world.remove_comment(file, comment)
    properties = (await get_entry(world, f"/nodes/{file.id}"))["properties"]
    assert properties["fm:commentCount"] == 0  # type: ignore[index]


async def test_a_path_leads_to_the_node_without_it_and_is_cut_to_what_may_be_read() -> None:
    world = a_world()
    outer = world.add_folder(world.root, "outer")
    inner = world.add_folder(outer, "inner")
    file = world.add_file(inner, "deep.txt", b"")
    whole = (await get_entry(world, f"/nodes/{file.id}?include=path", "alice"))["path"]
    world.set_permissions(outer, inherit=False, entries=[])
    world.set_permissions(inner, entries=[("alice", "Consumer")])
    cut = (await get_entry(world, f"/nodes/{file.id}?include=path", "alice"))["path"]
    assert isinstance(whole, dict)
    assert isinstance(cut, dict)
    assert (whole["name"], whole["isComplete"]) == ("/Company Home/outer/inner", True)
    assert [element["id"] for element in whole["elements"]] == [world.root.id, outer.id, inner.id]
    assert (cut["name"], cut["isComplete"]) == ("/inner", False)


async def test_permissions_show_own_and_inherited_entries_apart() -> None:
    world, folder = drawer()
    world.set_permissions(folder, entries=[("GROUP_gone", "Consumer", "DENIED"), ("alice", "Editor")])
    shown = (await get_entry(world, f"/nodes/{folder.id}?include=permissions"))["permissions"]
    assert isinstance(shown, dict)
    assert shown["isInheritanceEnabled"] is True
    assert shown["inherited"] == [
        {"authorityId": EVERYONE, "name": "Consumer", "accessStatus": "ALLOWED", "authorityDisplayName": "EVERYONE"}
    ]
    assert {(entry["authorityId"], entry["accessStatus"]) for entry in shown["locallySet"]} == {
        ("GROUP_gone", "DENIED"),
        ("alice", "ALLOWED"),
    }


async def test_permissions_leave_out_what_is_off_or_empty() -> None:
    world, folder = drawer()
    below = world.add_folder(folder, "below")
    world.set_permissions(folder, inherit=False, entries=[])
    above = (await get_entry(world, f"/nodes/{folder.id}?include=permissions"))["permissions"]
    inheriting = (await get_entry(world, f"/nodes/{below.id}?include=permissions"))["permissions"]
    assert isinstance(above, dict)
    assert isinstance(inheriting, dict)
    assert (above["isInheritanceEnabled"], inheriting["isInheritanceEnabled"]) == (False, True)
    for permissions in (above, inheriting):
        assert not {"inherited", "locallySet"} & permissions.keys()


async def test_a_list_shows_inherited_entries_only_where_inheritance_is_on() -> None:
    world = a_world()
    folder = world.add_folder(world.root, "mixed")
    closed = [world.add_file(folder, name, b"") for name in ("1 closed", "3 closed")]
    world.add_file(folder, "2 open", b"")
    for file in closed:
        world.set_permissions(file, inherit=False, entries=[("alice", "Editor")])
    listed = entries(await children_of(world, folder, include="permissions"))
    assert ["inherited" in entry["permissions"] for entry in listed] == [False, True, False]  # type: ignore[operator]


@pytest.mark.parametrize(("role", "shown"), [("Consumer", False), ("SiteConsumer", True), ("Contributor", True)])
async def test_permissions_are_absent_without_the_right_to_read_them(role: str, shown: bool) -> None:
    world, folder = drawer()
    world.set_permissions(folder, inherit=False, entries=[("alice", role)])
    entry = await get_entry(world, f"/nodes/{folder.id}?include=permissions", "alice")
    assert ("permissions" in entry) is shown


async def test_allowable_operations_follow_the_rights() -> None:
    world, folder = drawer()
    world.set_permissions(folder, inherit=False, entries=[("alice", "Editor"), ("bob", "Consumer")])
    path = f"/nodes/{folder.id}?include=allowableOperations"
    assert (await get_entry(world, path, "alice"))["allowableOperations"] == ["update"]
    assert "allowableOperations" not in await get_entry(world, path, "bob")
    everything = ["create", "delete", "update", "updatePermissions"]
    assert (await get_entry(world, path))["allowableOperations"] == everything


async def test_unreadable_children_are_left_out_of_lists_and_totals() -> None:
    world, folder = drawer()
    secret = world.child_named(folder, "A.txt")
    assert secret is not None
    world.set_permissions(secret, inherit=False, entries=[])
    assert "A.txt" in names(await children_of(world, folder, "alice"))  # she created it
    listing = await children_of(world, folder, "bob")
    assert "A.txt" not in names(listing)
    assert listing.json()["list"]["pagination"]["totalItems"] == 5


async def test_an_unknown_node_is_404_an_unreadable_one_403() -> None:
    world, folder = drawer()
    world.set_permissions(folder, inherit=False, entries=[])
    async with client(world, "alice") as http:
        for below in ("", "/children", "/parents", "/content", "/comments"):
            assert (await http.get(f"/nodes/nowhere{below}")).status_code == 404
            refused = await http.get(f"/nodes/{folder.id}{below}")
            assert refused.json()["error"]["errorKey"] == "framework.exception.PermissionDenied"


async def test_relative_paths_lead_to_nodes_and_hide_what_may_not_be_read() -> None:
    world, folder = drawer()
    inner = world.child_named(folder, "z folder")
    assert inner is not None
    path = "/nodes/-root-?relativePath=drawer/Z Folder"
    assert (await get_entry(world, path, "alice"))["id"] == inner.id
    async with client(world, "alice") as http:
        assert names(await http.get("/nodes/-root-/children?relativePath=/drawer/z folder")) == []
        assert (await http.get("/nodes/-root-?relativePath=drawer/nothing")).status_code == 404
        world.set_permissions(inner, inherit=False, entries=[])
        assert (await http.get(path)).status_code == 404


async def test_aliases_name_the_root_the_shared_and_the_callers_own_folder() -> None:
    world = a_world()
    root = await get_entry(world, "/nodes/-root-", "alice")
    assert (root["name"], "parentId" in root) == ("Company Home", False)
    assert (await get_entry(world, "/nodes/-shared-", "alice"))["id"] == world.shared.id
    mine = await get_entry(world, "/nodes/-my-", "alice")
    assert (mine["name"], mine["parentId"]) == ("alice", world.user_homes.id)


async def test_children_need_a_folder_and_can_bring_it_along() -> None:
    world, folder = drawer()
    file = world.child_named(folder, "A.txt")
    assert file is not None
    assert (await children_of(world, file)).status_code == 400
    listed = await children_of(world, folder, includeSource="true")
    assert listed.json()["list"]["source"]["id"] == folder.id
    assert "source" not in (await children_of(world, folder)).json()["list"]


async def test_a_deleted_node_is_gone_from_everywhere() -> None:
    world, folder = drawer()
    file_id = ids(await children_of(world, folder, where="(nodeType='cm:content')"))[0]
    world.delete(folder)
    async with client(world) as http:
        assert (await http.get(f"/nodes/{file_id}")).status_code == 404
        assert "drawer" not in names(await http.get("/nodes/-root-/children"))
