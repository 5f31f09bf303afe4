"""People, groups and sites on the wire."""

from __future__ import annotations

import pytest
from simulator_client import a_world, client, entries, ids

from connectors.alfresco.simulator import World
from connectors.alfresco.simulator.model import EVERYONE


def nested_world() -> World:
    """Return a world where alice is in an inner group, that group in an outer one, and bob in the outer one."""
    world = a_world()
    world.add_group("GROUP_inner", members=["alice"], description="The inner circle")
    world.add_group("GROUP_outer", members=["GROUP_inner", "bob"])
    return world


async def test_people_are_listed_by_id_closed_accounts_and_the_guest_too() -> None:
    world = a_world()
    world.add_person("Zoe", enabled=False)
    async with client(world, "alice") as http:
        people = entries(await http.get("/people"))
    assert [person["id"] for person in people] == ["admin", "alice", "bob", "guest", "Zoe"]
    assert [person["enabled"] for person in people] == [True, True, True, False, False]


@pytest.mark.parametrize(
    ("order", "expected"),
    [("firstName DESC", ["c", "a", "b"]), ("lastName", ["b", "a", "c"]), ("lastName,firstName DESC", ["b", "c", "a"])],
)
async def test_people_can_be_ordered(order: str, expected: list[str]) -> None:
    world = World()
    for user, first_name, last_name in (("a", "Bea", "Y"), ("b", "Al", "X"), ("c", "Cy", "Y")):
        world.add_person(user, first_name=first_name, last_name=last_name)
    async with client(world) as http:
        listed = ids(await http.get("/people", params={"orderBy": order}))
    assert [user for user in listed if user in expected] == expected


async def test_a_person_is_found_in_any_case_and_shown_with_the_id_as_stored() -> None:
    async with client(a_world(), "alice") as http:
        assert (await http.get("/people/BOB")).json()["entry"]["id"] == "bob"
        assert (await http.get("/people/nobody")).status_code == 404
        assert (await http.get("/people/-me-")).json()["entry"]["email"] == "alice@example.com"


async def test_capabilities_tell_administrators_and_the_guest() -> None:
    world = a_world()
    world.join_group("alice", "GROUP_ALFRESCO_ADMINISTRATORS")
    async with client(world, "bob") as http:
        people = entries(await http.get("/people?include=capabilities"))
        bare = entries(await http.get("/people"))
    shown = {person["id"]: person["capabilities"] for person in people}
    assert shown["alice"] == {"isAdmin": True, "isGuest": False, "isMutable": True}
    assert shown["guest"] == {"isAdmin": False, "isGuest": True, "isMutable": True}
    assert not any("capabilities" in person for person in bare)


async def test_a_persons_groups_are_all_of_them_and_everyone() -> None:
    async with client(nested_world(), "alice") as http:
        assert ids(await http.get("/people/-me-/groups")) == [EVERYONE, "GROUP_inner", "GROUP_outer"]
        assert ids(await http.get("/people/-me-/groups?where=(isRoot=true)")) == ["GROUP_outer"]
        assert ids(await http.get("/people/-me-/groups?where=(isRoot=false)")) == [EVERYONE, "GROUP_inner"]
        assert (await http.get("/people/bob/groups")).status_code == 403


async def test_an_administrator_sees_other_peoples_groups() -> None:
    async with client(nested_world()) as http:
        assert ids(await http.get("/people/bob/groups")) == [EVERYONE, "GROUP_outer"]
        assert ids(await http.get("/people/guest/groups")) == []


async def test_groups_of_all_zones_are_listed_but_never_everyone() -> None:
    world = nested_world()
    world.add_site("hr")
    async with client(world, "bob") as http:
        listed = ids(await http.get("/groups"))
        shared = ids(await http.get("/groups", params={"where": "(zones in ('APP.SHARE'))"}))
        roots = ids(await http.get("/groups", params={"where": "(isRoot=true and zones in ('APP.SHARE'))"}))
    assert EVERYONE not in listed
    assert {"GROUP_inner", "GROUP_outer", "GROUP_site_hr", "GROUP_site_hr_SiteManager"} <= set(listed)
    assert len(shared) == 5
    assert roots == ["GROUP_site_hr"]


async def test_asking_for_descriptions_silently_leaves_only_root_groups() -> None:
    async with client(nested_world()) as http:
        quirk = ids(await http.get("/groups?include=description"))
        in_vain = ids(await http.get("/groups?include=description&where=(isRoot=false)"))
        inner = (await http.get("/groups/GROUP_inner?include=description")).json()["entry"]
    assert "GROUP_inner" not in quirk
    assert in_vain == quirk
    assert inner["description"] == "The inner circle"


async def test_groups_have_one_order_at_a_time() -> None:
    async with client(nested_world()) as http:
        for path in ("/groups", "/groups/GROUP_outer/members", "/people/-me-/groups"):
            assert (await http.get(f"{path}?orderBy=id,displayName")).status_code == 400


async def test_a_group_shows_parents_zones_and_subgroups_when_included() -> None:
    async with client(nested_world()) as http:
        bare = (await http.get("/groups/GROUP_inner")).json()["entry"]
        full = (await http.get("/groups/GROUP_inner?include=parentIds,zones,hasSubgroups")).json()["entry"]
        assert (await http.get("/groups/GROUP_none")).status_code == 404
    assert bare == {"id": "GROUP_inner", "displayName": "inner", "isRoot": False}
    assert full["parentIds"] == ["GROUP_outer"]
    assert full["zones"] == ["APP.DEFAULT", "AUTH.ALF"]
    assert full["hasSubgroups"] is False


async def test_members_are_the_direct_ones_and_have_a_type() -> None:
    async with client(nested_world()) as http:
        members = entries(await http.get("/groups/GROUP_outer/members"))
        people = ids(await http.get("/groups/GROUP_outer/members?where=(memberType='PERSON')"))
        groups = ids(await http.get("/groups/GROUP_outer/members?where=(memberType='GROUP')"))
        descending = ids(await http.get("/groups/GROUP_outer/members?orderBy=displayName DESC"))
        assert (await http.get("/groups/GROUP_outer/members?where=(memberType='ROBOT')")).status_code == 400
    assert [(member["id"], member["memberType"]) for member in members] == [("bob", "PERSON"), ("GROUP_inner", "GROUP")]
    assert (people, groups, descending) == (["bob"], ["GROUP_inner"], ["GROUP_inner", "bob"])


async def test_the_members_of_everyone_cannot_be_asked_for() -> None:
    async with client(a_world()) as http:
        assert (await http.get(f"/groups/{EVERYONE}/members")).status_code == 405
        assert (await http.get("/groups/GROUP_none/members")).status_code == 404


def three_sites() -> World:
    """Return a world with a site of each visibility, of which alice is a member."""
    world = a_world()
    world.add_group("GROUP_staff", members=["alice"])
    world.add_site(
        "pub", title="B public", visibility="PUBLIC", description="For all", members={"alice": "SiteManager"}
    )
    world.add_site("mod", title="A moderated", visibility="MODERATED", members={"alice": "SiteContributor"})
    world.add_site("priv", title="C private", visibility="PRIVATE", members={"GROUP_staff": "SiteConsumer"})
    return world


async def test_sites_are_listed_by_title_to_those_who_may_see_them() -> None:
    world = three_sites()
    listed = {}
    for user in ("alice", "bob", "admin"):
        async with client(world, user) as http:
            listed[user] = ids(await http.get("/sites"))
    assert listed == {"alice": ["mod", "pub", "priv"], "bob": ["mod", "pub"], "admin": ["mod", "pub", "priv"]}


async def test_sites_can_be_filtered_and_ordered() -> None:
    async with client(three_sites()) as http:
        assert ids(await http.get("/sites?where=(visibility='PRIVATE')")) == ["priv"]
        assert ids(await http.get("/sites?where=(preset='other')")) == []
        assert ids(await http.get("/sites?orderBy=id DESC")) == ["pub", "priv", "mod"]
        assert ids(await http.get("/sites?orderBy=description DESC&maxItems=1")) == ["pub"]
        assert (await http.get("/sites?orderBy=colour")).status_code == 400


async def test_a_site_names_its_folder_and_the_callers_role() -> None:
    world = three_sites()
    async with client(world, "alice") as http:
        site = (await http.get("/sites/priv")).json()["entry"]
    async with client(world, "bob") as http:
        public = (await http.get("/sites/pub")).json()["entry"]
    assert site == {
        "id": "priv", "guid": world.sites["priv"].node_id, "title": "C private", "visibility": "PRIVATE",
        "preset": "site-dashboard", "role": "SiteConsumer",
    }  # fmt: skip
    assert (public["description"], "role" in public) == ("For all", False)


async def test_a_private_site_does_not_exist_for_others() -> None:
    async with client(three_sites(), "bob") as http:
        for below in ("", "/containers", "/containers/documentLibrary", "/members", "/group-members", "/members/alice"):
            refused = await http.get(f"/sites/priv{below}")
            unknown = await http.get(f"/sites/none{below}")
            assert refused.status_code == unknown.status_code == (422 if below == "/group-members" else 404)
            assert refused.json()["error"]["errorKey"] == unknown.json()["error"]["errorKey"]


async def test_a_container_has_the_nodes_id_and_its_name_as_folder_id() -> None:
    world = three_sites()
    library = {"id": world.document_library("pub").id, "folderId": "documentLibrary"}
    async with client(world, "alice") as http:
        assert entries(await http.get("/sites/pub/containers")) == [library]
        assert (await http.get("/sites/pub/containers/documentLibrary")).json()["entry"] == library
        missing = await http.get("/sites/pub/containers/wiki")
    assert missing.json()["error"]["errorKey"] == "framework.exception.RelationshipNotFound"


async def test_a_container_that_was_never_created_is_404() -> None:
    world = a_world()
    world.add_site("new", document_library=False)
    async with client(world) as http:
        assert (await http.get("/sites/new/containers/documentLibrary")).status_code == 404


async def test_outsiders_see_a_moderated_site_but_not_its_library() -> None:
    async with client(three_sites(), "bob") as http:
        assert (await http.get("/sites/mod")).status_code == 200
        assert entries(await http.get("/sites/mod/containers")) == []
        assert (await http.get("/sites/mod/containers/documentLibrary")).status_code == 404


async def test_members_include_those_who_are_in_a_site_through_a_group() -> None:
    async with client(three_sites(), "alice") as http:
        members = entries(await http.get("/sites/priv/members"))
        direct = ids(await http.get("/sites/priv/members?where=(isMemberOfGroup=false)"))
        groups = entries(await http.get("/sites/priv/group-members"))
        assert (await http.get("/sites/priv/members/-me-")).json()["entry"]["role"] == "SiteConsumer"
        assert (await http.get("/sites/priv/members/bob")).status_code == 404
    assert [(one["id"], one["role"], one["isMemberOfGroup"]) for one in members] == [
        ("admin", "SiteManager", False),
        ("alice", "SiteConsumer", True),
    ]
    assert direct == ["admin"]
    assert [(one["id"], one["role"]) for one in groups] == [("GROUP_staff", "SiteConsumer")]


@pytest.mark.parametrize(
    ("visibility", "site_extra", "library_inherits"),
    [
        ("PUBLIC", {(EVERYONE, "SiteConsumer")}, True),
        ("MODERATED", {(EVERYONE, "SiteConsumer")}, False),
        ("PRIVATE", set(), False),
    ],
)
async def test_the_permissions_of_a_site_follow_its_visibility(
    visibility: str, site_extra: set[tuple[str, str]], library_inherits: bool
) -> None:
    world = a_world()
    site = world.add_site("hr", visibility="PUBLIC")
    world.set_site_visibility("hr", visibility)  # type: ignore[arg-type]
    roles = {
        (f"GROUP_site_hr_{role}", role)
        for role in ("SiteManager", "SiteCollaborator", "SiteContributor", "SiteConsumer")
    }
    async with client(world) as http:
        folder = (await http.get(f"/nodes/{site.node_id}?include=permissions")).json()["entry"]["permissions"]
        library_id = world.document_library("hr").id
        library = (await http.get(f"/nodes/{library_id}?include=permissions")).json()["entry"]["permissions"]
    own = {(entry["authorityId"], entry["name"]) for entry in folder["locallySet"]}
    assert own == roles | site_extra | {(EVERYONE, "ReadPermissions")}
    assert (folder["isInheritanceEnabled"], library["isInheritanceEnabled"]) == (False, library_inherits)
    on_library = {(entry["authorityId"], entry["name"]) for entry in library.get("locallySet", [])}
    assert on_library == (set() if library_inherits else roles)
